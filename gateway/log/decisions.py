"""What officers decide about records that wait: events that the log's writer appends and carries out.

A decision is left in the spool like every event. The round that appends it also moves the record's message out of
the quarantine, in the same transaction; the first decision about a record is the one that counts.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from gateway.log.chains import REFUSED
from gateway.records import GATEWAY, Event

RELEASED = "record.released"
DECISIONS = (RELEASED, REFUSED)
TOO_LATE = "officer.decided_too_late"


@dataclass(frozen=True, slots=True)
class Decided:
    """What is to become of a record's message: whether it goes, and whether the electoral freeze holds it still."""

    lane: str
    released: bool
    freeze: str


def released(lane: str, record_id: str, officer: str, why: str, freeze: str) -> Event:
    """Return an officer's decision that a record goes on.

    `why` is a code. With `freeze` "hold" it goes when the electoral freeze is over, with "pass" at once.
    """
    return Event(lane, RELEASED, (("officer", officer), ("why", why), ("freeze", freeze)), record_id)


def refused(lane: str, record_id: str, officer: str, why: str) -> Event:
    """Return an officer's decision that a record never goes on; `why` is a code."""
    return Event(lane, REFUSED, (("officer", officer), ("why", why)), record_id)


def is_decision(event: Event) -> bool:
    """Tell decisions from other events; what the freeze no longer holds is released as a range."""
    return event.kind in DECISIONS and event.record_id != ""


def decided(decision: Event) -> Decided:
    """Return what a decision orders; what does not say that it passes is held."""
    freeze = str(dict(decision.fields).get("freeze", "hold"))
    return Decided(decision.lane, decision.kind == RELEASED, freeze)


def too_late(decision: Event) -> Event:
    """Return what the gateway's lane remembers of a decision about what did not wait any more."""
    said = [(name, value) for name, value in decision.fields if name in {"officer", "why"}]
    return Event(GATEWAY, TOO_LATE, (*said, ("decision", decision.kind), ("record", decision.record_id)))


def waits_at(db: sqlite3.Connection, place: int, lane: str) -> bool:
    """Tell whether the record at a place waits for an officer, and is of this lane."""
    query = "SELECT 1 FROM quarantine JOIN lane ON lane.id = place >> 48 WHERE place = ? AND name = ?"
    return db.execute(query, (place, lane)).fetchone() is not None
