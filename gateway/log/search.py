"""Finding entries: by record, by reference, by time, by citizen; and everything about one record.

Searching returns what the lanes say, never what the records say: the log holds no record.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from crypto.encoding import b64url
from crypto.entry import record_id
from gateway.log.events import SPAN_MAX
from gateway.log.promises import promised
from gateway.log.proofs import Place, entry_at, lane_named, lane_numbered
from gateway.log.store import located, place_of, select
from gateway.log.tags import places, tag_of

CHAINED_MAX = 100
"""Corrections and voids of one record that its story has."""
_OPERATIONS = ("assert", "correct", "void")


@dataclass(frozen=True, slots=True)
class Found:
    """An entry and where it stands."""

    lane: str
    index: int
    entry: bytes

    @property
    def fields(self) -> dict[str, Any]:
        """What the entry says."""
        fields: dict[str, Any] = orjson.loads(self.entry)
        return fields


def lanes(db: sqlite3.Connection) -> list[str]:
    """Return the names of all lanes, in the order in which they were opened."""
    return [name for (name,) in db.execute("SELECT name FROM lane ORDER BY id")]


def show(db: sqlite3.Connection, lane: str, index: int) -> Found | None:
    """Return one entry.

    Raises:
        LookupError: there is no such lane.
    """
    entry = entry_at(db, lane_named(db, lane), index)
    return None if entry is None else Found(lane, index, entry)


def by_record(db: sqlite3.Connection, identifier: str) -> Found | None:
    """Return the entry of a record that was accepted.

    Raises:
        ValueError: not a record id.
    """
    promise = promised(db, identifier)
    return None if promise is None else show(db, promise.lane, promise.index)


def by_reference(db: sqlite3.Connection, sender: str, source_ref: str) -> list[Found]:
    """Return the entries of everything that a sender handed over under a reference of its own.

    Raises:
        LookupError: the sender has no lane.
    """
    lane = lane_named(db, sender)
    query = "SELECT DISTINCT contract FROM queue_head WHERE lane = ? ORDER BY contract"
    contracts = [contract for (contract,) in db.execute(query, (lane.number,)).fetchall()]
    ids = [record_id(sender, contract, source_ref, op) for contract in contracts for op in _OPERATIONS]
    return [found for found in (by_record(db, identifier) for identifier in ids) if found is not None]


def by_subject(db: sqlite3.Connection, lane: str, pseudonym: bytes) -> list[Found]:
    """Return the entries about a citizen in one lane, given the citizen's pseudonym there (32 bytes)."""
    number, subject = lane_named(db, lane).number, b64url(pseudonym)
    candidates = [place for place in places(db, tag_of(pseudonym)) if located(place)[0] == number]
    return [found for found in _at(db, candidates) if found.fields.get("subject") == subject]


def by_time(db: sqlite3.Connection, lane: str, from_ms: int, until_ms: int, limit: int) -> list[Found]:
    """Return up to `limit` entries that a lane took from `from_ms` to just before `until_ms` (Unix ms).

    Raises:
        LookupError: there is no such lane.
    """
    place = lane_named(db, lane)
    first, end = _size_before(db, place, from_ms), _size_before(db, place, until_ms)
    query = "SELECT place, octets FROM entry WHERE place >= ? AND place < ? ORDER BY place LIMIT ?"
    rows = db.execute(query, (place_of(place.number, first), place_of(place.number, end), limit))
    return [Found(lane, located(at)[1], octets) for at, octets in rows]


def trace(db: sqlite3.Connection, identifier: str) -> list[Found]:
    """Return everything that the log says of one record, in order of time; nothing if it was never accepted.

    Other records that correct or void it are part of that, the last hundred of them.

    Raises:
        ValueError: not a record id.
    """
    own = by_record(db, identifier)
    if own is None:
        return []
    number = lane_named(db, own.lane).number
    place = place_of(number, own.index)
    rows = db.execute("SELECT event FROM about WHERE place = ?", (place,)).fetchall()
    # Its sender can correct it as often as it likes; the latest are enough.
    query = "SELECT place FROM chain WHERE prior = ? ORDER BY place DESC LIMIT ?"
    rows += db.execute(query, (place, CHAINED_MAX)).fetchall()
    # A range is at most a batch long, so one around this index begins at most that far before it.
    query = "SELECT event FROM span WHERE lane = ? AND first BETWEEN ? AND ? AND first + count > ?"
    spans = db.execute(query, (number, own.index - SPAN_MAX + 1, own.index, own.index)).fetchall()
    events = [*(event for (event,) in rows), *(place_of(number, index) for (index,) in spans)]
    return sorted([own, *_at(db, events)], key=lambda found: (found.fields["time"], found.lane, found.index))


def _at(db: sqlite3.Connection, at: Sequence[int]) -> Iterator[Found]:
    for place, octets in select(db, "SELECT place, octets FROM entry WHERE place IN", sorted(at)):
        number, index = located(place)
        yield Found(lane_numbered(db, number).name, index, octets)


def _size_before(db: sqlite3.Connection, lane: Place, time_ms: int) -> int:
    """Return how many entries a lane had before an instant: the size of its last checkpoint before it."""
    query = (
        "SELECT place FROM checkpoint WHERE place >> 48 = ? AND time_ms < ?"
        " ORDER BY time_ms DESC, place DESC LIMIT 1"
    )
    row = db.execute(query, (lane.number, time_ms)).fetchone()
    return located(row[0])[1] if row else 0
