"""What courts, prosecution and committees decide: who may vote, who may no more, and who may again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from crypto.seal import record_id
from gateway.synth.scenes import LATE, Record, Scene, decision, shift, who


def capacity(scene: Scene) -> Iterator[Record]:
    """Tell an interdiction or compulsory care, and of every third one its end."""
    chance, told = scene.chance, who(scene)
    kind = scene.choose("kind", "INTERDICTION")
    told |= {"kind": kind, "phase": "START", "from": scene.occurred}
    if kind == "INTERDICTION":
        judged = scene.before(30, 60)
        told |= decision(scene, "decision", f"FA-{scene.person.gov}", judged, scene.occurred)
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
    courts = [str(code) for code in scene.voice.values("decision.court_code") if str(code).startswith("PR-")]
    court = "ETHICS" if item == "B3" else chance.one_of(courts)
    told |= decision(scene, "decision", court, scene.before(20, 300), scene.occurred)
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
    """Tell that a bar ended; it is named by its id or by the judgment."""
    chance, told = scene.chance, who(scene)
    kind = scene.choose("kind", "REHAB_JUDICIAL")
    told |= {"kind": kind, "effective_on": scene.occurred}
    court = scene.choose("decision.court_code", "PR-01N")
    if chance.below(2):
        judged, final = scene.before(1_000, 2_000), scene.before(900, 50)
        told |= decision(scene, "closes_decision", court, judged, final)
    else:
        of = "capacity-status.v1" if kind == "INTERDICTION_LIFTED" else "deprivation.v1"
        agency = "moj" if kind == "INTERDICTION_LIFTED" else "ppo"
        told["closes_bar_id"] = record_id(agency, of, scene.reference(of, 0), "assert")
    if kind != "REHAB_LEGAL":
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
