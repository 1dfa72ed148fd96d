"""Who may do what on a broker with the configuration in the repository."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

import pika
import pytest
from services.rabbitmq import by_certificate, gateway_at
from support.draining import eventually, take

from gateway.demo import rabbitmq as development
from gateway.demo.rabbitmq import Server
from gateway.errors import Unavailable
from gateway.queue import topology
from gateway.queue.amqp import Broker
from gateway.queue.rabbitmq import RabbitMQ
from gateway.records import Message


def name(recipient: str) -> str:
    return f"{recipient}.t{uuid.uuid4().hex[:12]}.v1"


def message(queue: str) -> Message:
    return Message(str(uuid.uuid4()), queue, b"sealed")


@pytest.fixture
def gateway(rabbitmq: Server) -> Iterator[RabbitMQ]:
    queue = RabbitMQ(gateway_at(rabbitmq), settle_s=0)
    yield queue
    queue.close()


def test_the_gateway_may_log_in_by_certificate_alone(rabbitmq: Server) -> None:
    queue = RabbitMQ(by_certificate(rabbitmq, "gateway"), settle_s=0)
    there = name("nea")
    queue.publish([message(there)])
    assert eventually(lambda: queue.depth(there) == 1)
    queue.close()


def test_a_certificate_without_an_account_is_refused(rabbitmq: Server) -> None:
    with pytest.raises(Unavailable, match="does not accept the account"):
        RabbitMQ(by_certificate(rabbitmq, "stranger")).depth(name("nea"))


def test_without_certificate_and_password_nobody_is_let_in(rabbitmq: Server) -> None:
    with pytest.raises(Unavailable, match="does not accept the account"):
        RabbitMQ(Broker("localhost", rabbitmq.port, rabbitmq.client_context())).depth(name("nea"))


@pytest.mark.parametrize(("account", "recipient"), [("nea", "nea"), ("delivery", "moi")])
def test_a_reader_takes_and_parks_its_messages_with_an_account_that_declares_nothing(
    rabbitmq: Server, gateway: RabbitMQ, account: str, recipient: str
) -> None:
    there = name(recipient)
    sent = [message(there) for _ in range(2)]
    gateway.publish(sent)
    reader = RabbitMQ(by_certificate(rabbitmq, account), declares=False)
    with reader.consume([there], 5) as deliveries:
        first, second = take(deliveries, 2)
        first.park("tampered.tree")
        second.ack()
        assert eventually(lambda: gateway.parked(there, 5))
    assert [parked.id for parked in gateway.parked(there, 5)] == [sent[0].id]
    assert gateway.depth(there) == 0


def test_a_reader_may_wait_for_a_queue_that_does_not_exist_yet(rabbitmq: Server, gateway: RabbitMQ) -> None:
    there, later = name("nea"), name("nea")
    gateway.publish([message(there)])
    reader = RabbitMQ(by_certificate(rabbitmq, "nea"), declares=False)
    with reader.consume([there, later], 5) as deliveries:
        assert take(deliveries, 1)[0].message.queue == there
        sent = message(later)
        gateway.publish([sent])
        assert take(deliveries, 1)[0].message == sent


@pytest.mark.parametrize(("account", "recipient"), [("nea", "moi"), ("delivery", "nea")])
def test_a_reader_may_not_take_what_is_for_another(
    rabbitmq: Server, gateway: RabbitMQ, account: str, recipient: str
) -> None:
    there = name(recipient)
    gateway.publish([message(there)])
    with (
        pytest.raises(Unavailable, match="ACCESS_REFUSED"),
        topology.channel(by_certificate(rabbitmq, account), "test") as channel,
    ):
        channel.basic_get(topology.queue_name(there))


@pytest.mark.parametrize("account", ["nea", "delivery"])
def test_a_reader_may_neither_publish_nor_declare_nor_delete(
    rabbitmq: Server, gateway: RabbitMQ, account: str
) -> None:
    there = name("nea" if account == "nea" else "moi")
    gateway.publish([message(there)])
    broker = by_certificate(rabbitmq, account)
    forbidden = {
        "publish": lambda channel: (channel.confirm_delivery(), channel.basic_publish("isnad", there, b"x")),
        "publish by name": lambda channel: (
            channel.confirm_delivery(),
            channel.basic_publish("", topology.queue_name(there), b"x"),
        ),
        "declare": lambda channel: channel.queue_declare("isnad.nea.mine.v1", durable=True),
        "delete": lambda channel: channel.queue_delete(topology.queue_name(there)),
        "eavesdrop": lambda channel: channel.queue_bind(
            topology.queue_name(there), "isnad", "other.death.v1"
        ),
    }
    for act in forbidden.values():
        with pytest.raises(Unavailable, match="ACCESS_REFUSED"), topology.channel(broker, "test") as channel:
            act(channel)


def test_no_account_in_the_repository_has_a_password_or_a_tag() -> None:
    definitions = json.loads((development.CONFIGURATION / "definitions.json").read_text())
    assert {user["name"] for user in definitions["users"]} == {"gateway", "delivery", "nea"}
    assert {(user["password_hash"], user["tags"]) for user in definitions["users"]} == {("", "")}


def test_nothing_listens_without_tls(rabbitmq: Server) -> None:
    with pytest.raises(pika.exceptions.AMQPConnectionError):
        pika.BlockingConnection(
            pika.ConnectionParameters("localhost", rabbitmq.port, socket_timeout=2, stack_timeout=2)
        )
    listeners = json.loads(rabbitmq.control("--formatter", "json", "status"))["listeners"]
    assert {listener["protocol"] for listener in listeners} == {"amqp/ssl", "clustering"}
    assert {listener["interface"] for listener in listeners} <= {"127.0.0.1", "[::]"}
