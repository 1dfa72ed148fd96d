"""The embedded queue's file: its tables, and the one way to read and to change it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway.errors import Unavailable

CODE = "unavailable.queue"
VERSION = 1
BUSY_S = 10.0
"""A commit takes milliseconds; whoever waits longer than this waits for a disk that hangs."""
PAGE_BYTES = 32768
"""A sealed batch has hundreds of KiB: larger pages carry it faster than the usual 4 KiB."""

# The body has a table of its own: a changed row is written again in full.
_SCHEMA = f"""
BEGIN EXCLUSIVE;
CREATE TABLE IF NOT EXISTS message (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice, so it orders a queue for good
    queue TEXT NOT NULL,
    id TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due_ms INTEGER NOT NULL DEFAULT 0,
    consumer TEXT,  -- who has it on lease
    reason TEXT,  -- the code it was parked with; NULL while it waits
    parked_ms INTEGER,
    UNIQUE (queue, id)
) STRICT;
CREATE INDEX IF NOT EXISTS message_waiting ON message (queue, seq) WHERE reason IS NULL;
CREATE TABLE IF NOT EXISTS body (seq INTEGER PRIMARY KEY, octets BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS consumer (id TEXT PRIMARY KEY, until_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
PRAGMA user_version = {VERSION};
COMMIT;
"""

_Values = Mapping[str, str | int] | Sequence[str | int | bytes]


class QueueFile:
    """One connection to the queue's file, for any thread, one at a time."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        with _translated():
            self._connection = sqlite3.connect(path, BUSY_S, isolation_level=None, check_same_thread=False)
            for pragma in (
                f"page_size = {PAGE_BYTES}",
                "journal_mode = WAL",
                "synchronous = FULL",  # a confirmed message survives a power cut
                "secure_delete = OFF",  # what is deleted was sealed
                "wal_autocheckpoint = 256",
            ):
                self._connection.execute(f"PRAGMA {pragma}")
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, VERSION):
                raise Unavailable(
                    CODE, f"the queue's file has version {version} and this program knows {VERSION}"
                )
            if version == 0:
                self._connection.executescript(_SCHEMA)

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """Begin a transaction and commit it: all durable on return, or nothing changed.

        Raises:
            Unavailable: the file cannot be written now.
        """
        with self._lock, _translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def rows(self, query: str, values: _Values) -> list[tuple[Any, ...]]:
        """Return the rows of a query.

        Raises:
            Unavailable: the file cannot be read now.
        """
        with self._lock, _translated():
            return self._connection.execute(query, values).fetchall()

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", type(error).__name__)  # Python's own have none
        raise Unavailable(CODE, f"the queue's file cannot be used: {name}") from error
