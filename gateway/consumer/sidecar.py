"""For cores not written in Python: verified records go out as plain CloudEvents, answers come in as JSON.

A record goes out with its evidence in the extension attribute `evidence` (the receipt, as a string). Without
that attribute, in RFC 8785 form, it is the record that the receipt proves. An answer is one JSON object:
`{"id": …, "outcome": …, "code": …, "field_path": …}`, or `{"id": …, "retry_after_s": …}` to have it again.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, BinaryIO

import msgspec
import structlog

from gateway.consumer.answers import Answers
from gateway.consumer.consumer import Consumer, Delivery
from gateway.consumer.dispositions import Decision, Disposition, Reason
from gateway.errors import Rejected, Unavailable
from gateway.ports import Delivery as Loan
from gateway.ports import Queue
from gateway.records import Message

ANSWER_MAX_BYTES = 4096
RETRY_MAX_S = 86_400.0
POLL_S = 0.5  # between looks at whether to stop
EARLY_S, EARLY_ATTEMPTS = 1.0, 10
"""An answer may come before the ledger says that its record was handed over: it is looked at again."""

log = structlog.get_logger()


def to_lines(consumer: Consumer, out: BinaryIO, answers: BinaryIO) -> None:
    """Write events as lines and read an answer for each; a record is done when its answer was read.

    A batch of 1 to 256 lines goes out, then the answers to all of them are waited for. Ends when `answers`
    does; what is not answered by then comes again.

    Raises:
        Rejected: `answer.malformed`: a line that is no answer, or for no record that is out.
    """
    lines = _Lines(answers, consumer)
    for batch in consumer.batches():
        _write(out, batch)
        open_ = {delivery.id: delivery for delivery in batch}
        while open_:
            line = lines.take()
            if line is None:
                if consumer.stopping:
                    break
                continue
            if not line:
                break
            answer = parse(line)
            delivery = open_.pop(answer.id, None)
            if delivery is None:
                raise Rejected("answer.malformed", "an answer must name a record that is out", "id")
            if answer.retry_after_s is not None:
                delivery.retry(answer.retry_after_s)
            else:
                consumer.done_all({delivery: answer.disposition()})


def to_flushed_lines(consumer: Consumer, out: BinaryIO) -> None:
    """Write events as lines; records are handed over when their lines were flushed, and answered later.

    The reader must not lose what it was given: nothing brings it again.
    """
    for batch in consumer.batches():
        _write(out, batch)
        consumer.hand_over(batch)


@dataclass(frozen=True, slots=True)
class Kept:
    """How many answers were kept, and how many were not owed (any more)."""

    kept: int
    not_owed: int


def keep(answers: Answers, given: Iterable[bytes]) -> Kept:
    """Keep the answers in `given`, a line each, for records that were handed over.

    Raises:
        Rejected: `answer.malformed` or `answer.unknown`; the answers before that line are kept.
    """
    owed = 0
    count = 0
    for count, octets in enumerate(given, 1):
        answer = parse(octets)
        if answer.outcome is None:
            raise Rejected("answer.malformed", f"line {count}: what was handed over cannot come again")
        try:
            owed += answers.decide(answer.id, answer.disposition(), time.time_ns() // 1_000_000)
        except LookupError as error:
            raise Rejected("answer.unknown", f"line {count}: no such record was handed over", "id") from error
    return Kept(owed, count - owed)


def to_queue(consumer: Consumer, core: Queue, events: str, answers: str) -> None:
    """Put events into the queue `events`, one a message, and take answers from the queue `answers`.

    Records are handed over when the queue has confirmed them. Ends when the consumer is stopped.
    """
    reading = threading.Thread(target=_take_answers, args=[consumer, core, answers], name="core-answers")
    reading.start()
    try:
        for batch in consumer.batches():
            try:
                core.publish([Message(delivery.id, events, line(delivery)) for delivery in batch])
            except Unavailable as error:  # some may be there already: the core knows them by their ids
                log.warning("core.unreachable", code=error.code, queue=events)
                continue
            consumer.hand_over(batch)
    finally:
        consumer.stop()
        reading.join()


def line(delivery: Delivery) -> bytes:
    """Return a record as one CloudEvent in JSON, with its evidence, on one line without a line break."""
    evidence = msgspec.json.encode(delivery.evidence.to_json().decode())
    return delivery.octets[:-1] + b',"evidence":' + evidence + b"}"


class CoreAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a core says of a record: an outcome, or when to bring it again."""

    id: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
    outcome: Decision | None = None
    code: Reason | None = None
    field_path: str = ""
    retry_after_s: Annotated[float, msgspec.Meta(ge=0, le=RETRY_MAX_S)] | None = None

    def __post_init__(self) -> None:
        if (self.outcome is None) == (self.retry_after_s is None):
            raise ValueError("an answer has an outcome or retry_after_s, and not both")
        if self.outcome is not None:
            self.disposition()

    def disposition(self) -> Disposition:
        """Return the disposition that the answer states."""
        if self.outcome is None:
            raise ValueError("an answer that asks for the record again states no disposition")
        return Disposition(self.outcome, self.code, self.field_path)


