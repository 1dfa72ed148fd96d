"""How the threads of one process get on with each other, with the garbage collector and with memory."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from contextlib import suppress

COLLECT_AFTER = 10_000
"""Objects made and not freed before the collector looks at them."""
SWITCH_S = 0.0005
"""After how long a thread that wants the interpreter takes it from the one that has it."""
KEPT_BYTES = 32 << 20
"""Memory that was freed and is kept for the next group, which takes a few megabytes."""
_SECOND_GENERATION = 1
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h of glibc


def share_the_interpreter() -> None:
    """Have the threads of this process wait less for each other; the event loop loses next to nothing by it.

    Whoever talks to the store gives the interpreter up at every system call and every statement, some forty times a
    transaction, and beside a busy thread gets it back only after this long. With Python's 5 ms that is most of a round.
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


def collect_when_told() -> None:
    """Have the garbage collector run in `collect` only, and not in the middle of work whose objects are all in use."""
    gc.collect()
    gc.freeze()
    gc.disable()


def collect() -> None:
    """Free the cycles of what was done since the last call; what is older stays as it is."""
    gc.collect(_SECOND_GENERATION)


def work_in_batches() -> None:
    """Have the system not interrupt others in favour of this process, which works through groups.

    Who answers would be interrupted for every group, and find the processor's caches full of something else. A
    system without this policy goes on as it was.
    """
    with suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def keep_freed_memory() -> None:
    """Have the C library keep what was freed: given back and asked for again, each page of it costs a fault.

    A library without this setting goes on as it was made.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(_M_MMAP_THRESHOLD, KEPT_BYTES)
