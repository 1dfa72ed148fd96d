"""What the adapter durably knows of files: where each one is on its way, and up to which row it was answered.

A file's progress names the octets of the answers that belong to it: what a crash left behind that is cut off.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from operator import attrgetter
from pathlib import Path

from msgspec.structs import replace

from adapters.sftp.entry import Entry, Overdue, State, Waiting
from gateway.errors import Unavailable

_COLUMNS = Entry.__struct_fields__
_STATE = _COLUMNS.index("state")
_STATES = {state.value: state for state in State}
_PROGRESS = (
    "position", "accepted", "duplicate", "quarantined", "refused", "first_index", "last_index",
    "last_held_index", "results_bytes", "receipts_bytes", "read_bytes",
)  # fmt: skip
_SCHEMA = """
CREATE TABLE IF NOT EXISTS file (
    id TEXT PRIMARY KEY, agency TEXT NOT NULL, contract TEXT NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL,
    landed_ms INTEGER NOT NULL, size INTEGER NOT NULL, certificate TEXT NOT NULL, signature TEXT NOT NULL,
    key_id TEXT NOT NULL, sha256 TEXT NOT NULL, media_type TEXT NOT NULL, expected INTEGER NOT NULL,
    batch TEXT NOT NULL, sequence INTEGER NOT NULL, total INTEGER NOT NULL DEFAULT 0,
    missing INTEGER NOT NULL, whole_ms INTEGER NOT NULL, begun_ms INTEGER NOT NULL,
    ended_ms INTEGER NOT NULL, remove_ms INTEGER NOT NULL,
    code TEXT NOT NULL, rule TEXT NOT NULL,
    position INTEGER NOT NULL, accepted INTEGER NOT NULL, duplicate INTEGER NOT NULL,
    quarantined INTEGER NOT NULL, refused INTEGER NOT NULL, first_index INTEGER NOT NULL,
    last_index INTEGER NOT NULL, results_bytes INTEGER NOT NULL, receipts_bytes INTEGER NOT NULL,
    read_bytes INTEGER NOT NULL DEFAULT 0, last_held_index INTEGER NOT NULL DEFAULT 0,
    removed_ms INTEGER NOT NULL DEFAULT 0, returned_ms INTEGER NOT NULL DEFAULT 0,
    overdue_ms INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS file_name ON file (agency, contract, name);
CREATE UNIQUE INDEX IF NOT EXISTS file_place ON file (agency, contract, name) WHERE removed_ms = 0;
CREATE INDEX IF NOT EXISTS file_content ON file (agency, contract, sha256);
CREATE INDEX IF NOT EXISTS file_waiting ON file (state, whole_ms) WHERE removed_ms = 0;
CREATE INDEX IF NOT EXISTS file_landing ON file (agency, contract) WHERE state = 'landing' AND removed_ms = 0;
"""
_ADDED = ("read_bytes", "total", "overdue_ms", "last_held_index")
"""Columns that came later."""
_PARTS = "CREATE INDEX IF NOT EXISTS file_parts ON file (agency, contract, batch) WHERE total > 0"
_VALUES = attrgetter(*_COLUMNS)
_PUT = (
    f"INSERT INTO file ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))}) "  # noqa: S608  names of fields
    f"ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS[1:])}"
)
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM file"  # noqa: S608  the names of the class's own fields


class Journal:
    """The one who writes it.

    What is written outlasts the death of the process at once, and a power cut after `sync`. Two processes may write it.

    Raises:
        Unavailable: `unavailable.store`; any method may.
    """

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        # Commits are appended to the write-ahead log, and `sync` waits for the disk: once for many, in another thread.
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)
        present = {row[1] for row in self._db.execute("PRAGMA table_info(file)")}
        for added in _ADDED:
            if added not in present:  # a journal of an earlier gateway
                self._db.execute(f"ALTER TABLE file ADD COLUMN {added} INTEGER NOT NULL DEFAULT 0")
        self._db.execute(_PARTS)
        self._log = os.open(f"{path}-wal", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def close(self) -> None:
        """Close it."""
        self._db.close()
        os.close(self._log)

    def sync(self) -> None:
        """Have everything that was written so far outlast a power cut."""
        try:
            os.fdatasync(self._log)
        except OSError as error:
            raise Unavailable("unavailable.store", "the journal of files must be writable") from error

    def known(self, name: str) -> Entry | None:
        """Return a file by its id."""
        found = self._read("WHERE id = ?", name)
        return found[0] if found else None

    def at(self, agency: str, contract: str, name: str) -> Entry | None:
        """Return the file that stands at a place."""
        found = self._read(
            "WHERE (agency, contract, name) = (?, ?, ?) AND removed_ms = 0", agency, contract, name
        )
        return found[0] if found else None

    def landing(self, agency: str, contract: str) -> Sequence[Entry]:
        """Return what of a folder is not whole."""
        return self._read(
            "WHERE (agency, contract) = (?, ?) AND state = 'landing' AND removed_ms = 0", agency, contract
        )

    def landing_as(self, agency: str, contract: str, names: Collection[str]) -> Sequence[Entry]:
        """Return what of a folder has one of these names and is not whole."""
        return self._read(
            f"WHERE (agency, contract) = (?, ?) AND name IN ({', '.join('?' * len(names))}) "
            "AND state = 'landing' AND removed_ms = 0",
            agency, contract, *names,
        )  # fmt: skip

    def all_landing(self) -> Sequence[Entry]:
        """Return what is not whole, of all agencies."""
        return self._read("WHERE state = 'landing' AND removed_ms = 0")

    def waiting(self) -> Sequence[Waiting]:
        """Return what is whole and not yet answered, in the order in which it became so."""
        query = (
            "SELECT id, agency, contract, size, read_bytes, whole_ms FROM file "
            "WHERE state IN ('whole', 'taken') AND removed_ms = 0 ORDER BY whole_ms, id"
        )
        with _translated("readable"):
            return [Waiting(*row) for row in self._db.execute(query)]

    def due(self, now_ms: int) -> Sequence[Entry]:
        """Return what has been kept as long as it is to be."""
        return self._read(
            "WHERE state IN ('answered', 'refused') AND remove_ms <= ? AND removed_ms = 0", now_ms
        )

    def same_content(self, entry: Entry) -> Entry | None:
        """Return another file of the agency and contract that has this content and was taken, also long ago."""
        found = self._read(
            "WHERE (agency, contract, sha256) = (?, ?, ?) AND id != ? AND state IN ('taken', 'answered') LIMIT 1",
            entry.agency, entry.contract, entry.sha256, entry.id,
        )  # fmt: skip
        return found[0] if found else None

    def highest_sequence(self, entry: Entry) -> int:
        """Return the highest sequence number taken so far in this file's series, or 0."""
        query = (
            "SELECT max(sequence) FROM file WHERE (agency, contract, batch) = (?, ?, ?) AND id != ? "
            "AND state IN ('taken', 'answered')"
        )
        with _translated("readable"):
            found = self._db.execute(query, (entry.agency, entry.contract, entry.batch, entry.id)).fetchone()
        return found[0] or 0

    def parts(self, entry: Entry) -> frozenset[int]:
        """Return which parts of this file's batch were taken so far."""
        query = (
            "SELECT DISTINCT sequence FROM file WHERE (agency, contract, batch) = (?, ?, ?) AND id != ? "
            "AND state IN ('taken', 'answered')"
        )
        with _translated("readable"):
            found = self._db.execute(query, (entry.agency, entry.contract, entry.batch, entry.id))
            return frozenset(sequence for (sequence,) in found)

    def overdue(self, before_ms: int) -> Sequence[Overdue]:
        """Return the batches that are incomplete, kept, and of which nothing came since."""
        query = (
            "SELECT agency, contract, batch, max(id), max(total), max(total) - count(DISTINCT sequence), "
            "max(iif(overdue_ms, id, '')) = max(id) FROM file WHERE total > 0 AND state IN ('taken', 'answered') "
            "GROUP BY agency, contract, batch HAVING count(DISTINCT sequence) < max(total) "
            "AND max(whole_ms) <= ? AND min(removed_ms) = 0"
        )
        with _translated("readable"):
            return [
                Overdue(agency, contract, batch, latest, total, missing, bool(reported))
                for agency, contract, batch, latest, total, missing, reported in self._db.execute(
                    query, [before_ms]
                )
            ]

    def reported(self, batch: Overdue, now_ms: int) -> None:
        """Remember that it was said that a batch is incomplete; when more of it comes, it is said anew."""
        self._write("UPDATE file SET overdue_ms = ? WHERE id = ?", [now_ms, batch.latest])

    def ever(self, agency: str, contract: str, name: str) -> bool:
        """Return whether there is, or was, a file of this name."""
        query = "SELECT 1 FROM file WHERE (agency, contract, name) = (?, ?, ?) LIMIT 1"
        with _translated("readable"):
            return self._db.execute(query, (agency, contract, name)).fetchone() is not None

    def unreturned(self, agency: str, contract: str, certificate: str) -> Sequence[Entry]:
        """Return what came from a server, was answered, and whose answers were not put there yet."""
        return self._read(
            "WHERE (agency, contract, certificate) = (?, ?, ?) AND state IN ('answered', 'refused') "
            "AND returned_ms = 0 AND removed_ms = 0 ORDER BY ended_ms LIMIT 1000",
            agency, contract, certificate,
        )  # fmt: skip

    def returned(self, entry: Entry) -> None:
        """Remember that a file's answers are where it came from."""
        self._write("UPDATE file SET returned_ms = ? WHERE id = ?", [entry.ended_ms, entry.id])

    def put(self, *entries: Entry) -> None:
        """Write all of files' entries, in one transaction."""
        with _translated("writable"):
            if len(entries) == 1:
                self._db.execute(_PUT, _VALUES(entries[0]))
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany(_PUT, map(_VALUES, entries))
                self._db.execute("COMMIT")
            except BaseException:
                self._db.rollback()
                raise

    def change(self, entry: Entry, **members: object) -> Entry:
        """Write some members of a file that is known, and return its entry; what else was written stays."""
        names = ", ".join(f"{name} = ?" for name in members)
        self._write(f"UPDATE file SET {names} WHERE id = ?", [*members.values(), entry.id])  # noqa: S608  names of fields
        return replace(entry, **members)

    def progress(self, entry: Entry) -> None:
        """Write how far a file was answered."""
        self.change(entry, **{name: getattr(entry, name) for name in _PROGRESS})

    def removed(self, entry: Entry, now_ms: int) -> None:
        """Remember that a file's octets are gone; what it was stays known, so that a repeat is recognised."""
        self._write("UPDATE file SET removed_ms = ? WHERE id = ?", [now_ms, entry.id])

    def forget(self, entry: Entry) -> None:
        """Forget a file that was never whole."""
        self._write("DELETE FROM file WHERE id = ?", [entry.id])

    def _read(self, clause: str, *values: object) -> list[Entry]:
        with _translated("readable"):
            return [_entry(row) for row in self._db.execute(f"{_SELECT} {clause}", values)]

    def _write(self, query: str, values: Sequence[object]) -> None:
        with _translated("writable"):
            self._db.execute(query, values)


def listing(path: Path) -> list[Entry]:
    """Return every file that a journal knows and has not removed, newest first; for who only looks.

    Raises:
        Unavailable: `unavailable.store`; there is no journal.
    """
    with _translated("readable"), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return [
            _entry(row)
            for row in db.execute(f"{_SELECT} WHERE removed_ms = 0 ORDER BY landed_ms DESC, id DESC")
        ]


@contextmanager
def _translated(must_be: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise Unavailable("unavailable.store", f"the journal of files must be {must_be}") from error


def _entry(row: tuple[object, ...]) -> Entry:
    return Entry(*row[:_STATE], _STATES[row[_STATE]], *row[_STATE + 1 :])  # type: ignore[call-arg, arg-type, index]
