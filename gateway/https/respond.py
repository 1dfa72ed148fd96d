"""Sending whole answers over ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence

from starlette.types import Send

from gateway.errors import IsnadError
from gateway.https.problems import Headers, rendered

CLOSE = (b"connection", b"close")
"""Sent when a body was not read to its end: what is left of it must not be taken for a request."""
PART_BYTES = 64 * 1024
"""As much as is joined, encrypted and waited for at a time: what a connection's buffers take anyway."""


async def respond(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Send one answer."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def respond_in_pieces(
    send: Send, status: int, headers: Headers, pieces: Sequence[bytes], timeout_s: float
) -> None:
    """Send one answer, a long one a part at a time, each when the client has room for it.

    A long answer in one piece is copied into TLS and into the socket's buffer, megabytes for each connection.

    Raises:
        TimeoutError: the client did not read for so long; the answer has no end.
    """
    if sum(map(len, pieces)) <= PART_BYTES:
        await respond(send, status, headers, b"".join(pieces))
        return
    await send({"type": "http.response.start", "status": status, "headers": headers})
    parts = _parts(pieces)
    part: bytes | None = next(parts)
    while part is not None:
        following = next(parts, None)
        async with asyncio.timeout(timeout_s):
            await send({"type": "http.response.body", "body": part, "more_body": following is not None})
        part = following


def _parts(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the same octets, joined to parts of about `PART_BYTES`; at least one."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= PART_BYTES:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)


async def respond_problem(
    send: Send, error: IsnadError, language: str, *, close: bool, **members: object
) -> None:
    """Answer with a problem and further `members`."""
    status, headers, body = rendered(error, language, **members)
    await respond(send, status, [*headers, CLOSE] if close else headers, body)
