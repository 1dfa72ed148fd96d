"""The log's writer in a process of its own: a round of the log and the event loop run at the same time.

The way there is as short as can be: the batch without its plaintext goes over, and the signed checkpoint comes back.
The process logs in nowhere; it works under the login of the one that asks it.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import structlog

from crypto.hpke import Suite
from crypto.merkle import Frontier
from crypto.openbao import Borrowed, Connection, Login, TransitSigner
from crypto.receipt import BatchReceipt, Receipt
from crypto.seal import Draft
from gateway import metrics, observe
from gateway.child import Child, Died, answer, asked
from gateway.errors import Unavailable
from gateway.interpreter import share_the_interpreter, spare_the_collector
from gateway.log.committer import Committer
from gateway.log.requests import Append, Close, Note, Release, Sent, closing_row, noted
from gateway.log.round import Noted
from gateway.log.spool import spool_rows
from gateway.moments import now_ms
from gateway.ports import Outgoing
from gateway.records import Batch, Event, SealedBatch, Terms
from gateway.settled import Known

CLOSE_S = 30.0
"""How long the process may take for what it was asked before the end."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Setup:
    """What the process needs: the store, the gateway's origin, and the key server that signs.

    `path`, `origin` and `outbox_max_bytes` as in `Committer`; `address`, `ca_pem` and `timeout_s` as in `Connection`.
    """

    path: Path
    origin: str
    outbox_max_bytes: int
    address: str
    ca_pem: str
    timeout_s: float
    suite: Suite


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
        self._child = Child("isnad-log", _keep, setup)

    async def start(self) -> None:
        """Wait until the store is open.

        Raises:
            Unavailable: `unavailable.store`; the file cannot be used.
        """
        await self._ask(_Start())

    async def append(self, batch: Batch) -> SealedBatch | Known:
        """See `ports.Log.append`."""
        began = time.monotonic()
        # Only the names of the parts are needed, and plaintext has no business there.
        parts = tuple(replace(part, records=()) for part in batch.parts)
        reply = await self._ask(_Append(replace(batch, parts=parts)))
        metrics.APPEND_SECONDS.observe(time.monotonic() - began)
        if isinstance(reply, _Known):
            return reply.known
        sealed = _as(_Sealed, reply)
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
        return _as(_Noted, await self._ask(_Note(noted(events)))).receipts

    async def close_submission(self, submission: str, terms: Terms, digest: bytes) -> None:
        """See `ports.Log.close_submission`."""
        await self._ask(_Close(tuple(closing_row(submission, terms, digest))))

    def sent(self, outgoing: Sequence[Outgoing], events: Sequence[Event]) -> None:
        """See `Committer.sent`. Waits; not for the event loop's own thread."""
        self._wait(_Sent([one.seq for one in outgoing], [tuple(row) for row in spool_rows(events, now_ms())]))

    def release(self, before_ms: int) -> int:
        """See `Committer.release`. Waits; not for the event loop's own thread."""
        return _as(_Count, self._wait(_Release(before_ms))).count

    async def look_after(self) -> None:
        """Replace a process that died, and pass a new login on. To be called every few seconds.

        Raises:
            Unavailable: `unavailable.store`.
        """
        if self._child.dead or self._lent is not self._login():
            await self._ask(_Start())

    def close(self) -> None:
        """Have what was asked done, then stop."""
        self._child.finish(CLOSE_S)

    def _wait(self, question: _Question) -> _Reply:
        return asyncio.run_coroutine_threadsafe(self._ask(question), self._loop).result()

    async def _ask(self, question: _Question) -> _Reply:
        if self._child.dead:
            log.error("log.restarted")
            self._child.end()
            self._child, self._lent = Child("isnad-log", _keep, self._setup), None
        login = self._login()
        lent = self._lent is login
        self._lent = login
        try:
            octets = await self._child.ask(_ENCODER.encode(_Asked(question, None if lent else login)))
        except Died:
            raise Unavailable("unavailable.store", "the process that writes the log has ended") from None
        reply = _REPLY.decode(octets)
        if isinstance(reply, _Failed):
            raise Unavailable(reply.code, reply.rule)
        return reply


_Row = tuple[Any, ...]
"""A `store.Row`: msgpack tells texts from octets without being told."""


class _Start(msgspec.Struct, tag=True, array_like=True):
    """Say when the store is open."""


class _Append(msgspec.Struct, tag=True, array_like=True):
    batch: Batch


class _Note(msgspec.Struct, tag=True, array_like=True):
    noted: list[Noted]


class _Close(msgspec.Struct, tag=True, array_like=True):
    row: _Row


class _Sent(msgspec.Struct, tag=True, array_like=True):
    seqs: list[int]
    spooled: list[_Row]


