"""`isnad agency`: is an agency able to exchange records, in both directions, and if not, why?"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import click
import orjson

from gateway.app.trying import operations, outgoing
from gateway.cli._lanes import as_json, config_folder, loaded, reading
from gateway.log.spool import StoreSpool
from gateway.onboarding import heard
from gateway.onboarding.finding import Finding
from gateway.records import Event
from gateway.registry import Agency
from gateway.registry.in_force import INTAKE, InForce
from gateway.registry.snapshot import Sources
from gateway.settings import Settings

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

    Have the agency send the test operation of its adapter first. Where records are delivered to it, that way is tried
    as the delivery process: let the command in once with `isnad keys admit deliver`. Where the gateway fetches, the
    running `isnad serve` tries. Exit status 1 when something is wrong.
    """
    settings = loaded(config)
    contracts = Path(settings.contracts) if settings.contracts else None
    in_force = InForce(Path(settings.store.path).parent / INTAKE)
    snapshot = Sources(config, contracts, settings.profile, in_force).load()
    found = snapshot.registry.agencies.get(name)
    if found is None:
        raise click.ClickException(f"there is no agencies/{name}.yaml")
    findings = [*outgoing(settings, snapshot, found), *_incoming(settings, found, minutes)]
    with closing(StoreSpool(Path(settings.store.path))) as spool:
        spool.leave([_tested(name, findings)])
    for one in findings:
        click.echo(orjson.dumps(one).decode() if as_json else "\n".join(one.lines))
    sys.exit(EXIT_WRONG if any(one.wrong for one in findings) else 0)


def _incoming(settings: Settings, agency: Agency, minutes: int) -> Iterator[Finding]:
    now_ms = time.time_ns() // 1_000_000
    since_ms = now_ms - minutes * MINUTE_MS
    with reading(settings) as db:
        yield from heard.tries(db, agency.name, since_ms, now_ms + MINUTE_MS, operations(settings, agency))


def _tested(agency: str, findings: Sequence[Finding]) -> Event:
    """Return what the agency's lane remembers of the test."""
    wrong = sorted({one.code for one in findings if one.wrong})
    return Event(agency, "agency.tested", (("wrong", len(wrong)), ("codes", " ".join(wrong))))
