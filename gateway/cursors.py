"""How far an agency's records have been fetched: one cursor, the agency's own word, for each of its contracts."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.errors import Unavailable

BUSY_S = 5.0


class CursorFile:
    """Implements `doors.Cursors` in a file of its own. Safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        with _translated():
            self._db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS cursor (agency TEXT, contract TEXT, value TEXT NOT NULL,"
                " PRIMARY KEY (agency, contract)) STRICT, WITHOUT ROWID"
            )

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def read(self, agency: str, contract: str) -> str:
        """See `doors.Cursors.read`."""
        query = "SELECT value FROM cursor WHERE agency = ? AND contract = ?"
        with self._lock, _translated():
            row = self._db.execute(query, (agency, contract)).fetchone()
        return row[0] if row else ""

    def write(self, agency: str, contract: str, value: str) -> None:
        """See `doors.Cursors.write`."""
        with self._lock, _translated():
            self._db.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?, ?)", (agency, contract, value))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise Unavailable("unavailable.store", "the file of cursors cannot be used") from error
