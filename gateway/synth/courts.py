"""What courts, prosecution and committees decide: who may vote, who may no more, and who may again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from crypto.seal import record_id
from gateway.synth.chance import Chance
from gateway.synth.scenes import LATE, Record, Scene, decision, shift, who

CAPACITY, DEPRIVATION = "capacity-status.v1", "deprivation.v1"
_INTERDICTING, _DEPRIVING = "moj", "ppo"
"""Those whose records a restoration names."""


def _barring(scene: Scene, agency: str, contract: str) -> Chance:
    """Return what is drawn for the judgment by which an agency bars a person: who ends the bar draws the same."""
    return Chance(scene.population.key, f"judgment {agency} {contract} {scene.person.number}")


def _case(scene: Scene, prefix: str, chance: Chance) -> Record:
    """Return the case that follows from `chance`, of a year before all judgments of the window."""
    year = scene.span.begins.year - 1
    return {f"{prefix}.case_no": f"{chance.below(30_000) + 1} لسنة {year}", f"{prefix}.case_year": year}


def _court(scene: Scene, contract: str, chance: Chance) -> str:
    """Return the court of first instance or family court that judges."""
    if contract == CAPACITY:
        return f"FA-{scene.person.gov}"
    gov = scene.person.gov
    return f"PR-{gov}{chance.one_of(_HALVES[gov])}" if gov in _HALVES else f"PR-{gov}"


_HALVES = {"01": "NS", "02": "EW", "21": "NS"}
"""Governorates with two courts of first instance."""


def capacity(scene: Scene) -> Iterator[Record]:
    """Tell an interdiction or compulsory care, and of every third one its end."""
    chance, told = scene.chance, who(scene)
    kind = scene.choose("kind", "INTERDICTION")
    told |= {"kind": kind, "phase": "START", "from": scene.occurred}
    if kind == "INTERDICTION":
        case = _barring(scene, scene.voice.binding.agency, CAPACITY)
        court, judged = _court(scene, CAPACITY, case), scene.before(30, 60)
        told |= decision(scene, "decision", court, judged, scene.occurred) | _case(scene, "decision", case)
    else:
        authority = scene.choose("order.authority", "NCMH")
        told |= {
            "order.order_no": f"{chance.below(5_000) + 1}/{scene.occurred[:4]}",
            "order.authority": authority,
        }
        told["to"] = shift(scene.occurred, 90)
    yield told
    ended = shift(scene.occurred, 30 + chance.below(60))
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


def deprivation(scene: Scene) -> Iterator[Record]:
    """Tell a final judgment."""
    chance, told = scene.chance, who(scene)
    item = scene.choose("legal_item", "B8")
    case = _barring(scene, scene.voice.binding.agency, DEPRIVATION)
    first_instance = _court(scene, DEPRIVATION, case)
    court = "ETHICS" if item == "B3" else first_instance
    told |= decision(scene, "decision", court, scene.before(20, 300), scene.occurred)
    told |= _case(scene, "decision", case)
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


def restoration(scene: Scene) -> Iterator[Record]:
    """Tell that a bar ended; it is named by the id of the record that opened it, or by its judgment."""
    chance, told = scene.chance, who(scene)
    kind = scene.choose("kind", "REHAB_JUDICIAL")
    lifted = kind == "INTERDICTION_LIFTED"
    agency, of = (_INTERDICTING, CAPACITY) if lifted else (_DEPRIVING, DEPRIVATION)
    told |= {"kind": kind, "effective_on": scene.occurred}
    if chance.below(2):
        case = _barring(scene, agency, of)
        judged, final = scene.before(20, 100), scene.before(1, 19)
        told |= decision(scene, "closes_decision", _court(scene, of, case), judged, final)
        told |= _case(scene, "closes_decision", case)
    else:
        told["closes_bar_id"] = record_id(agency, of, scene.reference(of, 0), "assert")
    if kind != "REHAB_LEGAL":
        court = scene.choose("decision.court_code", "PR-01N")
        told |= decision(scene, "decision", court, scene.before(10, 60), scene.occurred)
    yield told


_COURTS = {"ADMIN_COURT": "SC-ADMIN", "SUPREME_ADMIN_COURT": "SC-SUPREME"}


def order(scene: Scene) -> Iterator[Record]:
    """Tell an order of a committee or court."""
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
        told["requested_on"] = scene.before(9 if chance.happens(LATE) else 1, 5)
    else:
        told |= decision(scene, "decision", _COURTS.get(forum, "CASSATION"), scene.occurred, scene.reported)
    if order == "CORRECT":
        told["correct_fields.name"] = " ".join(scene.person.parts[:3])
    yield told
