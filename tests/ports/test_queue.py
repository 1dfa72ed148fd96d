"""What `gateway.ports.Queue` and its parking promise, asked of every implementation."""

from __future__ import annotations

import itertools
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from services.rabbitmq import gateway_at
from support.draining import eventually, nothing_comes, take

from gateway.demo.rabbitmq import Server
from gateway.ports import Delivery, Queue
from gateway.queue.local import LocalQueue
from gateway.queue.parking import Parked, Parking
from gateway.queue.rabbitmq import RabbitMQ
from gateway.records import Message


class Implementation(Queue, Parking):
    """A queue with its parking."""


Open = Callable[[], Implementation]


@pytest.fixture(params=["embedded", "rabbitmq"])
def open_queue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    opened = []
    if request.param == "embedded":

        def make() -> LocalQueue:
            return LocalQueue(tmp_path / "queue.db", lease_s=1.0)
    else:
        server: Server = request.getfixturevalue("rabbitmq")

        def make() -> RabbitMQ:
            return RabbitMQ(gateway_at(server), settle_s=0)

    def open_one() -> Implementation:
        opened.append(make())
        return opened[-1]

    yield open_one
    for queue in opened:
        queue.close()


@pytest.fixture
def queue(open_queue: Open) -> Implementation:
    return open_queue()


@pytest.fixture
def name() -> str:
    """A queue that no other test uses."""
    return f"nea.t{uuid.uuid4().hex[:12]}.v1"


