"""What the simulated agencies send: synthetic records in submissions, each with what must become of it.

Records come from `gateway.synth`. The same day gives the same ones in whatever process, and all agencies speak of
the same population: what the ministry notifies, the civil register has registered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from contracts.catalogue import Catalogue
from gateway.synth import noise
from gateway.synth.flows import Flow, Made
from gateway.synth.noise import ACCEPTED, DUPLICATE, QUARANTINED, REFUSED
from gateway.synth.people import Population

__all__ = ["ACCEPTED", "DUPLICATE", "QUARANTINED", "SENDS", "Paper", "Pile", "submissions"]

SENDS: Mapping[str, Mapping[str, int]] = {
    "moh": {"death.v1": 1},
    "cso": {"death.v1": 3, "eligibility-gained.v1": 5},
    "ppo": {"deprivation.v1": 1},
}
"""What each agency sends, and how many parts of its records are of each contract."""
PILE_RECORDS = 1_000
"""About so many records are in a submission."""
_SEED, _PERSONS, _MONTHS = "demonstration", 70_000_000, 12
_RATES: Mapping[str, int] = {
    **noise.USUAL,
    noise.FAULT: 20_000,
    noise.AGAIN: 20_000,
    noise.OTHER_CONTENT: 10_000,
    noise.WRONG_SEX: 5_000,
    noise.SPREADSHEET_FILE: 0,
}
"""More goes wrong here than in life, so that few records show it; but no whole submission does."""


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
    head: bytes
    tail: bytes

    def chunks(self) -> Iterator[bytes]:
        """Yield the submission's octets."""
        yield self.head
        for paper in self.papers:
            yield paper.octets
        yield self.tail


def population(day: date) -> Population:
    """Return the people whom all records are about, as of a day."""
    return Population(_SEED, _PERSONS, day)


def submissions(catalogue: Catalogue, agency: str, count: int, today: date) -> Iterator[Pile]:
    """Yield the submissions of an agency, of `count` records together, as of a day."""
    people = population(today)
    parts, left = sum(SENDS[agency].values()), count
    for position, (contract, share) in enumerate(SENDS[agency].items(), start=1):
        many = left if position == len(SENDS[agency]) else count * share // parts
        left -= many
        flow = Flow(
            catalogue, people, agency, contract,
            months=_MONTHS, rates=_RATES, file_records=PILE_RECORDS,
        )  # fmt: skip
        yield from _piles(flow, many)


def _piles(flow: Flow, count: int) -> Iterator[Pile]:
    """Yield files of a flow until they have `count` records; of the last one as many as are asked for still."""
    for number in range(flow.files):
        if count <= 0:
            return
        papers = [_paper(one) for one in _first(list(flow.made(number)), count)]
        count -= len(papers)
        yield Pile(flow.contract, flow.writer.media_type, papers, flow.writer.head, flow.writer.tail)


def _first(made: Sequence[Made], count: int) -> list[Made]:
    """Return `count` records of a file, or all if there are fewer; what is sent again comes last, as it does there."""
    later = {one.ref: one for one in made if one.again}
    once, again = list[Made](), list[Made]()
    for one in made:
        if one.again or len(once) + len(again) == count:
            break
        once.append(one)
        if one.op == "assert" and one.ref in later and len(once) + len(again) < count:
            again.append(later[one.ref])
    return once + again


def _paper(made: Made) -> Paper:
    answer = made.answer
    return Paper(made.octets, answer.code if answer.outcome == REFUSED else answer.outcome)
