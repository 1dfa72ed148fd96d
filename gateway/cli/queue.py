"""`isnad queue`: see what waits and what is parked, and put parked messages back."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import click
import orjson
from rich.console import Console
from rich.table import Table

from contracts.errors import Invalid
from gateway.cli._lanes import as_json, config_folder, printable
from gateway.log.spool import StoreSpool
from gateway.queue.access import queue_of
from gateway.records import GATEWAY, Event
from gateway.registry.participants import Registry
from gateway.settings import Settings

PARKED_SHOWN = 20
"""Messages whose headers are shown when no other number is asked for: a broker sends their bodies along."""
PARKED_MAX = 1000


@click.group("queue")
def queue() -> None:
    """See what waits and what is parked, and put parked messages back.

    A QUEUE is named RECIPIENT.CONTRACT, as in nea.death.v1. No message is opened: nobody here could.
    """


@queue.command("list")
@config_folder
@as_json
def list_queues(config: Path, as_json: bool) -> None:  # noqa: FBT001  a flag
    """List the queues of all agreements, with how many messages wait and how many are parked."""
    settings, queues = _load(config)
    with queue_of(settings.queue) as found:
        rows = [(name, found.depth(name), found.parked_depth(name)) for name in queues]
    _print(("queue", "waiting", "parked"), rows, as_json=as_json)


@queue.command("parked")
@config_folder
@click.argument("name", metavar="QUEUE")
@click.option("--limit", default=PARKED_SHOWN, show_default=True, type=click.IntRange(1, PARKED_MAX))
@as_json
def parked(config: Path, name: str, limit: int, as_json: bool) -> None:  # noqa: FBT001  a flag
    """Show the messages parked from QUEUE: since when, why, and how large."""
    settings, _ = _load(config)
    with queue_of(settings.queue) as found:
        rows = [(one.id, _time(one.parked_ms), one.reason, one.octets) for one in found.parked(name, limit)]
    _print(("message", "parked", "reason", "bytes"), rows, as_json=as_json)


@queue.command("requeue")
@config_folder
@click.argument("name", metavar="QUEUE")
@click.argument("messages", metavar="MESSAGE...", nargs=-1, required=True)
def requeue(config: Path, name: str, messages: tuple[str, ...]) -> None:
    """Put parked MESSAGEs back into QUEUE, as if they came for the first time.

    Find out first why they were parked: what was tampered with will be parked again. The log remembers who did it.
    """
    settings, _ = _load(config)
    with closing(StoreSpool(Path(settings.store.path))) as spool, queue_of(settings.queue) as found:
        # Written down before it is done: an act that nobody logged is worse than a logged one that failed.
        spool.leave([_requeued(name, message) for message in messages])
        back = found.requeue(name, messages)
    for message in back:
        click.echo(message)
    if missing := sorted(set(messages) - set(back)):
        raise click.ClickException(f"not parked there: {', '.join(map(printable, missing))}")


def _requeued(name: str, message: str) -> Event:
    fields = (("queue", name), ("message", message), ("operator", getpass.getuser()))
    return Event(GATEWAY, "message.requeued", fields)


def _load(config: Path) -> tuple[Settings, Sequence[str]]:
    """Return the settings and the names of the queues of all agreements."""
    try:
        agreements = Registry.load(config).agreements
        names = {f"{agreement.file.recipient}.{agreement.file.contract}" for agreement in agreements}
        return Settings.load(config), sorted(names)
    except Invalid as error:
        raise click.ClickException(str(error)) from error


def _print(columns: Sequence[str], rows: Sequence[Sequence[str | int]], *, as_json: bool) -> None:
    if as_json:
        for row in rows:
            click.echo(orjson.dumps(dict(zip(columns, row, strict=True))).decode())
        return
    table = Table(*columns)
    for row in rows:
        table.add_row(*(printable(str(cell)) for cell in row))
    Console(markup=False, highlight=False).print(table)


def _time(unix_ms: int) -> str:
    return datetime.fromtimestamp(unix_ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
