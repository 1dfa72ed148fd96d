"""Ways to take from a queue in tests, with a limit to the waiting."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from gateway.ports import Delivery, Queue

PATIENCE_S = 90.0


def take(deliveries: Iterator[Delivery | None], count: int) -> list[Delivery]:
    """The next deliveries, which must come within the tests' patience."""
    taken: list[Delivery] = []
    deadline = time.monotonic() + PATIENCE_S
    while len(taken) < count:
        assert time.monotonic() < deadline, f"{len(taken)} of {count} came"
        delivery = next(deliveries)
        if delivery is not None:
            taken.append(delivery)
    return taken


def nothing_comes(deliveries: Iterator[Delivery | None]) -> bool:
    return next(deliveries) is None


def drained(queue: Queue, name: str) -> list[str]:
    """The ids of all that is in a queue, acknowledged."""
    found = []
    with queue.consume([name], 200) as deliveries:
        for delivery in deliveries:
            if delivery is None:
                return found
            found.append(delivery.message.id)
            delivery.ack()
    return found


def eventually(what: Callable[[], object], within_s: float = PATIENCE_S) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if what():
            return True
        time.sleep(0.05)
    return False
