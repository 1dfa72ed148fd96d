"""The body of a request, read as it arrives and no longer than the client deserves to be waited for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Self

from starlette.types import Message, Receive, Scope

from gateway.errors import Rejected, Unavailable
from gateway.https.config import Limits
from gateway.https.connection import WHOLE


class Body:
    """Yields a body's octets once. `failure` is what the client did wrong, if it did."""

    def __init__(self, scope: Scope, receive: Receive, limits: Limits) -> None:
        self._scope = scope
        self._receive = receive
        self._limits = limits
        self._waited_s = 0.0
        self.received = 0
        self.complete = False
        self.failure: Rejected | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield octets until the body ends.

        Raises:
            Rejected: `submission.too_slow` or `submission.interrupted`.
        """
        while not self.complete:
            chunk = await self._next()
            if chunk:
                yield chunk

    async def whole(self, max_bytes: int) -> bytes:
        """Return all of a body of at most `max_bytes`.

        Raises:
            Rejected: `submission.too_large`, or as iterating does.
        """
        chunks: list[bytes] = []
        while not self.complete:
            chunks.append(await self._next())
            if self.received > max_bytes:
                raise self._failed(
                    "submission.too_large", f"a body of this kind has at most {max_bytes} bytes"
                )
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def _next(self) -> bytes:
        limits = self._limits
        if WHOLE in self._scope["extensions"]:
            message = await self._receive()
        else:
            message = await self._waited_for()
        if message["type"] == "http.disconnect":
            raise self._failed("submission.interrupted", "the connection must last until the body has ended")
        chunk: bytes = message.get("body", b"")
        self.received += len(chunk)
        self.complete = not message.get("more_body", False)
        if self.received < limits.min_bytes_per_s * (self._waited_s - limits.idle_timeout_s):
            raise self._failed(
                "submission.too_slow", f"a body must arrive at {limits.min_bytes_per_s} bytes a second"
            )
        return chunk

    async def _waited_for(self) -> Message:
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._limits.idle_timeout_s):
                message = await self._receive()
        except TimeoutError:
            raise self._failed(
                "submission.too_slow", "the client must go on sending what it announced"
            ) from None
        # Only the time spent waiting for the client counts: the gateway may be the slow one.
        self._waited_s += time.monotonic() - began
        return message

    def _failed(self, code: str, rule: str) -> Rejected:
        self.failure = Rejected(code, rule)
        return self.failure


class Room:
    """Memory for bodies that are held whole, shared by all connections."""

    def __init__(self, max_bytes: int) -> None:
        self._left = max_bytes

    def take(self, octets: int) -> None:
        """Take room for a body.

        Raises:
            Unavailable: `unavailable.busy`.
        """
        if octets > self._left:
            raise Unavailable(
                "unavailable.busy", "as many bodies as the gateway holds at a time are there", 1
            )
        self._left -= octets

    def give_back(self, octets: int) -> None:
        """Give back what was taken."""
        self._left += octets


class Held:
    """What one request holds of a room, until its context ends."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._octets = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._room.give_back(self._octets)

    def hold(self, octets: int) -> None:
        """Hold this much of the room.

        Raises:
            Unavailable: `unavailable.busy`.
        """
        self._room.take(octets)
        self._octets += octets
