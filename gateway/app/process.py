"""What every process does beside its work: hears that it is to stop, and looks after itself every few seconds."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from inspect import isawaitable

import structlog

from gateway.errors import IsnadError

LOOK_S = 2.0
HOUSEKEEPING_S = 30.0
"""How often a process looks after what changes quickly, and after what does not."""

log = structlog.get_logger()


def told_to_stop() -> asyncio.Event:
    """Return what is set when the process is told to stop (SIGTERM, SIGINT)."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def every(
    seconds: float, task: Callable[[], object], stop: asyncio.Event, *, threaded: bool = True
) -> None:
    """Do a task again and again until `stop`; a failure is said, and the next turn comes all the same.

    One that is not to run in a thread of its own may be a coroutine function.
    """
    while not stop.is_set():
        try:
            if threaded:
                await asyncio.to_thread(task)
            else:
                done = task()
                if isawaitable(done):
                    await done
        except IsnadError as error:
            log.warning("task.failed", name=getattr(task, "__name__", ""), code=error.code)
        except Exception:  # the outermost loop: the next turn may do better
            log.exception("task.failed", name=getattr(task, "__name__", ""))
        try:
            await asyncio.wait_for(stop.wait(), seconds)
        except TimeoutError:
            continue
