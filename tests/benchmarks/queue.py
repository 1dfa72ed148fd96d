"""The relay from the log's outbox into a quorum queue and into the embedded one."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from statistics import median

import pika
from support.batches import batch_of, terms_of
from support.signing import LocalSigner
from support.stores import Store

from benchmarks.figures import Figure
from crypto.hpke import Suite
from gateway.demo import rabbitmq
from gateway.ports import Queue
from gateway.queue import topology
from gateway.queue.amqp import Broker
from gateway.queue.local import LocalQueue
from gateway.queue.local_file import PRAGMAS
from gateway.queue.rabbitmq import RabbitMQ
from gateway.queue.relay import AT_ONCE, Relay
from gateway.records import Message

BATCH = 256
MESSAGES = 96
RUNS = 3
RECORD = "x" * 850
"""Makes canonical records of about 1 KiB, and messages of about 2.1 KiB a record: ciphertext and entry."""
GOAL = 50_000
UNIT = "records/s"


def run(messages: int = MESSAGES) -> list[Figure]:
    """Measure; takes about a minute, most of it for sealing what is then relayed."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        with rabbitmq.running(here / "broker", {"gateway": "benchmark"}) as server:
            broker = Broker("localhost", server.port, server.client_context(), "gateway", "benchmark")
            to_broker = [_relaying(here / f"{n}.db", broker, messages) for n in range(RUNS)]
        to_file = [_relaying_here(here / f"{n}-embedded.db", messages) for n in range(RUNS)]
    return [
        _figure("relay into a quorum queue, over TLS", "bare pika, the same messages", to_broker, GOAL),
        _figure("relay into the embedded queue", "bare SQLite, the same messages", to_file, None),
    ]


def _figure(name: str, limit: str, runs: Sequence[tuple[float, float]], goal: float | None) -> Figure:
    value, best = median(run[0] for run in runs), median(run[1] for run in runs)
    return Figure(f"{name}, {BATCH} records a message", value, UNIT, limit, best, goal)


def _relaying(path: Path, broker: Broker, messages: int) -> tuple[float, float]:
    """Return the relay's rate into the broker and pika's."""
    store = _filled(path, messages)
    queue = RabbitMQ(broker, settle_s=0)
    try:
        bodies = [one.message.body for one in store.outbox.waiting(messages)]
        topology.declare(broker, ["nea.death.v1", "nea.bare.v1"], 0)
        limit = _rate_of_pika(broker, bodies)
        # The relay's connection is made once and kept, as pika's is.
        queue.publish([Message("warm", "nea.bare.v1", bodies[0])])
        return _rate_of_relay(store, queue, messages), limit
    finally:
        queue.close()
        store.close()
        _purge(broker)


def _relaying_here(path: Path, messages: int) -> tuple[float, float]:
    """Return the relay's rate into an embedded queue and that of bare inserts."""
    store = _filled(path, messages)
    queue = LocalQueue(path.with_suffix(".queue"))
    try:
        bodies = [one.message.body for one in store.outbox.waiting(messages)]
        limit = _rate_of_sqlite(path.with_suffix(".bare"), bodies)
        return _rate_of_relay(store, queue, messages), limit
    finally:
        queue.close()
        store.close()


def _filled(path: Path, messages: int) -> Store:
    """Return a store with this many messages in its outbox."""
    store = Store(path, signer=LocalSigner(Suite.HYBRID))
    terms = terms_of()

    async def fill() -> None:
        for _ in range(messages):
            await store.log.append(batch_of(terms, [uuid.uuid4().hex for _ in range(BATCH)], text=RECORD))

    asyncio.run(fill())
    return store


def _rate_of_relay(store: Store, queue: Queue, messages: int) -> float:
    relay = Relay(store.outbox, queue, lambda recipient: recipient == "nea")
    began = time.perf_counter()
    relay.start()
    while store.outbox.state().messages:
        time.sleep(0.005)
    spent = time.perf_counter() - began
    relay.stop(10)
    return messages * BATCH / spent


def _rate_of_pika(broker: Broker, bodies: Sequence[bytes]) -> float:
    """Publish with nothing around it: all at once, then wait for the last confirm."""
    unconfirmed: dict[int, None] = {}
    began = spent = 0.0

    def on_channel(channel: pika.channel.Channel) -> None:
        nonlocal began
        channel.confirm_delivery(on_confirm)
        began = time.perf_counter()
        for tag, body in enumerate(bodies, 1):
            unconfirmed[tag] = None
            channel.basic_publish(
                topology.EXCHANGE, "nea.bare.v1", body, pika.BasicProperties(delivery_mode=2)
            )

    def on_confirm(frame: pika.frame.Method) -> None:
        nonlocal spent
        last = frame.method.delivery_tag
        for tag in list(takewhile(lambda tag: tag <= last, unconfirmed)) if frame.method.multiple else [last]:
            del unconfirmed[tag]
        if not unconfirmed:
            spent = time.perf_counter() - began
            connection.close()

    connection = pika.SelectConnection(
        broker.parameters("bare"),
        on_open_callback=lambda opened: opened.channel(on_open_callback=on_channel),
        on_close_callback=lambda closed, _reason: closed.ioloop.stop(),
    )
    connection.ioloop.start()
    return len(bodies) * BATCH / spent


def _rate_of_sqlite(path: Path, bodies: Sequence[bytes]) -> float:
    """Insert with nothing around it, as many to a commit as the relay publishes together."""
    file = sqlite3.connect(path, isolation_level=None)
    for pragma in (*PRAGMAS, "journal_mode = WAL", "synchronous = FULL"):
        file.execute(f"PRAGMA {pragma}")
    file.execute("CREATE TABLE body (seq INTEGER PRIMARY KEY, octets BLOB)")
    began = time.perf_counter()
    for begin in range(0, len(bodies), AT_ONCE):
        file.execute("BEGIN IMMEDIATE")
        file.executemany(
            "INSERT INTO body (octets) VALUES (?)", ((body,) for body in bodies[begin : begin + AT_ONCE])
        )
        file.execute("COMMIT")
    spent = time.perf_counter() - began
    file.close()
    return len(bodies) * BATCH / spent


def _purge(broker: Broker) -> None:
    with topology.channel(broker, "purge") as at:
        for queue in ("nea.death.v1", "nea.bare.v1"):
            at.queue_purge(topology.queue_name(queue))
