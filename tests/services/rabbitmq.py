"""Fixtures: a real RabbitMQ broker over TLS, with the configuration and the accounts in the repository."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest

from gateway.demo import rabbitmq as development
from gateway.demo.rabbitmq import Server
from gateway.queue.amqp import Broker

PASSWORDS = {"gateway": "for-tests-only"}


def gateway_at(server: Server, tls: ssl.SSLContext | None = None) -> Broker:
    """The gateway's account there, by password."""
    return Broker("localhost", server.port, tls or server.client_context(), "gateway", PASSWORDS["gateway"])


def by_certificate(server: Server, account: str) -> Broker:
    """An account there, by its client certificate."""
    return Broker("localhost", server.port, server.client_context(account))


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One broker for the whole run, for tests that leave it as it was and use queues of their own."""
    with development.running(tmp_path_factory.mktemp("rabbitmq") / "broker", PASSWORDS) as server:
        yield server


@pytest.fixture(scope="module")
def own_rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A broker of a module's own, to stop, kill and fill; each test leaves it running."""
    with development.running(tmp_path_factory.mktemp("own-rabbitmq") / "broker", PASSWORDS) as server:
        yield server
