"""How the threads of one process get on with each other and with the garbage collector."""

from __future__ import annotations

import gc
import sys

COLLECT_AFTER = 10_000
"""Objects made and not freed before the collector looks at them."""
SWITCH_S = 0.0005
"""After how long a thread that wants the interpreter takes it from the one that has it."""


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
