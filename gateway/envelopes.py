"""Signed messages, kept as they came: evidence of origin that only their recipient can read."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crypto.evidence import seal_evidence
from gateway.errors import Unavailable
from gateway.ports import Rules
from gateway.records import Submission

ENVELOPES = "envelopes.db"
"""The file's name, beside the store."""
BUSY_S = 5.0
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS envelope (submission TEXT PRIMARY KEY, sender TEXT NOT NULL, contract TEXT NOT NULL,"
    " recipient TEXT NOT NULL, received_ms INTEGER NOT NULL, sealed BLOB NOT NULL) STRICT"
)


class EnvelopeFile:
    """Implements `doors.Envelopes` in a file of its own beside the store. Safe to use from several threads."""

    def __init__(self, path: Path, rules: Rules) -> None:
        self._rules = rules
        self._lock = threading.Lock()
        with _translated():
            self._db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def keep(self, submission: Submission, envelope: bytes) -> None:
        """See `doors.Envelopes.keep`."""
        terms = self._rules.terms(
            submission.sender, submission.recipient, submission.contract, submission.received_ms
        )
        row = (
            submission.id,
            terms.sender,
            terms.contract,
            terms.recipient,
            submission.received_ms,
            seal_evidence(envelope, submission.id, terms.recipient_keys),
        )
        with self._lock, _translated():
            # The same signed message is kept once, whenever it is fetched again.
            self._db.execute("INSERT OR IGNORE INTO envelope VALUES (?, ?, ?, ?, ?, ?)", row)


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
