"""Signed messages, kept as they came: evidence of origin that only their recipient can read."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from crypto.evidence import seal_evidence
from gateway.errors import IsnadError
from gateway.ports import Rules
from gateway.records import Event, Submission, Terms
from gateway.sqlite_file import BUSY_S, SqliteFile, translated

ENVELOPES = "envelopes.db"
"""The file's name, beside the store."""
CODE = "unavailable.store"
DAY_MS = 86_400_000
LET_GO_AT_ONCE = 1000
"""Messages that one event in the log is about, and one transaction removes."""
VERSION = 2
_SCHEMA = """
CREATE TABLE IF NOT EXISTS envelope (
    submission TEXT PRIMARY KEY, sender TEXT NOT NULL, contract TEXT NOT NULL, recipient TEXT NOT NULL,
    received_ms INTEGER NOT NULL, sealed BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS envelope_age ON envelope (sender, recipient, contract, received_ms);
CREATE TABLE IF NOT EXISTS used (sender TEXT PRIMARY KEY, bytes INTEGER NOT NULL) STRICT;
CREATE TRIGGER IF NOT EXISTS envelope_kept AFTER INSERT ON envelope BEGIN
    INSERT INTO used VALUES (NEW.sender, length(NEW.sealed))
        ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes; END;
CREATE TRIGGER IF NOT EXISTS envelope_removed AFTER DELETE ON envelope BEGIN
    UPDATE used SET bytes = bytes - length(OLD.sealed) WHERE sender = OLD.sender; END;
"""
_USED = "SELECT bytes FROM used WHERE sender = ?"
_OVER = (
    "SELECT submission FROM envelope WHERE sender = ? AND recipient = ? AND contract = ? AND received_ms < ?"
    " ORDER BY submission LIMIT ?"
)


DaysKept = Callable[[str, str, str], int]
"""Returns how many days messages of a sender to a recipient under a contract are kept."""
Room = Callable[[str, int], None]
"""Raises `Unavailable` unless a sender whose sealed messages take so many octets may have one more kept."""

_Row = tuple[str, str, str, str, int, bytes]
_Waiting = tuple[Submission, bytes, Terms, "asyncio.Future[None]"]


class EnvelopeFile:
    """Implements `doors.Envelopes` in a file of its own beside the store, for one event loop.

    What comes while a group is written waits for the next one: a group is one transaction.
    """

    def __init__(self, path: Path, rules: Rules, room: Room) -> None:
        self._rules = rules
        self._room = room
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None
        self._file = SqliteFile(path, _SCHEMA, version=VERSION, code=CODE)

    def close(self) -> None:
        """Close the file, once nothing is kept any more."""
        self._file.close()

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
            failures: Sequence[Exception | None]
            try:
                failures = await asyncio.to_thread(self._commit, group)
            except Exception as error:  # noqa: BLE001  whatever it is, it belongs to those who wait
                failures = [error] * len(group)
            for (*_, durable), failure in zip(group, failures, strict=True):
                if durable.cancelled():
                    continue
                if failure is None:
                    durable.set_result(None)
                else:
                    durable.set_exception(failure)
        self._writer = None

    def _commit(self, group: Sequence[_Waiting]) -> list[Exception | None]:
        """Keep a group, and return what is wrong with each that was not kept."""
        rows = [_row(submission, envelope, terms) for submission, envelope, terms, _ in group]
        with self._file.transaction() as db:
            return [self._keep(db, row) for row in rows]

    def _keep(self, db: sqlite3.Connection, row: _Row) -> IsnadError | None:
        sender = row[1]
        (used,) = db.execute(_USED, (sender,)).fetchone() or (0,)
        try:
            self._room(sender, used)
        except IsnadError as error:
            return error
        # The same signed message is kept once, whenever it is fetched again.
        db.execute("INSERT OR IGNORE INTO envelope VALUES (?, ?, ?, ?, ?, ?)", row)
        return None


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
    with translated(CODE, ENVELOPES):
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=BUSY_S)
        try:
            row = db.execute("SELECT sealed FROM envelope WHERE submission = ?", (submission,)).fetchone()
        finally:
            db.close()
    return row[0] if row else None


def let_go(path: Path, days_kept: DaysKept, now_ms: int, leave: Callable[[Sequence[Event]], None]) -> None:
    """Remove the messages whose time is over, once the log will say so. Blocks.

    An event tells how many went and the SHA-256 of their submissions' ids, in order and a line each, so that anybody
    who has the ids can tell that it is about them. Cut off in between, it is left again when this is called again.

    Raises:
        Unavailable: the file cannot be used, or the event was not left; what was not removed still is there.
    """
    with (
        translated(CODE, ENVELOPES),
        closing(sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)) as db,
    ):
        db.execute("PRAGMA secure_delete = ON")  # what is removed is overwritten, not just forgotten
        exchanges = db.execute("SELECT DISTINCT sender, recipient, contract FROM envelope").fetchall()
        for sender, recipient, contract in exchanges:
            before_ms = now_ms - days_kept(sender, recipient, contract) * DAY_MS
            exchange = (sender, recipient, contract, before_ms, LET_GO_AT_ONCE)
            while ids := [found for (found,) in db.execute(_OVER, exchange)]:
                leave([_let_go(sender, recipient, contract, ids)])
                db.execute("BEGIN IMMEDIATE")
                db.executemany("DELETE FROM envelope WHERE submission = ?", [(one,) for one in ids])
                db.execute("COMMIT")
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # the write-ahead log has them, too


def _let_go(sender: str, recipient: str, contract: str, ids: Sequence[str]) -> Event:
    listed = hashlib.sha256("".join(f"{one}\n" for one in ids).encode()).hexdigest()
    fields = (
        ("contract", contract),
        ("recipient", recipient),
        ("removed", len(ids)),
        ("submissions", listed),
    )
    return Event(sender, "envelopes.removed", fields)
