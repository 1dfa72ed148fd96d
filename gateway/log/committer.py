"""The log's writer: one thread that takes everything that waits and makes a round of it.

One round is one pair of signing calls and one transaction, however many submissions wait for it (`rounds`).
Whatever fails leaves nothing behind, in the store or in memory, and those who waited try again.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TypeVar

import structlog

from crypto.errors import KeysUnavailable
from crypto.keys import CheckpointSigner
from crypto.receipt import Receipt
from gateway.errors import IsnadError, Unavailable
from gateway.log.requests import Append, Close, Note, Plain, Release, Sent, Signed, closing_row, noted
from gateway.log.rounds import Answer, Rounds
from gateway.log.spool import insert_spooled, spool_rows
from gateway.log.store import insert, open_writer, select, transaction
from gateway.moments import now_ms
from gateway.ports import Outgoing
from gateway.records import Batch, Event, SealedBatch, Terms
from gateway.settled import Early, Known

POLL_S = 0.2
"""How long an event may wait in the spool when nothing else does."""
RETRY_S = 2.0
"""How long the spool is left alone after a round that failed: nobody waits for its events."""
GATHER_S = 0.1
"""How long events gather in the spool while rounds are made: each round with some takes a signature more."""
ROUND_MAX = 128
"""Requests taken into one round, so that its transaction stays at some tens of megabytes."""

R = TypeVar("R", Append, Note, Release, Close, Sent)
log = structlog.get_logger()


class Committer:
    """Implements `ports.Log`, and the writing half of the outbox. One to a store; the thread starts at once.

    Args:
        path: the store's file; made if there is none.
        signer: signs the checkpoints.
        origin: the gateway's; a lane's is `<origin>/<lane>`.
        outbox_max_bytes: from this size of the outbox on, nothing is accepted until the queue has taken some.

    Raises:
        Unavailable: `unavailable.store`; the file cannot be used.
    """

    def __init__(self, path: Path, signer: CheckpointSigner, *, origin: str, outbox_max_bytes: int) -> None:
        self._db = open_writer(path)
        self._rounds = Rounds(self._db, signer, origin=origin, outbox_max_bytes=outbox_max_bytes)
        self._waiting: SimpleQueue[Signed | Plain | None] = SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        self._spool_due = 0.0  # time.monotonic()
        self._thread = threading.Thread(target=self._run, name="log-committer")
        self._thread.start()

    async def append(self, batch: Batch, number: int = 0, after: int = 0) -> SealedBatch | Known | Early:
        """See `ports.Log.append`."""
        return await asyncio.wrap_future(self.put(Append(batch, number, after)).future)

    async def note(self, events: Sequence[Event]) -> Sequence[Receipt]:
        """See `ports.Log.note`.

        Raises:
            ValueError: an event that no lane can hold.
        """
        return await asyncio.wrap_future(self.put(Note(noted(events))).future)

    async def close_submission(self, submission: str, terms: Terms, digest: bytes) -> None:
        """See `ports.Log.close_submission`."""
        await asyncio.wrap_future(self.put(Close(closing_row(submission, terms, digest))).future)

    def sent(self, outgoing: Sequence[Outgoing], events: Sequence[Event]) -> None:
        """See `ports.Outbox.sent`; waits for the writer.

        Raises:
            ValueError: an event that no lane can hold.
            Unavailable: `unavailable.store`; nothing was changed.
        """
        self.put(Sent([one.seq for one in outgoing], spool_rows(events, now_ms()))).future.result()

    def release(self, before_ms: int) -> int:
        """Let batches go that were held before this instant (Unix ms), oldest first; return how many went.

        Each is remembered as `record.released` in its lane. At most 256 go at a time: call again until 0 is
        returned.

        Raises:
            Unavailable: `unavailable.keys` or `unavailable.store`; nothing was changed.
        """
        return self.put(Release(before_ms)).future.result()

    def close(self) -> None:
        """Do what waits, then stop."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._waiting.put(None)
        self._thread.join()
        self._db.close()

    def put(self, request: R) -> R:
        """Have a request done, and return it; its future has the answer.

        Raises:
            Unavailable: `unavailable.store`; the log is closed.
        """
        with self._closing:
            if self._closed:
                raise Unavailable("unavailable.store", "the log is closed")
            self._waiting.put(request)
        return request

    def _run(self) -> None:
        more = True
        while more:
            taken, more = self._take()
            plain = [one for one in taken if isinstance(one, Plain)]
            if plain:
                self._do_plain(plain)
            signed = [one for one in taken if isinstance(one, Signed)]
            self._do_round(signed, with_spool=not more or time.monotonic() >= self._spool_due)

    def _take(self) -> tuple[list[Signed | Plain], bool]:
        """Return what waits, after waiting a moment for the first, and whether there may be more to come."""
        taken: list[Signed | Plain] = []
        try:
            request = self._waiting.get(timeout=POLL_S)
            while request is not None:
                if request.future.set_running_or_notify_cancel():
                    taken.append(request)
                if len(taken) == ROUND_MAX:
                    return taken, True
                request = self._waiting.get_nowait()
        except Empty:
            return taken, True
        return taken, False

    def _do_plain(self, requests: Sequence[Plain]) -> None:
        """Do what needs no signature, so that the outbox empties while the keys cannot be reached."""
        closed = [one.row for one in requests if isinstance(one, Close)]
        sent = [one for one in requests if isinstance(one, Sent)]
        try:
            with transaction(self._db):
                insert(self._db, "submission", closed, conflict=_CLOSED)
                for one in sent:
                    list(select(self._db, "DELETE FROM outbox WHERE seq IN", one.seqs))
                    insert_spooled(self._db, one.spooled)
        except Exception as error:  # noqa: BLE001  the outermost loop: it belongs to those who wait
            _fail(requests, error)
        else:
            if sent:
                self._rounds.measure_outbox()
            for request in requests:
                request.future.set_result(None)

    def _do_round(self, requests: Sequence[Signed], *, with_spool: bool) -> None:
        """Do one round; if one request cannot be written, the others get rounds of their own."""
        if not requests and not with_spool:
            return
        began = time.monotonic()
        try:
            answers = self._rounds.do(requests, with_spool=with_spool)
        except (KeysUnavailable, Unavailable, sqlite3.OperationalError) as error:
            self._spool_due = began + RETRY_S
            _fail(requests, error)
        except Exception as error:  # noqa: BLE001  the outermost loop: the writer goes on
            self._spool_due = began + RETRY_S
            if len(requests) + with_spool > 1:
                for one in requests:
                    self._do_round([one], with_spool=False)
            else:
                _fail(requests, error)
        else:
            if with_spool:
                self._spool_due = began + GATHER_S
            self._answer(requests, answers)

    def _answer(self, requests: Sequence[Signed], answers: Sequence[Answer]) -> None:
        """Answer those whose round is durable; one that cannot be answered must not get a second round."""
        try:
            for answer in answers:
                answer()
        except Exception as error:  # noqa: BLE001  the outermost loop
            _fail(requests, error)


_CLOSED = "ON CONFLICT (sender, id) DO UPDATE SET digest = excluded.digest"


def _fail(requests: Sequence[Signed | Plain], error: Exception) -> None:
    """Tell those who wait, each with an error of its own, that nothing was written."""
    code, rule = _told(error)
    log.error("round.failed", code=code, count=len(requests), error=type(error).__name__)
    for request in requests:
        if not request.future.done():
            request.future.set_exception(Unavailable(code, rule))


def _told(error: Exception) -> tuple[str, str]:
    if isinstance(error, IsnadError):
        return error.code, error.rule
    if isinstance(error, KeysUnavailable):
        return "unavailable.keys", "the checkpoint cannot be signed now"
    if isinstance(error, sqlite3.Error):
        return "unavailable.store", getattr(error, "sqlite_errorname", type(error).__name__)
    return "unavailable.store", type(error).__name__
