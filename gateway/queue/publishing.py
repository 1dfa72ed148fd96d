"""Publishing with confirms under way: a list of messages goes out at once, and then all are waited for."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial
from itertools import takewhile

import pika
from pika.channel import Channel

from gateway.errors import Unavailable
from gateway.queue.amqp import CODE, Broker, Connection
from gateway.queue.topology import CONTENT_TYPE, EXCHANGE
from gateway.records import Message


class QueueMissing(Unavailable):
    """A queue that was there is gone; it must be declared again before the next attempt."""


class _Call:
    """One call of `publish`, until each of its messages is confirmed or it has failed."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = messages
        self.unconfirmed = len(messages)
        self.problem = ""
        self.missing = False
        self.done = threading.Event()

    def fail(self, problem: str) -> None:
        self.problem = problem
        self.done.set()


class Publisher:
    """Publishes from any thread through one channel, so that each queue keeps the order of the calls."""

    def __init__(self, broker: Broker, confirm_s: float) -> None:
        self._confirm_s = confirm_s
        self._lock = threading.Lock()
        self._calls: set[_Call] = set()  # begun and not failed; guarded by the lock
        self._pending: dict[int, _Call] = {}  # by delivery tag, in order; the connection's thread only
        self._channel: Channel | None = None
        self._tag = 0
        parameters = broker.parameters("isnad-publish", confirm_s / 2)  # so that the reason is known in time
        self._connection = Connection(parameters, self._ready, self._lost)

    def publish(self, messages: Sequence[Message]) -> None:
        """Publish messages and return when the broker has confirmed all of them.

        Raises:
            QueueMissing: the broker has no queue for at least one of them.
            Unavailable: not all were confirmed in time.
        """
        self._connection.require()
        call = _Call(messages)
        with self._lock:
            if self._channel is None:
                raise Unavailable(CODE, self._connection.problem)
            # What an earlier call gave up waiting for is still held for sending; nothing is put on top of it.
            if any(earlier.problem for earlier in self._calls):
                raise Unavailable(CODE, "the broker has not taken what it was sent")
            self._calls.add(call)
        self._connection.run(partial(self._send, call))
        if not call.done.wait(self._confirm_s):
            call.fail("the broker did not confirm in time")
            # A broker that has just come up may lose a message and never say so: the connection is in doubt.
            self._connection.start_over()
        if call.missing:
            raise QueueMissing(CODE, "the broker has no such queue")
        if call.problem:
            raise Unavailable(CODE, call.problem)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _ready(self, channel: Channel) -> None:
        with self._lock:
            self._channel, self._tag = channel, 0
        channel.confirm_delivery(self._on_confirm)
        channel.add_on_return_callback(self._on_return)

    def _lost(self, problem: str) -> None:
        self._pending.clear()
        with self._lock:
            self._channel = None
            for call in self._calls:
                call.fail(problem)
            self._calls.clear()

    def _send(self, call: _Call) -> None:
        channel = self._channel
        if channel is None or not channel.is_open:
            return  # closing: `_lost` tells the caller
        for message in call.messages:
            properties = pika.BasicProperties(
                content_type=CONTENT_TYPE, delivery_mode=pika.DeliveryMode.Persistent, message_id=message.id
            )
            self._tag += 1
            self._pending[self._tag] = call
            channel.basic_publish(EXCHANGE, message.queue, message.body, properties, mandatory=True)

    def _on_return(
        self, _channel: Channel, method: pika.spec.Basic.Return, _properties: object, _body: object
    ) -> None:
        for call in set(self._pending.values()):
            if any(message.queue == method.routing_key for message in call.messages):
                call.missing = True

    def _on_confirm(self, frame: pika.frame.Method) -> None:
        last = frame.method.delivery_tag
        tags = list(takewhile(lambda tag: tag <= last, self._pending)) if frame.method.multiple else [last]
        for tag in tags:
            call = self._pending.pop(tag)
            if isinstance(frame.method, pika.spec.Basic.Nack):
                call.problem = "the broker could not keep a message"
            call.unconfirmed -= 1
            if not call.unconfirmed:
                with self._lock:
                    self._calls.discard(call)
                call.done.set()
