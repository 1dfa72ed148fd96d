"""`POST /v1/{contract}/records`: from the wire to `accept`, and its outcomes back.

A plain ASGI application without a framework's layers: this is the path that a record's price is measured on.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from functools import partial

import structlog
from starlette.types import Receive, Scope, Send

from adapters.rest.answers import JSON, NDJSON, Lines, document, problem_line, summary_line
from adapters.rest.request import Form, Head, head, target
from gateway import metrics
from gateway.doors import Evidence, Gateway, Request
from gateway.errors import IsnadError, Rejected
from gateway.exchange import refused_submission
from gateway.https.body import Body, Held, Room
from gateway.https.config import Config, Limits
from gateway.https.problems import described, refused
from gateway.https.respond import CLOSE, respond_in_pieces, respond_problem
from gateway.records import Origin, Outcome, Outcomes, Status, Submission
from gateway.submissions import Counts, Whole, submission_id

EARLIER_RECEIPTS = 100
"""Duplicates whose first receipt is looked up for one document; `GET /v1/records/{id}` answers for others."""
PIECES_A_TURN = 32
"""Receipts expanded before other connections have their turn."""

log = structlog.get_logger()


class Records:
    """The route. One for all connections."""

    def __init__(self, gateway: Gateway, config: Config) -> None:
        self._gateway = gateway
        self._limits = config.limits
        self._server_names = config.server_names
        self._room = Room(config.limits.max_held_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send, contract: str) -> None:
        """Take one submission and answer it.

        Raises:
            IsnadError: it was refused before it was accepted, and nothing was answered yet: the caller does.
        """
        # Step 1. Who is it? Nothing of the request is believed before that is known.
        sender, origin = self._gateway.identities.identify(scope["extensions"]["tls"]["client_cert_der"])
        made = partial(_submission, sender, origin, time.time_ns() // 1_000_000)
        body = Body(scope, receive, self._limits)
        request = None
        with Held(self._room) as held:
            try:
                # Step 2. Is the head in its form?
                request = head(scope, contract, self._limits.max_whole_body_bytes)
                if request.form is Form.DOCUMENT or request.signed:
                    # Step 3. Read it whole: it is small, or its signature covers all of it.
                    held.hold(self._expected_bytes(request))
                    octets = await body.whole(self._max_bytes(request))
                    # Step 4. Is the signature the sender's, and does the idempotency key stand for this body?
                    submission = await self._checked(scope, request, made(request, Whole(octets)), octets)
                else:
                    submission = made(request, aiter(body))
            except Rejected as error:
                await self._gateway.note([refused_submission(made(request, aiter(body)), error)])
                raise
            # Step 5. Accept it, and answer.
            await self._answer(request, submission, body, send)

    def _max_bytes(self, request: Head) -> int:
        return self._limits.max_signed_body_bytes if request.signed else self._limits.max_whole_body_bytes

    def _expected_bytes(self, request: Head) -> int:
        most = self._max_bytes(request)
        if request.content_length > most:
            raise Rejected("submission.too_large", f"a body of this kind has at most {most} bytes")
        return most if request.content_length < 0 else request.content_length

    async def _checked(
        self, scope: Scope, request: Head, submission: Submission, octets: bytes
    ) -> Submission:
        if request.signed:
            uri = target(scope, request.host, self._server_names)
            signed = Request("POST", uri, scope["headers"], octets)
            origin = self._gateway.signatures.verify(submission.sender, submission.origin, signed)
            submission = replace(submission, origin=origin)
        if request.idempotency_key:
            digest = hashlib.sha256(octets).digest()
            await asyncio.to_thread(self._gateway.replays.check, submission, digest)
        return submission

    async def _answer(self, request: Head, submission: Submission, body: Body, send: Send) -> None:
        """Have a submission accepted and answer it, in whatever way it ends."""
        began, counts, code = time.monotonic(), Counts(), ""
        reply = _Lines(send, self._limits, minimal=request.form is Form.REFUSALS)
        try:
            async with aclosing(self._gateway.accept(submission)) as groups:
                if request.form is Form.DOCUMENT:
                    await self._answer_whole(submission, groups, counts, send)
                else:
                    async for outcomes in groups:
                        counts.add(outcomes)
                        await reply.send(outcomes)
                    await reply.end(summary_line(submission.id, counts))
        except IsnadError as error:
            code = error.code
            if error is body.failure:  # `accept` has logged every other refusal
                await self._gateway.note([refused_submission(submission, error)])
            if reply.started:
                await reply.end(problem_line(described(error, request.language)))
            else:
                close = not body.complete
                await respond_problem(send, error, request.language, close=close, submission=submission.id)
        except TimeoutError:
            # What was promised stands; an answer without an end tells the client that this is not all.
            code = "submission.answer_unread"
        duration_s = time.monotonic() - began
        metrics.ACCEPT_SECONDS.observe(duration_s)
        counts.report(submission.sender, submission.contract)
        if code:
            metrics.count_error(code)
        if request.form is Form.DOCUMENT and counts.only(Status.ACCEPTED) and not code:
            return  # its entries say all of that, and a line for each would be a tenth of what it costs
        log.info(
            "submission.answered",
            submission=submission.id,
            sender=submission.sender,
            contract=submission.contract,
            code=code,
            bytes=body.received,
            duration_s=round(duration_s, 4),
            **counts.as_json(),
        )

    async def _answer_whole(
        self, submission: Submission, groups: AsyncIterator[Outcomes], counts: Counts, send: Send
    ) -> None:
        outcomes: list[Outcome] = []
        async for group in groups:
            counts.add(group)
            outcomes.extend(group)
        if len(outcomes) == 1 and outcomes[0].refusal is not None:
            raise refused(outcomes[0].refusal)
        earlier: Mapping[str, Evidence] = {}
        if counts.of(Status.DUPLICATE):
            repeated = [outcome.record_id for outcome in outcomes if outcome.status is Status.DUPLICATE]
            earlier = await asyncio.to_thread(self._receipts, submission.sender, repeated[:EARLIER_RECEIPTS])
        pieces = []
        for piece in document(submission.id, counts, outcomes, earlier):
            pieces.append(piece)
            if not len(pieces) % PIECES_A_TURN:
                await asyncio.sleep(0)
        headers = [
            (b"content-type", JSON),
            (b"content-length", b"%d" % sum(map(len, pieces))),
            (b"cache-control", b"no-store"),
        ]
        await respond_in_pieces(send, 200, headers, pieces, self._limits.idle_timeout_s)

    def _receipts(self, sender: str, record_ids: list[str]) -> Mapping[str, Evidence]:
        found = {record_id: self._gateway.records.receipt(record_id, sender) for record_id in record_ids}
        return {record_id: receipt for record_id, receipt in found.items() if receipt is not None}


class _Lines:
    """An answer in lines, begun with the first outcomes: a problem before them can have its own status."""

    def __init__(self, send: Send, limits: Limits, *, minimal: bool) -> None:
        self._send = send
        self._timeout_s = limits.idle_timeout_s
        self._lines = Lines(minimal=minimal)
        self.started = False

    async def send(self, outcomes: Outcomes) -> None:
        """Send outcomes when the client has room for them.

        Raises:
            TimeoutError: it does not read.
        """
        await self._write(self._lines.encode(outcomes), more=True)

    async def end(self, line: bytes) -> None:
        """Send the last line."""
        await self._write(line, more=False)

    async def _write(self, octets: bytes, *, more: bool) -> None:
        async with asyncio.timeout(self._timeout_s):
            if not self.started:
                self.started = True
                # The answer may end before the body does; the rest of it must not be taken for a request.
                headers = [(b"content-type", NDJSON), (b"cache-control", b"no-store"), CLOSE]
                await self._send({"type": "http.response.start", "status": 200, "headers": headers})
            await self._send({"type": "http.response.body", "body": octets, "more_body": more})


def _submission(
    sender: str, origin: Origin, received_ms: int, request: Head | None, body: AsyncIterator[bytes]
) -> Submission:
    """Return what was sent, as far as its head could be read."""
    if request is None:
        return Submission("", "rest", sender, "", "", "", origin, received_ms, "", body)
    return Submission(
        id=submission_id(sender, request.idempotency_key),
        adapter="rest",
        sender=sender,
        recipient=request.recipient,
        contract=request.contract,
        media_type=request.media_type,
        origin=origin,
        received_ms=received_ms,
        idempotency_key=request.idempotency_key,
        body=body,
    )
