"""The spool: where a process that may not sign leaves events for the one that may."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

import orjson

from gateway.log.events import event_entry
from gateway.log.planned import Noted
from gateway.log.store import Row, insert, open_spool, transaction, translated
from gateway.moments import now_ms
from gateway.records import GATEWAY, Event

SPOOLED_MAX = 512
"""Events taken from the spool in one round."""
_COLUMNS = "lane, kind, fields, record_id, first, count, time_ms"


class StoreSpool:
    """Implements `ports.Spool` on the store of another process. Safe to call from several threads."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._db = open_spool(path)

    def leave(self, events: Sequence[Event]) -> None:
        """See `ports.Spool.leave`.

        Raises:
            ValueError: an event that no lane can hold.
            Unavailable: `unavailable.store`; nothing was kept.
        """
        rows = spool_rows(events, now_ms())
        with self._lock, translated(), transaction(self._db):
            insert_spooled(self._db, rows)

    def close(self) -> None:
        """Close the store."""
        with self._lock:
            self._db.close()


def spool_rows(events: Sequence[Event], time_ms: int) -> list[Row]:
    """Return the rows that keep events which happened at this time (Unix ms).

    Raises:
        ValueError: an event that no lane can hold; it is refused here, where somebody can still do
        something about it.
    """
    for event in events:
        event_entry(event, time_ms)
    return [
        (one.lane, one.kind, orjson.dumps(one.fields).decode(), one.record_id, one.first, one.count, time_ms)
        for one in events
    ]


def insert_spooled(db: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Keep rows made by `spool_rows`; an event about a range that waits already is left as it is."""
    insert(db, f"spool ({_COLUMNS})", rows, verb="INSERT OR IGNORE")


def spooled(db: sqlite3.Connection) -> dict[int, Noted]:
    """Return the oldest events that wait, by their number in the spool.

    One that no lane can hold was not put there by `leave`: the gateway's lane remembers that in its place.
    """
    query = f"SELECT seq, {_COLUMNS} FROM spool ORDER BY seq LIMIT ?"  # noqa: S608  a constant
    found: dict[int, Noted] = {}
    for seq, lane, kind, fields, record_id, first, count, time_ms in db.execute(query, (SPOOLED_MAX,)):
        try:
            pairs = tuple((name, value) for name, value in orjson.loads(fields))
            event = Event(lane, kind, pairs, record_id, first, count)
            event_entry(event, time_ms)
        except (ValueError, TypeError, OverflowError, OSError):
            found[seq] = Noted(Event(GATEWAY, "event.malformed", (("seq", seq),)), now_ms())
        else:
            found[seq] = Noted(event, time_ms)
    return found
