"""`isnad agency`: is an agency able to exchange records, in both directions, and if not, why?"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import orjson

from crypto.errors import KeysUnavailable
from crypto.openbao.messages import MessageSigner
from crypto.pki import GatewayTls
from gateway.app.parts import adapters, logged_in
from gateway.app.services import Caller
from gateway.cli._lanes import as_json, config_folder, loaded, reading
from gateway.errors import IsnadError
from gateway.onboarding import heard, reach
from gateway.onboarding.finding import Finding
from gateway.registry import Agency
from gateway.registry.agency import ByEndpoint, Server
from gateway.registry.by_sftp import ByServer
from gateway.registry.by_soap import SOAP
from gateway.registry.snapshot import Snapshot, Sources
from gateway.settings import Settings
from gateway.signatures import OriginSignatures

EXIT_WRONG = 1
MINUTE_MS = 60_000


@click.group("agency")
def agency() -> None:
    """Find out whether an agency is able to exchange records, and if not, why."""


@agency.command("test")
@config_folder
@click.argument("name")
@click.option(
    "--minutes", default=15, show_default=True, type=click.IntRange(1, 10_000), help="How far to look back."
)
@as_json
def test(config: Path, name: str, minutes: int, as_json: bool) -> None:  # noqa: FBT001  a flag
    """Try the way to agency NAME and look at what came from it: what is wrong, and what to do, in both languages.

    Have the agency send the test operation of its adapter first. The way to it is tried as the delivery process: let
    it in once with `isnad keys admit deliver`. Exit status 1 when something is wrong.
    """
    settings = loaded(config)
    contracts = Path(settings.contracts) if settings.contracts else None
    snapshot = Sources(config, contracts, settings.profile).load()
    found = snapshot.registry.agencies.get(name)
    if found is None:
        raise click.ClickException(f"there is no agencies/{name}.yaml")
    findings = [*_outgoing(settings, snapshot, found), *_incoming(settings, name, minutes)]
    for one in findings:
        click.echo(orjson.dumps(one).decode() if as_json else "\n".join(one.lines))
    sys.exit(EXIT_WRONG if any(one.wrong for one in findings) else 0)


def _outgoing(settings: Settings, snapshot: Snapshot, found: Agency) -> Iterator[Finding]:
    """Yield what is found on the way to the agency's servers; an agency that fetches has none."""
    delivery = found.file.delivery
    if isinstance(delivery, ByServer):
        for address in delivery.server.addresses:
            host, _, port = address.rpartition(":")
            yield from reach.tcp(host, int(port))
    servers: list[tuple[str, Server | None, int, bool]] = []
    if isinstance(delivery, ByEndpoint):
        servers.append((delivery.url, found.server, delivery.timeout_s, delivery.signed))
    if found.file.fetched:
        fetched = found.file.fetched
        servers.append((fetched.url, found.fetched, fetched.timeout_s, fetched.signed))
    if not servers:
        return
    try:
        with ExitStack() as stack:
            session = stack.enter_context(logged_in(settings, settings.keys.deliver))
            names = settings.deliver.listen.server_names
            tls = GatewayTls(session, settings.keys.deliver.role, names)
            signer = MessageSigner(session, settings.keys.deliver.role, names[0])
            caller = Caller(tls, signer, OriginSignatures(lambda name: snapshot.registry.agencies[name]))
            for url, server, timeout_s, signed in servers:
                if server is None:
                    continue
                tried = list(reach.https(url, tls.client_context(server.ca_pem)))
                yield from tried
                if server.wsdl and not any(one.wrong for one in tried):
                    service = caller.service(
                        adapters(snapshot)[SOAP], found, server, url, timeout_s, signed=signed
                    )
                    yield _pinged(service)
    except (IsnadError, KeysUnavailable) as error:
        code = error.code if isinstance(error, IsnadError) else "unavailable.keys"
        yield Finding("our own keys, to try the way to the agency", code)


def _pinged(service: Any) -> Finding:
    """Send the test operation to an agency's SOAP service."""
    try:
        said = service.call("ping")
    except IsnadError as error:
        return Finding("ping", error.code, error.rule)
    finally:
        service.close()
    difference = (said.values["time"].astimezone(UTC) - datetime.now(UTC)).total_seconds()
    code = "endpoint.clock" if abs(difference) > reach.CLOCK_MOST_S else ""
    return Finding("ping", code, f"{difference:+.0f} s")


def _incoming(settings: Settings, name: str, minutes: int) -> Iterator[Finding]:
    now_ms = time.time_ns() // 1_000_000
    with reading(settings) as db:
        yield from heard.tries(db, name, now_ms - minutes * MINUTE_MS, now_ms + MINUTE_MS)
