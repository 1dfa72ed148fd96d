"""Everything a recipient's core needs to receive records, put together from one file, `consumer.yaml`.

with connect(Path("consumer.yaml")) as consumer:
    for delivery in consumer:
        apply(delivery.event)
        delivery.done("APPLIED")
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from crypto.errors import KeysUnavailable
from crypto.hpke import Suite
from crypto.keys import LogPublicKeys
from crypto.openbao import Connection, Session, wrapping_token
from crypto.openbao.kv import Seeds
from crypto.openbao.signer import TransitLogKeys
from crypto.policy import POLICY_MAX_BYTES, policy_from_json
from gateway.configuration import Document, KeyId, Line, Name, parse, read
from gateway.consumer.answering import Answering
from gateway.consumer.answers import Answers
from gateway.consumer.consumer import Consumer, Decided, no_decisions
from gateway.consumer.ledger import LedgerFile
from gateway.consumer.opening import BatchOpener, LogKeys, PinnedLogKeys, Reader
from gateway.errors import Unavailable
from gateway.queue.access import queue_of
from gateway.settings import EmbeddedQueue, FilePath, RabbitMQ, Seconds, SecretReference

ContractName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,62}\.v[0-9]{1,3}$")]
QueueName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9._-]{0,99}$")]
Url = Annotated[str, StringConstraints(pattern=r"^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?$")]
AnyQueue = Annotated[EmbeddedQueue | RabbitMQ, Field(discriminator="kind")]


class Keys(Document):
    """The recipient's key server, its AppRole there, and the ids of its keys: the newest and those before it.

    Without `log_policy` the gateway's public log keys are read there too; with it they are the ones in that
    policy file, and a rotated key is only believed once the file names it.
    """

    address: Url
    ca_file: FilePath
    timeout_s: Seconds = 5
    role: Line
    role_id: Line
    wrapping_token: SecretReference
    key_ids: Annotated[tuple[KeyId, ...], Field(min_length=1, max_length=8)]
    log_policy: FilePath | None = None


class Gateway(Document):
    """Where answers go, and the certificate that says who sends them: PEM files, the key's in memory only."""

    url: Url
    ca_file: FilePath
    certificate_file: FilePath
    key_file: FilePath


class Core(Document):
    """For `isnad open --to amqp`: in the recipient's own zone, where events go and answers come from."""

    queue: AnyQueue
    events: QueueName = "core.events"
    answers: QueueName = "core.answers"


class Settings(Document):
    """`consumer.yaml`. `senders` lists the contracts that each agency sends; nothing else is opened.

    `origin` is that of the gateway's `gateway.yaml`; `suites` are the ones accepted.
    """

    participant: Name
    origin: Annotated[
        str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]*(/[a-z0-9._-]+)*$", max_length=100)
    ]
    suites: Annotated[tuple[Annotated[Suite, Field(strict=False)], ...], Field(min_length=1)]
    senders: Annotated[dict[Name, tuple[ContractName, ...]], Field(min_length=1)]
    queue: AnyQueue
    ledger: FilePath
    keys: Keys
    gateway: Gateway
    core: Core | None = None

    @classmethod
    def load(cls, path: Path) -> Settings:
        """Read the file; paths in it begin at its folder.

        Raises:
            contracts.errors.Invalid: every problem of the file.
        """
        return parse(read(path.parent, path.name), path.name, cls, {"folder": str(path.parent)})

    @property
    def queues(self) -> tuple[str, ...]:
        """The names of the queues that hold what is for this participant."""
        contracts = {contract for sent in self.senders.values() for contract in sent}
        return tuple(f"{self.participant}.{contract}" for contract in sorted(contracts))


@contextmanager
def connect(path: Path, decided: Decided = no_decisions) -> Iterator[Consumer]:
    """Return a consumer that is ready to be iterated over; answers are sent while the context lasts.

    `decided` asks the core which records it has committed already: see `gateway.consumer.consumer`.

    Raises:
        contracts.errors.Invalid: the file has problems.
        Unavailable: `unavailable.keys`, `unavailable.ledger`, `unavailable.queue` or `unavailable.secret`.
    """
    with connected(Settings.load(path), decided) as consumer:
        yield consumer


@contextmanager
def connected(settings: Settings, decided: Decided = no_decisions) -> Iterator[Consumer]:
    """As `connect`, with settings that were read."""
    with ExitStack() as stack:
        ledger = stack.enter_context(closing(LedgerFile(Path(settings.ledger))))
        opener = stack.enter_context(opening(settings, ledger))
        queue = stack.enter_context(queue_of(settings.queue))
        answering = Answering(
            Answers(ledger), settings.participant, settings.gateway.url, _client_context(settings.gateway)
        )
        stack.enter_context(answering.running())
        yield Consumer(queue=queue, queues=settings.queues, opener=opener, ledger=ledger, decided=decided)


@contextmanager
def opening(settings: Settings, ledger: LedgerFile) -> Iterator[BatchOpener]:
    """Open sealed batches with the participant's keys; nothing is taken from a queue, and nothing is answered.

    Raises:
        Unavailable: `unavailable.keys` or `unavailable.secret`.
    """
    reader = Reader(
        kids={settings.participant: settings.keys.key_ids},
        lanes={sender: sender for sender in settings.senders},
        origin=settings.origin,
        suites=frozenset(settings.suites),
    )
    with _session(settings.keys) as session:
        yield BatchOpener(reader, Seeds(session, "nea"), _log_keys(settings, session), ledger)


@contextmanager
def private_keys(settings: Settings) -> Iterator[Seeds]:
    """Hold the participant's private keys, to open what was sealed for it outside a queue.

    Raises:
        Unavailable: `unavailable.keys` or `unavailable.secret`.
    """
    with _session(settings.keys) as session:
        yield Seeds(session, "nea")


def _log_keys(settings: Settings, session: Session) -> LogKeys:
    if settings.keys.log_policy is None:
        suite = Suite.HYBRID if Suite.HYBRID in settings.suites else Suite.CLASSICAL
        return TransitLogKeys(session, suite)
    path = Path(settings.keys.log_policy)
    policy = policy_from_json(read(path.parent, path.name, POLICY_MAX_BYTES))
    return PinnedLogKeys(LogPublicKeys(policy.ed25519, policy.mldsa44))


@contextmanager
def _session(keys: Keys) -> Iterator[Session]:
    """Log in with the one-use token, and stay logged in."""
    connection = Connection(keys.address, _pem(keys.ca_file), timeout_s=keys.timeout_s)
    with closing(connection):
        session = Session(connection, keys.role, keys.role_id)
        try:
            session.log_in(wrapping_token(keys.wrapping_token))
        except KeysUnavailable as error:
            raise Unavailable("unavailable.keys", str(error)) from error
        with session.staying():
            yield session


def _client_context(gateway: Gateway) -> ssl.SSLContext:
    context = _trusting(gateway.ca_file)
    try:
        context.load_cert_chain(gateway.certificate_file, gateway.key_file)
    except OSError as error:
        raise Unavailable(
            "unavailable.secret", "gateway.certificate_file and key_file: not a pair"
        ) from error
    return context


def _trusting(ca_file: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(cadata=_pem(ca_file))
    return context


def _pem(path: str) -> str:
    return read(Path(path).parent, Path(path).name).decode("ascii")
