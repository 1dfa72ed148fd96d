"""Signed messages that came within the time in which they are fresh: none is taken twice."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from gateway.errors import Rejected, Unavailable

FRESH_S = 600.0
"""Longer than a signature is accepted after it was made, clocks that differ included."""
MOST = 500_000


class Seen:
    """Remembers marks of signed messages in memory; what it forgets at a restart, the log knows by submission id."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._marks: OrderedDict[bytes, float] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, mark: bytes, *, known: bool) -> None:
        """Let a message pass once. `known` is whether the log holds a submission of it.

        Raises:
            Rejected: `origin.replayed`.
            Unavailable: more signed messages came than can be remembered.
        """
        with self._lock:
            now = self._now_s()
            while self._marks and next(iter(self._marks.values())) <= now - FRESH_S:
                self._marks.popitem(last=False)
            if known or mark in self._marks:
                raise Rejected("origin.replayed", "a signed message is taken once", "signature")
            if len(self._marks) >= MOST:
                raise Unavailable("unavailable.busy", "as many signed messages as are remembered have come")
            self._marks[mark] = now
