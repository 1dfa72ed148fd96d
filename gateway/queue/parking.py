"""The parking queues: messages that nobody takes as they are, kept until an operator has looked at them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Parked:
    """A parked message, without its body of `octets` bytes. `reason` is the code it was parked with.

    `parked_ms` is Unix time. A reason that begins with `broker.` is the broker's own: it gave the message up.
    """

    id: str
    queue: str
    reason: str
    parked_ms: int
    octets: int


class Parking(Protocol):
    """What both queues let an operator do with parked messages. `queue` is `<recipient>.<contract>`."""

    def parked_depth(self, queue: str) -> int:
        """Return how many messages are parked.

        Raises:
            Unavailable: `unavailable.queue`.
        """

    def parked(self, queue: str, limit: int) -> Sequence[Parked]:
        """Return up to `limit` parked messages of a queue, by the time they were parked.

        Raises:
            Unavailable: `unavailable.queue`.
        """

    def requeue(self, queue: str, ids: Collection[str]) -> Sequence[str]:
        """Put parked messages back into their queue, as if new, and return the ids of those that were parked.

        Durable on return; at no instant is a message in neither place.

        Raises:
            Unavailable: `unavailable.queue`; some may be back already, and doing it again is safe.
        """
