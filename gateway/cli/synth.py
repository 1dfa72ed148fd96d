"""`isnad synth`: write what agencies would report of a population that does not exist, with the answers it must get."""

from __future__ import annotations

import gc
import re
import sys
from datetime import date, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import contracts
from gateway.synth.events import KINDS
from gateway.synth.files import Shard, write
from gateway.synth.flows import Flow
from gateway.synth.people import MAX_PERSONS, Population

UNTIL = date(2026, 6, 30)
"""The last day of a window unless another is asked for: fixed, so that a seed gives the same files for ever."""
_AUTHORITY = "nea"


class _ShardType(click.ParamType[Shard]):
    name = "i/n"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Shard:
        if isinstance(value, Shard):
            return value
        found = re.fullmatch(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,5})", str(value))
        if found is None or int(found[1]) > int(found[2]):
            self.fail("write 1/4 for the first of four", param, ctx)
        return Shard(int(found[1]), int(found[2]))


@click.command("synth")
@click.option("--seed", default="isnad", show_default=True, help="Any text; the same text, the same files.")
@click.option("--persons", type=click.IntRange(1, MAX_PERSONS), default=50_000, show_default=True)
@click.option(
    "--months", type=click.IntRange(1, 120), default=1, show_default=True, help="Length of the window."
)
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), default=str(UNTIL), show_default=True, help="Its last day."
)
@click.option("--agency", "agencies", multiple=True, help="Only this one; may be repeated.")
@click.option("--contract", "names", multiple=True, help="Only this one, such as death.v1; may be repeated.")
@click.option(
    "--intensity",
    type=click.IntRange(1, 100_000),
    default=1,
    help="Rare events so many times as often as in life; deaths and birthdays stay as they are.",
)
@click.option("--shard", type=_ShardType(), default="1/1", help="Write one part of the files: 1/4, 2/4, …")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder to write to.")
@click.option("--list", "only_list", is_flag=True, help="Say what can be written, and write nothing.")
def synth(  # noqa: PLR0917  click passes options by name
    seed: str,
    persons: int,
    months: int,
    until: datetime,
    agencies: tuple[str, ...],
    names: tuple[str, ...],
    intensity: int,
    shard: Shard,
    out: Path | None,
    *,
    only_list: bool,
) -> None:
    """Write what agencies report of invented people, in each agency's own format.

    Beside each file NNNNNN.csv, .xml or .ndjson stands NNNNNN.answers.ndjson: what must become of each record.
    In states/ stands what the recipient must know of each person in the end.
    """
    catalogue = contracts.load()
    chosen = _chosen(catalogue, agencies, names)
    if only_list:
        for agency, name in chosen:
            click.echo(f"{agency:18} {name:24} {catalogue.binding(agency, name).format}")
        return
    if out is None:
        raise click.UsageError("--out says where to write")
    population = Population(seed, persons, until.date())
    flows = [
        Flow(catalogue, population, agency, name, months=months, intensity=intensity)
        for agency, name in chosen
    ]
    gc.freeze()  # the catalogue stays; without this the collector would walk through it again and again
    with _progress() as progress:
        task = progress.add_task("synth", total=persons, written=0)
        written = 0

        def tell(done: int, more: int) -> None:
            nonlocal written
            written += more
            progress.update(task, advance=done, written=written)

        write(flows, out, shard, tell)


def _chosen(
    catalogue: contracts.Catalogue, agencies: tuple[str, ...], names: tuple[str, ...]
) -> list[tuple[str, str]]:
    """Return the flows that are asked for, in order."""
    known = sorted(pair for pair in catalogue.bindings if pair[1] in KINDS and pair[0] != _AUTHORITY)
    chosen = [
        (agency, name)
        for agency, name in known
        if (not agencies or agency in agencies) and (not names or name in names)
    ]
    unknown = {*agencies, *names} - {part for pair in chosen for part in pair}
    if unknown:
        raise click.UsageError(f"nothing to write for {', '.join(sorted(unknown))}; see --list")
    return chosen


def _progress() -> Progress:
    return Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("persons, {task.fields[written]:,} records"),
        TimeRemainingColumn(),
        console=Console(file=sys.stderr),
    )
