"""Messages that leave the store: put together only then, of what was kept for them and what their lane has."""

from __future__ import annotations

import sqlite3

from crypto.seal import encode
from gateway.log.store import place_of

# One row, because Python gives up its lock for each. An entry holds no line feed: RFC 8785 escapes it.
_ENTRIES = """
SELECT group_concat(CAST(octets AS TEXT), char(10))
FROM (SELECT octets FROM entry WHERE place >= ? AND place < ? ORDER BY place)
"""


def message_body(db: sqlite3.Connection, lane: int, first: int, count: int, packed: bytes) -> bytes:
    """Return the queue message of a batch of the lane with this number: `count` records from index `first` on."""
    end = place_of(lane, first + count)
    (entries,) = db.execute(_ENTRIES, (place_of(lane, first), end)).fetchone()
    (note,) = db.execute("SELECT note FROM checkpoint WHERE place = ?", (end,)).fetchone()
    return encode(packed, entries.split("\n"), note)
