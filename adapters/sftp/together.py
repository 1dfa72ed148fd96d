"""What many files wait for, done for all of them at once: the disk takes as long for one as for twenty."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Together(Generic[T]):
    """Does `work` for whatever waits; what comes meanwhile gathers for the next time. Used by one event loop."""

    def __init__(self, work: Callable[[Sequence[T]], Awaitable[None]]) -> None:
        self._work = work
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, item: T) -> None:
        """Return once the work was done for this item too.

        Raises:
            Exception: what the work raised; it holds for all that it was done for.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        await future

    async def end(self) -> None:
        """Wait for what is being done: call it once nobody comes any more."""
        if self._running is not None:
            await asyncio.wait([self._running])

    async def _run(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting, []
            failure: Exception | None = None
            try:
                await self._work([item for item, _ in taken])
            except Exception as error:  # noqa: BLE001  whatever it is, it belongs to those who wait
                failure = error
            for _, future in taken:
                if future.done():  # nobody waits for it any more
                    continue
                if failure is None:
                    future.set_result(None)
                else:
                    future.set_exception(failure)
        self._running = None
