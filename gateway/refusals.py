"""Who was turned away before there was a submission to refuse: counted, and logged every few seconds.

Anybody may knock as often as he likes, and the log must not grow with it. So what is the same is one event with
its number, and of many different strangers only so many are told apart. What was counted and not yet left to the
log is lost when the process is killed: nothing was promised to anybody in it.
"""

from __future__ import annotations

import threading
from collections import Counter

from gateway.ports import Spool
from gateway.records import GATEWAY, Event

TOLD_APART = 256
"""Different refusals between two calls of `leave`; further strangers are counted together, by code."""


class Refusals:
    """Implements `doors.Refusals`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counted: Counter[tuple[str, str, str]] = Counter()

    def stranger(self, code: str, certificate: str = "") -> None:
        """See `doors.Refusals.stranger`."""
        self._count(GATEWAY, code, certificate)

    def agency(self, name: str, code: str) -> None:
        """Count a request of a known agency that was put off (`quota.*`)."""
        self._count(name, code, "")

    def leave(self, spool: Spool) -> None:
        """Leave what was counted since the last call to the log.

        Raises:
            Unavailable: the spool does not take it now; it stays counted.
        """
        with self._lock:
            counted, self._counted = self._counted, Counter()
        try:
            spool.leave([_event(*key, times) for key, times in sorted(counted.items())])
        except BaseException:
            with self._lock:
                self._counted += counted
            raise

    def _count(self, lane: str, code: str, certificate: str) -> None:
        with self._lock:
            key = (lane, code, certificate)
            if key not in self._counted and len(self._counted) >= TOLD_APART:
                key = (lane, code, "")
            self._counted[key] += 1


def _event(lane: str, code: str, certificate: str, times: int) -> Event:
    kind = "stranger.refused" if lane == GATEWAY else "submission.deferred"
    shown = (("certificate", certificate),) if certificate else ()
    return Event(lane, kind, (*shown, ("code", code), ("times", times)))
