"""Signed messages, kept as they came: evidence of origin that only their recipient can read."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from crypto.evidence import seal_evidence
from gateway.errors import Unavailable
from gateway.ports import Rules
from gateway.records import Submission, Terms

ENVELOPES = "envelopes.db"
"""The file's name, beside the store."""
BUSY_S = 5.0
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS envelope (submission TEXT PRIMARY KEY, sender TEXT NOT NULL, contract TEXT NOT NULL,"
    " recipient TEXT NOT NULL, received_ms INTEGER NOT NULL, sealed BLOB NOT NULL) STRICT"
)


_Row = tuple[str, str, str, str, int, bytes]
_Waiting = tuple[Submission, bytes, Terms, "asyncio.Future[None]"]


class EnvelopeFile:
    """Implements `doors.Envelopes` in a file of its own beside the store, for one event loop.

    What comes while a group is written waits for the next one: a group is one transaction.
    """

    def __init__(self, path: Path, rules: Rules) -> None:
        self._rules = rules
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None
        with _translated():
            self._db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute(_SCHEMA)

    def close(self) -> None:
        """Close the file, once nothing is kept any more."""
        self._db.close()

    async def keep(self, submission: Submission, envelope: bytes) -> None:
        """See `doors.Envelopes.keep`."""
        terms = self._rules.terms(
            submission.sender, submission.recipient, submission.contract, submission.received_ms
        )
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((submission, envelope, terms, durable))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())
        await durable

    async def _write(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            failure: Exception | None = None
            try:
                await asyncio.to_thread(self._commit, group)
            except Exception as error:  # noqa: BLE001  whatever it is, it belongs to those who wait
                failure = error
            for *_, durable in group:
                if durable.cancelled():
                    continue
                if failure is None:
                    durable.set_result(None)
                else:
                    durable.set_exception(failure)
        self._writer = None

    def _commit(self, group: Sequence[_Waiting]) -> None:
        rows = [_row(submission, envelope, terms) for submission, envelope, terms, _ in group]
        with _translated():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                # The same signed message is kept once, whenever it is fetched again.
                self._db.executemany("INSERT OR IGNORE INTO envelope VALUES (?, ?, ?, ?, ?, ?)", rows)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise


def _row(submission: Submission, envelope: bytes, terms: Terms) -> _Row:
    sealed = seal_evidence(envelope, submission.id, terms.recipient_keys)
    return submission.id, terms.sender, terms.contract, terms.recipient, submission.received_ms, sealed


def kept(path: Path, submission: str) -> bytes | None:
    """Return the sealed message of a submission, None when it was not signed.

    Raises:
        Unavailable: the file cannot be read.
    """
    if not path.exists():
        return None
    with _translated():
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=BUSY_S)
        try:
            row = db.execute("SELECT sealed FROM envelope WHERE submission = ?", (submission,)).fetchone()
        finally:
            db.close()
    return row[0] if row else None


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise Unavailable("unavailable.store", "the file of signed messages cannot be used") from error
