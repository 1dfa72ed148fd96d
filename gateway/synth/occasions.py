"""Who has something to report under a contract, and on what day: drawn for a stretch of persons at once.

What happens to few must not cost a look at everybody: a population is gone through once for every flow.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache

from contracts.rules import anniversary
from gateway.synth.chance import DRAWN, MILLION
from gateway.synth.demography import ADULT
from gateway.synth.people import STRETCH, Population
from gateway.synth.scenes import Span

DEATH, ELIGIBILITY = "death.v1", "eligibility-gained.v1"
"""Deaths and eighteenth birthdays follow from the population and not from a rate."""
_STRETCHES_KEPT = 2  # a file may begin within one

Occasion = tuple[int, str]
"""A person's number, and the ISO date of what there is to report."""


class Occasions:
    """What there is to report by one agency under one contract in a window."""

    def __init__(
        self,
        population: Population,
        span: Span,
        agency: str,
        contract: str,
        *,
        per_million: int,
        at_end: bool,
    ) -> None:
        """Prepare; among a million persons there is something to report of `per_million` in the whole window.

        With `at_end` there is of everybody who lives then, on its last day.
        """
        self._population = population
        self._span = span
        self._until = span.until.isoformat()
        self._days = [(span.until - timedelta(days=ago)).isoformat() for ago in range(span.days)]
        self._label = f"when {agency} {contract}"
        self._contract = contract
        self._at_end = at_end
        self._limit = per_million * DRAWN // MILLION
        self._in_stretch = lru_cache(_STRETCHES_KEPT)(self._drawn)

    def among(self, persons: range) -> Iterator[Occasion]:
        """Yield the occasions of `persons`, in their order."""
        for stretch in range(persons.start // STRETCH, -(-persons.stop // STRETCH)):
            found = self._in_stretch(stretch)
            if persons.start <= stretch * STRETCH and (stretch + 1) * STRETCH <= persons.stop:
                yield from found
            else:
                yield from (occasion for occasion in found if occasion[0] in persons)

    def _drawn(self, stretch: int) -> list[Occasion]:
        start = stretch * STRETCH
        persons = range(start, min(start + STRETCH, self._population.persons))
        gone = self._population.deaths(stretch, self._span.months)
        if self._contract == DEATH:
            return [(person, self._days[ago]) for person, ago in gone.items()]
        if self._at_end:
            return [(person, self._until) for person in persons if person not in gone]
        days_ago = self._by_chance(stretch, persons)
        if self._contract == ELIGIBILITY:
            days_ago = dict(sorted((days_ago | self._birthdays(persons)).items()))
        # The dead do nothing any more.
        return [(person, self._days[ago]) for person, ago in days_ago.items() if ago > gone.get(person, -1)]

    def _by_chance(self, stretch: int, persons: range) -> dict[int, int]:
        """Return to whom it happens, and how many days ago."""
        limit, days = self._limit, self._span.days
        draws = self._population.key.draws(f"{self._label} {stretch}", STRETCH)
        return {
            person: draw * days // limit
            for person, draw in zip(persons, draws, strict=False)  # the last stretch may be shorter
            if draw < limit
        }

    def _birthdays(self, persons: range) -> dict[int, int]:
        """Return how many days ago eighteenth birthdays were that are to be told."""
        population, until = self._population, self._span.until
        found = dict[int, int]()
        for person in population.born_since(self._span.begins.year - ADULT, persons):
            day = date.fromisoformat(anniversary(population.born(person), ADULT))
            ago = (until - day).days
            if 0 <= ago < self._span.days:
                found[person] = ago
        return found
