"""What queues and exchanges there are on a broker, and the calls that need an answer before anything goes on.

    isnad ──<recipient>.<contract>──▶ isnad.<recipient>.<contract>          (quorum queue)
                                        │ parked, or given up by the broker itself
                                        ▼
    isnad.<recipient>.parked ───────▶ isnad.<recipient>.<contract>.parked   (quorum queue)

Each recipient has a parking exchange of its own, so that its account may park its messages and nobody else's.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.adapters.utils.connection_workflow import AMQPConnectorException
from pika.exceptions import AMQPError, ChannelClosedByBroker

from gateway.errors import Unavailable
from gateway.queue.amqp import CODE, Broker, words

EXCHANGE = "isnad"
CONTENT_TYPE = "application/json"
REASON = "isnad-reason"
PARKED_MS = "isnad-parked-ms"
"""The headers of a parked message: the code it was parked with, and when (Unix ms)."""
NOT_FOUND = 404  # AMQP 0-9-1 §1.4.2
RETURNS = 1_000_000
"""How often a message may come back before the broker parks it: in practice never, since giving up is the
exchange's decision. It must be said: without a limit the broker puts what comes back at the end of the queue
instead of its head, and newer brokers assume 20."""
SETTLE_S = 2.0
"""RabbitMQ (3.10, measured) writes down that a quorum queue exists up to a second after it has said so, and
confirms messages meanwhile. Were it killed in that second, the queue would never come up again."""


def queue_name(queue: str) -> str:
    """Return what the broker calls the queue `<recipient>.<contract>`."""
    return f"isnad.{queue}"


def parked_name(queue: str) -> str:
    """Return what the broker calls the parking queue of `<recipient>.<contract>`."""
    return f"isnad.{queue}.parked"


def parking_exchange(queue: str) -> str:
    """Return the exchange through which messages of `<recipient>.<contract>` are parked."""
    return f"isnad.{queue.partition('.')[0]}.parked"


@contextmanager
def channel(broker: Broker, name: str) -> Iterator[BlockingChannel]:
    """Open a channel for a few calls that answer at once, on a connection of its own.

    Raises:
        Unavailable: the broker cannot be had, or refuses what was asked.
    """
    try:
        connection = pika.BlockingConnection(broker.parameters(name))
        try:
            yield connection.channel()
        finally:
            if connection.is_open:
                connection.close()
    except (AMQPError, AMQPConnectorException, OSError) as error:
        raise Unavailable(CODE, words(error)) from error


def declare(broker: Broker, queues: Sequence[str], settle_s: float) -> None:
    """Make sure that these queues exist, with their parking queues, exactly as they should be.

    When one of them is new, `settle_s` seconds pass before it may be used (`SETTLE_S` says why).

    Raises:
        Unavailable: also when one exists and is different; the rule then says in what.
    """
    names = [queue_name(queue) for queue in queues]
    new = len(waiting(broker, names)) < len(names)
    with channel(broker, "isnad-declare") as at:
        at.exchange_declare(EXCHANGE, "direct", durable=True)
        for queue in queues:
            parking = parking_exchange(queue)
            at.exchange_declare(parking, "direct", durable=True)
            at.queue_declare(parked_name(queue), durable=True, arguments={"x-queue-type": "quorum"})
            at.queue_bind(parked_name(queue), parking, queue)
            arguments = {
                "x-queue-type": "quorum",
                # What the broker itself gives up is parked as well, and kept until it is: at least once.
                "x-dead-letter-exchange": parking,
                "x-dead-letter-routing-key": queue,
                "x-dead-letter-strategy": "at-least-once",
                "x-overflow": "reject-publish",  # which that strategy demands
                "x-delivery-limit": RETURNS,
            }
            at.queue_declare(queue_name(queue), durable=True, arguments=arguments)
            at.queue_bind(queue_name(queue), EXCHANGE, queue)
    if new:
        time.sleep(settle_s)


def waiting(broker: Broker, names: Sequence[str]) -> dict[str, int]:
    """Return how many messages wait in those of the broker's queues that exist.

    Raises:
        Unavailable: the broker cannot be had now.
    """
    found: dict[str, int] = {}
    with channel(broker, "isnad-look") as first:
        for name in names:
            at = first.connection.channel()  # one each: the broker closes it when there is no such queue
            try:
                found[name] = at.queue_declare(name, passive=True).method.message_count
                at.close()
            except ChannelClosedByBroker as error:
                if error.reply_code != NOT_FOUND:
                    raise
    return found