def messages(name: str, count: int, size: int = 10) -> list[Message]:
    return [Message(str(uuid.uuid4()), name, f"{n:04} ".encode() * (size // 5)) for n in range(count)]


def ids(of: Sequence[Delivery] | Sequence[Parked] | Sequence[Message]) -> list[str]:
    return [one.message.id if hasattr(one, "message") else one.id for one in of]


def test_what_was_published_comes_out_octet_for_octet_in_order(queue: Implementation, name: str) -> None:
    sent = [
        *messages(name, 30, 2000),
        *messages(name, 2, 600_000),
        Message(str(uuid.uuid4()), name, "إسناد".encode()),
    ]
    queue.publish(sent[:20])
    queue.publish(sent[20:])
    with queue.consume([name], 100) as deliveries:
        came = take(deliveries, len(sent))
        assert [delivery.message for delivery in came] == sent
        assert {delivery.attempt for delivery in came} == {1}


def test_publishing_nothing_is_done_at_once(queue: Implementation) -> None:
    queue.publish([])


def test_one_call_serves_several_queues(queue: Implementation, name: str) -> None:
    other = f"moi.{name.partition('.')[2]}"
    first, second = messages(name, 1)[0], messages(other, 1)[0]
    queue.publish([first, second])
    with queue.consume([name, other], 5) as deliveries:
        assert {delivery.message.queue: delivery.message.id for delivery in take(deliveries, 2)} == {
            name: first.id,
            other: second.id,
        }


def test_a_consumer_may_wait_before_there_is_anything(
    queue: Implementation, name: str, open_queue: Open
) -> None:
    with queue.consume([name], 5) as deliveries:
        assert nothing_comes(deliveries)
        sent = messages(name, 1)
        open_queue().publish(sent)
        assert ids(take(deliveries, 1)) == ids(sent)


def test_none_comes_about_every_second_while_nothing_else_does(queue: Implementation, name: str) -> None:
    with queue.consume([name], 5) as deliveries:
        begin = time.monotonic()
        assert nothing_comes(deliveries)
        assert 0.8 < time.monotonic() - begin < 3


def test_what_was_acknowledged_never_comes_again(queue: Implementation, name: str) -> None:
    sent = messages(name, 3)
    queue.publish(sent)
    with queue.consume([name], 5) as deliveries:
        for delivery in take(deliveries, 3):
            delivery.ack()
    with queue.consume([name], 5) as deliveries:
        assert nothing_comes(deliveries)
    assert queue.depth(name) == 0


def test_what_was_not_settled_comes_again_as_a_further_attempt(queue: Implementation, name: str) -> None:
    sent = messages(name, 3)
    queue.publish(sent)
    with queue.consume([name], 5) as deliveries:
        take(deliveries, 3)[1].ack()
    with queue.consume([name], 5) as deliveries:
        again = take(deliveries, 2)
        assert ids(again) == [sent[0].id, sent[2].id]
        assert {delivery.attempt for delivery in again} == {2}


def test_what_comes_again_comes_before_what_never_came(queue: Implementation, name: str) -> None:
    sent = messages(name, 5)
    queue.publish(sent)
    with queue.consume([name], 2) as deliveries:
        take(deliveries, 2)
    with queue.consume([name], 1) as deliveries:
        came = []
        for _ in sent:
            came += take(deliveries, 1)
            came[-1].ack()
        assert ids(came) == ids(sent)


def test_no_more_than_prefetch_are_on_loan(queue: Implementation, name: str) -> None:
    sent = messages(name, 4)
    queue.publish(sent)
    with queue.consume([name], 2) as deliveries:
        first, second = take(deliveries, 2)
        assert nothing_comes(deliveries)
        second.ack()
        assert ids(take(deliveries, 1)) == [sent[2].id]
        first.ack()


def test_a_queue_whose_recipient_takes_nothing_holds_up_no_other(queue: Implementation, name: str) -> None:
    other = f"moi.{name.partition('.')[2]}"
    queue.publish(messages(name, 5))
    with queue.consume([name, other], 2) as deliveries:
        for delivery in take(deliveries, 2):
            delivery.retry(30)
        sent = messages(other, 1)
        queue.publish(sent)
        while (came := take(deliveries, 1)[0]).message.queue != other:
            came.retry(30)
        assert came.message == sent[0]


def test_a_retried_message_comes_again_when_it_is_due_and_not_before(
    queue: Implementation, name: str
) -> None:
    sent = messages(name, 1)
    queue.publish(sent)
    with queue.consume([name], 5) as deliveries:
        take(deliveries, 1)[0].retry(1.5)
        begin = time.monotonic()
        (again,) = take(deliveries, 1)
        assert 1.4 < time.monotonic() - begin < 4
        assert again.message == sent[0]
        assert again.attempt == 2
        again.retry(0)
        assert take(deliveries, 1)[0].attempt == 3


def test_while_a_message_waits_for_its_retry_the_next_ones_come(queue: Implementation, name: str) -> None:
    sent = messages(name, 3)
    queue.publish(sent)
    with queue.consume([name], 5) as deliveries:
        take(deliveries, 1)[0].retry(1)
        assert ids(take(deliveries, 3)) == [sent[1].id, sent[2].id, sent[0].id]


def test_a_parked_message_is_out_of_its_queue_and_shows_why(queue: Implementation, name: str) -> None:
    sent = messages(name, 2, 100)
    queue.publish(sent)
    with queue.consume([name], 5) as deliveries:
        first, second = take(deliveries, 2)
        first.park("tampered.signature")
        second.ack()
        assert eventually(lambda: queue.parked(name, 10))
        assert nothing_comes(deliveries)
    (parked,) = queue.parked(name, 10)
    assert parked == Parked(sent[0].id, name, "tampered.signature", parked.parked_ms, 100)
    assert abs(parked.parked_ms - time.time() * 1000) < 60_000
    assert queue.depth(name) == 0


def test_parked_messages_can_be_looked_at_any_number_of_times(queue: Implementation, name: str) -> None:
    sent = messages(name, 3)
    queue.publish(sent)
    with queue.consume([name], 5) as deliveries:
        for delivery in take(deliveries, 3):
            delivery.park("unavailable.endpoint")
        assert eventually(lambda: len(queue.parked(name, 10)) == 3)
    assert eventually(lambda: queue.parked_depth(name) == 3)
    assert eventually(lambda: len(queue.parked(name, 2)) == 2)
    assert eventually(lambda: sorted(ids(queue.parked(name, 10))) == sorted(ids(sent)))


def test_nothing_is_parked_where_nothing_was_parked(queue: Implementation, name: str) -> None:
    queue.publish(messages(name, 1))
    for where in (name, "nea.never-heard-of.v1"):
        assert queue.parked_depth(where) == 0
        assert queue.parked(where, 10) == []
        assert queue.requeue(where, ["not-there"]) == []


def test_a_requeued_message_comes_as_if_for_the_first_time(queue: Implementation, name: str) -> None:
    sent = messages(name, 3)
    queue.publish(sent)
    with queue.consume([name], 5) as deliveries:
        for delivery in take(deliveries, 3):
            delivery.park("unavailable.endpoint")
        assert eventually(lambda: len(queue.parked(name, 10)) == 3)
        assert queue.requeue(name, {sent[1].id, "not-there"}) == [sent[1].id]
        (back,) = take(deliveries, 1)
        assert back.message == sent[1]
        assert back.attempt == 1
        back.ack()
    assert eventually(lambda: set(ids(queue.parked(name, 10))) == {sent[0].id, sent[2].id})


def test_a_delivery_is_settled_once(queue: Implementation, name: str) -> None:
    queue.publish(messages(name, 1))
    with queue.consume([name], 5) as deliveries:
        (delivery,) = take(deliveries, 1)
        delivery.ack()
        with pytest.raises(RuntimeError):
            delivery.retry(1)


def test_settling_works_from_another_thread(queue: Implementation, name: str) -> None:
    queue.publish(messages(name, 20))
    with queue.consume([name], 50) as deliveries:
        threads = [threading.Thread(target=delivery.ack) for delivery in take(deliveries, 20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert eventually(lambda: queue.depth(name) == 0)
    with queue.consume([name], 5) as deliveries:
        assert nothing_comes(deliveries)


def test_two_consumers_share_a_queue_and_get_no_message_twice(open_queue: Open, name: str) -> None:
    sent = messages(name, 40)
    open_queue().publish(sent)
    came: list[str] = []

    def consume() -> None:
        with open_queue().consume([name], 3) as deliveries:
            for delivery in itertools.takewhile(bool, deliveries):
                assert delivery is not None
                came.append(delivery.message.id)
                delivery.ack()

    threads = [threading.Thread(target=consume) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(came) == sorted(ids(sent))


def test_many_threads_may_publish_and_each_keeps_its_order(queue: Implementation, name: str) -> None:
    batches = [messages(name, 10, 5000) for _ in range(4)]
    threads = [threading.Thread(target=queue.publish, args=(batch,)) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with queue.consume([name], 100) as deliveries:
        came = ids(take(deliveries, 40))
    for batch in batches:
        assert [one for one in came if one in set(ids(batch))] == ids(batch)


def test_depth_counts_what_waits_and_not_what_is_on_loan(queue: Implementation, name: str) -> None:
    assert queue.depth(name) == 0
    queue.publish(messages(name, 3))
    assert eventually(lambda: queue.depth(name) == 3)
    with queue.consume([name], 2) as deliveries:
        take(deliveries, 2)
        assert eventually(lambda: queue.depth(name) == 1)
    assert eventually(lambda: queue.depth(name) == 3)
