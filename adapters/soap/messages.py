"""One message: from an envelope on the wire to `accept`, and its outcomes back."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace

import structlog
from starlette.types import Receive, Scope, Send

from adapters.soap.answers import ENVELOPE_END, envelope_start, fields_answer
from adapters.soap.envelope import opened, parse, sole
from adapters.soap.multipart import Multipart
from adapters.soap.operations import Asked, asked, recipient
from adapters.soap.reply import Reply, headers_of
from adapters.soap.request import Call, Watched, expected_bytes, records_of, root_of
from adapters.soap.seen import Seen
from adapters.soap.wsdl import service
from gateway import metrics
from gateway.doors import Evidence, Gateway, Published, XmlRecords
from gateway.errors import IsnadError, Rejected
from gateway.exchange import refused_submission
from gateway.https.body import Body, Held, Room
from gateway.https.config import Config
from gateway.https.respond import respond
from gateway.moments import now_ms, uuid7
from gateway.records import Event, Outcomes, Status, Submission
from gateway.submissions import Counts, Whole, state_of, submission_id

IDENTIFIER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
EARLIER_RECEIPTS = 100
"""Duplicates of one group whose first receipt is looked up; `receipt` answers for others."""
THREADED_BYTES = 64 * 1024
"""A larger envelope is read beside the event loop: libxml2 lets other threads run."""
UNREAD = "submission.answer_unread"

log = structlog.get_logger()


class Messages:
    """Takes messages. One for all connections."""

    def __init__(self, config: Config, gateway: Gateway) -> None:
        self._gateway = gateway
        self._limits = config.limits
        self._room = Room(config.limits.max_held_bytes)
        self._seen = Seen(time.monotonic)

    async def take(self, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one message and answer it.

        Raises:
            IsnadError: it was refused and nothing was answered yet: the caller does.
        """
        # Step 1. Who is it? Nothing of the request is believed before that is known.
        sender, origin = self._gateway.identities.identify(scope["extensions"]["tls"]["client_cert_der"])
        body = Body(scope, receive, self._limits)
        submission = Submission(
            uuid7(), "soap", sender, "", call.contract, "", origin, now_ms(), "", aiter(body)
        )
        with Held(self._room) as held:
            try:
                # Step 2. Is there such a service for this agency?
                published, records = service(self._gateway, sender, call.contract)
                # Step 3. Read the envelope: all of the message, or its first part.
                most = self._limits.max_signed_body_bytes
                held.hold(expected_bytes(scope, most))
                parts = Multipart(aiter(body), call.kind.boundary) if call.kind.boundary else None
                envelope = await (root_of(parts, call.kind.start, most) if parts else body.whole(most))
                # Step 4. Who signed it, and what does it ask for? Of a signed one only what was signed is read; what
                # was encrypted then is decrypted before, so that the signature is over what is read.
                came, envelope = envelope, await self._decrypted(call, published, envelope)
                submission = replace(submission, encrypted=envelope is not came)
                submission, one = await self._asked(call, records, submission, envelope)
                if one.operation in ("receipt", "ping"):
                    await self._answer_at_once(call, one, submission, send, complete=body.complete)
                    return
                content = Watched(await records_of(one, call.contract, records, parts, submission.origin))
                submission = replace(
                    submission,
                    recipient=recipient(one, call.contract),
                    media_type="application/xml",
                    body=aiter(content),
                )
                if submission.origin.signature:
                    await self._gateway.envelopes.keep(submission, envelope)
            except Rejected as error:
                await self._gateway.note([refused_submission(submission, error)])
                raise
            # Step 5. Accept it, and answer.
            reply = Reply(call, one.operation, submission.id, send, self._limits.idle_timeout_s)
            await self._answer(one, submission, content, reply, body)

    async def refuse(self, scope: Scope, contract: str, error: Rejected) -> None:
        """Have the sender's lane remember a message of which no more was read than its head.

        Raises:
            Rejected: `identity.*`; whoever sent it is nobody's.
            Unavailable: the log cannot say it now.
        """
        sender, origin = self._gateway.identities.identify(scope["extensions"]["tls"]["client_cert_der"])
        submission = Submission(uuid7(), "soap", sender, "", contract, "", origin, now_ms(), "", Whole(b""))
        await self._gateway.note([refused_submission(submission, error)])

    async def _decrypted(self, call: Call, published: Published, octets: bytes) -> bytes:
        """Return an envelope as its sender signed it; the same octets when it is not encrypted."""
        if b"EncryptedData" not in octets or not opened(octets, call.kind.version).encrypted:
            return octets
        if not published.encrypted:
            raise Rejected("agreement.encryption_refused", "the agreement allows no encrypted Body", "Body")
        return await asyncio.to_thread(self._gateway.decryption.decrypt, octets)

    async def _asked(
        self, call: Call, records: XmlRecords, submission: Submission, octets: bytes
    ) -> tuple[Submission, Asked]:
        if len(octets) > THREADED_BYTES:
            return await asyncio.to_thread(self._read, call, records, submission, octets)
        return self._read(call, records, submission, octets)

    def _read(
        self, call: Call, records: XmlRecords, submission: Submission, octets: bytes
    ) -> tuple[Submission, Asked]:
        envelope = opened(octets, call.kind.version)
        body = envelope.body
        if envelope.signed:
            signed = self._gateway.signatures.verify_envelope(submission.sender, submission.origin, octets)
            # The same signed message has the same submission id, so the log itself remembers that it came before.
            identifier = submission_id(submission.sender, f"wsse:{signed.mark.hex()}")
            submission = replace(submission, id=identifier, origin=signed.origin)
            known = self._gateway.records.submission(identifier, submission.sender) is not None
            self._seen.check(signed.mark, known=known)
            body = parse(signed.body)
            if body.tag != call.kind.version.q("Body"):
                raise Rejected("soap.version", "the envelope must be of the version that Content-Type names")
        return submission, asked(sole(body), call.contract, records, call.kind.action)

    async def _answer_at_once(
        self, call: Call, one: Asked, submission: Submission, send: Send, *, complete: bool
    ) -> None:
        fields = await (self._ping(submission) if one.operation == "ping" else self._receipt(submission, one))
        answer = fields_answer(call.contract, one.operation, fields)
        octets = b"".join([envelope_start(call.kind.version), answer, ENVELOPE_END])
        headers = headers_of(call.kind.version.media_type, len(octets), close=not complete)
        await respond(send, 200, headers, octets)

    async def _ping(self, submission: Submission) -> list[tuple[str, object]]:
        """Put the caller's knock into its lane, with a receipt, and deliver nothing."""
        origin = submission.origin
        told: list[tuple[str, str | int]] = [("certificate", origin.certificate)]
        if origin.signature:
            told += [("signature", origin.signature), ("key_id", origin.key_id)]
        (receipt,) = await self._gateway.note([Event(submission.sender, "ping.received", tuple(told))])
        return [("agency", submission.sender), ("receipt", receipt.to_json().decode())]

    async def _receipt(self, submission: Submission, one: Asked) -> list[tuple[str, object]]:
        identifier = "".join(str(text) for text in one.element.itertext()).strip()
        found = None
        if IDENTIFIER.match(identifier):
            found = await asyncio.to_thread(self._held, identifier, submission.sender)
        if found is None:
            raise Rejected("record.unknown", "the id must be that of a record of yours", "id")
        return [("id", identifier), *found]

    def _held(self, identifier: str, sender: str) -> list[tuple[str, object]] | None:
        receipt = self._gateway.records.receipt(identifier, sender)
        if receipt is None:
            return None
        state = state_of(self._gateway.records.history(identifier, sender))
        return [("state", state), ("receipt", receipt.to_json().decode())]

    async def _answer(
        self, one: Asked, submission: Submission, content: Watched, reply: Reply, body: Body
    ) -> None:
        """Have a submission accepted and answer it, in whatever way it ends."""
        began, counts, code = time.monotonic(), Counts(), ""
        failure: IsnadError | None = None
        try:
            async with aclosing(self._gateway.accept(submission)) as groups:
                await self._relay(groups, one, submission.sender, counts, reply)
        except IsnadError as error:
            code, failure = error.code, error
            if error is content.failure:  # `accept` has logged every other refusal
                await self._gateway.note([refused_submission(submission, error)])
        except TimeoutError:
            # What was promised stands; an answer without an end tells the client that this is not all.
            code = UNREAD
        metrics.ACCEPT_SECONDS.observe(time.monotonic() - began)
        counts.report(submission.sender, submission.contract)
        log.info(
            "submission.answered",
            submission=submission.id,
            sender=submission.sender,
            contract=submission.contract,
            code=code,
            duration_s=round(time.monotonic() - began, 4),
            **counts.as_json(),
        )
        if failure is not None and not reply.begun:
            raise failure  # which is counted where it becomes a fault
        if code:
            metrics.count_error(code)
        if code != UNREAD:
            try:
                await reply.end(counts, failure, complete=body.complete)
            except TimeoutError:  # its own end is what this answer has not
                metrics.count_error(UNREAD)

    async def _relay(
        self, groups: AsyncGenerator[Outcomes], one: Asked, sender: str, counts: Counts, reply: Reply
    ) -> None:
        """Answer groups of outcomes: of a message together at its end, of a document as they come."""
        async for outcomes in groups:
            counts.add(outcomes)
            if one.operation == "submitDocument":
                await reply.stream(outcomes)
            else:
                await reply.hold(outcomes, await self._earlier(outcomes, sender))

    async def _earlier(self, outcomes: Outcomes, sender: str) -> Mapping[str, Evidence]:
        repeated = [outcome.record_id for outcome in outcomes if outcome.status is Status.DUPLICATE]
        if not repeated:
            return {}
        return await asyncio.to_thread(self._receipts, sender, repeated[:EARLIER_RECEIPTS])

    def _receipts(self, sender: str, record_ids: list[str]) -> Mapping[str, Evidence]:
        found = {record_id: self._gateway.records.receipt(record_id, sender) for record_id in record_ids}
        return {record_id: receipt for record_id, receipt in found.items() if receipt is not None}
