"""The oracle: what a recipient must hold of each person once everything that was accepted has reached it.

It follows from what the flows know of their own records: what each was meant to say, and whether it is taken. A
record stands if it was accepted and nothing accepted voids it. What stands is told to the state by the day it
happened, so in whatever order agencies send, one state comes of it. One person's state needs nobody else's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from crypto.seal import record_id
from gateway.synth.flows import Flow, Made
from gateway.synth.forms import Value
from gateway.synth.noise import ACCEPTED
from gateway.synth.scenes import ADDRESS

Fields = dict[str, Value]
_DECISIVE = "REGISTERED"
"""Of two who tell of a death, the civil register is believed."""


class State(msgspec.Struct):
    """What is known in the end under one national ID or token; what nobody has told is empty."""

    nid: str
    token: str = ""
    """Where the person is named by a token and no national ID."""
    dead: Fields = {}
    """Day of death and how sure it is."""
    eligible_from: str = ""
    residence: Fields = {}
    card: str = ""
    changed: Fields = {}
    """The last value of each thing that the civil register has changed, by kind of change."""
    other_numbers: list[str] = []
    """National IDs that this one has replaced or taken in."""
    bars: dict[str, Fields] = {}
    """Each open bar by the id of the record that opened it: its kind or legal item, and the case if it was judged."""
    forces: list[str] = []
    """Forces that the person serves in, sorted."""
    orders: list[Fields] = []
    """Enforceable orders, oldest first."""
    placements: dict[str, Fields] = {}
    """The last placement by each body."""


class _Standing(NamedTuple):
    """A record that stands; as a tuple it sorts by the day it happened, and then always in the same way."""

    occurred_on: Value
    contract: str
    agency: str
    first: str
    """The reference under which it was first told; a correction does not change what it is named by."""
    said: Mapping[str, Value]

    @property
    def id(self) -> str:
        """By which other records name it."""
        return record_id(self.agency, self.contract, self.first, "assert")


class States:
    """The states of some persons: takes every record about them, of each chain in its order, and knows in the end."""

    def __init__(self) -> None:
        """Know nobody."""
        self._told: dict[tuple[Value, Value], dict[tuple[str, str, str], _Standing]] = {}

    def take(self, flow: Flow, made: Made) -> None:
        """Take what a flow tells; what is refused, sent again or set aside for an officer leaves no trace."""
        if made.answer.outcome != ACCEPTED:
            return
        record = made.record
        subject = record.get("person.nid", ""), record.get("subject_token", "")
        told = self._told.get(subject)
        if told is None:
            told = self._told[subject] = {}
        if made.op == "void":
            del told[flow.contract, flow.agency, made.first]
        else:
            day = record["occurred_on"]
            said = flow.voice.said(record)
            name = flow.contract, flow.agency, made.first
            told[name] = _Standing(day, *name, said)

    def known(self) -> Iterator[State]:
        """Yield the state of everybody about whom something was accepted."""
        for (nid, token), told in self._told.items():
            known = State(str(nid), str(token))
            for one in sorted(told.values(), key=_in_order) if len(told) > 1 else told.values():
                _EFFECTS[one.contract](known, one)
            yield known


def _in_order(one: _Standing) -> tuple[Value, str, str, str]:
    return one[:4]


def _died(known: State, one: _Standing) -> None:
    if not known.dead or one.said["assurance"] == _DECISIVE:
        known.dead = _only(one, "death_date", "assurance")


def _entered(known: State, one: _Standing) -> None:
    known.eligible_from = str(one.said["eligible_from"])
    known.residence = _address(one, "residence")


def _registered(known: State, one: _Standing) -> None:
    known.card = str(one.said["card_status"])
    known.residence = _address(one, "residence")


def _moved(known: State, one: _Standing) -> None:
    known.residence = _address(one, "to_addr")


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
        known.bars[one.id] = _only(one, "kind") | _case(one, "decision")
    else:
        known.bars.pop(str(one.said["bar_id"]), None)


def _deprived(known: State, one: _Standing) -> None:
    if not one.said["execution_suspended"]:
        known.bars[one.id] = _only(one, "legal_item") | _case(one, "decision")


def _restored(known: State, one: _Standing) -> None:
    known.bars.pop(str(one.said.get("closes_bar_id")), None)
    closed = _case(one, "closes_decision").items()
    if closed:
        known.bars = {name: bar for name, bar in known.bars.items() if not closed <= bar.items()}


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


def _address(one: _Standing, prefix: str) -> Fields:
    return _below(one, prefix, ADDRESS)


def _case(one: _Standing, prefix: str) -> Fields:
    return _below(one, prefix, _CASE)


def _below(one: _Standing, prefix: str, names: tuple[str, ...]) -> Fields:
    said = one.said
    return {name: said[whole] for name in names if (whole := f"{prefix}.{name}") in said}


_CASE = ("court_code", "case_no", "case_year")
"""What names a judgment; the day on which it was given is told too often in different ways."""

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
