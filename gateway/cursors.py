"""How far an agency's records have been fetched: one cursor, the agency's own word, for each of its contracts."""

from __future__ import annotations

from pathlib import Path

from gateway.sqlite_file import SqliteFile

VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS cursor (
    agency TEXT, contract TEXT, value TEXT NOT NULL, PRIMARY KEY (agency, contract)
) STRICT, WITHOUT ROWID;
"""


class CursorFile:
    """Implements `doors.Cursors` in a file of its own. Safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        self._file = SqliteFile(path, _SCHEMA, version=VERSION, code="unavailable.store")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def read(self, agency: str, contract: str) -> str:
        """See `doors.Cursors.read`."""
        query = "SELECT value FROM cursor WHERE agency = ? AND contract = ?"
        rows = self._file.rows(query, (agency, contract))
        return rows[0][0] if rows else ""

    def write(self, agency: str, contract: str, value: str) -> None:
        """See `doors.Cursors.write`."""
        with self._file.transaction() as db:
            db.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?, ?)", (agency, contract, value))
