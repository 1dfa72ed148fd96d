"""What a recipient durably remembers, in one SQLite file: checkpoints seen, records handled, lanes stopped.

Everything a method changes is on disk when it returns. Several processes of one recipient may share the file.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from crypto.opening import Link
from gateway.sqlite_file import SqliteFile

VERSION = 1
IDS_A_QUERY = 256
ID_BYTES = 16

_SCHEMA = """
CREATE TABLE root (
    lane TEXT NOT NULL, epoch INTEGER NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL,
    PRIMARY KEY (lane, epoch, size)
) STRICT, WITHOUT ROWID;
CREATE TABLE link (
    lane TEXT NOT NULL, epoch INTEGER NOT NULL, recipient TEXT NOT NULL, contract TEXT NOT NULL,
    head INTEGER NOT NULL, after INTEGER NOT NULL,
    PRIMARY KEY (lane, epoch, recipient, contract, head)
) STRICT, WITHOUT ROWID;
CREATE TABLE stop (  -- a cleared stop ends an epoch of its lane
    lane TEXT NOT NULL, epoch INTEGER NOT NULL, code TEXT NOT NULL, at_ms INTEGER NOT NULL,
    cleared_ms INTEGER, cleared_by TEXT, why TEXT,
    PRIMARY KEY (lane, epoch)
) STRICT, WITHOUT ROWID;
CREATE TABLE handled (record BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE answer (
    record BLOB NOT NULL, number INTEGER NOT NULL,  -- 0, and one more for each answer that was not the last
    agency TEXT NOT NULL, source_ref TEXT NOT NULL,
    outcome TEXT, code TEXT, field_path TEXT, decided_ms INTEGER,  -- NULL while the core still owes it
    refused TEXT,  -- the code with which the gateway refused the answer
    seq INTEGER PRIMARY KEY,
    UNIQUE (record, number)
) STRICT;
CREATE INDEX answer_ready ON answer (seq) WHERE outcome IS NOT NULL AND refused IS NULL;
"""


@dataclass(frozen=True, slots=True)
class Stop:
    """A lane that is not opened any more since `at_ms` (Unix ms), and the code of what was wrong with it."""

    lane: str
    code: str
    at_ms: int


class LedgerFile:
    """The ledger (`ports.Ledger`) in a file. Safe to call from several threads.

    Every method may raise `Unavailable` with `unavailable.ledger`: the disk is full, or the file cannot be
    used. Then nothing was changed.
    """

    def __init__(self, path: Path) -> None:
        self.file = SqliteFile(path, _SCHEMA, version=VERSION, code="unavailable.ledger")

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def root_of(self, lane: str, size: int) -> bytes | None:
        """See `Checkpoints.root_of`. What was remembered before a stop was cleared does not count."""
        rows = self.file.rows(
            "SELECT root FROM root WHERE lane = ? AND epoch = ? AND size = ?", [lane, self._epoch(lane), size]
        )
        return bytes(rows[0][0]) if rows else None

    def overlaps(self, link: Link) -> bool:
        """See `Checkpoints.overlaps`."""
        # The links of a queue do not overlap each other, so only the first one that ends after this one
        # begins can reach into it.
        rows = self.file.rows(
            "SELECT after, head FROM link WHERE lane = ? AND epoch = ? AND recipient = ? AND contract = ?"
            " AND head > ? ORDER BY head LIMIT 1",
            [link.lane, self._epoch(link.lane), link.recipient, link.contract, link.after.size],
        )
        itself = (link.after.size, link.head.size)
        return bool(rows) and rows[0] != itself and rows[0][0] < link.head.size

    def remember(self, link: Link) -> None:
        """See `Checkpoints.remember`. A root that is remembered stays as it is."""
        epoch = self._epoch(link.lane)
        with self.file.transaction() as db:
            db.executemany(
                "INSERT OR IGNORE INTO root VALUES (?, ?, ?, ?)",
                [(link.lane, epoch, point.size, point.root) for point in (link.after, link.head)],
            )
            db.execute(
                "INSERT OR IGNORE INTO link VALUES (?, ?, ?, ?, ?, ?)",
                [link.lane, epoch, link.recipient, link.contract, link.head.size, link.after.size],
            )

    def unhandled(self, record_ids: Sequence[str]) -> frozenset[str]:
        """See `ports.Ledger.unhandled`."""
        known: set[str] = set()
        for start in range(0, len(record_ids), IDS_A_QUERY):
            ids = [id_octets(record_id) for record_id in record_ids[start : start + IDS_A_QUERY]]
            marks = ",".join("?" * len(ids))
            rows = self.file.rows(f"SELECT record FROM handled WHERE record IN ({marks})", ids)  # noqa: S608  marks
            known.update(id_text(record) for (record,) in rows)
        return frozenset(record_ids) - known

    def handled(self, record_ids: Sequence[str]) -> None:
        """See `ports.Ledger.handled`."""
        with self.file.transaction() as db:
            handle(db, record_ids)

    def stop(self, lane: str, code: str) -> None:
        """Have nothing of this lane opened any more, until an operator clears it."""
        epoch = self._epoch(lane)
        with self.file.transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO stop (lane, epoch, code, at_ms) VALUES (?, ?, ?, ?)",
                [lane, epoch, code, _now_ms()],
            )

    def stops(self) -> Mapping[str, Stop]:
        """Return the stops in force, by lane."""
        rows = self.file.rows("SELECT lane, code, at_ms FROM stop WHERE cleared_ms IS NULL ORDER BY lane", [])
        return {row[0]: Stop(*row) for row in rows}

    def clear(self, lane: str, by: str, why: str) -> bool:
        """Let a stopped lane be opened again, by whose decision and why; tell whether it was stopped.

        Its history begins anew with the next batch. The stop, and what was remembered before it, stay in the
        file.
        """
        with self.file.transaction() as db:
            cleared = db.execute(
                "UPDATE stop SET cleared_ms = ?, cleared_by = ?, why = ?"
                " WHERE lane = ? AND cleared_ms IS NULL",
                [_now_ms(), by, why, lane],
            )
            return cleared.rowcount == 1

    def _epoch(self, lane: str) -> int:
        rows = self.file.rows("SELECT count(*) FROM stop WHERE lane = ? AND cleared_ms IS NOT NULL", [lane])
        epoch: int = rows[0][0]
        return epoch


def handle(db: sqlite3.Connection, record_ids: Sequence[str]) -> int:
    """Mark records as handled, inside a transaction; return how many of them were not before."""
    rows = [(id_octets(record_id),) for record_id in record_ids]
    return db.executemany("INSERT OR IGNORE INTO handled VALUES (?)", rows).rowcount


def id_octets(record_id: str) -> bytes:
    """Return a record id (a UUID in text) as its 16 bytes.

    Raises:
        ValueError: it is no UUID.
    """
    digits = record_id.replace("-", "")
    if len(digits) != 2 * ID_BYTES:
        raise ValueError("a record id is a UUID")
    return bytes.fromhex(digits)


def id_text(octets: bytes) -> str:
    """Return the 16 bytes of a record id as text."""
    digits = octets.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
