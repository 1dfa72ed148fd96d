"""`isnad files`: the files that agencies have put down, how far each one is, and when it will be done."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path

import click
import orjson
from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from gateway.cli._lanes import as_json, printable
from gateway.errors import Unavailable
from gateway.files import FileProgress
from gateway.registry.by_sftp import SFTP
from gateway.registry.snapshot import ADAPTERS
from gateway.settings import Settings

SHOWN = 50
"""Files that have ended, when not all of them are asked for."""
WATCH_S = 1.0
_UNDER_WAY = ("landing", "whole", "taken")


@click.command("files")
@click.option(
    "--config",
    envvar="ISNAD_CONFIG",
    default="config",
    show_default=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The configuration folder.",
)
@click.option("--agency", help="Only this agency's.")
@click.option("--all", "everything", is_flag=True, help=f"Also those that ended before the last {SHOWN}.")
@click.option("--watch", is_flag=True, help="Go on showing them until Ctrl-C.")
@as_json
def files(config: Path, agency: str | None, *, everything: bool, watch: bool, as_json: bool) -> None:
    """List files with state, progress, rate and expected end. Reads beside the gateway and changes nothing."""
    settings = Settings.load(config)
    if settings.sftp is None:
        raise Unavailable("unavailable.store", "gateway.yaml has no sftp: no agency sends files")
    folder = Path(settings.sftp.folder)
    found = _found(folder, agency, everything=everything)
    if as_json:
        for one in found:
            click.echo(orjson.dumps(_told(one)).decode())
    elif watch:
        with Live(_table(found), console=Console(), auto_refresh=False) as live:
            while True:
                time.sleep(WATCH_S)
                live.update(_table(_found(folder, agency, everything=everything)), refresh=True)
    else:
        Console().print(_table(found))


def _found(folder: Path, agency: str | None, *, everything: bool) -> list[FileProgress]:
    (sftp,) = entry_points(group=ADAPTERS, name=SFTP)
    found = [one for one in sftp.load().progress(folder) if agency in (None, one.agency)]
    under_way = [one for one in found if one.state in _UNDER_WAY]
    ended = [one for one in found if one.state not in _UNDER_WAY]
    return under_way + (ended if everything else ended[:SHOWN])


def _told(one: FileProgress) -> dict[str, object]:
    now_ms = time.time_ns() // 1_000_000
    return asdict(one) | {"records_per_s": round(one.rate(now_ms), 1), "left_s": one.left_s(now_ms)}


def _table(found: Sequence[FileProgress]) -> Table:
    table = Table(box=None, header_style="bold")
    for title in ("agency", "contract", "file", "state", "progress"):
        table.add_column(title, overflow="fold")
    for title in ("records", "accepted", "duplicate", "quarantined", "refused", "records/s", "ends"):
        table.add_column(title, justify="right")
    now_ms = time.time_ns() // 1_000_000
    for one in found:
        counts = (one.records, one.accepted, one.duplicate, one.quarantined, one.refused)
        table.add_row(
            one.agency, one.contract, printable(one.name), one.code or one.state, _bar(one),
            *(f"{count:,}" for count in counts), f"{one.rate(now_ms):,.0f}", _ends(one, now_ms),
        )  # fmt: skip
    return table


def _bar(one: FileProgress) -> RenderableType:
    if one.total < 0 or one.state == "refused":
        return ""
    return ProgressBar(total=max(1, one.total), completed=max(one.records, not one.total), width=20)


def _ends(one: FileProgress, now_ms: int) -> str:
    if one.ended_ms:
        return _clock(one.ended_ms)
    left_s = one.left_s(now_ms)
    return "" if left_s is None else _clock(now_ms + left_s * 1000)


def _clock(unix_ms: int) -> str:
    return datetime.fromtimestamp(unix_ms / 1000, UTC).astimezone().strftime("%d %b %H:%M:%S")
