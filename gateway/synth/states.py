"""The oracle: what a recipient must hold of each person once everything that was accepted has reached it.

It follows from what the flows know of their own records: what each was meant to say, and whether it is taken. A
record stands if it was accepted and nothing accepted voids it. What stands is told to the state by the day it
happened, so in whatever order agencies send, one state comes of it. One person's state needs nobody else's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from crypto.seal import record_id
from gateway.synth.flows import Flow
from gateway.synth.forms import Value
from gateway.synth.noise import ACCEPTED

Fields = dict[str, Value]
_DECISIVE = "REGISTERED"
"""Of two who tell of a death, the civil register is believed."""


@dataclass(slots=True)
class State:
    """What is known of one national ID in the end; what nobody has told is empty."""

    nid: str
    dead: Fields = field(default_factory=dict)
    """Day of death and how sure it is."""
    eligible_from: str = ""
    residence: Fields = field(default_factory=dict)
    card: str = ""
    changed: Fields = field(default_factory=dict)
    """The last value of each thing that the civil register has changed, by kind of change."""
    other_numbers: list[str] = field(default_factory=list)
    """National IDs that this one has replaced or taken in."""
    bars: dict[str, str] = field(default_factory=dict)
    """The legal item or kind of each open bar, by the id of the record that opened it."""
    forces: list[str] = field(default_factory=list)
    """Forces that the person serves in, sorted."""
    orders: list[Fields] = field(default_factory=list)
    """Enforceable orders, oldest first."""
    placements: dict[str, Fields] = field(default_factory=dict)
    """The last placement by each body."""


class _Standing(NamedTuple):
    """A record that stands; as a tuple it sorts by the day it happened, and then always in the same way."""

    occurred_on: str
    contract: str
    agency: str
    first: str
    """The reference under which it was first told; a correction does not change what it is named by."""
    said: Mapping[str, Value]

    @property
    def id(self) -> str:
        """By which other records name it."""
        return record_id(self.agency, self.contract, self.first, "assert")


def state(flows: Iterable[Flow], person: int) -> State | None:
    """Return the state of a person after all `flows` of a population, or None.

    None means that nothing was accepted under the person's national ID. Records that name no national ID, that wait
    for an officer, or that were refused leave no trace; nor does a restoration that names no record.
    """
    standing, nid = list[_Standing](), ""
    for flow in flows:
        told = dict[str, _Standing]()
        for made in flow.about(person):
            if made.answer.outcome != ACCEPTED or "person.nid" not in made.record:
                continue
            nid = str(made.record["person.nid"])
            if made.op == "void":
                del told[made.first]
            else:
                said = flow.voice.said(made.record)
                day = str(said["occurred_on"])
                told[made.first] = _Standing(day, flow.contract, flow.agency, made.first, said)
        standing += told.values()
    if not nid:
        return None
    known = State(nid)
    for one in sorted(standing, key=lambda one: one[:4]):
        _EFFECTS[one.contract](known, one)
    return known


def _died(known: State, one: _Standing) -> None:
    if not known.dead or one.said["assurance"] == _DECISIVE:
        known.dead = _only(one, "death_date", "assurance")


def _entered(known: State, one: _Standing) -> None:
    known.eligible_from = str(one.said["eligible_from"])
    known.residence = _within(one, "residence.")


def _registered(known: State, one: _Standing) -> None:
    known.card = str(one.said["card_status"])
    known.residence = _within(one, "residence.")


def _moved(known: State, one: _Standing) -> None:
    known.residence = _within(one, "to_addr.")


def _changed(known: State, one: _Standing) -> None:
    kind = str(one.said["change_kind"])
    if kind == "CARD_STATUS":
        known.card = str(one.said["card_status"])
    elif "nid_old" in one.said:
        known.other_numbers.append(str(one.said["nid_old"]))
    else:
        known.changed[kind] = one.said["nationality_event" if kind == "NATIONALITY" else "new_value"]


def _capacity(known: State, one: _Standing) -> None:
    if one.said["phase"] == "START":
        known.bars[one.id] = str(one.said["kind"])
    else:
        known.bars.pop(str(one.said["bar_id"]), None)


def _deprived(known: State, one: _Standing) -> None:
    if not one.said["execution_suspended"]:
        known.bars[one.id] = str(one.said["legal_item"])


def _restored(known: State, one: _Standing) -> None:
    known.bars.pop(str(one.said.get("closes_bar_id")), None)


def _served(known: State, one: _Standing) -> None:
    others = {*known.forces} - {str(one.said["force"])}
    joined = {str(one.said["force"])} if one.said["phase"] == "JOINED" else set()
    known.forces = sorted(others | joined)


def _ordered(known: State, one: _Standing) -> None:
    known.orders.append(_only(one, "order", "forum", "enforceable_on"))


def _placed(known: State, one: _Standing) -> None:
    known.placements[str(one.said["body"])] = _only(
        one, "member_no", "availability", "from", "to", "work_gov"
    )


def _only(one: _Standing, *names: str) -> Fields:
    return {name: one.said[name] for name in names if name in one.said}


def _within(one: _Standing, prefix: str) -> Fields:
    return {name.removeprefix(prefix): value for name, value in one.said.items() if name.startswith(prefix)}


_EFFECTS: Mapping[str, Callable[[State, _Standing], None]] = {
    "death.v1": _died,
    "eligibility-gained.v1": _entered,
    "voter-snapshot.v1": _registered,
    "civil-status-change.v1": _changed,
    "residence-change.v1": _moved,
    "capacity-status.v1": _capacity,
    "deprivation.v1": _deprived,
    "restoration.v1": _restored,
    "service-status.v1": _served,
    "register-order.v1": _ordered,
    "judicial-roster.v1": _placed,
}
"""What each contract does to a state: as many as there are `events.KINDS`."""
