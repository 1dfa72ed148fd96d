"""A submission on its way: its body measured, its groups counted, and several of them promised at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from hashlib import sha256
from itertools import islice
from typing import TypeVar

from gateway.records import Framed

PIPELINE = 8
"""Groups of one submission on their way at a time, 8 MiB of plaintext at the most."""

T = TypeVar("T")
R = TypeVar("R")


class Measured:
    """A body on its way through: `ended` once all of it has passed, and then `digest` is its SHA-256."""

    def __init__(self, body: AsyncIterator[bytes]) -> None:
        self._body = body
        self._hash = sha256()
        self.ended = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Pass the body's octets on as they come."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next octets."""
        try:
            data = await anext(self._body)
        except StopAsyncIteration:
            self.ended = True
            raise
        self._hash.update(data)
        return data

    @property
    def digest(self) -> bytes:
        """The SHA-256 of what has passed so far, 32 bytes."""
        return self._hash.digest()


async def sole(source: AsyncIterator[T], body: Measured) -> tuple[T | None, AsyncIterator[T]]:
    """Return the only item that is cut out of a body; or None, and all of the items.

    Whether there is a second one is asked only once the body has ended, so nobody waits for what a client
    sends next. Most submissions are of this kind, and need neither tasks nor a transaction for their end.
    """
    first = await anext(source, None)
    if first is None:
        return None, source
    if not body.ended:
        return None, _joined([first], source)
    second = await anext(source, None)
    return (first, source) if second is None else (None, _joined([first, second], source))


async def _joined(items: Sequence[T], source: AsyncIterator[T]) -> AsyncIterator[T]:
    for item in items:
        yield item
    async for item in source:
        yield item


async def beyond(position: int, groups: AsyncIterator[Sequence[Framed]]) -> AsyncIterator[Sequence[Framed]]:
    """Yield what comes after a position: what stands before it was answered before an interruption."""
    async for group in groups:
        left = [framed for framed in group if framed.position > position]
        if left:
            yield left


async def within(
    spend: Callable[[int], None], groups: AsyncIterator[Sequence[Framed]]
) -> AsyncIterator[Sequence[Framed]]:
    """Yield groups as long as `spend` takes the number of their records; what it raises ends the iteration."""
    async for group in groups:
        spend(len(group))
        yield group


async def pipelined(work: Callable[[T], Awaitable[R]], source: AsyncIterator[T]) -> AsyncIterator[R]:
    """Yield `work(item)` for each item, in order, with up to `PIPELINE` of them running at a time.

    A result is yielded when it is there, also while the source keeps its next item waiting. An error, the
    source's too, ends the iteration after the results before it were yielded; what still runs is waited
    for, because a promise half made is made all the same.
    """
    running: deque[asyncio.Future[R]] = deque()
    coming: asyncio.Future[T] | None = None
    failure: Exception | None = None
    try:
        try:
            running.append(asyncio.ensure_future(work(await anext(source))))
        except StopAsyncIteration:
            return
        coming = asyncio.ensure_future(anext(source))
        while coming is not None or running:
            if running and (coming is None or running[0].done() or len(running) >= PIPELINE):
                yield await running.popleft()
            elif coming is not None and not coming.done():
                await _either(coming, *islice(running, 1))
            elif coming is not None:
                try:
                    running.append(asyncio.ensure_future(work(coming.result())))
                    coming = asyncio.ensure_future(anext(source))
                except StopAsyncIteration:
                    coming = None
                except Exception as error:  # noqa: BLE001  raised below, after the results before it
                    coming, failure = None, error
        if failure is not None:
            raise failure
    finally:
        if coming is not None:
            coming.cancel()
        await asyncio.gather(*running, *filter(None, [coming]), return_exceptions=True)


async def _either(one: asyncio.Future[T], *others: asyncio.Future[R]) -> None:
    """Wait for one of these.

    For itself, because whoever keeps a list of them is kept by it: the end of the source is an exception, which
    keeps the frame that it passed, and all that is done would wait for the garbage collector.
    """
    those: list[asyncio.Future[T] | asyncio.Future[R]] = [one, *others]
    await asyncio.wait(those, return_when=asyncio.FIRST_COMPLETED)
