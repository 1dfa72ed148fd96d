"""The quarantine: sealed messages of one record each that wait for an officer.

What officers decide about them is in `decisions`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from gateway.log.decisions import DECISIONS
from gateway.log.promises import promised
from gateway.log.proofs import lane_named
from gateway.log.store import located, place_of
from gateway.records import Message


@dataclass(frozen=True, slots=True)
class Waiting:
    """A record that waits since `since_ms` (Unix ms). `entry` is its own; `octets` the length of its message.

    `decided` is the kind of a decision that was made and is not carried out yet, or empty.
    """

    lane: str
    index: int
    entry: bytes
    since_ms: int
    octets: int
    decided: str


@dataclass(frozen=True, slots=True)
class QuarantineState:
    """How many records wait, and since when the oldest one does (Unix ms; 0 when none does)."""

    records: int
    oldest_ms: int


def state(db: sqlite3.Connection) -> QuarantineState:
    """Return what an operator should know."""
    query = "SELECT count(*), coalesce(min(time_ms), 0) FROM quarantine"
    return QuarantineState(*db.execute(query).fetchone())


def waiting(db: sqlite3.Connection) -> Iterator[Waiting]:
    """Yield everything that waits, longest first."""
    yield from _found(db, "ORDER BY quarantine.time_ms, quarantine.place")


def waiting_one(db: sqlite3.Connection, record_id: str) -> Waiting | None:
    """Return one record, if it waits.

    Raises:
        ValueError: not a record id.
    """
    place = _place(db, record_id)
    return None if place is None else next(_found(db, "WHERE quarantine.place = ?", place), None)


def message(db: sqlite3.Connection, record_id: str) -> Message | None:
    """Return the sealed message of a record that waits.

    Raises:
        ValueError: not a record id.
    """
    query = "SELECT batch, recipient, contract, body FROM quarantine WHERE place = ?"
    row = db.execute(query, (_place(db, record_id),)).fetchone()
    return None if row is None else Message(row[0], f"{row[1]}.{row[2]}", row[3])


def _found(db: sqlite3.Connection, which: str, *values: int) -> Iterator[Waiting]:
    query = (
        "SELECT quarantine.place, lane.name, octets, quarantine.time_ms, bytes FROM quarantine"  # noqa: S608
        " JOIN entry ON entry.place = quarantine.place JOIN lane ON lane.id = quarantine.place >> 48"
        f" {which}"
    )
    decided = dict(db.execute("SELECT record_id, kind FROM spool WHERE kind IN (?, ?)", DECISIONS))
    for place, lane, entry, since_ms, octets in db.execute(query, values):
        _, index = located(place)
        yield Waiting(lane, index, entry, since_ms, octets, decided.get(orjson.loads(entry)["id"], ""))


def _place(db: sqlite3.Connection, record_id: str) -> int | None:
    promise = promised(db, record_id)
    return None if promise is None else place_of(lane_named(db, promise.lane).number, promise.index)
