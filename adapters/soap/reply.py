"""How a message is answered: at once, held until all outcomes are there, streamed, or with a fault."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.types import Send

from adapters.soap.answers import ENVELOPE_END, answer_end, answer_start, envelope_start, fault, outcomes_xml
from adapters.soap.envelope import Version
from adapters.soap.request import Call
from gateway.doors import Evidence
from gateway.errors import IsnadError, Unavailable
from gateway.https.respond import CLOSE, respond, respond_in_pieces
from gateway.records import Outcomes
from gateway.submissions import Counts

PIECES_A_TURN = 32
"""Receipts expanded before other connections have their turn."""


class Reply:
    """An answer to a submission: held until its end, or streamed from its first outcomes."""

    def __init__(self, call: Call, operation: str, submission: str, send: Send, timeout_s: float) -> None:
        self._call = call
        self._operation = operation
        self._send = send
        self._timeout_s = timeout_s
        self._held = [
            envelope_start(call.kind.version),
            answer_start(call.contract, operation, submission),
        ]
        self._streaming = False
        self.begun = False

    async def hold(self, outcomes: Outcomes, earlier: Mapping[str, Evidence]) -> None:
        """Keep outcomes, with their receipts, for the end."""
        self.begun = True
        for number, piece in enumerate(outcomes_xml(outcomes, earlier), 1):
            self._held.append(piece)
            if not number % PIECES_A_TURN:
                await asyncio.sleep(0)

    async def stream(self, outcomes: Outcomes) -> None:
        """Send outcomes, without receipts, when the client has room for them.

        Raises:
            TimeoutError: it does not read.
        """
        self.begun = True
        self._held += outcomes_xml(outcomes, None)
        async with asyncio.timeout(self._timeout_s):
            if not self._streaming:
                self._streaming = True
                # The answer may end before the body does; the rest of it must not be taken for a request.
                headers = [(b"content-type", _typed(self._call.kind.version.media_type)), CLOSE]
                await self._send({"type": "http.response.start", "status": 200, "headers": headers})
            await self._send({"type": "http.response.body", "body": b"".join(self._held), "more_body": True})
        self._held = []

    async def end(self, counts: Counts, error: IsnadError | None, *, complete: bool) -> None:
        """Send what is held and the end.

        Raises:
            TimeoutError: the client does not read.
        """
        self._held += [answer_end(self._operation, counts, error), ENVELOPE_END]
        if self._streaming:
            async with asyncio.timeout(self._timeout_s):
                await self._send(
                    {"type": "http.response.body", "body": b"".join(self._held), "more_body": False}
                )
            return
        length = sum(map(len, self._held))
        headers = headers_of(self._call.kind.version.media_type, length, close=not complete)
        await respond_in_pieces(self._send, 200, headers, self._held, self._timeout_s)


def _typed(media_type: str) -> bytes:
    return f"{media_type}; charset=utf-8".encode()


def headers_of(media_type: str, length: int, *, close: bool = False) -> list[tuple[bytes, bytes]]:
    """Return the header fields of a whole answer; `close` when there may be a body that nobody has read."""
    headers = [
        (b"content-type", _typed(media_type)),
        (b"content-length", b"%d" % length),
        (b"cache-control", b"no-store"),
    ]
    return [*headers, CLOSE] if close else headers


async def respond_fault(send: Send, error: IsnadError, version: Version, language: str) -> None:
    """Answer with a fault and hang up: there may be a body that nobody has read."""
    status, octets = fault(error, version, language)
    headers = headers_of(version.media_type, len(octets), close=True)
    if isinstance(error, Unavailable):
        headers.append((b"retry-after", b"%d" % max(1, round(error.retry_after_s))))
    await respond(send, status, headers, octets)
