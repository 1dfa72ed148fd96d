"""What is asked of the log's writer, each with the future that answers it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from crypto.receipt import Receipt
from gateway.log.events import event_entry
from gateway.log.planned import Noted
from gateway.log.store import Row
from gateway.log.writing import submission_digest
from gateway.moments import now_ms
from gateway.records import Batch, Event, SealedBatch, Terms
from gateway.settled import Early, Known


@dataclass(slots=True, eq=False)
class Append:
    """Append a batch and put its message into the outbox; `number` and `after` as in `ports.Log.append`."""

    batch: Batch
    number: int = 0
    after: int = 0
    future: Future[SealedBatch | Known | Early] = field(default_factory=Future)


@dataclass(slots=True, eq=False)
class Note:
    """Append events."""

    noted: Sequence[Noted]
    future: Future[Sequence[Receipt]] = field(default_factory=Future)


@dataclass(slots=True, eq=False)
class Release:
    """Let the oldest held batches go; `before_ms` as in `Committer.release`."""

    before_ms: int
    future: Future[int] = field(default_factory=Future)


@dataclass(slots=True, eq=False)
class Close:
    """Mark a submission as received to its end; `row` is one of the table `submission`."""

    row: Row
    future: Future[None] = field(default_factory=Future)


@dataclass(slots=True, eq=False)
class Sent:
    """Take messages out of the outbox, and keep events; `spooled` are rows of the table `spool`."""

    seqs: Sequence[int]
    spooled: Sequence[Row]
    future: Future[None] = field(default_factory=Future)


Signed = Append | Note | Release
"""Requests that append to a lane, and so need its checkpoint signed."""
Plain = Close | Sent
"""Requests that are done even while nothing can be signed."""


def noted(events: Sequence[Event]) -> list[Noted]:
    """Return events as they are noted now.

    Raises:
        ValueError: an event that no lane can hold.
    """
    time_ms = now_ms()
    for event in events:
        event_entry(event, time_ms)
    return [Noted(event, time_ms) for event in events]


def closing_row(submission: str, terms: Terms, digest: bytes) -> Row:
    """Return what a submission's row becomes when it was received to its end; `digest` is its body's SHA-256."""
    ended = submission_digest(terms.promise_key, digest)
    return terms.sender, submission, terms.contract, 0, 0, 0, 0, ended
