"""What the registry says of an agency that exchanges files: the SSH keys that it is known by, and its room."""

from __future__ import annotations

from typing import Annotated, Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_ssh_public_key
from pydantic import AfterValidator, Field, StringConstraints, model_validator

from contracts.documents import ContractName
from crypto.origin import RSA_MIN_BITS
from gateway.configuration import Document

SFTP = "sftp"
"""The adapter that exchanges files."""
SSH_KEY = r"^(ssh-ed25519|ecdsa-sha2-nistp256|ecdsa-sha2-nistp384|ssh-rsa) [A-Za-z0-9+/]{40,2000}={0,2}$"


def _strong(line: str) -> str:
    try:
        key = load_ssh_public_key(line.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("must be an OpenSSH public key") from error
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < RSA_MIN_BITS:
        raise ValueError(f"must have at least {RSA_MIN_BITS} bits")
    return line


SshKey = Annotated[str, StringConstraints(pattern=SSH_KEY), AfterValidator(_strong)]
"""An OpenSSH public key, type and base64 without a comment."""


Address = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]{1,253}:[0-9]{1,5}$")]
"""Host and port."""
RemoteFolder = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")]


class Server(Document):
    """An agency's own SFTP server: `addresses` are tried in order, and must show one of `host_keys`."""

    addresses: Annotated[tuple[Address, ...], Field(min_length=1, max_length=4)]
    user: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    host_keys: Annotated[tuple[SshKey, ...], Field(min_length=1, max_length=4)]
    timeout_s: Annotated[int, Field(ge=1, le=120)] = 20


class Fetched(Document):
    """Files that the gateway fetches from the agency's server, every `every_s` seconds, and where answers go."""

    contract: ContractName
    server: Server
    folder: RemoteFolder
    answers: RemoteFolder | None = None
    every_s: Annotated[int, Field(ge=1, le=86_400)] = 300


class ByServer(Document):
    """The gateway opens batches and puts them, as files, on the agency's own SFTP server."""

    mode: Literal["sftp"]
    server: Server
    folder: RemoteFolder
    attempts: Annotated[int, Field(ge=1, le=1000)] = 50
    """As of an endpoint: after the last one the batch is parked as undeliverable."""


class BySftp(Document):
    """How the agency exchanges files. Its user name is its own name.

    It is known by one of `keys`, or by a certificate of one of `authorities` in which it is a principal by its name.
    `revoked` are fingerprints (`ssh-keygen -l`) of keys that are shut out at once. What is `fetched` from its own
    server comes in like what it puts down. It may have at most `max_bytes` and
    `max_files` with the gateway at a time, originals that are kept included.
    """

    keys: Annotated[tuple[SshKey, ...], Field(max_length=8)] = ()
    authorities: Annotated[tuple[SshKey, ...], Field(max_length=2)] = ()
    revoked: Annotated[
        tuple[Annotated[str, StringConstraints(pattern=r"^SHA256:[A-Za-z0-9+/]{43}$")], ...],
        Field(max_length=1000),
    ] = ()
    max_bytes: Annotated[int, Field(ge=1 << 20, le=1 << 44)] = 64 << 30
    max_files: Annotated[int, Field(ge=10, le=1_000_000)] = 20_000
    fetched: Annotated[tuple[Fetched, ...], Field(max_length=8)] = ()

    @model_validator(mode="after")
    def _known_by_something(self) -> BySftp:
        if not self.keys and not self.authorities and not self.fetched:
            raise ValueError("give keys, authorities, or what is fetched")
        return self
