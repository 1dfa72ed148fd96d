"""What the demonstration shows: short, in two languages at the top, and readable without colour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from gateway.codes import CODES
from gateway.demo.proof import Ran
from gateway.demo.tally import Check, Flow, Tally

WIDTH_MAX = 110
OUTPUT_LINES = 28
FORMS = {"application/x-ndjson": "NDJSON stream", "application/xml": "XML files", "text/csv": "CSV files"}


class Screen:
    """Writes to a console. In a pipe, bars appear once, when they have ended."""

    def __init__(self) -> None:
        console = Console(highlight=False)
        narrow = console.is_terminal and console.width < WIDTH_MAX
        self._console = console if narrow else Console(highlight=False, width=WIDTH_MAX)

    def headline(self, records: int) -> None:
        """Say what this is."""
        self._console.print()
        self._console.print("[bold]إسناد · Isnad[/]   the chain through which a report reaches you")
        self._console.print(
            f"{records:,} synthetic records, three agencies, one elections authority: here, now."
        )
        self._console.print(
            "سجلات مصطنعة من جهتين إلى هيئة الانتخابات: تُفحص وتُختم وتُسلَّم مرة واحدة ويُثبت كل منها"
        )

    def part(self, title: str) -> None:
        """Begin a part."""
        self._console.print()
        self._console.print(Rule(f"[bold]{title}[/]", align="left", style="dim"))

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Say what was done, with the seconds that it took."""
        began = monotonic()
        with self._console.status(what):
            yield
        self._console.print(f"[green]✓[/] {what} [dim]{monotonic() - began:.1f} s[/]")

    def say(self, text: str = "") -> None:
        """Write a line as it is."""
        self._console.print(text, markup=False, soft_wrap=True)

    def command(self, why: str, command: str) -> None:
        """Show a command to try."""
        self._console.print(Text(f"# {why}", style="dim"), soft_wrap=True)
        self._console.print(Text(command), soft_wrap=True)

    def tally(self, tally: Tally) -> None:
        """Show what became of everything that was sent."""
        table = Table(box=None, pad_edge=False, header_style="dim", show_footer=True, footer_style="bold")
        flows = list(tally.flows())
        for heading in ("agency", "contract", "form"):
            table.add_column(heading, "all" if heading == "agency" else "")
        for heading, column in (
            ("sent", [flow.sent for _, flow in flows]),
            ("accepted", [flow.accepted for _, flow in flows]),
            ("quarantined", [flow.quarantined for _, flow in flows]),
            ("duplicate", [flow.duplicate for _, flow in flows]),
            ("refused", [sum(flow.refused.values()) for _, flow in flows]),
            ("answered", [flow.returned for _, flow in flows]),
        ):
            table.add_column(heading, f"{sum(column):,}", justify="right")
        for agency, flow in flows:
            table.add_row(agency, flow.contract, FORMS[flow.media_type], *_numbers(flow))
        self._console.print(table)

    def refusals(self, refused: dict[str, int]) -> None:
        """Show why records were refused, in both languages."""
        self._console.print()
        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column("refused", justify="right")
        table.add_column("code", no_wrap=True)
        for heading in ("what it means", "معناه"):
            table.add_column(heading, overflow="fold")
        for code, count in sorted(refused.items(), key=lambda item: (-item[1], item[0])):
            table.add_row(f"{count:,}", code, CODES[code].en, CODES[code].ar)
        self._console.print(table)

    def decided(self, tally: Tally) -> None:
        """Show what the authority decided, and how long everything took."""
        decided = ", ".join(f"{outcome} {count:,}" for outcome, count in sorted(tally.outcomes().items()))
        rate = tally.sent / tally.sending_s if tally.sending_s else 0
        self._console.print()
        self._console.print(f"the authority's answers: {decided}")
        self._console.print(
            f"{tally.sent:,} records in {tally.sending_s:.1f} s ({rate:,.0f}/s), all answers back after"
            f" {tally.whole_s:.1f} s, together with every process on this machine"
        )
        self._console.print()

    def checks(self, checks: Sequence[Check]) -> None:
        """Show whether everything adds up."""
        for check in checks:
            mark = "[green]✓[/]" if check.holds else "[bold red]✗[/]"
            numbers = f"{check.left:,}" if check.holds else f"{check.left:,} ≠ {check.right:,}"
            self._console.print(f"{mark} {check.says}: {numbers}")

    def ran(self, ran: Ran) -> None:
        """Show a command, what it printed, and its exit status."""
        self._console.print()
        self._console.print(Text(f"$ {ran.shown}", style="bold"), soft_wrap=True)
        lines = ran.output.splitlines()
        for line in lines[:OUTPUT_LINES]:
            self._console.print(Text(f"  {line}", style="dim"), soft_wrap=True)
        if len(lines) > OUTPUT_LINES:
            self._console.print(f"  [dim]… {len(lines) - OUTPUT_LINES} more lines[/]")
        style = "green" if ran.as_expected else "bold red"
        expected = "" if ran.as_expected else f", expected {ran.expected}"
        self._console.print(f"  [{style}]exit status {ran.status}{expected}[/]")

    @contextmanager
    def bars(self, records: int) -> Iterator[Bars]:
        """Show three bars for as long as the context lasts."""
        progress = Progress(
            TextColumn("{task.description:<28}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:>14}"),
            console=self._console,
        )
        with progress:
            yield Bars(progress, records)


class Bars:
    """How far the records are: answered by the gateway, in the authority's hands, answered by the authority."""

    def __init__(self, progress: Progress, records: int) -> None:
        self._progress = progress
        self._began = monotonic()
        self._tasks = [
            progress.add_task(what, total=records, rate="")
            for what in ("agencies → gateway", "gateway → authority", "authority → agencies")
        ]

    def show(self, tally: Tally) -> None:
        """Show how far they are now."""
        finished = all(told.finished for told in tally.agencies)
        for number, done in enumerate((tally.answered, tally.core.delivered, tally.returned)):
            if finished and number:  # only what was accepted goes on
                self._progress.update(self._tasks[number], total=tally.accepted)
            self._update(self._tasks[number], done)

    def _update(self, task: TaskID, done: int) -> None:
        if done != self._progress.tasks[task].completed:
            rate = done / (monotonic() - self._began)
            self._progress.update(task, completed=done, rate=f"{rate:,.0f}/s")


def _numbers(flow: Flow) -> list[str]:
    refused = sum(flow.refused.values())
    return [
        f"{n:,}" for n in (flow.sent, flow.accepted, flow.quarantined, flow.duplicate, refused, flow.returned)
    ]
