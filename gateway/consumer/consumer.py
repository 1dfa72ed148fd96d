"""The SDK of a recipient's core: records come one by one, verified, and go with an answer.

    for delivery in consumer:
        apply(delivery.event)
        delivery.done("APPLIED")

What is promised, also across crashes, restarts, redeliveries and several consumers that share one ledger:

1. Nothing is yielded before the whole batch it came in was verified.
2. Once `done` has returned, the record is not yielded again and its answer is not lost.
3. The queue forgets a batch only when every record in it is done.

Between the core's own commit and `done` lies an instant in which a crash brings the record again: at least
once around the core's commit. A core that keeps `event["id"]` in its own transaction and answers `decided`
from there sees every record exactly once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import structlog

from crypto.receipt import Receipt
from gateway import ports
from gateway.consumer.answers import Answer, Answers, AnswersState, Owed
from gateway.consumer.dispositions import Disposition
from gateway.consumer.ledger import LedgerFile, Stop
from gateway.errors import Tampered, Unavailable
from gateway.records import Handed

PREFETCH = 4  # batches on loan: one being worked on, the others already here
BACKOFF_FIRST_S, BACKOFF_LONGEST_S = 1.0, 300.0

Decided = Callable[[Sequence[str]], Mapping[str, Disposition]]
"""Asks the core which of these record ids it has committed already, and with what answer."""

log = structlog.get_logger()


def no_decisions(record_ids: Sequence[str]) -> Mapping[str, Disposition]:
    """Answer for a core that keeps no record ids of its own (`Decided`)."""
    del record_ids
    return {}


@dataclass(frozen=True, slots=True)
class State:
    """What an operator should know of a consumer: lanes stopped and answers under way."""

    stopped: tuple[Stop, ...]
    answers: AnswersState


class Delivery:
    """One record in the hands of the core: call `done` or `retry`; without either, the record comes again."""

    __slots__ = ("_answers", "_handed", "after_s", "event", "settled")

    def __init__(self, handed: Handed, answers: Answers) -> None:
        self.event: dict[str, Any] = orjson.loads(handed.event)
        """The record, a CloudEvent 1.0: `id`, `source`, `type`, `data` and so on."""
        self.settled = False
        self.after_s = 0.0
        self._handed = handed
        self._answers = answers

    def __repr__(self) -> str:
        return f"Delivery({self.id!r})"

    @property
    def id(self) -> str:
        """The record's id, the same as `event["id"]`: a UUID that names this record for ever."""
        return self._handed.record_id

    @property
    def evidence(self) -> Receipt:
        """What proves the record, offline. Keep it like the record: with it, guesses can be tested."""
        return self._handed.receipt

    @property
    def octets(self) -> bytes:
        """The event as it was sealed (RFC 8785): what the evidence proves, octet by octet."""
        return self._handed.event

    @property
    def owed(self) -> Owed:
        """Whom an answer for this record is owed."""
        return Owed(self.id, self._handed.sender, self.event["sourceref"])

    def done(self, outcome: str, code: str = "", field_path: str = "") -> None:
        """Say that the record is finished with, and how. On return that is durable; the sender will be told.

        `outcome`, `code` and `field_path` are those of `disposition.v1`: see `gateway.consumer.dispositions`.

        Raises:
            ValueError: not words of the contract; nothing was changed.
            Unavailable: `unavailable.ledger`; nothing was changed, the record comes again.
        """
        self._answers.keep([Answer(self.owed, Disposition.of(outcome, code, field_path), _now_ms())])
        self.settled = True

    def retry(self, after_s: float) -> None:
        """Say that the record cannot be handled now: it comes again, not before `after_s` seconds.

        Records behind it do not wait for it.
        """
        self.after_s = after_s


