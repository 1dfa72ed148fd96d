"""Opens the queue that settings name."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from gateway.errors import Unavailable
from gateway.queue.amqp import Broker
from gateway.queue.local import LocalQueue
from gateway.queue.rabbitmq import RabbitMQ as RabbitMQQueue
from gateway.settings import EmbeddedQueue, RabbitMQ, secret


@contextmanager
def queue_of(
    settings: EmbeddedQueue | RabbitMQ, *, declares: bool = False, tls: ssl.SSLContext | None = None
) -> Iterator[LocalQueue | RabbitMQQueue]:
    """Open a queue; `declares` is for an account that may make queues on the broker.

    `tls` carries the client certificate to log in with where the settings name neither password nor certificate.

    Raises:
        Unavailable: `unavailable.queue`, `unavailable.secret`.
    """
    queue: LocalQueue | RabbitMQQueue
    if isinstance(settings, EmbeddedQueue):
        queue = LocalQueue(Path(settings.path))
    else:
        queue = RabbitMQQueue(_broker(settings, tls), declares=declares)
    with closing(queue):
        yield queue


def needs_certificate(settings: EmbeddedQueue | RabbitMQ) -> bool:
    """Say whether logging in takes a client certificate that the settings do not name."""
    return isinstance(settings, RabbitMQ) and settings.password is None and settings.certificate_file is None


def _broker(settings: RabbitMQ, tls: ssl.SSLContext | None) -> Broker:
    where = (settings.host, settings.port)
    if settings.password is not None:
        trusting = ssl.create_default_context(cafile=settings.ca_file)
        return Broker(*where, trusting, settings.user, secret(settings.password), settings.virtual_host)
    if settings.certificate_file is not None:
        tls = ssl.create_default_context(cafile=settings.ca_file)
        tls.load_cert_chain(settings.certificate_file, settings.key_file)
    if tls is None:
        raise Unavailable(
            "unavailable.queue", "the settings must name a password or a certificate for the broker"
        )
    return Broker(*where, tls, vhost=settings.virtual_host)
