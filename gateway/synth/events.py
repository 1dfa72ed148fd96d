"""What happens to the people of a population in a window of months, as canonical records of each contract.

A teller makes the records of one contract about one person. It knows what the agency has words for, and leaves
references and operations to `noise`, which also repeats, corrects and spoils.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from contracts.rules import anniversary
from crypto.seal import record_id
from gateway.synth.chance import MILLION, Chance, Weighted
from gateway.synth.demography import ADULT, GOVERNORATES
from gateway.synth.forms import Value, Voice
from gateway.synth.people import Person, Population

DAYS_A_YEAR = 365
_LATE = 50_000  # of a million: reported later than the fifteen days that the contracts allow
_LATE_DAYS, _LATE_SPREAD, _PROMPT_DAYS = 16, 25, 5
_GOVERNORATES = tuple(GOVERNORATES)
_MOVED = 200_000  # of a million live in another governorate than they were born in
_STREETS = ("شارع النيل", "شارع الجمهورية", "شارع الهرم", "شارع 26 يوليو", "حارة السقايين", "شارع المدارس")
_OLD_AGE = 70

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
    reference: Callable[[str, int], str]
    """The reference of the n-th record about this person under a contract."""

    def choose(self, target: str, otherwise: str) -> str:
        """Return one of the canonical values that the agency can give a field."""
        values = self.voice.values(target)
        return str(self.chance.one_of(values)) if values else otherwise

    def before(self, days: int, spread: int = 1) -> str:
        """Return an ISO date at least `days` before the event."""
        return _shift(self.occurred, -days - self.chance.below(spread))


Teller = Callable[[Scene], Iterator[Record]]


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


def dated(chance: Chance, occurred: date, until: date, *, can_be_late: bool) -> str:
    """Return the ISO date on which something is reported, `until` at the latest."""
    lag = chance.below(_PROMPT_DAYS)
    if can_be_late and chance.happens(_LATE):
        late = _LATE_DAYS + chance.below(_LATE_SPREAD)
        lag = late if occurred + timedelta(days=late) <= until else lag
    return min(occurred + timedelta(days=lag), until).isoformat()


def is_late(kind: Kind, record: Mapping[str, Value]) -> bool:
    """Whether a record says of itself that it is late."""
    if not kind.late_from or kind.late_from not in record:
        return False
    begun, told = (date.fromisoformat(str(record[name])) for name in (kind.late_from, kind.late_by))
    return (told - begun).days > kind.prompt_days


def _shift(iso: str, days: int) -> str:
    return (date.fromisoformat(iso) + timedelta(days=days)).isoformat()


def _home(scene: Scene, prefix: str) -> Record:
    chance = scene.chance
    gov = chance.one_of(_GOVERNORATES) if chance.happens(_MOVED) else scene.person.gov
    district = f"{gov}{chance.below(12) + 1:02}"
    return {
        f"{prefix}.gov": gov,
        f"{prefix}.district": district,
        f"{prefix}.shiakha": f"{district}{chance.below(30) + 1:02}",
        f"{prefix}.text": f"{chance.below(200) + 1} {chance.one_of(_STREETS)}",
    }


def _decision(scene: Scene, prefix: str, court: str, judged: str, final: str) -> Record:
    return {
        f"{prefix}.court_code": court,
        f"{prefix}.case_no": f"{scene.chance.below(30_000) + 1} لسنة {judged[:4]}",
        f"{prefix}.case_year": int(judged[:4]),
        f"{prefix}.judgment_date": judged,
        f"{prefix}.final_date": final,
    }


def _death(scene: Scene) -> Iterator[Record]:
    told, chance = who(scene), scene.chance
    if scene.voice.values("assurance") == ("NOTIFIED",) and chance.happens(20_000):
        del told["person.nid"]  # no card at hand: name, mother's name and birth date have to do
    gov, number = scene.person.gov, chance.below(90_000) + 1
    told |= {
        "assurance": scene.choose("assurance", "REGISTERED"),
        "death_date": scene.occurred,
        "death_time": f"{chance.below(24):02}:{chance.below(60):02}",
        "registry_no": f"{number}/{scene.reported[:4]}",
        "office_code": f"HO-{gov}{chance.below(40) + 1:02}",
    }
    if chance.happens(10_000) and "ABROAD" in scene.voice.values("place.kind"):
        yield told | {"place.kind": "ABROAD", "place.country": chance.one_of(("SA", "AE", "KW", "IT", "US"))}
    else:
        yield told | {"place.kind": "EGYPT", "place.gov": gov, "place.district": f"{gov}07"}


def _eligibility(scene: Scene) -> Iterator[Record]:
    told = who(scene) | {"basis": "AGE_18", "eligible_from": scene.occurred} | _home(scene, "residence")
    if scene.occurred != anniversary(scene.person.born, ADULT):
        basis = scene.chance.one_of(("LATE_REGISTRATION", "FIRST_CARD", "NATURALISED_5Y"))
        told["basis"] = basis
        if basis == "NATURALISED_5Y":
            told["acquired_on"] = scene.before(6 * DAYS_A_YEAR, 2_000)
    yield told


def _snapshot(scene: Scene) -> Iterator[Record]:
    chance, as_of = scene.chance, scene.span.until.isoformat()
    told = who(scene) | _home(scene, "residence")
    told |= {"occurred_on": as_of, "reported_on": as_of, "as_of": as_of, "nationality_basis": "BIRTH"}
    state = chance.below(100)
    told["card_status"] = "VALID" if state < 90 else "EXPIRED" if state < 97 else "SUSPENDED"  # noqa: PLR2004
    ahead = chance.below(7 * DAYS_A_YEAR) + 1  # a card lives seven years
    told["card_expiry"] = _shift(as_of, -ahead if told["card_status"] == "EXPIRED" else ahead)
    if chance.happens(500):
        told |= {"nationality_basis": "NATURALISED", "acquired_on": _shift(as_of, -chance.below(3_000) - 1)}
    yield told


_CHANGES = Weighted(
    {
        "NAME": 40,
        "CARD_STATUS": 40,
        "NID_REPLACED": 8,
        "MOTHER_NAME": 5,
        "BIRTH_DATE": 3,
        "SEX": 2,
        "NID_MERGED": 1,
        "NATIONALITY": 1,
    }
)

_OF_NUMBERS = frozenset({"NID_REPLACED", "NID_MERGED"})


def _civil_status(scene: Scene) -> Iterator[Record]:
    chance, person, told = scene.chance, scene.person, who(scene)
    kind = _CHANGES.at(chance.draw())
    told["change_kind"] = kind
    if kind in _OF_NUMBERS:
        other = scene.population.person((person.number + 1) % scene.population.persons)
        if other.number != person.number:  # somebody must be there whose number it could have been
            yield told | {"nid_old": other.nid, "nid_new": person.nid}
        return
    changes: dict[str, Record] = {
        "NAME": {"old_value": " ".join(person.parts[:3]), "new_value": " ".join(person.parts)},
        "MOTHER_NAME": {
            "old_value": person.mother_parts[0],
            "new_value": " ".join(person.mother_parts),
        },
        "BIRTH_DATE": {"old_value": _shift(person.born, 1), "new_value": person.born},
        "SEX": {"old_value": "F" if person.sex == "M" else "M", "new_value": person.sex},
        "CARD_STATUS": {"card_status": chance.one_of(("SUSPENDED", "VALID", "EXPIRED"))},
        "NATIONALITY": {
            "nationality_event": scene.choose("nationality_event", "RESTORED"),
            "decree_no": f"{chance.below(900) + 1}/{scene.occurred[:4]}",
            "gazette_no": f"{chance.below(52) + 1}/{scene.occurred[:4]}",
        },
    }
    yield told | changes[kind]


def _residence(scene: Scene) -> Iterator[Record]:
    told = who(scene) | _home(scene, "from_addr") | _home(scene, "to_addr")
    if told["from_addr.shiakha"] == told["to_addr.shiakha"]:
        told["to_addr.shiakha"] = f"{told['to_addr.district']}31"
    channel = scene.chance.one_of(("CARD_RENEWAL", "CARD_UPDATE", "ADMIN_REDISTRICT"))
    yield told | {"effective_on": scene.occurred, "channel": channel}


def _capacity(scene: Scene) -> Iterator[Record]:
    chance, told = scene.chance, who(scene)
    kind = scene.choose("kind", "INTERDICTION")
    told |= {"kind": kind, "phase": "START", "from": scene.occurred}
    if kind == "INTERDICTION":
        judged = scene.before(30, 60)
        told |= _decision(scene, "decision", f"FA-{scene.person.gov}", judged, scene.occurred)
    else:
        authority = scene.choose("order.authority", "NCMH")
        told |= {
            "order.order_no": f"{chance.below(5_000) + 1}/{scene.occurred[:4]}",
            "order.authority": authority,
        }
        told["to"] = _shift(scene.occurred, 90)
    yield told
    ended = _shift(scene.occurred, 30 + chance.below(60))
    if chance.below(3) == 0 and ended <= scene.span.until.isoformat():
        contract, agency = scene.voice.binding.contract.name, scene.voice.binding.agency
        start = record_id(agency, contract, scene.reference(contract, 0), "assert")
        end = {"phase": "END", "bar_id": start, "from": ended, "occurred_on": ended, "reported_on": ended}
        # The judgment or order that ends it is another one, but says of itself no more than the first.
        yield {name: value for name, value in (told | end).items() if name != "to"}


_PENALTIES: Mapping[str, tuple[str, ...]] = {
    "B4": ("DISMISSAL",),
    "B6": ("SEVERE_PRISON", "PRISON", "SEVERE_PRISON", "LIFE"),
    "B7": ("PRISON",),
    "B8": ("PRISON",),
}


def _deprivation(scene: Scene) -> Iterator[Record]:
    chance, told = scene.chance, who(scene)
    item = scene.choose("legal_item", "B8")
    courts = [str(code) for code in scene.voice.values("decision.court_code") if str(code).startswith("PR-")]
    court = "ETHICS" if item == "B3" else chance.one_of(courts)
    told |= _decision(scene, "decision", court, scene.before(20, 300), scene.occurred)
    penalty = chance.one_of(_PENALTIES.get(item, ("PRISON", "FINE")))
    told |= {
        "legal_item": item,
        "penalty_kind": penalty,
        "execution_suspended": chance.happens(50_000),
        "in_absentia": chance.happens(50_000),
        "offence_code": f"{item}-{chance.below(40) + 1}",
    }
    if penalty in {"PRISON", "SEVERE_PRISON"}:
        told["penalty_months"] = 6 + chance.below(175)
    if told["in_absentia"]:
        told["evidence_sha256"] = f"{chance.draw():08x}" * 8
    yield told


def _restoration(scene: Scene) -> Iterator[Record]:
    chance, told = scene.chance, who(scene)
    kind = scene.choose("kind", "REHAB_JUDICIAL")
    told |= {"kind": kind, "effective_on": scene.occurred}
    court = scene.choose("decision.court_code", "PR-01N")
    if chance.below(2):
        judged, final = scene.before(1_000, 2_000), scene.before(900, 50)
        told |= _decision(scene, "closes_decision", court, judged, final)
    else:
        of = "capacity-status.v1" if kind == "INTERDICTION_LIFTED" else "deprivation.v1"
        agency = "moj" if kind == "INTERDICTION_LIFTED" else "ppo"
        told["closes_bar_id"] = record_id(agency, of, scene.reference(of, 0), "assert")
    if kind != "REHAB_LEGAL":
        told |= _decision(scene, "decision", court, scene.before(10, 60), scene.occurred)
    yield told


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


_COURTS = {"ADMIN_COURT": "SC-ADMIN", "SUPREME_ADMIN_COURT": "SC-SUPREME"}


def _order(scene: Scene) -> Iterator[Record]:
    chance, told = scene.chance, who(scene)
    forum = scene.choose("forum", "OTHER_COURT")
    order = chance.one_of(("ADD", "DELETE", "CORRECT"))
    told |= {
        "order": order,
        "forum": forum,
        "decided_on": scene.occurred,
        "enforceable_on": scene.reported,
    }
    if forum == "ART20_COMMITTEE":
        told["request_no"] = f"{chance.below(900) + 1}/{scene.occurred[:4]}"
        told["requested_on"] = scene.before(9 if chance.happens(_LATE) else 1, 5)
    else:
        told |= _decision(scene, "decision", _COURTS.get(forum, "CASSATION"), scene.occurred, scene.reported)
    if order == "CORRECT":
        told["correct_fields.name"] = " ".join(scene.person.parts[:3])
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
        "to": _shift(scene.occurred, 30 + chance.below(300)),
        "residence_gov": person.gov,
        "work_gov": chance.one_of(_GOVERNORATES),
    }


KINDS: Mapping[str, Kind] = {
    "death.v1": Kind(_death, late_from="death_date"),
    "eligibility-gained.v1": Kind(_eligibility, 20),
    "voter-snapshot.v1": Kind(_snapshot, MILLION),
    "civil-status-change.v1": Kind(_civil_status, 1_400),
    "residence-change.v1": Kind(_residence, 1_700),
    "capacity-status.v1": Kind(_capacity, 3, late_from="occurred_on"),
    "deprivation.v1": Kind(_deprivation, 280, late_from="decision.final_date"),
    "restoration.v1": Kind(_restoration, 60),
    "service-status.v1": Kind(_service, 250),
    "register-order.v1": Kind(_order, 30, late_from="requested_on", late_by="decided_on", prompt_days=7),
    "judicial-roster.v1": Kind(_roster, 40),
}
"""Rates are those of a month in Egypt: some 0.5 million events among 70 million voters. Deaths and eighteenth
birthdays follow from the population itself. What the authority itself sends is not made up here."""
