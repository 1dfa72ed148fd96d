"""The queue on a RabbitMQ broker: a quorum queue per recipient and contract, confirms, manual acks."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import pika

from gateway.queue import topology
from gateway.queue.amqp import Broker
from gateway.queue.consuming import Consumer, Loan
from gateway.queue.parking import Parked
from gateway.queue.publishing import Publisher, QueueMissing
from gateway.records import Message

CONFIRM_S = 15.0
"""A healthy broker confirms within milliseconds; after this long a publisher keeps what it has."""


class RabbitMQ:
    """A `ports.Queue`, and its parking, on a broker.

    With `declares` the account may make the queues it needs, as the gateway's own may. Without, it takes them
    as they are and waits for those that do not exist yet, as a recipient's must.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        declares: bool = True,
        confirm_s: float = CONFIRM_S,
        settle_s: float = topology.SETTLE_S,
    ) -> None:
        self._broker = broker
        self._declares = declares
        self._confirm_s = confirm_s
        self._settle_s = settle_s
        self._lock = threading.Lock()
        self._publisher: Publisher | None = None
        self._declared: set[str] = set()

    def publish(self, messages: Sequence[Message]) -> None:
        """As `ports.Queue` says. All of `messages` are in memory until confirmed: the caller bounds them."""
        if not messages:
            return
        self._declare({message.queue for message in messages})
        try:
            self._open_publisher().publish(messages)
        except QueueMissing:
            with self._lock:
                self._declared.clear()  # so that the next call makes it again
            raise

    @contextmanager
    def consume(self, queues: Sequence[str], prefetch: int) -> Iterator[Iterator[Loan | None]]:
        """As `ports.Queue` says. Reconnects by itself; raises when the broker was away for 30 s."""
        if self._declares:
            self._declare(set(queues))
        consumer = Consumer(self._broker, queues, prefetch, self._waiting)
        try:
            yield iter(consumer)
        finally:
            consumer.close()

    def depth(self, queue: str) -> int:
        """As `ports.Queue` says; 0 when there is no such queue. Opens a connection: not for hot paths."""
        return self._depth(topology.queue_name(queue))

    def parked_depth(self, queue: str) -> int:
        """As `Parking` says; 0 when there is no such queue."""
        return self._depth(topology.parked_name(queue))

    def parked(self, queue: str, limit: int) -> Sequence[Parked]:
        """As `Parking` says."""
        if not self.parked_depth(queue):
            return []
        found: list[Parked] = []
        with topology.channel(self._broker, "isnad-parked") as at:
            # What was looked at returns to its queue when the channel closes, in whatever order.
            while len(found) < limit:
                method, properties, body = at.basic_get(topology.parked_name(queue))
                if method is None:
                    break
                found.append(_parked(queue, properties, len(body)))
        return sorted(found, key=lambda parked: parked.parked_ms)

    def requeue(self, queue: str, ids: Collection[str]) -> Sequence[str]:
        """As `Parking` says."""
        if not self.parked_depth(queue):
            return []
        back: list[str] = []
        with topology.channel(self._broker, "isnad-requeue") as at:
            at.confirm_delivery()
            while True:
                method, properties, body = at.basic_get(topology.parked_name(queue))
                if method is None:
                    return back
                if properties.message_id in ids:
                    fresh = pika.BasicProperties(
                        content_type=topology.CONTENT_TYPE,
                        delivery_mode=pika.DeliveryMode.Persistent,
                        message_id=properties.message_id,
                    )
                    at.basic_publish(topology.EXCHANGE, queue, body, fresh, mandatory=True)
                    at.basic_ack(method.delivery_tag)
                    back.append(properties.message_id)

    def close(self) -> None:
        """Close the connection that publishes."""
        with self._lock:
            if self._publisher is not None:
                self._publisher.close()
                self._publisher = None

    def _open_publisher(self) -> Publisher:
        with self._lock:
            if self._publisher is None:
                self._publisher = Publisher(self._broker, self._confirm_s)
            return self._publisher

    def _declare(self, queues: set[str]) -> None:
        with self._lock:
            unknown = sorted(queues - self._declared) if self._declares else []
            if unknown:
                topology.declare(self._broker, unknown, self._settle_s)
                self._declared.update(unknown)

    def _depth(self, name: str) -> int:
        return topology.waiting(self._broker, [name]).get(name, 0)

    def _waiting(self, queues: Sequence[str]) -> dict[str, int]:
        names = {topology.queue_name(queue): queue for queue in queues}
        return {names[name]: count for name, count in topology.waiting(self._broker, list(names)).items()}


def _parked(queue: str, properties: pika.BasicProperties, octets: int) -> Parked:
    """Return what a parked message says of itself, or the broker of one that it gave up itself."""
    headers = properties.headers or {}
    if topology.REASON in headers:
        reason, parked_ms = str(headers[topology.REASON]), int(headers[topology.PARKED_MS])
    else:
        death = (headers.get("x-death") or [{"reason": "unknown", "time": datetime.fromtimestamp(0, UTC)}])[0]
        reason, parked_ms = (
            f"broker.{death['reason']}",
            int(death["time"].replace(tzinfo=UTC).timestamp() * 1000),
        )
    return Parked(properties.message_id or "", queue, reason, parked_ms, octets)
