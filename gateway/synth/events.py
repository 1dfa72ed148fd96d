"""What happens to the people of a population in a window of months, as canonical records of each contract.

A teller makes the records of one contract about one person. It knows what the agency has words for, and leaves
references and operations to `noise`, which also repeats, corrects and spoils.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from gateway.synth import civil, courts
from gateway.synth.chance import MILLION, Chance
from gateway.synth.forms import Value
from gateway.synth.scenes import LATE, PLACES, Record, Scene, Teller, shift

_LATE_DAYS, _LATE_SPREAD, _PROMPT_DAYS = 16, 25, 5


@dataclass(frozen=True, slots=True)
class Kind:
    """The events of one contract: how many a month among a million people, and what is told of each."""

    tell: Teller
    per_million: int = 0
    late_from: str = ""
    """The field from which lateness is counted; empty when the contract does not."""
    late_by: str = "reported_on"
    prompt_days: int = 15
    """What is told later than this is late."""


def dated(chance: Chance, occurred: str, until: str, *, can_be_late: bool) -> str:
    """Return the ISO date on which something is reported, `until` at the latest."""
    if occurred == until:
        return until
    lag = chance.below(_PROMPT_DAYS)
    if can_be_late and chance.happens(LATE):
        late = _LATE_DAYS + chance.below(_LATE_SPREAD)
        lag = late if shift(occurred, late) <= until else lag
    return min(shift(occurred, lag), until)


def is_late(kind: Kind, record: Mapping[str, Value]) -> bool:
    """Whether a record says of itself that it is late."""
    if not kind.late_from or kind.late_from not in record:
        return False
    begun, told = (date.fromisoformat(str(record[name])) for name in (kind.late_from, kind.late_by))
    return (told - begun).days > kind.prompt_days


def _service(scene: Scene) -> Iterator[Record]:
    told: Record = {
        "occurred_on": scene.occurred,
        "reported_on": scene.reported,
        "effective_on": scene.occurred,
        "force": scene.choose("force", "ARMED_FORCES"),
        "phase": scene.chance.one_of(("JOINED", "LEFT")),
        "person.nid": scene.person.nid,
    }
    if scene.voice.writes("subject_token") and scene.chance.happens(100_000):
        nid = str(told.pop("person.nid"))
        told["subject_token"] = scene.population.key.digest(nid.encode())[:32].hex()
    yield told


def _roster(scene: Scene) -> Iterator[Record]:
    chance, person = scene.chance, scene.person
    yield {
        "occurred_on": scene.occurred,
        "reported_on": scene.reported,
        "body": scene.choose("body", "CIVIL_STAFF"),
        "member_no": f"M{person.number:08}",
        "person.nid": person.nid,
        "person.name": " ".join(person.parts),
        "rank": scene.choose("rank", "G5"),
        "availability": scene.choose("availability", "AVAILABLE"),
        "from": scene.occurred,
        "to": shift(scene.occurred, 30 + chance.below(300)),
        "residence_gov": person.gov,
        "work_gov": chance.one_of(PLACES),
    }


KINDS: Mapping[str, Kind] = {
    "death.v1": Kind(civil.death, late_from="death_date"),
    "eligibility-gained.v1": Kind(civil.eligibility, 20),
    "voter-snapshot.v1": Kind(civil.snapshot, MILLION),
    "civil-status-change.v1": Kind(civil.civil_status, 1_400),
    "residence-change.v1": Kind(civil.residence, 1_700),
    "capacity-status.v1": Kind(courts.capacity, 3, late_from="occurred_on"),
    "deprivation.v1": Kind(courts.deprivation, 280, late_from="decision.final_date"),
    "restoration.v1": Kind(courts.restoration, 60),
    "service-status.v1": Kind(_service, 250),
    "register-order.v1": Kind(
        courts.order, 30, late_from="requested_on", late_by="decided_on", prompt_days=7
    ),
    "judicial-roster.v1": Kind(_roster, 40),
}
"""Rates are those of a month in Egypt: some 0.5 million events among 70 million voters. Deaths and eighteenth
birthdays follow from the population itself. What the authority itself sends is not made up here."""
