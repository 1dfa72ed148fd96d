"""What the registry says of an agency that exchanges files: the SSH keys that it is known by, and its room."""

from __future__ import annotations

from typing import Annotated

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_ssh_public_key
from pydantic import AfterValidator, Field, StringConstraints, model_validator

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


class BySftp(Document):
    """How the agency exchanges files. Its user name is its own name.

    It is known by one of `keys`, or by a certificate of one of `authorities` in which it is a principal by its name.
    `revoked` are fingerprints (`ssh-keygen -l`) of keys that are shut out at once. It may have at most `max_bytes` and
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

    @model_validator(mode="after")
    def _known_by_something(self) -> BySftp:
        if not self.keys and not self.authorities:
            raise ValueError("give keys, authorities, or both")
        return self