def parse(octets: bytes) -> CoreAnswer:
    """Return the answer that a core gave.

    Raises:
        Rejected: `answer.malformed`.
    """
    if len(octets) > ANSWER_MAX_BYTES:
        raise Rejected("answer.malformed", f"an answer has at most {ANSWER_MAX_BYTES} bytes")
    try:
        return _ANSWER.decode(octets)
    except msgspec.DecodeError as error:
        raise Rejected("answer.malformed", "an answer is one JSON object of the documented form") from error


_ANSWER = msgspec.json.Decoder(CoreAnswer)


def _write(out: BinaryIO, batch: Sequence[Delivery]) -> None:
    out.write(b"".join(line(delivery) + b"\n" for delivery in batch))
    out.flush()


class _Lines:
    """Lines of a stream, read in a thread: a core may answer while it is still being written to.

    At the stream's end the consumer is stopped, whether a batch is out or not.
    """

    def __init__(self, stream: BinaryIO, consumer: Consumer) -> None:
        self._stream = stream
        self._consumer = consumer
        self._lines: queue.Queue[bytes] = queue.Queue(maxsize=1024)
        threading.Thread(target=self._read, name="answers", daemon=True).start()

    def take(self) -> bytes | None:
        """Return the next line, empty bytes at the end, or None when none came for a moment."""
        try:
            return self._lines.get(timeout=POLL_S)
        except queue.Empty:
            return None

    def _read(self) -> None:
        while read := self._stream.readline(ANSWER_MAX_BYTES + 1):
            self._lines.put(read)
        self._lines.put(b"")
        self._consumer.stop()


def _take_answers(consumer: Consumer, core: Queue, answers: str) -> None:
    while not consumer.stopping:
        try:
            with core.consume([answers], prefetch=64) as loans:
                for loan in loans:
                    if consumer.stopping:
                        return
                    if loan is not None:
                        _take_answer(consumer, loan)
        except Unavailable as error:
            log.warning("core.unreachable", code=error.code, queue=answers)
            consumer.wait(1.0)


def _take_answer(consumer: Consumer, loan: Loan) -> None:
    try:
        answer = parse(loan.message.body)
        owed = consumer.answer(answer.id, answer.disposition())
    except (Rejected, ValueError):
        log.error("answer.parked", code="answer.malformed", queue=loan.message.queue)  # noqa: TRY400
        loan.park("answer.malformed")
    except LookupError:
        if loan.attempt < EARLY_ATTEMPTS:
            loan.retry(EARLY_S)
        else:
            log.error("answer.parked", code="answer.unknown", queue=loan.message.queue)  # noqa: TRY400
            loan.park("answer.unknown")
    else:
        if not owed:
            log.info("answer.repeated", record_id=answer.id)
        loan.ack()
