"""`isnad keys`: prepare the key server, show and rotate log keys, admit processes. For administrators."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import click
import msgspec

from crypto.errors import KeysUnavailable
from crypto.hpke import Suite
from crypto.openbao import Administrator, Connection, decryption, log_keys
from crypto.openbao import prepare as server
from crypto.openbao.kv import Holder
from gateway.cli._explained import Explained

HOLDERS = ("delivery", "nea")


@click.group("keys", cls=Explained)
@click.option("--address", envvar="BAO_ADDR", required=True, help="https://host:port of OpenBao or Vault.")
@click.option(
    "--ca",
    envvar="BAO_CACERT",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The certificate authority of that server, PEM. No other is trusted.",
)
@click.pass_context
def keys(context: click.Context, address: str, ca: Path) -> None:
    """Prepare the key server, show and rotate log keys, admit processes.

    The administrator's token is taken from BAO_TOKEN, or asked for. It is never an argument.
    """
    try:
        connection = Connection(address, ca.read_text(encoding="ascii"))
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    token = os.environ.get("BAO_TOKEN") or click.prompt("Token", hide_input=True)
    context.obj = Administrator(connection, token)


@keys.command("init")
@click.option(
    "--policies", default="docker/openbao/policies", show_default=True, type=click.Path(path_type=Path)
)
@click.option("--recipient", "recipients", multiple=True, metavar="KEY-ID=delivery|nea", help="Repeatable.")
@click.option(
    "--host",
    "hosts",
    multiple=True,
    required=True,
    metavar="[PROCESS=]NAME",
    help="A DNS name for certificates of both processes, or of intake or deliver alone. Repeatable.",
)
@click.option(
    "--suite", type=click.Choice([suite.value for suite in Suite]), default="hybrid", show_default=True
)
@click.option("--token-ttl", "token_ttl_s", default=3600, show_default=True, help="Life of a login, seconds.")
@click.option("--cidr", "cidrs", multiple=True, help="Log in from there only. Repeatable.")
@click.pass_obj
def init(  # noqa: PLR0917  click passes options by name
    administrator: Administrator,
    policies: Path,
    recipients: tuple[str, ...],
    hosts: tuple[str, ...],
    suite: str,
    token_ttl_s: int,
    cidrs: tuple[str, ...],
) -> None:
    """Prepare an empty OpenBao or Vault. Run again, it completes and never replaces a key."""
    try:
        plan = server.Plan(
            policies=server.read_policies(policies),
            recipients=dict(_recipient(text) for text in recipients),
            hosts={process: _names_of(process, hosts) for process in server.SERVING},
            suite=Suite(suite),
            token_ttl_s=token_ttl_s,
            cidrs=cidrs,
        )
        prepared = server.prepare(administrator, plan)
    except (KeysUnavailable, OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    _print(
        {
            "role_ids": prepared.role_ids,
            "ca_pem": prepared.ca_pem,
            "log_keys": prepared.log_keys,
            "ssh_keys": prepared.ssh_keys,
        }
    )


@keys.command("encryption")
@click.option("--host", required=True, help="The gateway's DNS name, for the certificate.")
@click.option(
    "--new", is_flag=True, help="Give the key another version first; the one before goes on decrypting."
)
@click.pass_obj
def encryption(administrator: Administrator, host: str, new: bool) -> None:  # noqa: FBT001  a flag
    """Print the certificate that agencies encrypt SOAP messages for; it and its key are made if there are none."""
    try:
        click.echo(decryption.offer(administrator, host, new=new), nl=False)
    except KeysUnavailable as error:
        raise click.ClickException(str(error)) from error


@keys.command("show")
@click.option(
    "--suite", type=click.Choice([suite.value for suite in Suite]), default="hybrid", show_default=True
)
@click.pass_obj
def show(administrator: Administrator, suite: str) -> None:
    """Print the versions of the log keys that verify."""
    try:
        _print(log_keys.show(administrator, Suite(suite)))
    except KeysUnavailable as error:
        raise click.ClickException(str(error)) from error


@keys.command("rotate")
@click.argument("name")
@click.pass_obj
def rotate(administrator: Administrator, name: str) -> None:
    """Give a log key a new version and print it. Older versions go on verifying."""
    try:
        _print(log_keys.rotate(administrator, name))
    except (KeysUnavailable, ValueError) as error:
        raise click.ClickException(str(error)) from error


@keys.command("admit")
@click.argument("process", type=click.Choice(server.PROCESSES))
@click.pass_obj
def admit(administrator: Administrator, process: str) -> None:
    """Print a wrapping token that lets PROCESS start once, within two minutes."""
    try:
        click.echo(server.admit(administrator, process))
    except KeysUnavailable as error:
        raise click.ClickException(str(error)) from error


def _recipient(text: str) -> tuple[str, Holder]:
    kid, _, holder = text.partition("=")
    if holder not in HOLDERS:
        raise ValueError("--recipient: must be KEY-ID=delivery or KEY-ID=nea")
    return kid, cast("Holder", holder)


def _names_of(process: str, hosts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names that stand for all processes or for this one."""
    split = [host.rpartition("=") for host in hosts]
    for owner, _, _ in split:
        if owner not in ("", *server.SERVING):
            raise ValueError("--host: must be NAME, intake=NAME or deliver=NAME")
    return tuple(name for owner, _, name in split if owner in ("", process))


def _print(value: object) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value)).decode())
