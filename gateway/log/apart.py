"""The log's writer in a process of its own: a round of the log and the event loop run at the same time.

The way there is as short as can be: the batch without its plaintext goes over, and the signed checkpoint comes back.
`keeper` is what runs there, `wire` what is said.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import structlog

from crypto.openbao import Login
from crypto.receipt import BatchReceipt, Receipt
from crypto.seal import Draft
from gateway import metrics
from gateway.child import Child, Died
from gateway.errors import Unavailable
from gateway.log import wire
from gateway.log.keeper import Setup, keep
from gateway.log.requests import closing_row, noted
from gateway.log.spool import spool_rows
from gateway.moments import now_ms
from gateway.ports import Outgoing
from gateway.records import Batch, Event, Part, SealedBatch, Terms
from gateway.settled import Early, Known

__all__ = ["LogApart", "Setup"]

CLOSE_S = 30.0
"""How long the process may take for what it was asked before the end."""

log = structlog.get_logger()


class LogApart:
    """Implements `ports.Log`, and the writing half of the outbox, by a process that is replaced when it dies.

    Used by one event loop, but for `sent` and `release`, which other threads call. `login` is the present login to
    the key server.
    """

    def __init__(self, setup: Setup, login: Callable[[], Login]) -> None:
        self._setup = setup
        self._login = login
        self._lent: Login | None = None
        self._loop = asyncio.get_running_loop()
        self._child = Child("isnad-log", keep, setup)

    async def start(self) -> None:
        """Wait until the store is open.

        Raises:
            Unavailable: `unavailable.store`; the file cannot be used.
        """
        await self._ask(wire.Start())

    async def append(self, batch: Batch, number: int = 0, after: int = 0) -> SealedBatch | Known | Early:
        """See `ports.Log.append`."""
        began = time.monotonic()
        reply = await self._ask(wire.Append(_without_secrets(batch), number, after))
        metrics.APPEND_SECONDS.observe(time.monotonic() - began)
        if isinstance(reply, wire.Before):
            return reply.known
        if isinstance(reply, wire.TooEarly):
            return Early()
        sealed = _as(wire.Sealed, reply)
        if batch.kept:
            metrics.BATCH_RECORDS.observe(len(batch.kept))
        lane = batch.terms.lane
        together = _receipt(lane, batch.draft, sealed.together) if batch.draft and sealed.together else None
        held = (_receipt(lane, one.draft, end) for one, end in zip(batch.held, sealed.held, strict=True))
        return SealedBatch(batch, together, tuple(held))

    async def note(self, events: Sequence[Event]) -> Sequence[Receipt]:
        """See `ports.Log.note`.

        Raises:
            ValueError: an event that no lane can hold.
        """
        return _as(wire.Receipts, await self._ask(wire.Note(noted(events)))).receipts

    async def close_submission(self, submission: str, terms: Terms, digest: bytes) -> None:
        """See `ports.Log.close_submission`."""
        await self._ask(wire.Close(tuple(closing_row(submission, terms, digest))))

    def sent(self, outgoing: Sequence[Outgoing], events: Sequence[Event]) -> None:
        """See `Committer.sent`. Waits; not for the event loop's own thread."""
        self._wait(
            wire.Sent([one.seq for one in outgoing], [tuple(row) for row in spool_rows(events, now_ms())])
        )

    def release(self, before_ms: int) -> int:
        """See `Committer.release`. Waits; not for the event loop's own thread."""
        return _as(wire.Count, self._wait(wire.Release(before_ms))).count

    async def look_after(self) -> None:
        """Replace a process that died, and pass a new login on. To be called every few seconds.

        Raises:
            Unavailable: `unavailable.store`.
        """
        if self._child.dead or self._lent is not self._login():
            await self._ask(wire.Start())

    def close(self) -> None:
        """Have what was asked done, then stop."""
        self._child.finish(CLOSE_S)

    def _wait(self, question: wire.Question) -> wire.Reply:
        return asyncio.run_coroutine_threadsafe(self._ask(question), self._loop).result()

    async def _ask(self, question: wire.Question) -> wire.Reply:
        if self._child.dead:
            log.error("log.restarted")
            self._child.end()
            self._child, self._lent = Child("isnad-log", keep, self._setup), None
        login = self._login()
        lent = self._lent is login
        self._lent = login
        try:
            octets = await self._child.ask(wire.ENCODER.encode(wire.Asked(question, None if lent else login)))
        except Died:
            raise Unavailable("unavailable.store", "the process that writes the log has ended") from None
        reply = wire.REPLY.decode(octets)
        if isinstance(reply, wire.Failed):
            raise Unavailable(reply.code, reply.rule)
        return reply


R = TypeVar("R", wire.Sealed, wire.Receipts, wire.Count)


def _as(kind: type[R], reply: wire.Reply) -> R:
    if not isinstance(reply, kind):
        raise TypeError("an answer to another question")
    return reply


def _without_secrets(batch: Batch) -> Batch:
    """Return a batch as the log needs it: plaintext and salts have no business there."""
    parts = tuple(Part(one.submission, one.origin, one.received_ms, (), one.digest) for one in batch.parts)
    draft = None if batch.draft is None else replace(batch.draft, salts=())
    held = tuple(replace(one, draft=replace(one.draft, salts=())) for one in batch.held)
    return replace(batch, parts=parts, draft=draft, held=held)


def _receipt(lane: str, draft: Draft, end: wire.End) -> BatchReceipt:
    return BatchReceipt(lane, end.frontier, draft.leaves, end.checkpoint)
