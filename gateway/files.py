"""What an adapter of files asks of the gateway beside `gateway.doors`. Each docstring is a promise."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from contracts.errors import Refused
from contracts.manifests import FileRules, Manifest, ManifestRules
from gateway.doors import Note
from gateway.errors import Rejected
from gateway.ports import Accept, Records
from gateway.records import Origin

__all__ = [
    "FileAgencies",
    "FileAgency",
    "FileKeys",
    "FileProgress",
    "FileRules",
    "FileSignatures",
    "Files",
    "Folder",
    "Manifest",
    "ManifestRules",
    "Poll",
    "RecordCount",
    "SftpServer",
    "read_manifest",
]


@dataclass(frozen=True, slots=True)
class Folder:
    """What an agency may put down under one contract, and how.

    `encoding` is the agency's own, which answers to it are written in. An original is kept for `kept_days` after it
    was answered. `signed` means that the agreement demands a detached signature.
    """

    contract: str
    media_types: tuple[str, ...]
    encoding: str
    rules: FileRules
    kept_days: int
    signed: bool


@dataclass(frozen=True, slots=True)
class SftpServer:
    """An agency's own SFTP server, which shows one of `host_keys` (OpenSSH public keys).

    `addresses` (`host:port`) are tried in order. `folder` is where we read or write, `timeout_s` how long logging in
    may take at each address.
    """

    addresses: tuple[str, ...]
    user: str
    host_keys: tuple[str, ...]
    folder: str
    timeout_s: int


@dataclass(frozen=True, slots=True)
class Poll:
    """Files of one contract that we fetch, every `every_s` seconds; their answers go into `answers`, unless empty."""

    contract: str
    server: SftpServer
    answers: str
    every_s: int


@dataclass(frozen=True, slots=True)
class FileAgency:
    """An agency that exchanges files: how it proves to be itself, and what it may put down.

    `keys` and `authorities` are OpenSSH public keys: its own, and those that sign certificates for it, in which it is
    a principal by its name. `revoked` are fingerprints (`SHA256:…`) of keys that open nothing any more. It may have at
    most `max_bytes` and `max_files` with the gateway at a time. `folders` are by contract,
    `polls` what is fetched from its own server. `lapsed` has, by contract, the code that says why an agreement
    which there is does not hold now.
    """

    name: str
    keys: tuple[str, ...]
    authorities: tuple[str, ...]
    revoked: frozenset[str]
    max_bytes: int
    max_files: int
    folders: Mapping[str, Folder] = field(repr=False)
    polls: tuple[Poll, ...] = ()
    lapsed: Mapping[str, str] = field(default_factory=dict)


def read_manifest(rules: ManifestRules, octets: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        Rejected: `record.manifest.syntax`, `record.manifest.member`.
    """
    try:
        return rules.read(octets)
    except Refused as refused:
        raise Rejected(refused.code, refused.rule, refused.field) from refused


class FileAgencies(Protocol):
    """The agencies that exchange files, as the registry in force says."""

    def __call__(self) -> Mapping[str, FileAgency]:
        """Return them by name; quick, and the same object until something changes."""


class FileKeys(Protocol):
    """Secrets of the key server that files need. Methods may block the first time they are asked."""

    def of_files(self, agency: str) -> bytes:
        """Return the key (32 bytes) under which an agency's files are kept.

        Raises:
            Unavailable: `unavailable.keys`.
        """

    def of_client(self) -> bytes:
        """Return the private key (OpenSSH, PEM) by which agencies' servers know the gateway.

        Raises:
            Unavailable: `unavailable.keys`.
        """

    def of_host(self) -> bytes:
        """Return the private key (OpenSSH, PEM) by which clients know the gateway.

        Raises:
            Unavailable: `unavailable.keys`.
        """


class RecordCount(Protocol):
    """Counts without taking."""

    async def __call__(self, sender: str, contract: str, media_type: str, body: AsyncIterator[bytes]) -> int:
        """Return how many records a body holds, cut as `accept` cuts it."""


class FileSignatures(Protocol):
    """Verifies the detached signature that a sender puts beside a file."""

    def verify(self, sender: str, origin: Origin, digest: bytes, signature: bytes) -> Origin:
        """Return `origin` completed with scheme and key id; `digest` is the signed file's SHA-256 (32 bytes).

        Raises:
            Rejected: `origin.*`: the signature does not verify, or its key is not the sender's.
        """


@dataclass(frozen=True, slots=True)
class FileProgress:
    """How far a file is, for who looks on. Times are Unix ms, and 0 until they come.

    `state` is `landing`, `whole`, `taken`, `answered` or `refused`. `records` were answered so far, of `expected`,
    which is -1 while nobody has said how many there are. `missing` files before it never came. Of its `size` octets
    `read_bytes` were read.
    """

    submission: str
    agency: str
    contract: str
    name: str
    state: str
    size: int
    landed_ms: int
    begun_ms: int
    ended_ms: int
    records: int
    expected: int
    read_bytes: int
    accepted: int
    duplicate: int
    quarantined: int
    refused: int
    missing: int
    code: str

    @property
    def total(self) -> int:
        """How many records it has: as its sender said, else as what was read lets expect; -1 when neither tells."""
        if self.expected >= 0 or not self.records or not self.read_bytes:
            return self.expected
        return self.records * self.size // self.read_bytes

    def rate(self, now_ms: int) -> float:
        """Return the records answered a second since it was begun."""
        until_ms = self.ended_ms or now_ms
        return self.records / max(0.001, (until_ms - self.begun_ms) / 1000) if self.begun_ms else 0.0

    def left_s(self, now_ms: int) -> int | None:
        """Return the seconds until it is answered, as far as that can be told."""
        rate = self.rate(now_ms)
        if self.state != "taken" or self.total < 0 or not rate:
            return None
        return round(max(0, self.total - self.records) / rate)


@dataclass(frozen=True, slots=True)
class Files:
    """Everything behind the adapter."""

    accept: Accept
    records: Records
    note: Note
    agencies: FileAgencies
    keys: FileKeys
    count: RecordCount
    signatures: FileSignatures
