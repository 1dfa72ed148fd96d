"""Proofs from what the store holds: an entry's place in its lane, against the latest checkpoint."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from functools import cache

from crypto.merkle import inclusion_proof
from crypto.proof import format_proof
from crypto.receipt import Receipt
from gateway.log.lane import tile_reader
from gateway.log.store import LANE_SHIFT, located, place_of
from gateway.log.tiles import Tiles


@dataclass(frozen=True, slots=True)
class Place:
    """A lane by number and name."""

    number: int
    name: str


def lane_named(db: sqlite3.Connection, name: str) -> Place:
    """Return a lane.

    Raises:
        LookupError: there is none of this name.
    """
    row = db.execute("SELECT id FROM lane WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise LookupError("no such lane")
    return Place(row[0], name)


def lane_numbered(db: sqlite3.Connection, number: int) -> Place:
    """Return the lane of a number that stands in the store."""
    (name,) = db.execute("SELECT name FROM lane WHERE id = ?", (number,)).fetchone()
    return Place(number, name)


def latest(db: sqlite3.Connection, lane: Place) -> tuple[int, str]:
    """Return the size and the signed note of the lane's latest checkpoint."""
    query = "SELECT place, note FROM checkpoint WHERE place BETWEEN ? AND ? ORDER BY place DESC LIMIT 1"
    place, note = db.execute(query, (place_of(lane.number, 0), place_of(lane.number + 1, 0) - 1)).fetchone()
    return located(place)[1], note


def entry_at(db: sqlite3.Connection, lane: Place, index: int) -> bytes | None:
    """Return the octets of an entry."""
    if index >> LANE_SHIFT:  # no lane is that long: the place would be another lane's
        return None
    row = db.execute("SELECT octets FROM entry WHERE place = ?", (place_of(lane.number, index),)).fetchone()
    return None if row is None else row[0]


class Proofs:
    """Proofs of a lane's entries against its latest checkpoint. They share hashes: many cost little more than one."""

    def __init__(self, db: sqlite3.Connection, lane: Place) -> None:
        self._db = db
        self._lane = lane
        self._size, self._note = latest(db, lane)
        self._subtree = cache(Tiles(tile_reader(db, lane.number)).subtree)

    def at(self, index: int) -> str:
        """Return the C2SP tlog-proof of an entry.

        Raises:
            ValueError: the lane has no entry at this index.
        """
        return format_proof(index, inclusion_proof(index, self._size, self._subtree), self._note)

    def receipt(self, index: int, record_id: str = "", salt: bytes = b"") -> Receipt:
        """Return the receipt of an entry.

        Raises:
            ValueError: the lane has no entry at this index.
        """
        entry = entry_at(self._db, self._lane, index)
        if entry is None:
            raise ValueError("the lane has no entry at this index")
        return Receipt(record_id, self._lane.name, index, salt, self.at(index), entry)


def proof_at(db: sqlite3.Connection, lane: Place, index: int) -> str:
    """Return the C2SP tlog-proof of an entry against the lane's latest checkpoint.

    Raises:
        ValueError: the lane has no entry at this index.
    """
    return Proofs(db, lane).at(index)


def receipt_at(
    db: sqlite3.Connection, lane: Place, index: int, record_id: str = "", salt: bytes = b""
) -> Receipt:
    """Return the receipt of an entry that the lane has.

    Raises:
        ValueError: the lane has no entry at this index.
    """
    return Proofs(db, lane).receipt(index, record_id, salt)
