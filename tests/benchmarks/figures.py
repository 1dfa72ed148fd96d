"""What a benchmark says: a figure, and beside it the limit that the same machine had in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Figure:
    """One measured figure.

    `limit` says what the machine could do at best and `limit_value` how much that was here, in the same unit.
    `goal` is what the figure is held to, in the same unit: at least that much, or with `at_most` no more.
    """

    name: str
    value: float
    unit: str
    limit: str
    limit_value: float
    goal: float | None = None
    at_most: bool = False

    @property
    def share(self) -> float:
        """The figure as a part of its limit."""
        return self.value / self.limit_value if self.limit_value else 0.0

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without one."""
        if self.goal is None:
            return None
        return self.value <= self.goal if self.at_most else self.value >= self.goal


def rate(work: Callable[[], object], many: int, *, runs: int = 5, run_s: float = 0.4) -> float:
    """Return how many a second of `many` things `work` does with one core: the median of several runs.

    Processor time is counted, not the clock's, so that what else runs on the machine disturbs less.
    """
    work()
    return median(_rate(work, many, run_s) for _ in range(runs))


def rate_beside(
    work: Callable[[], object], limit: Callable[[], object], many: int, *, runs: int = 9, run_s: float = 0.2
) -> tuple[float, float]:
    """Return the rates of `work` and of its limit, in turn, so that both meet the same machine.

    Of several runs the fastest counts: whatever else runs can only make a core slower.
    """
    work(), limit()
    rates = [(_rate(work, many, run_s), _rate(limit, many, run_s)) for _ in range(runs)]
    return max(made for made, _ in rates), max(bound for _, bound in rates)


def _rate(work: Callable[[], object], many: int, run_s: float) -> float:
    began, done = time.process_time(), 0
    while (spent := time.process_time() - began) < run_s:
        work()
        done += many
    return done / spent
