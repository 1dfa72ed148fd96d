"""The seams: what the way of a record asks of the rooms around it. Each docstring is a promise.

Implementations raise only errors of `gateway.errors`; a foreign exception is translated where it first appears.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from crypto.receipt import Receipt
from gateway.records import (
    Acknowledgement,
    Batch,
    Event,
    Framed,
    Handed,
    Message,
    Origin,
    Outcome,
    Part,
    Refusal,
    SealedBatch,
    Submission,
    Terms,
)
from gateway.settled import Early, Known, Settled


class Rules(Protocol):
    """Who may exchange what with whom, as the registry, the contracts and the calendar in force say."""

    def terms(self, sender: str, recipient: str, contract: str, at_ms: int) -> Terms:
        """Return the terms of the one agreement that covers this, at this instant (Unix ms).

        An empty `recipient` means: the only one there is an agreement with.

        Raises:
            Rejected: no agreement, not valid now, or more than one recipient (`agreement.*`, `contract.unknown`).
            Unavailable: the keys the terms need cannot be had now.
        """

    def admit(self, submission: Submission) -> None:
        """Refuse a submission whose adapter, media type, origin signature, encryption or quota is not allowed.

        Raises:
            Rejected: `agreement.adapter`, `contract.media_type`, `agreement.origin_signature_required`,
                `agreement.encryption_*`.
            Unavailable: `quota.submissions`, with the seconds until the next one may come.
        """

    def spend(self, sender: str, contract: str, records: int) -> None:
        """Count records against the sender's quota.

        Raises:
            Unavailable: `quota.records`, `quota.records_per_day`, `quota.quarantine`, with the seconds until there
                may be room again.
        """

    def frame(
        self, sender: str, contract: str, media_type: str, body: AsyncIterator[bytes]
    ) -> AsyncIterator[Sequence[Framed]]:
        """Cut a body into records as the sender's binding says; groups of at most 256 records or 1 MiB.

        Memory is bounded by one group, whatever the body's length. What cannot be cut out is yielded as a refusal
        at its position; nothing that came before it is lost.
        """


class Prepare(Protocol):
    """Conform and seal: parse, map, validate and encrypt, in whichever process has a free core."""

    async def __call__(self, terms: Terms, parts: tuple[Part, ...], settled: Settled) -> Batch:
        """Prepare the records of `parts`.

        Of those that are settled, the same content is listed as repeated and not sealed, and other content refused
        as `record.conflict`. What corrects or voids nothing that stands is refused as `record.prior_missing` or
        `record.prior_void`, and what has to wait with its prior is held. Pure: the same call may be made again, and
        every call seals under new keys.

        Raises:
            Unavailable: the contracts the terms name cannot be loaded now.
        """


class Log(Protocol):
    """The exchange log: lanes, promises and the outbox, in one store."""

    async def append(self, batch: Batch, number: int = 0, after: int = 0) -> SealedBatch | Known | Early:
        """Append a batch's entries to its lane and its message to the outbox, in one transaction.

        `number`, from 1, names the batch among those of this process, and `after` the one that has to be in the log
        before; 0 stands for none. Batches are taken in the order of the calls, and several may get one transaction.

        The messages of records that are held go into the quarantine. When this returns a `SealedBatch`, entries,
        promises, signed checkpoints and messages are durable together. Otherwise nothing of the batch was written.
        `Known`: something in it was promised before, or corrects or voids what does not stand. `Early`: the log does
        not have the batch `after`, or has it no longer in mind.

        Raises:
            Unavailable: the signer or the store cannot do it now, or the outbox is full. Nothing was written.
        """

    async def note(self, events: Sequence[Event]) -> Sequence[Receipt]:
        """Append events to their lanes, durable on return, and return a receipt for each.

        Raises:
            Unavailable: the signer or the store cannot do it now. Nothing was written.
        """

    async def close_submission(self, submission: str, terms: Terms, digest: bytes) -> None:
        """Mark a submission as received to its end; `digest` is the SHA-256 of its body (32 bytes).

        Kept as an HMAC under the lane's promise key, so that a body cannot be guessed from the store.
        """


class Records(Protocol):
    """What the log answers about what it holds. Never plaintext: there is none."""

    def receipt(self, record_id: str, sender: str) -> Receipt | None:
        """Return the receipt of a record that this sender handed over, against the lane's latest checkpoint."""

    def receipts(self, indices: Sequence[int], sender: str) -> Mapping[int, Receipt]:
        """Return the receipts of records that this sender handed over, by their index in its lane.

        All are against one checkpoint. What is no record's index is left out.
        """

    def history(self, record_id: str, sender: str) -> Sequence[bytes]:
        """Return the log entries (RFC 8785) about a record that this sender handed over, in order of time.

        The first one is its own; there are none when this sender handed over no such record.
        """

    def submission(self, submission_id: str, sender: str) -> SubmissionState | None:
        """Return what became of a submission of this sender."""

    def checkpoint(self, lane: str) -> str | None:
        """Return the latest signed checkpoint of a lane (a C2SP signed note)."""

    def tile(self, lane: str, level: int, index: int, width: int) -> bytes | None:
        """Return `width` hashes (1 to 256, 32 bytes each) of a C2SP tile, or None when the lane is not that large."""

    def entries(self, lane: str, index: int, width: int) -> bytes | None:
        """Return a C2SP entry bundle of `width` entries (each u16be length, then octets), or None."""


