"""What both processes are put together from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from starlette.types import ASGIApp

from crypto.errors import KeysUnavailable
from crypto.openbao import Connection, Session, wrapping_token
from crypto.pki import GatewayTls
from gateway.configuration import CRL_MAX_BYTES, read
from gateway.doors import Gateway
from gateway.errors import Unavailable
from gateway.https.config import Config, Limits
from gateway.queue.access import needs_certificate, queue_of
from gateway.queue.local import LocalQueue
from gateway.queue.rabbitmq import RabbitMQ as RabbitMQQueue
from gateway.registry.snapshot import ADAPTERS, Snapshot
from gateway.settings import EmbeddedQueue, Process, RabbitMQ, Serving, Settings


@contextmanager
def logged_in(settings: Settings, process: Process) -> Iterator[Session]:
    """Log in to the key server with the process's one-use token, and stay so.

    Raises:
        Unavailable: `unavailable.keys` or `unavailable.secret`.
    """
    keys = settings.keys
    with closing(Connection(keys.address, pem(keys.ca_file), timeout_s=keys.timeout_s)) as connection:
        session = Session(connection, process.role, process.role_id)
        try:
            session.log_in(wrapping_token(process.wrapping_token))
        except KeysUnavailable as error:
            raise Unavailable("unavailable.keys", str(error)) from error
        with session.staying():
            yield session


@contextmanager
def own_queue(
    session: Session,
    process: Process,
    queue: EmbeddedQueue | RabbitMQ,
    certificates: list[GatewayTls],
    *,
    declares: bool,
) -> Iterator[LocalQueue | RabbitMQQueue]:
    """Open the queue for a process of the gateway.

    Unless told otherwise it logs in with a certificate of its own, which is put into `certificates` to be renewed.
    """
    tls = None
    if isinstance(queue, RabbitMQ) and needs_certificate(queue):
        try:
            own = GatewayTls(session, process.role, (queue.user,))
        except KeysUnavailable as error:
            raise Unavailable("unavailable.keys", str(error)) from error
        certificates.append(own)
        tls = own.client_context(pem(queue.ca_file))
    with queue_of(queue, declares=declares, tls=tls) as opened:
        yield opened


def for_delivery(queue: EmbeddedQueue | RabbitMQ) -> EmbeddedQueue | RabbitMQ:
    """Return the queue's settings with the delivery process's account, if it has one."""
    if isinstance(queue, EmbeddedQueue) or queue.delivery_user is None:
        return queue
    return queue.model_copy(update={"user": queue.delivery_user, "password": queue.delivery_password})


def adapters(snapshot: Snapshot) -> dict[str, ModuleType]:
    """Load the adapters that the registry names, and no others."""
    named = snapshot.registry.adapters()
    return {found.name: found.load() for found in entry_points(group=ADAPTERS) if found.name in named}


def client_issuers(snapshot: Snapshot) -> str:
    """Return the certificates (PEM) of every authority that some agency's certificates come from."""
    ways = [way for agency in snapshot.registry.agencies.values() for way in agency.ways_in]
    return "\n".join(dict.fromkeys(way.issuers_pem for way in ways))


def pem(path: str) -> str:
    """Return the text of a certificate file that the settings name."""
    file = Path(path)
    return read(file.parent, file.name, CRL_MAX_BYTES).decode("ascii", "replace")


def beside_rest(snapshot: Snapshot, config: Config, gateway: Gateway) -> dict[str, ASGIApp]:
    """Return what other adapters answer on the port that agencies call, by the path below which they do.

    Such an adapter has a `PATH` and `application(config, gateway)`.
    """
    return {
        module.PATH: module.application(config, gateway)
        for module in adapters(snapshot).values()
        if hasattr(module, "PATH")
    }


def port_config(settings: Settings, serving: Serving) -> Config:
    """Return how a process listens, as the gateway's settings have it."""
    limits = settings.limits
    return Config(
        host=serving.listen.host,
        port=serving.listen.port,
        server_names=serving.listen.server_names,
        grace_s=float(settings.stop_grace_s),
        limits=Limits(
            max_connections=limits.connections,
            max_header_bytes=limits.header_bytes,
            header_timeout_s=float(limits.header_timeout_s),
            idle_timeout_s=float(limits.idle_timeout_s),
            min_bytes_per_s=limits.body_min_bytes_per_s,
            max_whole_body_bytes=limits.body_bytes,
            max_signed_body_bytes=limits.signed_body_bytes,
        ),
    )
