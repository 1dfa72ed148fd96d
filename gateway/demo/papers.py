"""Submissions of synthetic records, some of them wrong, each of which says beforehand what must become of it.

The same number gives the same record on the same day, in whatever process: nothing has to be shared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from gateway.demo.people import Generation, Person, person

ACCEPTED, QUARANTINED, DUPLICATE, CONFLICT = "accepted", "quarantined", "duplicate", "record.conflict"
FAULTY, REPEATED, CONFLICTING, DOUBTFUL = 0.02, 0.02, 0.01, 0.005
"""Shares of records that are wrong, sent again, other content under a reference used before, or for an officer."""

DAY = timedelta(days=1)
_DEAD = Generation(date(1936, 1, 1), 10_957)

Form = Mapping[str, str | int]
"""A record in its sender's own fields, before it is written down."""
Change = Callable[[Form], Form]


@dataclass(frozen=True, slots=True)
class Paper:
    """One record as it stands in a submission, and what must become of it: an outcome, or a code."""

    octets: bytes
    fate: str


@dataclass(frozen=True, slots=True)
class Pile:
    """One submission: `head`, papers and `tail`, octet for octet."""

    contract: str
    media_type: str
    papers: Sequence[Paper]
    head: bytes = b""
    tail: bytes = b""

    def chunks(self) -> Iterator[bytes]:
        """Yield the submission's octets."""
        yield self.head
        for paper in self.papers:
            yield paper.octets
        yield self.tail


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of record is made, spoilt and written.

    `fill` makes form `number` as of a day. `faults` maps what is wrong to the code that it must give. `reword`
    says the same in other characters; `alter` says something else under the same reference; `doubt` is the field
    of the sex with its two words, the other of which an officer has to look at.
    """

    name: str
    fill: Callable[[int, date], Form]
    faults: Sequence[tuple[str, Change]]
    reword: Change
    alter: Change
    doubt: tuple[str, str, str]
    write: Callable[[Form], bytes]

    def papers(self, count: int, today: date) -> Iterator[Paper]:
        """Yield `count` papers; most are good."""
        good: list[Form] = []
        for number in range(count):
            chance = Random(f"{self.name} {number}")  # noqa: S311  no secrets
            roll, form = chance.random(), self.fill(number, today)
            if roll < FAULTY:
                code, spoil = self.faults[number % len(self.faults)]
                yield Paper(self.write(spoil(form)), code)
            elif roll < FAULTY + REPEATED and good:
                again = chance.choice(good)
                yield Paper(self.write(chance.choice((again, self.reword(again)))), DUPLICATE)
            elif roll < FAULTY + REPEATED + CONFLICTING and good:
                yield Paper(self.write(self.alter(chance.choice(good))), CONFLICT)
            elif roll < FAULTY + REPEATED + CONFLICTING + DOUBTFUL:
                yield Paper(self.write(self._doubtful(form)), QUARANTINED)
            else:
                good.append(form)
                yield Paper(self.write(form), ACCEPTED)

    def _doubtful(self, form: Form) -> Form:
        """Give a person the other sex than the national ID has."""
        field, one, other = self.doubt
        return {**form, field: one if form[field] == other else other}


@dataclass(frozen=True, slots=True)
class Death:
    """A death that both the ministry and the civil register know of."""

    person: Person
    died: date
    reported: date


def death(number: int, today: date) -> Death:
    """Return death `number`, reported in the days before `today`."""
    chance = Random(f"death {number}")  # noqa: S311  no secrets
    reported = today - DAY * chance.randint(1, 10)
    return Death(person(_DEAD, number), reported - DAY * chance.randint(0, 2), reported)


def setting(**values: str | int) -> Change:
    """Return the change that gives fields these values; `__` in a name stands for a dot."""
    return lambda form: {**form, **{name.replace("__", "."): value for name, value in values.items()}}


def without(field: str) -> Change:
    """Return the change that leaves a field out."""
    return lambda form: {name: value for name, value in form.items() if name != field}
