"""The gateway's own settings, `gateway.yaml`: every key says its unit, and no secret stands in it.

Paths are relative to the file's folder. A secret is a reference: `env:NAME` or `file:PATH`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo

from crypto.hpke import Suite
from gateway.configuration import Document, Line, parse, read
from gateway.errors import Unavailable

FILE = "gateway.yaml"
SECRET_MAX_BYTES = 1024
MIB = 1 << 20


def _beside(path: str, info: ValidationInfo) -> str:
    folder = (info.context or {}).get("folder", "")
    return str(Path(folder) / path)


FilePath = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_beside)]
"""A path; relative ones begin at the folder of `gateway.yaml`."""
Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:-]{1,253}$")]
DnsName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]
Port = Annotated[int, Field(ge=0, le=65535)]
"""A TCP port; 0 lets the system choose one."""
SecretReference = Annotated[str, StringConstraints(pattern=r"^(env:[A-Z][A-Z0-9_]*|file:/.+)$")]
OnceReference = Annotated[str, StringConstraints(pattern=r"^(env:[A-Z][A-Z0-9_]*|file:/.+|fd:[0-9]+)$")]
"""A secret that is used up by reading it."""
Seconds = Annotated[int, Field(ge=1, le=86_400)]


class Store(Document):
    """The log's store. Above `outbox_max_bytes` new work is refused until the queue has taken some of it."""

    path: FilePath
    outbox_max_bytes: Annotated[int, Field(ge=MIB)] = 4096 * MIB


class EmbeddedQueue(Document):
    """The queue that comes with the gateway, for one host: a file of its own."""

    kind: Literal["embedded"]
    path: FilePath


class RabbitMQ(Document):
    """A RabbitMQ broker, spoken to over TLS only.

    Without a `password` (a secret's reference) one logs in by client certificate, whose common name is the account:
    the one in `certificate_file` and `key_file`, or, in the gateway's processes, one from the key server's PKI.
    `delivery_user` is the delivery process's account, which may make no queues and not read the authority's.
    """

    kind: Literal["rabbitmq"]
    host: Host
    port: Port = 5671
    virtual_host: Line = "isnad"
    ca_file: FilePath
    user: Line
    password: SecretReference | None = None
    delivery_user: Line | None = None
    delivery_password: SecretReference | None = None
    certificate_file: FilePath | None = None
    key_file: FilePath | None = None


class Process(Document):
    """How one process logs in to the key server: its AppRole, and where its one-use wrapping token is.

    The PKI role for its certificates has the same name.
    """

    role: Line
    role_id: Line
    wrapping_token: OnceReference


class Keys(Document):
    """The key server, OpenBao or Vault."""

    address: Annotated[str, StringConstraints(pattern=r"^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?$")]
    ca_file: FilePath
    timeout_s: Seconds = 5
    intake: Process
    deliver: Process


class Listen(Document):
    """Where a process listens for TLS; the first of `server_names` is the one it calls itself."""

    host: Host
    port: Port
    server_names: Annotated[tuple[DnsName, ...], Field(min_length=1, max_length=8)]


class Metrics(Document):
    """Where a process shows its metrics in plain HTTP: on loopback, for the machine's own collector."""

    host: Literal["127.0.0.1", "::1"] = "127.0.0.1"
    port: Port


class Sftp(Document):
    """Where agencies put down files, and the folder in which they are kept, sealed.

    On `deliver_port`, if there is one, the delivery process lets them fetch what waits for them.
    """

    host: Host
    port: Port
    folder: FilePath
    deliver_port: Port | None = None


class Serving(Document):
    """A process that listens."""

    listen: Listen
    metrics: Metrics


class Limits(Document):
    """What a client may cost. A body larger than `body_bytes` is taken and answered as a stream, record by record."""

    body_bytes: Annotated[int, Field(ge=1024, le=16 * MIB)] = MIB
    signed_body_bytes: Annotated[int, Field(ge=1024, le=64 * MIB)] = 8 * MIB
    """A signed body is kept until its signature is verified, so it cannot be streamed."""
    header_bytes: Annotated[int, Field(ge=1024, le=MIB)] = 32 * 1024
    header_timeout_s: Seconds = 10
    idle_timeout_s: Seconds = 30
    body_min_bytes_per_s: Annotated[int, Field(ge=1)] = 1024
    """A client slower than this, over `idle_timeout_s`, is not sending but holding a connection."""
    connections: Annotated[int, Field(ge=1, le=100_000)] = 2000


class Settings(Document):
    """`gateway.yaml`.

    `origin` begins the name of every lane (`<origin>/<lane>`, C2SP tlog-checkpoint: no scheme); changing it
    starts other lanes. `contracts` is the folder of contracts; without it, the ones that come with the
    gateway. `sftp` is there when agencies send files. `workers` is how many processes prepare records; without
    it, one a core. `stop_grace_s` is how long work under way may take to finish when the process is told to stop.
    """

    origin: Annotated[
        str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]*(/[a-z0-9._-]+)*$", max_length=100)
    ]
    profile: Literal["synthetic", "production"]
    suite: Annotated[Suite, Field(strict=False)]
    contracts: FilePath | None = None
    store: Store
    queue: Annotated[EmbeddedQueue | RabbitMQ, Field(discriminator="kind")]
    keys: Keys
    serve: Serving
    deliver: Serving
    sftp: Sftp | None = None
    limits: Limits = Limits()
    workers: Annotated[int, Field(ge=1, le=256)] | None = None
    stop_grace_s: Seconds = 30

    @classmethod
    def load(cls, folder: Path) -> Settings:
        """Read `gateway.yaml` in `folder`.

        Raises:
            contracts.errors.Invalid: every problem of the file.
        """
        return parse(read(folder, FILE), FILE, cls, {"folder": str(folder)})


def secret(reference: str) -> str:
    """Return the secret that a reference names, without the white space around it.

    Raises:
        Unavailable: `unavailable.secret`; it is not where the reference says.
    """
    kind, _, where = reference.partition(":")
    try:
        if kind == "env":
            found = os.environ[where]
        else:
            with Path(where).open("rb") as file:
                found = file.read(SECRET_MAX_BYTES).decode()
    except (KeyError, OSError, UnicodeDecodeError) as error:
        raise Unavailable("unavailable.secret", f"no secret at {reference}") from error
    if not found.strip():
        raise Unavailable("unavailable.secret", f"the secret at {reference} is empty")
    return found.strip()
