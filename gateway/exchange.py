"""The way of a record, top to bottom: `accept` before the queue, `promise` into the log, `deliver` after the queue.

Three promises, which everything else serves:

1. Nothing leaves before its log entry is durable. A receipt means: logged, sealed, stored.
2. Every step can be run again with the same effect. A retry never makes a second record.
3. Plaintext exists in two stretches only: between the wire and `seal`, and between `open` and the recipient.

What comes from an agency is cut, conformed, sealed and promised; what goes to one is opened, verified and handed
over. The elections authority is a participant like every other: what it sends takes the same way.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from functools import partial

from gateway.errors import Rejected, Tampered, Unavailable
from gateway.groups import Keep, Turn
from gateway.outcomes import by_part
from gateway.pipeline import Measured, beyond, pipelined, sole, within
from gateway.ports import Delivery, Ledger, Log, Opener, Outbound, Prepare, Rules, Spool
from gateway.records import (
    GATEWAY,
    Event,
    Framed,
    Handed,
    Message,
    Outcomes,
    Part,
    Submission,
    Terms,
)
from gateway.settled import Known, Promise, Settled

BACKOFF_FIRST_S, BACKOFF_LONGEST_S = 1.0, 300.0


async def accept(submission: Submission, *, rules: Rules, keep: Keep, log: Log) -> AsyncGenerator[Outcomes]:
    """Take a submission and yield the outcomes of its records, in order of position, durable when yielded.

    Raises:
        Rejected: the submission as a whole is refused and nothing of it was kept; the refusal is in the log.
        Unavailable: from here on nothing was promised; what was yielded before stands.
    """
    try:
        # Step 1. May this sender send this to this recipient, now? Nothing is read before that is known.
        terms = rules.terms(
            submission.sender, submission.recipient, submission.contract, submission.received_ms
        )
        # Step 2. Does the agreement allow it in this form?
        rules.admit(submission)
    except Rejected as error:
        await log.note([refused_submission(submission, error)])
        raise
    # Step 3. Cut the body into records as it arrives: a body may be longer than memory.
    body = Measured(submission.body)
    groups = rules.frame(submission.sender, submission.contract, submission.media_type, aiter(body))
    if submission.answered:
        groups = beyond(submission.answered, groups)

    async def kept(group: Sequence[Framed], digest: bytes = b"") -> Outcomes:
        part = Part(submission.id, submission.origin, submission.received_ms, tuple(group), digest)
        return await keep(terms, part)

    # Steps 4 to 6 are `promise`. A small submission is one group, and step 7 is done together with them.
    group, groups = await sole(groups, body)
    spend = partial(rules.spend, submission.sender, submission.contract)
    if group is not None:
        spend(len(group))
        yield await kept(group, body.digest)
        return
    # Of a long one several groups are on their way at a time, and answered in the order they came. None goes before
    # one that the quota holds back.
    async for outcomes in pipelined(kept, within(spend, groups)):
        yield outcomes
    # Step 7. The sender has said all it had to say.
    await log.close_submission(submission.id, terms, body.digest)


async def promise(
    terms: Terms, parts: tuple[Part, ...], turn: Turn, *, prepare: Prepare, log: Log
) -> tuple[Outcomes, ...]:
    """Keep the records of these parts, all of one agreement, and return the outcomes part by part.

    Called with whatever waits: one record when the gateway is idle, 256 from many submissions when it is not.

    Raises:
        Unavailable: nothing was promised.
    """
    earlier: dict[str, Promise] = {}
    settled = Settled()
    # Step 4. Conform each record to its contract and seal those that do; a bad record refuses only itself.
    # One that an officer has to look at is sealed for itself.
    batch = await prepare(terms, parts, settled)
    # Step 5. Log entries, promises, signed checkpoints and messages: one transaction, all or nothing. A message goes
    # into the outbox, or into the quarantine until it is decided about. All in its turn: what was sent first is
    # logged first, whichever worker was faster.
    while isinstance(answer := await turn.append(batch, log), Known):
        # Some were promised before. The same content keeps its first receipt; other content under the same reference
        # is refused. So is what corrects or voids nothing. None of these is sealed twice, so the rest is sealed
        # again, under new keys.
        earlier.update({known.record_id: known for known in answer.promises})
        settled.learn(answer)
        batch = await prepare(terms, parts, settled)
    # Step 6. Answer every record: a receipt, an earlier receipt, or a refusal.
    return by_part(answer, earlier)


async def deliver(
    delivery: Delivery, *, opener: Opener, ledger: Ledger, outbound: Outbound, spool: Spool, attempts: int
) -> None:
    """Hand one sealed batch to the agency it is for, and settle it with the queue."""
    try:
        # Step 1. Open: nothing in it is believed before all of it is verified.
        records = opener.open(delivery.message)
    except Tampered as error:
        spool.leave([set_aside(delivery.message, error)])
        delivery.park(error.code)
        return
    except Unavailable:  # our own keys: no fault of the recipient, so the attempt has no last one
        delivery.retry(_backoff_s(delivery.attempt))
        return
    # Step 2. Leave out what was handed over before: a queue may bring a message twice.
    fresh = ledger.unhandled([record.record_id for record in records])
    try:
        # Step 3. Hand over. On return, the recipient has said that it has them.
        acknowledgement = await outbound.hand([record for record in records if record.record_id in fresh])
    except (Rejected, Unavailable) as error:
        if isinstance(error, Unavailable) and delivery.attempt < attempts:
            delivery.retry(max(_backoff_s(delivery.attempt), error.retry_after_s))
        else:
            spool.leave([handed_over(records, "record.undeliverable", error.code)])
            delivery.park(error.code)
        return
    # Step 4. Remember, so that a crash from here on hands nothing over twice.
    ledger.handled(sorted(fresh))
    # Step 5. Tell the log.
    spool.leave([handed_over(records, "record.delivered", acknowledgement.reference)])
    # Step 6. Only now may the queue forget.
    delivery.ack()


def refused_submission(submission: Submission, error: Rejected) -> Event:
    """Return what the sender's lane remembers of a submission that was refused whole."""
    origin = submission.origin
    return Event(
        lane=submission.sender,
        kind="submission.refused",
        fields=(
            ("submission", submission.id),
            ("contract", submission.contract),
            ("certificate", origin.certificate),
            ("code", error.code),
            ("field", error.field),
            ("rule", error.rule),
        ),
    )


def set_aside(message: Message, error: Tampered) -> Event:
    """Return the alarm about a message that did not verify; nothing it says of itself is repeated."""
    return Event(
        lane=GATEWAY, kind="message.tampered", fields=(("queue", message.queue), ("code", error.code))
    )


def handed_over(records: Sequence[Handed], kind: str, reference: str) -> Event:
    """Return what the sender's lane remembers of a batch's delivery, or of its end without one."""
    return Event(
        lane=records[0].lane,
        kind=kind,
        fields=(("reference", reference),),
        first=records[0].index,
        count=len(records),
    )


def _backoff_s(attempt: int) -> float:
    return min(BACKOFF_FIRST_S * 2.0**attempt, BACKOFF_LONGEST_S)
