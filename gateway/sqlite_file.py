"""One SQLite file: changed in whole steps that outlast a power cut, with every trouble told as `Unavailable`."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway.errors import Unavailable

BUSY_S = 10.0
"""A commit takes milliseconds; whoever waits longer than this waits for a disk that hangs."""
WAL_LOOK_S = 0.01

Values = Mapping[str, str | int] | Sequence[str | int | bytes]


class SqliteFile:
    """One connection to a file, for any thread, one at a time; other processes may have connections of their own.

    Every method may raise `Unavailable` with the file's `code`. Then nothing was changed.
    """

    def __init__(
        self, path: Path, schema: str, *, version: int, code: str, pragmas: Sequence[str] = ()
    ) -> None:
        """Open the file, and make it if it is not there.

        `schema` is SQL whose statements end with `;` and a line end. A file of another `version` is refused.
        """
        self._name = path.name
        self._code = code
        self._lock = threading.RLock()
        with translated(code, path.name):
            self._db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
            for pragma in pragmas:
                self._db.execute(f"PRAGMA {pragma}")
            _use_wal(self._db)
            self._db.execute("PRAGMA synchronous = FULL")
        with self.transaction() as db:
            self._prepare(db, schema, version)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def rows(self, query: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """Return the rows that a query selects."""
        with self._lock, translated(self._code, self._name):
            return self._db.execute(query, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Do everything in the context, durably, or nothing."""
        with self._lock, translated(self._code, self._name):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    def _prepare(self, db: sqlite3.Connection, schema: str, version: int) -> None:
        (found,) = db.execute("PRAGMA user_version").fetchone()
        if found == 0:
            for statement in schema.split(";\n"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {version}")
        elif found != version:
            raise Unavailable(self._code, f"{self._name} has version {found}, this program knows {version}")


@contextmanager
def translated(code: str, name: str) -> Iterator[None]:
    """Tell what SQLite says of a file in the gateway's words.

    Raises:
        Unavailable: with this code.
    """
    try:
        yield
    except sqlite3.Error as error:
        what = getattr(error, "sqlite_errorname", type(error).__name__)  # Python's own have none
        raise Unavailable(code, f"{name} cannot be used: {what}") from error


def _use_wal(db: sqlite3.Connection) -> None:
    # Of two processes that change a new file's mode at once, SQLite tells one that it is locked, without
    # waiting for the busy timeout, because waiting for each other would never end.
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(WAL_LOOK_S)
        else:
            return