class _Release(msgspec.Struct, tag=True, array_like=True):
    before_ms: int


_Question = _Start | _Append | _Note | _Close | _Sent | _Release


class _Asked(msgspec.Struct, array_like=True):
    """What the process is asked, and the login to do it under unless it is the one lent before."""

    question: _Question
    login: Login | None


class _End(msgspec.Struct, array_like=True):
    """What a batch receipt says that the asker does not know."""

    frontier: Frontier
    checkpoint: str


class _Sealed(msgspec.Struct, tag=True, array_like=True):
    together: _End | None
    held: list[_End]


class _Known(msgspec.Struct, tag=True, array_like=True):
    known: Known


class _Noted(msgspec.Struct, tag=True, array_like=True):
    receipts: list[Receipt]


class _Count(msgspec.Struct, tag=True, array_like=True):
    count: int


class _Done(msgspec.Struct, tag=True, array_like=True):
    """There is nothing to say."""


class _Failed(msgspec.Struct, tag=True, array_like=True):
    """Nothing was done."""

    code: str
    rule: str


_Reply = _Sealed | _Known | _Noted | _Count | _Done | _Failed
_ENCODER = msgspec.msgpack.Encoder()
_ASKED: msgspec.msgpack.Decoder[_Asked] = msgspec.msgpack.Decoder(_Asked)
_REPLY: msgspec.msgpack.Decoder[_Reply] = msgspec.msgpack.Decoder(_Reply)

R = TypeVar("R", _Sealed, _Noted, _Count)


def _as(kind: type[R], reply: _Reply) -> R:
    if not isinstance(reply, kind):
        raise TypeError("an answer to another question")
    return reply


def _receipt(lane: str, draft: Draft, end: _End) -> BatchReceipt:
    return BatchReceipt(lane, end.frontier, draft.leaves, end.checkpoint)


def _keep(wire: socket.socket, setup: Setup) -> None:
    """Keep the log until nobody asks any more."""
    observe.configure("serve")
    share_the_interpreter()
    with closing(Connection(setup.address, setup.ca_pem, timeout_s=setup.timeout_s)) as connection:
        bao = Borrowed(connection)
        answering = threading.Lock()
        committer: Committer | None = None
        try:
            with wire.makefile("rb") as questions:
                for number, octets in asked(questions):
                    reply = partial(_answer, wire, answering, number)
                    about = _ASKED.decode(octets)
                    bao.login = about.login or bao.login
                    try:
                        committer = committer or _committer(setup, bao)
                    except Unavailable as error:
                        reply(_Failed(error.code, error.rule))
                    else:
                        _do(committer, about.question, reply)
        finally:
            if committer is not None:
                committer.close()


def _committer(setup: Setup, bao: Borrowed) -> Committer:
    signer = TransitSigner(bao) if setup.suite is Suite.HYBRID else TransitSigner(bao, mldsa44=None)
    made = Committer(setup.path, signer, origin=setup.origin, outbox_max_bytes=setup.outbox_max_bytes)
    spare_the_collector()
    return made


def _do(committer: Committer, question: _Question, reply: Callable[[_Reply], None]) -> None:
    """Have the writer do what is asked, and answer once it is durable."""
    match question:
        case _Start():
            reply(_Done())
        case _Append(batch):
            _when(committer.put(Append(batch)).future, _sealed, reply)
        case _Note(events):
            _when(committer.put(Note(events)).future, lambda receipts: _Noted(list(receipts)), reply)
        case _Close(row):
            _when(committer.put(Close(row)).future, lambda _: _Done(), reply)
        case _Sent(seqs, spooled):
            _when(committer.put(Sent(seqs, spooled)).future, lambda _: _Done(), reply)
        case _Release(before_ms):
            _when(committer.put(Release(before_ms)).future, _Count, reply)


T = TypeVar("T")


def _when(future: Future[T], said: Callable[[T], _Reply], reply: Callable[[_Reply], None]) -> None:
    def done(future: Future[T]) -> None:
        error = future.exception()
        if isinstance(error, Unavailable):
            reply(_Failed(error.code, error.rule))
        elif error is not None:
            reply(_Failed("unavailable.store", type(error).__name__))
        else:
            reply(said(future.result()))

    future.add_done_callback(done)


def _sealed(answered: SealedBatch | Known) -> _Reply:
    if isinstance(answered, Known):
        return _Known(answered)
    together = None if answered.receipt is None else _end(answered.receipt)
    return _Sealed(together, [_end(one) for one in answered.held])


def _end(receipt: BatchReceipt) -> _End:
    return _End(receipt.frontier, receipt.checkpoint)


def _answer(wire: socket.socket, answering: threading.Lock, number: int, reply: _Reply) -> None:
    octets = _ENCODER.encode(reply)
    with answering:
        answer(wire, number, octets)