class Consumer:
    """Takes sealed batches from the queues of one recipient and yields their records."""

    def __init__(
        self,
        *,
        queue: ports.Queue,
        queues: Sequence[str],
        opener: ports.Opener,
        ledger: LedgerFile,
        decided: Decided = no_decisions,
    ) -> None:
        self._queue = queue
        self._queues = tuple(queues)
        self._opener = opener
        self._ledger = ledger
        self._answers = Answers(ledger)
        self._decided = decided
        self._stopping = threading.Event()

    def __iter__(self) -> Iterator[Delivery]:
        """Yield records as they come, until `stop` is called.

        Leaving the loop early is safe: what is not done comes again.
        """
        for batch in self.batches():
            yield from self._one_by_one(batch)

    def waiting(self) -> Iterator[Delivery]:
        """Yield the records that wait now; end when nothing came for about a second.

        Raises:
            Unavailable: the queue, the keys or the ledger cannot be had now.
        """
        for batch in self.batches(until_idle=True):
            yield from self._one_by_one(batch)

    def batches(self, *, until_idle: bool = False) -> Iterator[Sequence[Delivery]]:
        """Yield records as they were sealed together, up to 256: for a core that commits many at once.

        Of a batch, those come that were not done before. Use `done_all` for them, or `done` for each.

        Raises:
            Unavailable: only with `until_idle`; otherwise it is tried again, for as long as it takes.
        """
        failures = 0
        while not self._stopping.is_set():
            try:
                for delivery in self._deliveries(until_idle=until_idle):
                    batch = self._open(delivery)
                    failures = 0
                    if batch is None:
                        continue
                    if batch:
                        yield batch
                    if self._stopping.is_set() and not all(one.settled for one in batch):
                        return  # what is on loan goes back by itself, and at once
                    _settle(delivery, batch)
                return  # noqa: TRY300  inside, because leaving the loop is what ends it
            except Unavailable as error:
                if until_idle:
                    raise
                log.warning("consumer.interrupted", code=error.code)
                self._stopping.wait(_backoff_s(failures))
                failures += 1

    def done_all(self, answers: Mapping[Delivery, Disposition]) -> None:
        """Do for many records what `Delivery.done` does for one, in one transaction.

        Raises:
            Unavailable: `unavailable.ledger`; nothing was changed.
        """
        now_ms = _now_ms()
        self._answers.keep([Answer(one.owed, disposition, now_ms) for one, disposition in answers.items()])
        for delivery in answers:
            delivery.settled = True

    def hand_over(self, deliveries: Sequence[Delivery]) -> None:
        """Say that something durable has the records now and will give the answers later, through `answer`.

        Raises:
            Unavailable: `unavailable.ledger`; nothing was changed.
        """
        self._answers.owe([one.owed for one in deliveries])
        for delivery in deliveries:
            delivery.settled = True

    def answer(self, record_id: str, disposition: Disposition) -> bool:
        """Answer a record that was handed over, durably; tell whether an answer for it was still owed.

        Raises:
            LookupError: no record of this id was handed over, or not yet.
            ValueError: the id is no UUID.
            Unavailable: `unavailable.ledger`; nothing was changed.
        """
        return self._answers.decide(record_id, disposition, _now_ms())

    def state(self) -> State:
        """Return what an operator should know."""
        return State(tuple(self._ledger.stops().values()), self._answers.state())

    def stop(self) -> None:
        """End the iterations after the record under way; for signal handlers and other threads."""
        self._stopping.set()

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping.is_set()

    def wait(self, seconds: float) -> None:
        """Wait, but not longer than until `stop` is called."""
        self._stopping.wait(seconds)

    def _deliveries(self, *, until_idle: bool) -> Iterator[ports.Delivery]:
        with self._queue.consume(self._queues, PREFETCH) as deliveries:
            for delivery in deliveries:
                if self._stopping.is_set() or (delivery is None and until_idle):
                    return
                if delivery is not None:
                    yield delivery

    def _open(self, delivery: ports.Delivery) -> Sequence[Delivery] | None:
        """Return the records of a batch that are still to be done; None if it was parked, not verified."""
        message = delivery.message
        try:
            records = self._opener.open(message)
        except Tampered as error:
            log.error("message.tampered", queue=message.queue, code=error.code, rule=error.rule)  # noqa: TRY400  no fault of this program
            delivery.park(error.code)
            return None
        fresh = self._ledger.unhandled([record.record_id for record in records])
        batch = [Delivery(record, self._answers) for record in records if record.record_id in fresh]
        # What the core committed in the instant before a crash is done; only its answer is still to be kept.
        decided = self._decided([one.id for one in batch]) if batch else {}
        self.done_all({one: decided[one.id] for one in batch if one.id in decided})
        return [one for one in batch if not one.settled]

    def _one_by_one(self, batch: Sequence[Delivery]) -> Iterator[Delivery]:
        for delivery in batch:
            if self._stopping.is_set():
                return
            # Another consumer may have had the same batch and been faster.
            if self._ledger.unhandled([delivery.id]):
                yield delivery
            else:
                delivery.settled = True


def _settle(delivery: ports.Delivery, batch: Sequence[Delivery]) -> None:
    open_ = [one for one in batch if not one.settled]
    if open_:
        delivery.retry(max(one.after_s for one in open_) or _backoff_s(delivery.attempt - 1))
    else:
        delivery.ack()


def _backoff_s(failures: int) -> float:
    return min(BACKOFF_FIRST_S * 2.0**failures, BACKOFF_LONGEST_S)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
