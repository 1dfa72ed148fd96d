"""Worker processes for `prepare`: as many as there are cores, and nothing is lost when one dies.

A worker is a process at the other end of a pair of sockets. It answers one question after the other, and ends
when nobody can ask it any more. Preparing is pure, so what a worker was killed over is simply asked again.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import socket
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec
import structlog

import contracts
from crypto.seal import Draft
from gateway.errors import Unavailable
from gateway.observe import frames
from gateway.prepare import prepare
from gateway.records import (
    Batch,
    Held,
    Kept,
    Part,
    Refused,
    Repeated,
    Terms,
)
from gateway.settled import Settled

ATTEMPTS = 3
_LENGTH_BYTES = 4
_SPAWN = multiprocessing.get_context("spawn")
"""Not fork: the parent has threads, and secrets of connections that a child has no business with."""

log = structlog.get_logger()


class Workers:
    """Implements `ports.Prepare` over some processes. Used by one event loop.

    Args:
        folder: the contracts' folder, which every worker reads for itself.
        profile: `synthetic` or `production`: which national IDs the contracts let pass.
        count: how many processes, at least 1.
    """

    def __init__(self, folder: Path, profile: contracts.Profile, count: int) -> None:
        self._folder = folder
        self._profile = profile
        self._workers: list[_Worker] = []
        try:
            for _ in range(count):
                self._workers.append(_Worker(folder, profile))
        except OSError:  # a process that nobody ends would keep this one from ending
            self.close()
            raise

    async def __call__(self, terms: Terms, parts: tuple[Part, ...], settled: Settled) -> Batch:
        """Prepare the records of `parts` in whichever process has least to do; see `ports.Prepare`."""
        question = _ENCODER.encode(_Question(terms, parts, settled))
        for _ in range(ATTEMPTS):
            try:
                answer = _ANSWER.decode(await self._least_busy().ask(question))
            except _Died:
                continue
            if answer.failure is not None:
                raise _raised(answer.failure)
            return Batch(
                terms, parts, answer.draft, answer.kept, answer.refused, answer.repeated, answer.held
            )
        raise Unavailable("unavailable.workers", "the processes that prepare records keep dying")

    def close(self) -> None:
        """End the processes; nobody may be waiting for them."""
        for worker in self._workers:
            worker.end()

    def _least_busy(self) -> _Worker:
        """Return the worker with the fewest questions before it, after replacing those that died."""
        for n, worker in enumerate(self._workers):
            if worker.dead:
                worker.end()
                self._workers[n] = _Worker(self._folder, self._profile)
        return min(self._workers, key=lambda worker: worker.waiting)


class _Died(Exception):  # noqa: N818  a worker, not an error of its own
    """The process ended before it answered."""


class _Worker(asyncio.Protocol):
    """A process, and the questions it has yet to answer; it answers them in order."""

    def __init__(self, folder: Path, profile: contracts.Profile) -> None:
        self._ours, theirs = socket.socketpair()
        with theirs:
            self._process = _SPAWN.Process(target=_work, args=(theirs, folder, profile), daemon=True)
            self._process.start()
        self._connecting: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._unsent: list[bytes] = []  # asked before there was a transport
        self._asked: deque[asyncio.Future[bytes]] = deque()
        self._received = bytearray()
        self.dead = False

    @property
    def waiting(self) -> int:
        """How many questions it has yet to answer."""
        return len(self._asked)

    def ask(self, question: bytes) -> asyncio.Future[bytes]:
        """Send a question; the future has the answer, or `_Died`."""
        loop = asyncio.get_running_loop()
        if self._connecting is None:
            self._connecting = loop.create_task(self._connect(loop))
        future: asyncio.Future[bytes] = loop.create_future()
        self._asked.append(future)
        framed = len(question).to_bytes(_LENGTH_BYTES) + question
        if self._transport is None:
            self._unsent.append(framed)
        else:
            self._transport.write(framed)
        return future

    async def _connect(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            await loop.create_unix_connection(lambda: self, sock=self._ours)
        except OSError as error:
            self.connection_lost(error)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Send what was asked meanwhile."""
        self._transport = transport
        transport.writelines(self._unsent)
        self._unsent.clear()

    def data_received(self, data: bytes) -> None:
        """Hand on the answers that are there as a whole."""
        received = self._received
        received += data
        while len(received) >= _LENGTH_BYTES:
            end = _LENGTH_BYTES + int.from_bytes(received[:_LENGTH_BYTES])
            if len(received) < end:
                return
            future = self._asked.popleft()
            if not future.done():
                future.set_result(bytes(memoryview(received)[_LENGTH_BYTES:end]))
            del received[:end]

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell those who wait."""
        del exc
        self.dead = True
        for future in self._asked:
            if not future.done():
                future.set_exception(_Died())

    def end(self) -> None:
        """End the process, whatever it is at."""
        self._process.kill()
        self._process.join()
        if self._transport is None:
            self._ours.close()
        else:
            self._transport.close()


class _Question(msgspec.Struct, array_like=True):
    """What a worker is asked."""

    terms: Terms
    parts: tuple[Part, ...]
    settled: Settled


class _Failure(msgspec.Struct, array_like=True):
    """Why there is no batch. `error` and `traceback` are of what should not have happened, or empty."""

    code: str
    rule: str
    error: str = ""
    traceback: list[str] = []


class _Answer(msgspec.Struct, array_like=True):
    """A `Batch` without what the asker has: above all, without plaintext."""

    failure: _Failure | None = None
    draft: Draft | None = None
    kept: tuple[Kept, ...] = ()
    refused: tuple[Refused, ...] = ()
    repeated: tuple[Repeated, ...] = ()
    held: tuple[Held, ...] = ()


# Ten times cheaper than pickle for thousands of small objects, and nothing that arrives is executed.
_ENCODER = msgspec.msgpack.Encoder()
_QUESTION = msgspec.msgpack.Decoder(_Question)
_ANSWER = msgspec.msgpack.Decoder(_Answer)


def _raised(failure: _Failure) -> Unavailable:
    if failure.error:
        log.error("worker.failed", error=failure.error, traceback=failure.traceback)
    return Unavailable(failure.code, failure.rule)


def _work(wire: socket.socket, folder: Path, profile: contracts.Profile) -> None:
    """Answer questions until nobody asks any more: the parent has ended the wire, or itself."""
    # What a terminal or a supervisor sends to the whole group is for the parent, which still needs its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    catalogues = _Catalogues(folder, profile)
    with wire, wire.makefile("rb") as questions, suppress(ConnectionError):
        while question := _next(questions):
            answer = _ENCODER.encode(_answered(_QUESTION.decode(question), catalogues))
            wire.sendall(len(answer).to_bytes(_LENGTH_BYTES) + answer)


def _next(questions: BinaryIO) -> bytes:
    """Return the next question, or nothing when the wire ended, be it in the middle of one."""
    length = int.from_bytes(questions.read(_LENGTH_BYTES))
    question = questions.read(length)
    return question if len(question) == length else b""


def _answered(question: _Question, catalogues: _Catalogues) -> _Answer:
    try:
        catalogue = catalogues.of(question.terms.catalogue)
        batch = prepare(catalogue, question.terms, question.parts, question.settled)
    except Unavailable as error:
        return _Answer(_Failure(error.code, error.rule))
    except Exception as error:  # noqa: BLE001  the outermost loop: the next group may be a better one
        what, where = type(error).__name__, frames(error.__traceback__)
        return _Answer(_Failure("unavailable.internal", "", what, where))
    return _Answer(None, batch.draft, batch.kept, batch.refused, batch.repeated, batch.held)


class _Catalogues:
    """The contracts, by digest. A worker keeps those it has loaded: groups on their way need them."""

    def __init__(self, folder: Path, profile: contracts.Profile) -> None:
        self._folder = folder
        self._profile = profile
        self._loaded: dict[str, contracts.Catalogue] = {}
        self._load()

    def of(self, digest: str) -> contracts.Catalogue:
        """Return the contracts that the terms name.

        Raises:
            Unavailable: `unavailable.contracts`.
        """
        if digest not in self._loaded:
            try:
                self._load()
            except contracts.Invalid as error:
                raise Unavailable("unavailable.contracts", "the contracts on disk do not load") from error
        try:
            return self._loaded[digest]
        except KeyError:
            rule = "the contracts on disk are not those in force"
            raise Unavailable("unavailable.contracts", rule) from None

    def _load(self) -> None:
        catalogue = contracts.load(self._folder, profile=self._profile)
        self._loaded[catalogue.digest] = catalogue
