"""The quarantine: sealed messages of one record each that wait for an officer.

What officers decide about them is in `decisions`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from crypto.entry import parse_entry, record_id
from gateway.log.chains import Standing, standings
from gateway.log.decisions import DECISIONS
from gateway.log.leaving import body_parts, message_body
from gateway.log.promises import promised
from gateway.log.proofs import lane_named
from gateway.log.store import located, place_of
from gateway.records import Message

_PARTS = body_parts("quarantine.place", "1")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A record that waits since `since_ms` (Unix ms). `entry` is its own.

    `decided` is the kind of a decision that was made and is not carried out yet, or empty.
    """

    lane: str
    index: int
    entry: bytes
    since_ms: int
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


def by_lane(db: sqlite3.Connection) -> dict[str, int]:
    """Return how many records of each lane wait."""
    # Counted in the index of times, which has every place: the messages are not read.
    query = (
        "SELECT lane.name, waiting.records FROM lane JOIN"
        " (SELECT place >> 48 AS id, count(*) AS records FROM quarantine INDEXED BY quarantine_time GROUP BY 1)"
        " AS waiting USING (id)"
    )
    return dict(db.execute(query).fetchall())


def waiting(db: sqlite3.Connection) -> Iterator[Waiting]:
    """Yield everything that waits, longest first."""
    yield from _found(db, "ORDER BY quarantine.time_ms, quarantine.place")


def waiting_one(db: sqlite3.Connection, identifier: str) -> Waiting | None:
    """Return one record, if it waits.

    Raises:
        ValueError: not a record id.
    """
    place = _place(db, identifier)
    return None if place is None else next(_found(db, "WHERE quarantine.place = ?", place), None)


def prior_standing(db: sqlite3.Connection, one: Waiting) -> Standing | None:
    """Return whether what a waiting record corrects or voids stands, as far as that came before it.

    None when it corrects or voids nothing.
    """
    own = parse_entry(one.entry)
    if not own.prior_ref:
        return None
    place = place_of(lane_named(db, one.lane).number, one.index)
    ids = [record_id(own.sender, own.contract, own.prior_ref, op) for op in ("assert", "correct")]
    places = {found for found in (_place(db, prior) for prior in ids) if found is not None and found != place}
    found = standings(db, places, before=place).values()
    return next(
        (standing for standing in (Standing.STANDS, Standing.WAITS) if standing in found), Standing.GONE
    )


def message(db: sqlite3.Connection, identifier: str) -> Message | None:
    """Return the sealed message of a record that waits.

    Raises:
        ValueError: not a record id.
    """
    query = f"SELECT batch, recipient, contract, {_PARTS} FROM quarantine WHERE place = ?"  # noqa: S608  constants
    row = db.execute(query, (_place(db, identifier),)).fetchone()
    if row is None:
        return None
    batch, recipient, contract, *parts = row
    return Message(batch, f"{recipient}.{contract}", message_body(*parts))


def _found(db: sqlite3.Connection, which: str, *values: int) -> Iterator[Waiting]:
    query = (
        "SELECT quarantine.place, lane.name, entry.octets, quarantine.time_ms FROM quarantine"  # noqa: S608
        " JOIN entry ON entry.place = quarantine.place JOIN lane ON lane.id = quarantine.place >> 48"
        f" {which}"
    )
    decided = dict(db.execute("SELECT record_id, kind FROM spool WHERE kind IN (?, ?)", DECISIONS))
    for place, lane, entry, since_ms in db.execute(query, values):
        _, index = located(place)
        yield Waiting(lane, index, entry, since_ms, decided.get(parse_entry(entry).id, ""))


def _place(db: sqlite3.Connection, identifier: str) -> int | None:
    promise = promised(db, identifier)
    return None if promise is None else place_of(lane_named(db, promise.lane).number, promise.index)
