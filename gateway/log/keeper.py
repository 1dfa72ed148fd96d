"""The process of the log: it keeps the store until nobody asks any more.

It logs in nowhere, and works under the login of the one that asks.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from crypto.hpke import Suite
from crypto.openbao import Borrowed, Connection, TransitSigner
from crypto.receipt import BatchReceipt
from gateway import observe
from gateway.child import answer, asked
from gateway.errors import Unavailable
from gateway.interpreter import (
    keep_freed_memory,
    share_the_interpreter,
    spare_the_collector,
    work_in_batches,
)
from gateway.log import wire
from gateway.log.committer import Committer
from gateway.log.requests import Append, Close, Note, Release, Sent
from gateway.records import SealedBatch
from gateway.settled import Early, Known

T = TypeVar("T")


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


def keep(asker: socket.socket, setup: Setup) -> None:
    """Keep the log until nobody asks any more."""
    observe.configure("serve")
    share_the_interpreter()
    keep_freed_memory()
    work_in_batches()
    with closing(Connection(setup.address, setup.ca_pem, timeout_s=setup.timeout_s)) as connection:
        bao = Borrowed(connection)
        answering = threading.Lock()
        committer: Committer | None = None
        try:
            with asker.makefile("rb") as questions:
                for number, octets in asked(questions):
                    reply = partial(_answer, asker, answering, number)
                    about = wire.ASKED.decode(octets)
                    bao.login = about.login or bao.login
                    try:
                        committer = committer or _committer(setup, bao)
                    except Unavailable as error:
                        reply(wire.Failed(error.code, error.rule))
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


def _do(committer: Committer, question: wire.Question, reply: Callable[[wire.Reply], None]) -> None:
    """Have the writer do what is asked, and answer once it is durable."""
    match question:
        case wire.Start():
            reply(wire.Done())
        case wire.Append(batch, number, after):
            _when(committer.put(Append(batch, number, after)).future, _sealed, reply)
        case wire.Note(events):
            _when(committer.put(Note(events)).future, lambda receipts: wire.Receipts(list(receipts)), reply)
        case wire.Close(row):
            _when(committer.put(Close(row)).future, lambda _: wire.Done(), reply)
        case wire.Sent(seqs, spooled):
            _when(committer.put(Sent(seqs, spooled)).future, lambda _: wire.Done(), reply)
        case wire.Release(before_ms):
            _when(committer.put(Release(before_ms)).future, wire.Count, reply)


def _when(future: Future[T], said: Callable[[T], wire.Reply], reply: Callable[[wire.Reply], None]) -> None:
    def done(future: Future[T]) -> None:
        error = future.exception()
        if isinstance(error, Unavailable):
            reply(wire.Failed(error.code, error.rule))
        elif error is not None:
            reply(wire.Failed("unavailable.store", type(error).__name__))
        else:
            reply(said(future.result()))

    future.add_done_callback(done)


def _sealed(answered: SealedBatch | Known | Early) -> wire.Reply:
    if isinstance(answered, Early):
        return wire.TooEarly()
    if isinstance(answered, Known):
        return wire.Before(answered)
    together = None if answered.receipt is None else _end(answered.receipt)
    return wire.Sealed(together, [_end(one) for one in answered.held])


def _end(receipt: BatchReceipt) -> wire.End:
    return wire.End(receipt.frontier, receipt.checkpoint)


def _answer(asker: socket.socket, answering: threading.Lock, number: int, reply: wire.Reply) -> None:
    octets = wire.ENCODER.encode(reply)
    with answering:
        answer(asker, number, octets)