@dataclass(frozen=True, slots=True)
class SubmissionState:
    """What became of a submission so far. `complete` means that it was received to its end.

    `refusals` holds the first 1,000 as (position, refusal).
    """

    id: str
    contract: str
    accepted: int
    quarantined: int
    duplicate: int
    refused: int
    complete: bool
    refusals: tuple[tuple[int, Refusal], ...]


class Spool(Protocol):
    """Where a process that may not sign leaves events for the one that may."""

    def leave(self, events: Sequence[Event]) -> None:
        """Keep events until they are appended to their lanes; durable on return.

        An event about a range of a lane is appended once, however often it is left.
        """


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message in the outbox: `seq` orders all messages of a lane, `first` and `count` are its range there."""

    seq: int
    message: Message
    recipient: str
    lane: str
    first: int
    count: int


class Outbox(Protocol):
    """Messages that are in the log and not yet in the queue."""

    def waiting(self, limit: int, besides: Sequence[Outgoing] = ()) -> Sequence[Outgoing]:
        """Return up to `limit` messages that may go now besides some that follow each other, in the lanes' order."""

    def sent(self, outgoing: Sequence[Outgoing], events: Sequence[Event]) -> None:
        """Forget messages that the queue has confirmed and spool what there is to log, in one transaction."""


class Delivery(Protocol):
    """One message on loan from a queue. Exactly one of the three is called."""

    message: Message
    attempt: int

    def ack(self) -> None:
        """Done: the queue forgets the message."""

    def retry(self, after_s: float) -> None:
        """Not now: the message comes again, not before `after_s` seconds."""

    def park(self, reason: str) -> None:
        """Never: move the message to the parking queue, with the reason's code."""


class Queue(Protocol):
    """A queue that loses nothing it confirmed: a RabbitMQ broker, or the embedded one."""

    def publish(self, messages: Sequence[Message]) -> None:
        """Put messages into their queues, in order; every one is durable on return.

        Raises:
            Unavailable: `unavailable.queue`; any of them may have been queued, so publish all of them again.
        """

    def consume(
        self, queues: Sequence[str], prefetch: int
    ) -> AbstractContextManager[Iterator[Delivery | None]]:
        """Yield deliveries from these queues as they come; None when nothing came for about a second.

        Unsettled deliveries return to the queue when the context ends or the process dies.

        Raises:
            Unavailable: `unavailable.queue`; the caller opens the context again.
        """

    def depth(self, queue: str) -> int:
        """Return how many messages wait in a queue."""


class Ledger(Protocol):
    """What a recipient durably remembers of the records it has been handed."""

    def unhandled(self, record_ids: Sequence[str]) -> frozenset[str]:
        """Return those of the ids that were not yet marked as handled."""

    def handled(self, record_ids: Sequence[str]) -> None:
        """Mark ids as handled; durable on return."""


class Opener(Protocol):
    """Opens sealed batches with the keys of one recipient."""

    def open(self, message: Message) -> Sequence[Handed]:
        """Verify a message in full and return its records.

        Raises:
            Tampered: some check failed; the code names it.
            Unavailable: the keys cannot be had now.
        """


class Outbound(Protocol):
    """An adapter's way out: hands records to one agency."""

    async def hand(self, records: Sequence[Handed]) -> Acknowledgement:
        """Hand over records of one sender and contract; on return the recipient has said that it has them.

        Raises:
            Unavailable: not now, try again later.
            Rejected: the recipient will not take them; trying again would not help.
        """


class Accept(Protocol):
    """`exchange.accept` as adapters see it."""

    def __call__(self, submission: Submission) -> AsyncGenerator[Sequence[Outcome]]:
        """Take a submission and yield outcomes in order of position, each durable when it is yielded."""


class Identities(Protocol):
    """Turns what a connection shows of its peer into an agency's name."""

    def identify(self, certificate: bytes | None) -> tuple[str, Origin]:
        """Return the agency whose client certificate (DER, leaf) this is, and the origin to log.

        Raises:
            Rejected: `identity.*`.
        """
