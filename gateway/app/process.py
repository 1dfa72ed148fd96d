"""What every process does beside its work: hears that it is to stop, and looks after itself every few seconds."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Callable

import structlog

from gateway.errors import IsnadError

COLLECT_AFTER = 10_000
"""Objects made and not freed before the collector looks at them."""
SWITCH_S = 0.0005
"""After how long a thread that wants the interpreter takes it from the one that has it."""

log = structlog.get_logger()


def share_the_interpreter() -> None:
    """Have the threads of this process wait less for each other; the event loop loses next to nothing by it.

    The log's writer gives the interpreter up at every system call and every statement, some forty times a round, and
    beside a busy event loop gets it back only after this long. With Python's 5 ms that is most of a round.
    """
    sys.setswitchinterval(SWITCH_S)


def spare_the_collector() -> None:
    """Keep what is loaded by now out of the garbage collector's way: call it once, when the start is over.

    Going through the contracts again and again took a tenth of the intake's time and made every hundredth
    answer wait twice as long. What a request leaves behind is freed without a collector, but for its cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


def told_to_stop() -> asyncio.Event:
    """Return what is set when the process is told to stop (SIGTERM, SIGINT)."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def every(
    seconds: float, task: Callable[[], object], stop: asyncio.Event, *, threaded: bool = True
) -> None:
    """Do a task again and again until `stop`; a failure is said, and the next turn comes all the same."""
    while not stop.is_set():
        try:
            if threaded:
                await asyncio.to_thread(task)
            else:
                task()
        except IsnadError as error:
            log.warning("task.failed", name=getattr(task, "__name__", ""), code=error.code)
        except Exception:  # the outermost loop: the next turn may do better
            log.exception("task.failed", name=getattr(task, "__name__", ""))
        try:
            await asyncio.wait_for(stop.wait(), seconds)
        except TimeoutError:
            continue
