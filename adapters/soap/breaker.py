"""A circuit breaker: an agency that does not answer is not asked again and again."""

from __future__ import annotations

import threading
from collections.abc import Callable

from gateway.errors import Unavailable

FAILURES = 5
"""One after the other, before no more calls are made."""
REST_S = 60.0
"""How long none is made; then one may try."""


class Breaker:
    """Counts failures of one agency's service. Safe to use from several threads."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._lock = threading.Lock()
        self._failures = 0
        self._until_s = 0.0

    def enter(self) -> None:
        """Let a call be made.

        Raises:
            Unavailable: `unavailable.recipient`, with the seconds until one may be made.
        """
        with self._lock:
            left_s = self._until_s - self._now_s()
            if left_s > 0:
                raise Unavailable(
                    "unavailable.recipient", "the agency's service is given a rest", round(left_s) + 1
                )
            if self._failures >= FAILURES:
                self._until_s = self._now_s() + REST_S  # this call tries; others wait for what it finds

    def succeeded(self) -> None:
        """The service answered, whatever it said."""
        with self._lock:
            self._failures, self._until_s = 0, 0.0

    def failed(self) -> None:
        """The service did not answer."""
        with self._lock:
            self._failures += 1
            if self._failures >= FAILURES:
                self._until_s = self._now_s() + REST_S
