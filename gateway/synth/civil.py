"""What the civil register and health offices report: lives, moves and deaths."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.rules import anniversary
from gateway.synth.chance import Weighted
from gateway.synth.demography import ADULT
from gateway.synth.scenes import DAYS_A_YEAR, Record, Scene, home, shift, who


def death(scene: Scene) -> Iterator[Record]:
    """Tell a death; a health office sometimes knows no number."""
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


def eligibility(scene: Scene) -> Iterator[Record]:
    """Tell that somebody may vote from now on."""
    told = who(scene) | {"basis": "AGE_18", "eligible_from": scene.occurred} | home(scene, "residence")
    if scene.occurred != anniversary(scene.person.born, ADULT):
        basis = scene.chance.one_of(("LATE_REGISTRATION", "FIRST_CARD", "NATURALISED_5Y"))
        told["basis"] = basis
        if basis == "NATURALISED_5Y":
            told["acquired_on"] = scene.before(6 * DAYS_A_YEAR, 2_000)
    yield told


def snapshot(scene: Scene) -> Iterator[Record]:
    """Tell how somebody stands in the civil register."""
    chance, as_of = scene.chance, scene.occurred
    told = who(scene) | home(scene, "residence")
    state = chance.below(100)
    card = "VALID" if state < 90 else "EXPIRED" if state < 97 else "SUSPENDED"  # noqa: PLR2004
    ahead = chance.below(7 * DAYS_A_YEAR) + 1  # a card lives seven years
    told["as_of"] = as_of
    told["card_status"] = card
    told["card_expiry"] = shift(as_of, -ahead if card == "EXPIRED" else ahead)
    told["nationality_basis"] = "BIRTH"
    if chance.happens(500):
        told |= {"nationality_basis": "NATURALISED", "acquired_on": shift(as_of, -chance.below(3_000) - 1)}
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


def civil_status(scene: Scene) -> Iterator[Record]:
    """Tell a change in the civil register; of two numbers when there is another person."""
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
        "BIRTH_DATE": {"old_value": shift(person.born, 1), "new_value": person.born},
        "SEX": {"old_value": "F" if person.sex == "M" else "M", "new_value": person.sex},
        "CARD_STATUS": {"card_status": chance.one_of(("SUSPENDED", "VALID", "EXPIRED"))},
        "NATIONALITY": {
            "nationality_event": scene.choose("nationality_event", "RESTORED"),
            "decree_no": f"{chance.below(900) + 1}/{scene.occurred[:4]}",
            "gazette_no": f"{chance.below(52) + 1}/{scene.occurred[:4]}",
        },
    }
    yield told | changes[kind]


def residence(scene: Scene) -> Iterator[Record]:
    """Tell a move."""
    told = who(scene) | home(scene, "from_addr") | home(scene, "to_addr")
    if told["from_addr.shiakha"] == told["to_addr.shiakha"]:
        told["to_addr.shiakha"] = f"{told['to_addr.district']}31"
    channel = scene.chance.one_of(("CARD_RENEWAL", "CARD_UPDATE", "ADMIN_REDISTRICT"))
    yield told | {"effective_on": scene.occurred, "channel": channel}
