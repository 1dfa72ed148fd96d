"""One person at the time of an event, and what records of several contracts say alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

from gateway.synth.chance import Chance
from gateway.synth.demography import GOVERNORATES
from gateway.synth.forms import Value, Voice
from gateway.synth.people import Person, Population

DAYS_A_YEAR = 365
LATE = 50_000
"""So many of a million are reported later than the contracts allow."""
PLACES = tuple(GOVERNORATES)
_DISTRICTS, _SHIAKHAS, _HOUSES = 12, 30, 200
_DAYS_KEPT = 65_536
_MOVED = 200_000  # of a million live in another governorate than they were born in
_STREETS = ("شارع النيل", "شارع الجمهورية", "شارع الهرم", "شارع 26 يوليو", "حارة السقايين", "شارع المدارس")

ADDRESS = ("gov", "district", "shiakha", "text")
"""What an address is made of."""

Record = dict[str, Value]
"""A canonical record without its reference and operation; see `forms.Payload`."""


@dataclass(frozen=True, slots=True)
class Span:
    """A window of `months` that ends with the day `until`."""

    months: int
    until: date

    @property
    def days(self) -> int:
        """Its length."""
        return self.months * DAYS_A_YEAR // 12

    @property
    def begins(self) -> date:
        """Its first day."""
        return self.until - timedelta(days=self.days - 1)


class Scene(NamedTuple):
    """One person at the time of an event: `occurred` and `reported` are ISO dates.

    A named tuple because it is made for every event, several times faster than a frozen dataclass.
    """

    population: Population
    voice: Voice
    person: Person
    chance: Chance
    span: Span
    occurred: str
    reported: str

    def reference(self, contract: str, count: int) -> str:
        """Return the reference of the n-th record about this person under a contract."""
        return f"{contract[:2].upper()}{self.population.tag}-{self.person.number:08}-{count}"

    def choose(self, target: str, otherwise: str) -> str:
        """Return one of the canonical values that the agency can give a field."""
        values = self.voice.values(target)
        return str(self.chance.one_of(values)) if values else otherwise

    def before(self, days: int, spread: int = 1) -> str:
        """Return an ISO date at least `days` before the event."""
        return shift(self.occurred, -days - self.chance.below(spread))


Teller = Callable[[Scene], Iterator[Record]]


def who(scene: Scene) -> Record:
    """Return what a record says of its person."""
    person = scene.person
    return {
        "occurred_on": scene.occurred,
        "reported_on": scene.reported,
        "person.nid": person.nid,
        "person.name": " ".join(person.parts),
        "person.mother_name": " ".join(person.mother_parts),
        "person.birth_date": person.born,
        "person.sex": person.sex,
    }


@lru_cache(_DAYS_KEPT)
def shift(iso: str, days: int) -> str:
    """Return the ISO date so many days later."""
    return (date.fromisoformat(iso) + timedelta(days=days)).isoformat()


def home(scene: Scene, prefix: str) -> Record:
    """Return an address."""
    chance = scene.chance
    gov = chance.one_of(PLACES) if chance.happens(_MOVED) else scene.person.gov
    where = chance.below(
        _DISTRICTS * _SHIAKHAS * _HOUSES * len(_STREETS)
    )  # one draw for all that is within it
    where, district = divmod(where, _DISTRICTS)
    where, shiakha = divmod(where, _SHIAKHAS)
    street, house = divmod(where, _HOUSES)
    in_district = f"{gov}{district + 1:02}"
    return {
        f"{prefix}.gov": gov,
        f"{prefix}.district": in_district,
        f"{prefix}.shiakha": f"{in_district}{shiakha + 1:02}",
        f"{prefix}.text": f"{house + 1} {_STREETS[street]}",
    }


def decision(scene: Scene, prefix: str, court: str, judged: str, final: str) -> Record:
    """Return a court's decision."""
    return {
        f"{prefix}.court_code": court,
        f"{prefix}.case_no": f"{scene.chance.below(30_000) + 1} لسنة {judged[:4]}",
        f"{prefix}.case_year": int(judged[:4]),
        f"{prefix}.judgment_date": judged,
        f"{prefix}.final_date": final,
    }
