"""Sending whole answers over ASGI."""

from __future__ import annotations

from starlette.types import Send

from gateway.errors import IsnadError
from gateway.https.problems import Headers, rendered

CLOSE = (b"connection", b"close")
"""Sent when a body was not read to its end: what is left of it must not be taken for a request."""


async def respond(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Send one answer."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def respond_problem(
    send: Send, error: IsnadError, language: str, *, close: bool, **members: object
) -> None:
    """Answer with a problem and further `members`."""
    status, headers, body = rendered(error, language, **members)
    await respond(send, status, [*headers, CLOSE] if close else headers, body)
