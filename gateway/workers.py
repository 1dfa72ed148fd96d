"""Worker processes for `prepare`: as many as there are cores, and nothing is lost when one dies.

A worker answers one question after the other. Preparing is pure, so what one was killed over is simply asked again.
Where cores are few, a small group is prepared by whoever asks: the way to a worker and back costs as much.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import structlog

import contracts
from crypto.seal import Draft
from gateway.child import Child, Died, answer, asked
from gateway.errors import Unavailable
from gateway.interpreter import collect, collect_when_told, keep_freed_memory, work_in_batches
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
SMALL_RECORDS = 64
SMALL_BYTES = 1 << 16
"""What is at most this is a small group: the event loop is kept from others for some milliseconds."""

log = structlog.get_logger()


class Workers:
    """Implements `ports.Prepare` over some processes. Used by one event loop.

    Args:
        folder: the contracts' folder, which every worker reads for itself.
        profile: `synthetic` or `production`: which national IDs the contracts let pass.
        count: how many processes, at least 1.
        at_hand: returns the contracts in force, so that small groups need no worker; None when each does.
    """

    def __init__(
        self,
        folder: Path,
        profile: contracts.Profile,
        count: int,
        at_hand: Callable[[], contracts.Catalogue] | None = None,
    ) -> None:
        self._folder = folder
        self._profile = profile
        self._at_hand = at_hand
        self._workers: list[Child] = []
        try:
            for _ in range(count):
                self._workers.append(Child("isnad-worker", _work, folder, profile))
        except OSError:  # a process that nobody ends would keep this one from ending
            self.close()
            raise

    async def __call__(self, terms: Terms, parts: tuple[Part, ...], settled: Settled) -> Batch:
        """Prepare the records of `parts`, here or in whichever process has least to do; see `ports.Prepare`."""
        question = _Question(terms, parts, settled)
        catalogue = self._at_hand() if self._at_hand is not None and _small(parts) else None
        if catalogue is not None and catalogue.digest == terms.catalogue:
            found = _answered(question, lambda _: catalogue)
        else:
            found = await self._asked(_ENCODER.encode(question))
        if found.failure is not None:
            raise _raised(found.failure)
        return Batch(terms, parts, found.draft, found.kept, found.refused, found.repeated, found.held)

    def close(self) -> None:
        """End the processes; nobody may be waiting for them."""
        for worker in self._workers:
            worker.end()

    async def _asked(self, question: bytes) -> _Answer:
        for _ in range(ATTEMPTS):
            try:
                return _ANSWER.decode(await self._least_busy().ask(question))
            except Died:
                continue
        raise Unavailable("unavailable.workers", "the processes that prepare records keep dying")

    def _least_busy(self) -> Child:
        """Return the worker with the fewest questions before it, after replacing those that died."""
        for n, worker in enumerate(self._workers):
            if worker.dead:
                worker.end()
                self._workers[n] = Child("isnad-worker", _work, self._folder, self._profile)
        return min(self._workers, key=lambda worker: worker.waiting)


def _small(parts: Sequence[Part]) -> bool:
    octets = [len(record.octets) for part in parts for record in part.records]
    return len(octets) <= SMALL_RECORDS and sum(octets) <= SMALL_BYTES


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
    keep_freed_memory()
    work_in_batches()
    catalogues = _Catalogues(folder, profile)
    collect_when_told()
    with wire.makefile("rb") as questions:
        for number, question in asked(questions):
            answer(wire, number, _ENCODER.encode(_answered(_QUESTION.decode(question), catalogues.of)))
            collect()


def _answered(question: _Question, catalogue_of: Callable[[str], contracts.Catalogue]) -> _Answer:
    try:
        catalogue = catalogue_of(question.terms.catalogue)
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
