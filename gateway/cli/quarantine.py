"""`isnad quarantine`: see which records wait for an officer, and decide about them."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import click
import orjson
from rich.console import Console
from rich.table import Table

from contracts.folder import SHIPPED
from crypto.entry import Entry, parse_entry
from gateway.cli._lanes import (
    as_json,
    config_folder,
    configured,
    key_server,
    loaded,
    officer,
    print_entries,
    printable,
    reading,
)
from gateway.codes import CODES
from gateway.log import decisions, search
from gateway.log import quarantine as held
from gateway.log.chains import Standing
from gateway.log.quarantine import Waiting
from gateway.log.spool import StoreSpool
from gateway.moments import rfc3339
from gateway.records import GATEWAY, Event
from gateway.registry.in_force import INTAKE, InForce
from gateway.registry.snapshot import Sources
from gateway.rules import freeze
from gateway.settings import Settings

RELEASED, REFUSED = "released.", "refused."
"""What the codes of officers' reasons begin with: a closed list, for free text might name a person."""
MESSAGE_MODE = 0o600
_SHOWN = ("since", "record", "sender", "contract", "op", "review", "decided")


def _reasons(word: str) -> click.Choice[str]:
    return click.Choice([code.removeprefix(word) for code in CODES if code.startswith(word)])


@click.group("quarantine")
def quarantine() -> None:
    """See which records wait for an officer, and decide about them.

    They are in the log and sealed for their recipient, so nobody here can open them. A decision, the officer's
    name and the reason are entries in the sender's lane. `isnad errors` explains every reason.
    """


@quarantine.command("list")
@configured
@as_json
def list_waiting(settings: Settings, as_json: bool) -> None:  # noqa: FBT001  a flag
    """List what waits, longest first."""
    with reading(settings) as db:
        rows = [_row(one) for one in held.waiting(db)]
    if as_json:
        for row in rows:
            click.echo(orjson.dumps(row).decode())
        return
    table = Table(title=f"{len(rows)} records wait")
    for name in _SHOWN:
        table.add_column(name, overflow="fold")  # an id that is cut off is of no use
    for row in rows:
        table.add_row(*(printable(_text(row[name])) for name in _SHOWN))
    Console(markup=False, highlight=False).print(table)


@quarantine.command("show")
@configured
@click.argument("record_id")
@click.option(
    "--message",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the sealed message here, for somebody at the recipient to open it with `isnad open message`.",
)
@as_json
def show(settings: Settings, record_id: str, message: Path | None, as_json: bool) -> None:  # noqa: FBT001
    """Show what the log says of a waiting record, and why it waits.

    With --message it stands in the log who took a copy of the message.
    """
    with reading(settings) as db:
        one = _waiting(db, record_id)
        story = search.trace(db, record_id)
        sealed = held.message(db, record_id)
    if message is not None and sealed is not None:
        with key_server(settings) as keys:
            fields = (("officer", officer(keys)), ("record", record_id))
        _leave(settings, Event(GATEWAY, "message.exported", fields))
        _write(message, sealed.body)
    print_entries(story, as_json=as_json)
    if not as_json:
        for code in parse_entry(one.entry).review:
            click.echo(f"{code}: {CODES[code].en}. {CODES[code].ar}")


@quarantine.command("release")
@config_folder
@click.argument("record_id")
@click.option("--why", type=_reasons(RELEASED), required=True, help="The reason; it stands in the log.")
def release(config: Path, record_id: str, why: str) -> None:
    """Let a record go to its recipient, once what it corrects or voids is decided about.

    In an electoral freeze it may have to wait for its end.
    """
    settings = loaded(config)
    with reading(settings) as db:
        one = _undecided(db, record_id)
        standing = held.prior_standing(db, one)
    if standing is Standing.WAITS:
        raise click.ClickException("decide about what it corrects or voids first")
    if standing is Standing.GONE:
        raise click.ClickException(
            "what it corrects or voids does not stand any more: it can only be refused"
        )
    entry = parse_entry(one.entry)
    with key_server(settings) as keys:
        who = officer(keys)
    passes = _freeze(config, settings, entry)
    _leave(settings, decisions.released(one.lane, record_id, who, RELEASED + why, passes))
    click.echo(f"{record_id}: released" + (", and held by the electoral freeze" if passes == "hold" else ""))


@quarantine.command("refuse")
@configured
@click.argument("record_id")
@click.option("--why", type=_reasons(REFUSED), required=True, help="The reason; it stands in the log.")
def refuse(settings: Settings, record_id: str, why: str) -> None:
    """Never let a record go. Its message is deleted; its sender finds the reason in the record's history."""
    with reading(settings) as db:
        one = _undecided(db, record_id)
    with key_server(settings) as keys:
        who = officer(keys)
    _leave(settings, decisions.refused(one.lane, record_id, who, REFUSED + why))
    click.echo(f"{record_id}: refused")


def _waiting(db: sqlite3.Connection, record_id: str) -> Waiting:
    try:
        one = held.waiting_one(db, record_id)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if one is None:
        raise click.ClickException("no record waits under this id")
    return one


def _undecided(db: sqlite3.Connection, record_id: str) -> Waiting:
    one = _waiting(db, record_id)
    if one.decided:
        raise click.ClickException("it is decided about, and the gateway has yet to carry that out")
    return one


def _freeze(config: Path, settings: Settings, entry: Entry) -> str:
    """Return what the calendar in force says today of what was accepted on another day."""
    contracts = Path(settings.contracts) if settings.contracts else SHIPPED
    in_force = InForce(Path(settings.store.path).parent / INTAKE)
    snapshot = Sources(config, contracts, settings.profile, in_force).load()
    return freeze(snapshot, entry.recipient, entry.contract, time.time_ns() // 1_000_000)


def _leave(settings: Settings, event: Event) -> None:
    with closing(StoreSpool(Path(settings.store.path))) as spool:
        spool.leave([event])


def _write(path: Path, octets: bytes) -> None:
    """Write a file that is not there yet, for the officer alone."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MESSAGE_MODE), "wb") as file:
            file.write(octets)
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from error


def _row(one: Waiting) -> dict[str, object]:
    entry = parse_entry(one.entry)
    return {
        "since": rfc3339(one.since_ms),
        "record": entry.id,
        "sender": entry.sender,
        "recipient": entry.recipient,
        "contract": entry.contract,
        "reference": entry.source_ref,
        "op": entry.op,
        "corrects_or_voids": entry.prior_ref,
        "review": list(entry.review),
        "decided": one.decided,
    }


def _text(value: object) -> str:
    return "\n".join(value) if isinstance(value, list) else str(value)
