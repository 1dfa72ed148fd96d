"""Consuming from a broker: deliveries on loan, and what becomes of them.

A delivery that is to come again later stays on loan until it is due, and is then returned: the broker puts it
before all that was never delivered and counts the return, so the number of attempts survives both ends. There
is never a second copy of it, and a recipient that takes nothing for a while holds up its own queues alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from queue import Empty, SimpleQueue
from typing import Protocol

import pika
from pika.channel import Channel

from gateway.errors import Unavailable
from gateway.queue.amqp import CODE, Broker, Connection
from gateway.queue.topology import CONTENT_TYPE, PARKED_MS, REASON, parking_exchange, queue_name
from gateway.records import Message

IDLE_S = 1.0
LOOK_S = 5.0
"""How often queues that did not exist are looked for again: they appear with the first message for them."""
FORGOTTEN_S = 30.0
"""With nothing to do for this long while messages wait, the broker is taken to have forgotten that it is consumed
from: a queue that was deleted and made again can come back without its consumers, and nothing says so."""
OUTAGE_S = 30.0
"""After this long without a broker, whoever consumes is told, and decides."""
PARK_AGAIN_S = 30.0

Waiting = Callable[[Sequence[str]], Mapping[str, int]]
"""How many messages wait in those of the queues that exist."""


class _Settle(Protocol):
    def __call__(self, loan: Loan, /) -> None: ...


@dataclass(slots=True)
class Loan:
    """A `ports.Delivery` from a broker. Settling one whose channel is gone does nothing: it comes again."""

    message: Message
    attempt: int
    channel: Channel
    tag: int
    consumer: Consumer
    settled: bool = False

    def ack(self) -> None:
        """As `ports.Delivery` says; the broker does not confirm it: a crash may bring the message again."""
        self._settle(self.consumer.forget)

    def retry(self, after_s: float) -> None:
        """As `ports.Delivery` says; should this process end before, it may come sooner."""
        self._settle(partial(self.consumer.hold, after_s=after_s))

    def park(self, reason: str) -> None:
        """As `ports.Delivery` says; the broker has it in the parking queue before it forgets it here."""
        self._settle(partial(self.consumer.park, reason=reason))

    def _settle(self, action: _Settle) -> None:
        if self.settled:
            raise RuntimeError("a delivery is settled once")
        self.settled = True
        self.consumer.run(partial(action, self))


class Consumer:
    """One connection that consumes from several queues until `close`, with up to `prefetch` loans of each."""

    def __init__(self, broker: Broker, queues: Sequence[str], prefetch: int, waiting: Waiting) -> None:
        self._prefetch = prefetch
        self._waiting = waiting
        self._here = set(waiting(queues))
        self._missing = set(queues) - self._here
        self._looked = self._busy = time.monotonic()
        self._lost_at: float | None = None
        self._arrived: SimpleQueue[Loan] = SimpleQueue()
        # The connection's thread only, from here on.
        self._channel: Channel | None = None
        self._on_loan = 0
        self._due: dict[str, float] = {}  # when held messages may come again, on whatever connection
        self._parking: dict[int, Loan] = {}  # by the tag of what was published to the parking queue
        self._published = 0
        self._connection = Connection(broker.parameters("isnad-consume"), self._ready, self._lost)
        try:
            self._connection.require()
        except Unavailable:
            self._connection.close()
            raise

    def __iter__(self) -> Iterator[Loan | None]:
        """Yield loans as they come, None when none came for a second."""
        while True:
            self._look_again()
            self._look_forgotten()
            if self._lost_at is not None and time.monotonic() - self._lost_at > OUTAGE_S:
                raise Unavailable(CODE, self._connection.problem)
            try:
                loan = self._arrived.get(timeout=IDLE_S)
            except Empty:
                yield None
                continue
            if loan.channel is self._channel:  # else it is lost, and comes again on the new one
                yield loan

    def run(self, action: Callable[[], None]) -> None:
        """Have an action run in the connection's thread."""
        self._connection.run(action)

    def close(self) -> None:
        """Send what was settled and close: unsettled loans return to their queues."""
        self._connection.close()

    def forget(self, loan: Loan) -> None:
        """Acknowledge a loan; in the connection's thread, as all that follows."""
        if loan.channel.is_open:
            self._on_loan -= 1
            loan.channel.basic_ack(loan.tag)

    def hold(self, loan: Loan, after_s: float) -> None:
        """Keep a loan until it is due and return it then."""
        now = time.monotonic()
        self._due = {id_: due for id_, due in self._due.items() if due > now}
        self._due[loan.message.id] = now + after_s
        if loan.channel.is_open:
            loan.channel.connection.ioloop.call_later(after_s, partial(self._give_back, loan))

    def park(self, loan: Loan, reason: str) -> None:
        """Publish a loan's message to its parking queue; `_on_confirm` then forgets it here."""
        if not loan.channel.is_open:
            return
        properties = pika.BasicProperties(
            content_type=CONTENT_TYPE,
            delivery_mode=pika.DeliveryMode.Persistent,
            message_id=loan.message.id,
            headers={REASON: reason, PARKED_MS: time.time_ns() // 1_000_000},
        )
        self._published += 1
        self._parking[self._published] = loan
        queue = loan.message.queue
        loan.channel.basic_publish(
            parking_exchange(queue), queue, loan.message.body, properties, mandatory=True
        )

    def _give_back(self, loan: Loan) -> None:
        if loan.channel.is_open:
            self._on_loan -= 1
            loan.channel.basic_reject(loan.tag, requeue=True)

    def _look_again(self) -> None:
        if self._missing and self._lost_at is None and time.monotonic() - self._looked > LOOK_S:
            self._looked = time.monotonic()
            found = self._look(self._missing)
            self._missing.difference_update(found)
            self._here.update(found)
            self.run(partial(self._consume, sorted(found)))

    def _look_forgotten(self) -> None:
        now = time.monotonic()
        if self._on_loan or self._lost_at is not None:
            self._busy = now
        elif now - self._busy > FORGOTTEN_S:
            self._busy = now
            if any(self._look(self._here).values()) and not self._on_loan:
                self._connection.start_over()

    def _look(self, queues: Collection[str]) -> Mapping[str, int]:
        try:
            return self._waiting(sorted(queues))
        except Unavailable:  # which the connection that consumes learns as well, and gives it time
            return {}

    def _ready(self, channel: Channel) -> None:
        self._parking.clear()
        self._published = self._on_loan = 0
        channel.basic_qos(prefetch_count=self._prefetch)
        channel.confirm_delivery(self._on_confirm)
        channel.add_on_return_callback(self._on_return)
        channel.add_on_cancel_callback(self._on_cancel)
        self._channel, self._lost_at = channel, None
        self._consume(sorted(self._here))

    def _lost(self, _problem: str) -> None:
        self._channel = None
        self._lost_at = time.monotonic()

    def _consume(self, queues: Sequence[str]) -> None:
        if self._channel is not None and self._channel.is_open:
            for queue in queues:
                self._channel.basic_consume(
                    queue_name(queue), partial(self._on_message, queue), consumer_tag=queue
                )

    def _on_message(
        self,
        queue: str,
        channel: Channel,
        method: pika.spec.Basic.Deliver,
        properties: pika.BasicProperties,
        body: bytes,
    ) -> None:
        returns = (properties.headers or {}).get("x-delivery-count", 0)
        message = Message(properties.message_id or "", queue, body)
        loan = Loan(message, returns + 1, channel, method.delivery_tag, self)
        self._on_loan += 1
        early_s = self._due.pop(message.id, 0.0) - time.monotonic()
        if early_s > 0:
            channel.connection.ioloop.call_later(early_s, partial(self._arrived.put, loan))
        else:
            self._arrived.put(loan)

    def _on_cancel(self, frame: pika.frame.Method) -> None:
        """Look for a queue that somebody deleted until it is there again, on a channel that never knew it."""
        queue = frame.method.consumer_tag
        self._here.discard(queue)
        self._missing.add(queue)
        self._connection.start_over()

    def _on_return(
        self, _channel: Channel, _method: object, properties: pika.BasicProperties, _body: object
    ) -> None:
        """Keep a message that could not be parked, because its parking queue is gone, for another try."""
        for tag, loan in list(self._parking.items()):
            if loan.message.id == properties.message_id:
                del self._parking[tag]
                self.hold(loan, PARK_AGAIN_S)

    def _on_confirm(self, frame: pika.frame.Method) -> None:
        last = frame.method.delivery_tag
        for tag in list(takewhile(lambda tag: tag <= last, self._parking)):
            if frame.method.multiple or tag == last:
                loan = self._parking.pop(tag)
                if isinstance(frame.method, pika.spec.Basic.Ack):
                    self.forget(loan)
                else:
                    self.hold(loan, PARK_AGAIN_S)
