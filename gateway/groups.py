"""Group commit: many submissions share one signature, one transaction and one message.

Take what waits and never linger: when the gateway is idle a record goes alone; while a group is on its way,
what arrives gathers for the next one. Nothing here decides anything about a record.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from itertools import islice
from typing import Protocol, TypeVar

from gateway.errors import Unavailable
from gateway.records import Outcomes, Part, Terms

MAX_RECORDS = 256
MAX_BYTES = 1 << 20
IN_FLIGHT = 4
"""Groups of one agreement that are prepared or appended at a time: enough to keep cores and log busy."""
PIPELINE = 8
"""Groups of one submission on their way at a time, 8 MiB of plaintext at the most."""

T = TypeVar("T")
R = TypeVar("R")
Keep = Callable[[Terms, Part], Awaitable[Outcomes]]
Turn = Callable[[], Awaitable[None]]
"""Waits until the groups of the agreement that were taken before are in the log.

Raises `Unavailable` when one of them is not, and held records of a submission that goes on in this one.
"""
Promised = Callable[[Terms, tuple[Part, ...], Turn], Awaitable[tuple[Outcomes, ...]]]


class Digest(Protocol):
    """A running hash, as `hashlib` makes them."""

    def update(self, data: bytes, /) -> None:
        """Take more octets."""


async def measured(body: AsyncIterator[bytes], digest: Digest) -> AsyncIterator[bytes]:
    """Pass a body through, feeding its octets to `digest`."""
    async for data in body:
        digest.update(data)
        yield data


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
            # The only item of a small submission is waited for directly: two tasks less.
            running.append(asyncio.ensure_future(work(await anext(source))))
        except StopAsyncIteration:
            return
        coming = asyncio.ensure_future(anext(source))
        while coming is not None or running:
            if running and (coming is None or running[0].done() or len(running) >= PIPELINE):
                yield await running.popleft()
            elif coming is not None and not coming.done():
                either: list[asyncio.Future[T] | asyncio.Future[R]] = [coming, *islice(running, 1)]
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
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


class Groups:
    """Gathers parts of one agreement into groups of at most 256 records or 1 MiB, and has them promised.

    Groups are prepared side by side and logged one after the other, as they came: a sender that voids what it
    has just asserted must not find it the other way round, not even when it has to send some of it again.
    """

    def __init__(self, promise: Promised) -> None:
        self._promise = promise
        self._waiting: dict[Terms, deque[tuple[Part, asyncio.Future[Outcomes]]]] = {}
        self._in_flight: dict[Terms, int] = {}
        self._newest: dict[Terms, asyncio.Task[None]] = {}
        self._under_way: Counter[str] = Counter()
        self._interrupted: set[str] = set()  # submissions under way of which a group was not logged
        self._tasks: set[asyncio.Task[None]] = set()

    async def keep(self, terms: Terms, part: Part) -> Outcomes:
        """Return the outcomes of a part's records once its group is durable."""
        future: asyncio.Future[Outcomes] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(terms, deque()).append((part, future))
        self._under_way[part.submission] += 1
        self._start(terms)
        try:
            return await future
        finally:
            self._under_way[part.submission] -= 1
            if not self._under_way[part.submission]:
                del self._under_way[part.submission]
                self._interrupted.discard(part.submission)

    async def drain(self) -> None:
        """Wait for every group on its way: call it once nothing new is let in."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _start(self, terms: Terms) -> None:
        waiting = self._waiting.get(terms)
        if not waiting or self._in_flight.get(terms, 0) >= IN_FLIGHT:
            return
        self._in_flight[terms] = self._in_flight.get(terms, 0) + 1
        task = asyncio.create_task(self._run(terms, _take(waiting), self._newest.get(terms)))
        self._newest[terms] = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(
        self,
        terms: Terms,
        group: Sequence[tuple[Part, asyncio.Future[Outcomes]]],
        before: asyncio.Task[None] | None,
    ) -> None:
        submissions = {part.submission for part, _ in group}

        async def turn() -> None:
            await _end_of(before)
            if not submissions.isdisjoint(self._interrupted):
                raise Unavailable("unavailable.busy", "what was sent before must be logged first")

        try:
            answers = await self._promise(terms, tuple(part for part, _ in group), turn)
        except Exception as error:  # noqa: BLE001  whatever it is, it belongs to those who wait
            self._interrupted |= submissions & self._under_way.keys()
            _answer(group, [error] * len(group))
        else:
            _answer(group, answers)
        finally:
            await _end_of(
                before
            )  # also when the group failed before its turn: the next one waits for this one only
            self._in_flight[terms] -= 1
            if not self._in_flight[terms]:
                del self._in_flight[terms], self._newest[terms]
            if not self._waiting.get(terms):
                self._waiting.pop(terms, None)
            self._start(terms)


async def _end_of(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        await asyncio.wait([task])


def _answer(
    group: Sequence[tuple[Part, asyncio.Future[Outcomes]]], answers: Sequence[Outcomes | Exception]
) -> None:
    for (_, future), answer in zip(group, answers, strict=True):
        if future.cancelled():
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)


def _take(
    waiting: deque[tuple[Part, asyncio.Future[Outcomes]]],
) -> list[tuple[Part, asyncio.Future[Outcomes]]]:
    """Take parts from the left while they fit into one group; the first one always does."""
    group: list[tuple[Part, asyncio.Future[Outcomes]]] = []
    records = octets = 0
    while waiting:
        part = waiting[0][0]
        records += len(part.records)
        octets += sum(len(record.octets) for record in part.records)
        if group and (records > MAX_RECORDS or octets > MAX_BYTES):
            break
        group.append(waiting.popleft())
    return group
