"""From the log's outbox into the queue: in order, until confirmed, and known to the lane."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from services.rabbitmq import gateway_at
from support.batches import batch_of, terms_of
from support.draining import drained, eventually
from support.stores import Store

from gateway.demo.rabbitmq import Server
from gateway.queue.local import LocalQueue
from gateway.queue.rabbitmq import RabbitMQ
from gateway.queue.relay import AT_ONCE, Relay

READERS = ("nea",)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "store.db")
    yield store
    store.close()


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[LocalQueue]:
    queue = LocalQueue(tmp_path / "queue.db")
    yield queue
    queue.close()


async def seal(store: Store, batches: int, recipient: str = "nea", contract: str = "death.v1") -> list[str]:
    """Append batches of two records each; the ids of their messages, in order."""
    before = {one.message.id for one in store.outbox.waiting(10_000)}
    terms = terms_of(recipient=recipient, contract=contract)
    for _ in range(batches):
        await store.log.append(batch_of(terms, [uuid.uuid4().hex, uuid.uuid4().hex]))
    return [one.message.id for one in store.outbox.waiting(10_000) if one.message.id not in before]


def relayed(store: Store, queue: LocalQueue, readers: Sequence[str] = READERS) -> Relay:
    relay = Relay(store.outbox, queue, readers.__contains__)
    relay.start()
    assert eventually(lambda: not store.outbox.waiting(1))
    assert relay.stop(10)
    return relay


async def test_messages_reach_the_queue_in_the_order_of_their_lane(store: Store, queue: LocalQueue) -> None:
    sealed = await seal(store, 2 * AT_ONCE + 3)
    relay = relayed(store, queue)
    assert drained(queue, "nea.death.v1") == sealed
    assert relay.state.problem == ""
    assert relay.state.waiting == 0
    assert relay.state.relayed_ms > 0


async def test_each_recipient_and_contract_has_its_own_queue(store: Store, queue: LocalQueue) -> None:
    deaths = await seal(store, 2)
    gains = await seal(store, 1, contract="eligibility-gained.v1")
    answers = await seal(store, 1, recipient="moi")
    relayed(store, queue)
    assert drained(queue, "nea.death.v1") == deaths
    assert drained(queue, "nea.eligibility-gained.v1") == gains
    assert drained(queue, "moi.death.v1") == answers


async def test_what_its_recipient_takes_from_the_queue_is_delivered_once_it_is_there(
    store: Store, queue: LocalQueue
) -> None:
    await seal(store, 1)
    relayed(store, queue)
    assert eventually(lambda: store.kinds("moh")[-1] == "record.delivered")
    assert store.kinds("moh") == ["lane.opened", "record.accepted", "record.accepted", "record.delivered"]


async def test_what_somebody_else_hands_over_is_not_delivered_yet(store: Store, queue: LocalQueue) -> None:
    await seal(store, 1)
    relayed(store, queue, readers=[])
    await seal(store, 1)  # a later round, with which anything spooled would have gone
    assert "record.delivered" not in store.kinds("moh")


async def test_what_a_relay_published_before_it_died_goes_again_and_is_delivered_once(
    store: Store, queue: LocalQueue
) -> None:
    sealed = await seal(store, 3)
    queue.publish([one.message for one in store.outbox.waiting(2)])
    relayed(store, queue)
    assert drained(queue, "nea.death.v1") == sealed
    assert eventually(lambda: store.kinds("moh").count("record.delivered") == 3)


async def test_what_is_in_hand_is_not_read_again_and_nothing_else_is_left_out(store: Store) -> None:
    sealed = await seal(store, 5)
    in_hand = store.outbox.waiting(4)[1:3]
    assert [one.message.id for one in store.outbox.waiting(2, in_hand)] == [sealed[0], sealed[3]]


async def test_what_the_queue_did_not_take_still_goes_before_what_was_read_meanwhile(
    store: Store, queue: LocalQueue, tmp_path: Path
) -> None:
    sealed = await seal(store, 2 * AT_ONCE)
    relay = Relay(store.outbox, queue, READERS.__contains__)
    with closing(sqlite3.connect(tmp_path / "queue.db")) as file:
        file.execute("CREATE TRIGGER full BEFORE INSERT ON message BEGIN SELECT RAISE(ABORT, 'full'); END")
        relay.start()
        assert eventually(lambda: relay.state.problem)
        file.execute("DROP TRIGGER full")
    assert eventually(lambda: not store.outbox.waiting(1))
    assert relay.stop(10)
    assert drained(queue, "nea.death.v1") == sealed


async def test_a_woken_relay_does_not_wait_for_its_next_look(store: Store, queue: LocalQueue) -> None:
    relay = Relay(store.outbox, queue, READERS.__contains__)
    relay.start()
    (sealed,) = await seal(store, 1)
    relay.wake()
    with queue.consume(["nea.death.v1"], 1) as deliveries:
        delivery = next(deliveries)
        assert delivery is not None
        assert delivery.message.id == sealed
    assert relay.stop(10)


async def test_a_relay_says_what_holds_it_up_and_goes_on_by_itself(store: Store, rabbitmq: Server) -> None:
    contract = f"t{uuid.uuid4().hex[:12]}.v1"
    queue = RabbitMQ(gateway_at(rabbitmq), confirm_s=1, settle_s=0)
    first = await seal(store, 1, contract=contract)
    relay = Relay(store.outbox, queue, READERS.__contains__)
    relay.start()
    assert eventually(lambda: not store.outbox.waiting(1))
    rabbitmq.pause()
    try:
        later = await seal(store, 3, contract=contract)
        assert eventually(lambda: relay.state.problem)
        assert relay.state.waiting > 0
        assert len(store.outbox.waiting(10)) == 3
    finally:
        rabbitmq.resume()
    assert eventually(lambda: not store.outbox.waiting(1))
    assert eventually(lambda: not relay.state.problem)
    assert relay.stop(10)
    assert list(dict.fromkeys(drained(queue, f"nea.{contract}"))) == first + later
    queue.close()
