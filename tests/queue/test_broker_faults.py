"""What a broker's outages do to those who publish and consume: delay, and nothing else."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest
from services.rabbitmq import PASSWORDS, gateway_at
from support.draining import drained, eventually, nothing_comes, take

from gateway.demo.local import free_ports
from gateway.demo.pki import Authority
from gateway.demo.rabbitmq import Server
from gateway.errors import Unavailable
from gateway.queue import topology
from gateway.queue.amqp import Broker
from gateway.queue.consuming import Loan
from gateway.queue.rabbitmq import RabbitMQ
from gateway.records import Message

CONFIRM_S = 3.0


@pytest.fixture
def queue(own_rabbitmq: Server) -> Iterator[RabbitMQ]:
    queue = RabbitMQ(gateway_at(own_rabbitmq), confirm_s=CONFIRM_S, settle_s=0)
    yield queue
    queue.close()


@pytest.fixture
def name() -> str:
    return f"nea.t{uuid.uuid4().hex[:12]}.v1"


def message(name: str, octets: bytes = b"sealed") -> Message:
    return Message(str(uuid.uuid4()), name, octets)


def test_no_confirmed_message_is_lost_and_none_overtakes_when_the_broker_dies(
    own_rabbitmq: Server, name: str
) -> None:
    queue = RabbitMQ(gateway_at(own_rabbitmq), confirm_s=CONFIRM_S)
    confirmed: list[str] = []
    finished = threading.Event()

    def publish() -> None:
        waiting = [message(name, os.urandom(20_000)) for _ in range(10)]
        while waiting:
            try:
                queue.publish(waiting)
            except Unavailable:
                time.sleep(0.1)  # and the same ones again, as the relay does
                continue
            confirmed.extend(one.id for one in waiting)
            waiting = [] if finished.is_set() else [message(name, os.urandom(20_000)) for _ in range(10)]

    publisher = threading.Thread(target=publish)
    publisher.start()
    try:
        assert eventually(lambda: len(confirmed) > 50)
        own_rabbitmq.kill()
        own_rabbitmq.start_again()
        before = len(confirmed)
        assert eventually(lambda: len(confirmed) > before + 50)
    finally:
        finished.set()
        publisher.join()
    found = drained(queue, name)
    queue.close()
    assert list(dict.fromkeys(found)) == confirmed


def test_a_consumer_outlives_the_broker_and_gets_again_what_it_had_not_settled(
    own_rabbitmq: Server, queue: RabbitMQ, name: str
) -> None:
    sent = [message(name) for _ in range(3)]
    queue.publish(sent)
    with queue.consume([name], 10) as deliveries:
        settled, held, lost = take(deliveries, 3)
        settled.ack()
        held.retry(60)
        assert nothing_comes(deliveries)
        own_rabbitmq.stop()
        own_rabbitmq.start_again()
        lost.ack()  # too late: its channel is gone, so this says nothing and breaks nothing
        (again,) = take(deliveries, 1)
        assert again.message == sent[2]
        assert again.attempt == 2
        again.ack()
        assert nothing_comes(deliveries)  # the held one is due in a minute, restart or not
    assert eventually(lambda: queue.depth(name) == 1)


def test_whoever_asks_a_broker_that_is_away_is_told_at_once(own_rabbitmq: Server, name: str) -> None:
    (port,) = free_ports(1)
    queue = RabbitMQ(replace(gateway_at(own_rabbitmq), port=port))
    begin = time.monotonic()
    with pytest.raises(Unavailable, match="cannot be reached") as publishing:
        queue.publish([message(name)])
    assert publishing.value.code == "unavailable.queue"
    with pytest.raises(Unavailable, match="cannot be reached"), queue.consume([name], 1):
        pass
    with pytest.raises(Unavailable, match="cannot be reached"):
        queue.depth(name)
    assert time.monotonic() - begin < 5


def test_a_broker_that_is_out_of_room_makes_publishing_unavailable_until_there_is_room(
    own_rabbitmq: Server, queue: RabbitMQ, name: str
) -> None:
    queue.publish([message(name)])
    own_rabbitmq.control("set_disk_free_limit", str(10**15))
    try:
        for _ in range(2):
            begin = time.monotonic()
            with pytest.raises(Unavailable, match=r"short of disk or memory|not confirm in time"):
                queue.publish([message(name)])
            assert time.monotonic() - begin < CONFIRM_S + 1
        with queue.consume([name], 1) as deliveries:  # what is there can be taken all the same
            take(deliveries, 1)[0].ack()
    finally:
        own_rabbitmq.control("set_disk_free_limit", "50MB")
    kept = message(name)
    assert eventually(lambda: published(queue, kept))
    assert kept.id in drained(queue, name)


def published(queue: RabbitMQ, one: Message) -> bool:
    try:
        queue.publish([one])
    except Unavailable:
        return False
    return True


def test_a_broker_that_hangs_makes_publishing_unavailable_and_memory_does_not_grow(
    own_rabbitmq: Server, queue: RabbitMQ, name: str
) -> None:
    queue.publish([message(name)])
    own_rabbitmq.pause()
    try:
        with pytest.raises(Unavailable, match="did not confirm in time"):
            queue.publish([message(name)])
        with pytest.raises(Unavailable, match="has not taken what it was sent"):
            queue.publish([message(name)])
    finally:
        own_rabbitmq.resume()
    assert eventually(lambda: published(queue, message(name)))


def test_a_queue_that_somebody_deleted_is_made_again(
    own_rabbitmq: Server, queue: RabbitMQ, name: str
) -> None:
    queue.publish([message(name)])
    with topology.channel(gateway_at(own_rabbitmq), "test") as channel:
        channel.queue_delete(topology.queue_name(name))
    with pytest.raises(Unavailable, match="no such queue"):
        queue.publish([message(name)])
    kept = message(name)
    assert eventually(partial(published, queue, kept))
    assert set(drained(queue, name)) == {kept.id}


def test_a_consumer_whose_queue_somebody_deleted_takes_from_the_one_made_again(
    own_rabbitmq: Server, queue: RabbitMQ, name: str
) -> None:
    other = f"{name}x"
    with queue.consume([name, other], 5) as deliveries:
        with topology.channel(gateway_at(own_rabbitmq), "test") as channel:
            channel.queue_delete(topology.queue_name(name))
        with pytest.raises(Unavailable):
            queue.publish([message(name)])
        sent = [message(other), message(name)]
        for one in sent:  # a queue that is made anew confirms when the disk has it
            assert eventually(partial(published, queue, one))
        came = {one.message for one in take(deliveries, 2)}
        while came < set(sent):  # what was on loan when the queue went comes a second time
            came.update(one.message for one in take(deliveries, 1))
        assert came == set(sent)


def test_a_consumer_that_the_broker_forgot_takes_again(queue: RabbitMQ, name: str) -> None:
    sent = [message(name), message(name)]
    with queue.consume([name], 5) as deliveries:
        queue.publish(sent[:1])
        (loan,) = take(deliveries, 1)
        assert isinstance(loan, Loan)
        loan.consumer.run(partial(loan.channel.basic_cancel, name))
        loan.ack()
        queue.publish(sent[1:])
        assert [one.message for one in take(deliveries, 1)] == sent[1:]


def test_a_queue_that_is_not_what_it_should_be_is_named_and_not_used(
    own_rabbitmq: Server, queue: RabbitMQ, name: str
) -> None:
    with topology.channel(gateway_at(own_rabbitmq), "test") as channel:
        channel.queue_declare(topology.queue_name(name), durable=True)
    with pytest.raises(Unavailable, match=f"PRECONDITION_FAILED.*{name}"):
        queue.publish([message(name)])


def test_what_the_broker_itself_gives_up_is_parked(own_rabbitmq: Server, queue: RabbitMQ, name: str) -> None:
    sent = message(name)
    queue.publish([sent])
    with topology.channel(gateway_at(own_rabbitmq), "test") as channel:
        method, _, _ = channel.basic_get(topology.queue_name(name))
        channel.basic_reject(method.delivery_tag, requeue=False)
    assert eventually(lambda: queue.parked(name, 10))
    (parked,) = queue.parked(name, 10)
    assert (parked.id, parked.reason) == (sent.id, "broker.rejected")
    assert abs(parked.parked_ms - time.time() * 1000) < 60_000


def test_a_broker_with_a_certificate_of_another_authority_is_refused(own_rabbitmq: Server, name: str) -> None:
    stranger = ssl.create_default_context(cadata=Authority("Somebody else").pem)
    with pytest.raises(Unavailable, match="certificate is not accepted"):
        RabbitMQ(gateway_at(own_rabbitmq, stranger)).publish([message(name)])


def test_a_broker_whose_certificate_has_another_name_is_refused(own_rabbitmq: Server, name: str) -> None:
    broker = replace(gateway_at(own_rabbitmq), server_name="mq.example")
    with pytest.raises(Unavailable, match="certificate is not accepted"):
        RabbitMQ(broker).publish([message(name)])


def test_a_tls_context_that_does_not_check_is_refused(own_rabbitmq: Server) -> None:
    context = own_rabbitmq.client_context()
    context.check_hostname = False
    with pytest.raises(ValueError, match="must check"):
        RabbitMQ(Broker("localhost", 1, context)).publish([message("nea.x.v1")])


def test_a_wrong_password_is_refused_and_never_shown(own_rabbitmq: Server, name: str) -> None:
    broker = replace(gateway_at(own_rabbitmq), password="hunter2")
    with pytest.raises(Unavailable) as refused:
        RabbitMQ(broker).publish([message(name)])
    assert "does not accept the account" in refused.value.rule
    assert "hunter2" not in repr(broker) + str(refused.value)


def test_what_a_killed_consumer_held_comes_again(own_rabbitmq: Server, queue: RabbitMQ, name: str) -> None:
    sent = [message(name) for _ in range(2)]
    queue.publish(sent)
    program = f"""
        import os, ssl, sys
        from gateway.queue.amqp import Broker
        from gateway.queue.rabbitmq import RabbitMQ
        tls = ssl.create_default_context(cadata=sys.stdin.read())
        broker = Broker("localhost", {own_rabbitmq.port}, tls, "gateway", os.environ["PASSWORD"])
        with RabbitMQ(broker).consume([{name!r}], 2) as deliveries:
            next(deliveries), next(deliveries)
            print("held", flush=True)
            next(deliveries), next(deliveries), next(deliveries), next(deliveries), next(deliveries)
    """
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PASSWORD": PASSWORDS["gateway"]},
    )
    assert child.stdin
    assert child.stdout
    child.stdin.write(own_rabbitmq.authority.pem.encode())
    child.stdin.close()
    assert any(line == b"held\n" for line in child.stdout)
    child.send_signal(signal.SIGKILL)
    child.wait()
    with queue.consume([name], 5) as deliveries:
        again = take(deliveries, 2)
        assert [one.message.id for one in again] == [one.id for one in sent]
        assert {one.attempt for one in again} == {2}
