"""Group commit: many submissions share one signature, one transaction and one message.

Take what waits and never linger: when the gateway is idle a record goes alone; while groups are on their way,
what arrives gathers for the next one. Nothing here decides anything about a record.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from typing import Protocol

from gateway.errors import Unavailable
from gateway.ports import Log
from gateway.records import Batch, Outcomes, Part, SealedBatch, Terms
from gateway.settled import Early, Known

MAX_RECORDS = 256
MAX_BYTES = 1 << 20
IN_FLIGHT = 6
"""Groups of one agreement that are prepared or appended at a time: enough to keep cores and log busy."""
IN_FLIGHT_PARTIAL = 2
"""The same for groups that are not full, which cost more a record: one is prepared while the other is logged."""

Keep = Callable[[Terms, Part], Awaitable[Outcomes]]
_NUMBERS = count(1)
"""Of the groups of this process, by which its log tells which one follows which."""
_Waiting = tuple[Part, asyncio.Future[Outcomes]]


class Turn(Protocol):
    """A group's turn to be logged: after the groups of the agreement that were taken before."""

    async def append(self, batch: Batch, log: Log) -> SealedBatch | Known:
        """Append a batch of the group; to be called until the log has nothing more to say of it.

        Raises:
            Unavailable: as `Log.append`; or a group before this one is not in the log, and held records of a
                submission that goes on in this one. Nothing was written.
        """


Promised = Callable[[Terms, tuple[Part, ...], Turn], Awaitable[tuple[Outcomes, ...]]]


class Groups:
    """Gathers parts of one agreement into groups of at most 256 records or 1 MiB, and has them promised.

    Groups are prepared side by side and logged one after the other, as they came: a sender that voids what it
    has just asserted must not find it the other way round, not even when it has to send some of it again.
    """

    def __init__(self, promise: Promised) -> None:
        self._promise = promise
        self._lines: dict[Terms, _Line] = {}
        self._under_way: Counter[str] = Counter()
        self._interrupted: set[str] = set()  # submissions under way of which a group was not logged
        self._tasks: set[asyncio.Task[None]] = set()

    async def keep(self, terms: Terms, part: Part) -> Outcomes:
        """Return the outcomes of a part's records once its group is durable."""
        future: asyncio.Future[Outcomes] = asyncio.get_running_loop().create_future()
        line = self._lines.setdefault(terms, _Line())
        line.join(part, future)
        self._under_way[part.submission] += 1
        self._start(terms, line)
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

    def _start(self, terms: Terms, line: _Line) -> None:
        """Send a group off, unless as many are on their way as do any good."""
        if line.ready:
            group = line.take()
            turn = line.newest = _Turn(line.newest, {part.submission for part, _ in group}, self._interrupted)
            task = asyncio.create_task(self._run(terms, line, group, turn))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, terms: Terms, line: _Line, group: Sequence[_Waiting], turn: _Turn) -> None:
        try:
            answers = await self._promise(terms, tuple(part for part, _ in group), turn)
        except Exception as error:  # noqa: BLE001  whatever it is, it belongs to those who wait
            self._interrupted |= turn.submissions & self._under_way.keys()
            _answer(group, [error] * len(group))
        else:
            _answer(group, answers)
        finally:
            await turn.passed()
            line.arrived(group)
            self._start(terms, line)
            if not line.in_flight:
                del self._lines[terms]


class _Turn:
    """Implements `Turn`: one group after the other, also when one fails before its turn.

    A group goes to the log as soon as the one before has gone there, so that a round of the log takes several. It
    names the one that it follows, and the log takes it only after that.
    """

    def __init__(self, before: _Turn | None, submissions: set[str], interrupted: set[str]) -> None:
        self.number = next(_NUMBERS)
        self.submissions = submissions
        self.sent = asyncio.Event()
        self.over = asyncio.Event()
        self._before = before
        self._interrupted = interrupted

    async def append(self, batch: Batch, log: Log) -> SealedBatch | Known:
        """See `Turn.append`."""
        while isinstance(answer := await self._append(batch, log), Early):
            await self._those_before()
        if isinstance(answer, SealedBatch):
            self.over.set()
        return answer

    async def passed(self) -> None:
        """Let the next group go, if it may not already: it waits for this one only, so this one for those before."""
        await self._those_before()
        self.sent.set()
        self.over.set()

    async def _append(self, batch: Batch, log: Log) -> SealedBatch | Known | Early:
        before = self._before
        if before is not None:
            await before.sent.wait()
        if not self.submissions.isdisjoint(self._interrupted):
            raise Unavailable("unavailable.busy", "what was sent before must be logged first")
        self.sent.set()  # Who waits for that goes on when this method pauses: the batch is with the log by then.
        after = 0 if before is None or before.over.is_set() else before.number
        return await log.append(batch, self.number, after)

    async def _those_before(self) -> None:
        if self._before is not None:
            await self._before.over.wait()
            self._before = None


class _Line:
    """Parts of one agreement that wait for their group, and the groups that are on their way."""

    def __init__(self) -> None:
        self.waiting: deque[_Waiting] = deque()
        self.in_flight = 0
        self.newest: _Turn | None = None
        self._records = self._octets = self._on_their_way = 0

    @property
    def ready(self) -> bool:
        """Whether what waits should go now.

        What is less than a group goes alone, or when there is as much of it as is on its way. Otherwise senders
        that wait for their answers fall into step: all but one of their records go together, then that one
        goes alone while the others gather, and nothing is ever prepared while something is logged.
        """
        if self._records >= MAX_RECORDS or self._octets >= MAX_BYTES:
            return self.in_flight < IN_FLIGHT
        return (
            bool(self.waiting) and self.in_flight < IN_FLIGHT_PARTIAL and self._records >= self._on_their_way
        )

    def join(self, part: Part, future: asyncio.Future[Outcomes]) -> None:
        """Wait at the end of the line."""
        self.waiting.append((part, future))
        self._count(part, 1)

    def take(self) -> list[_Waiting]:
        """Send parts from the front on their way while they fit into one group; the first one always does."""
        group: list[_Waiting] = []
        records = octets = 0
        while self.waiting:
            part = self.waiting[0][0]
            records += len(part.records)
            octets += _octets(part)
            if group and (records > MAX_RECORDS or octets > MAX_BYTES):
                break
            group.append(self.waiting.popleft())
            self._count(part, -1)
        self.in_flight += 1
        self._on_their_way += _records(group)
        return group

    def arrived(self, group: Sequence[_Waiting]) -> None:
        """Note that a group is on its way no more."""
        self.in_flight -= 1
        self._on_their_way -= _records(group)

    def _count(self, part: Part, sign: int) -> None:
        self._records += sign * len(part.records)
        self._octets += sign * _octets(part)


def _records(group: Sequence[_Waiting]) -> int:
    return sum(len(part.records) for part, _ in group)


def _octets(part: Part) -> int:
    return sum(len(record.octets) for record in part.records)


def _answer(group: Sequence[_Waiting], answers: Sequence[Outcomes | Exception]) -> None:
    for (_, future), answer in zip(group, answers, strict=True):
        if future.cancelled():
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
