"""Secrets that must be in memory: what lane keys derive from, and recipients' HPKE keys."""

from __future__ import annotations

import base64
from typing import Literal

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crypto.errors import KeysUnavailable
from crypto.hpke import PrivateKey, PublicKey, Suite
from crypto.keys import LANE_KEY_BYTES
from crypto.openbao.connection import Answer, OpenBao, checked_name

MOUNT = "isnad"
LANES = "intake/lanes"
PROMISES = "intake/promises"
FILES = "intake/files"
SshKeyName = Literal["ssh-host", "ssh-client"]
Holder = Literal["delivery", "nea"]


class LaneSecret:
    """One 32-byte secret, from which every lane's key derives: new lanes need no visit to the key server."""

    def __init__(self, bao: OpenBao, path: str, purpose: bytes) -> None:
        self._bao = bao
        self._path = path
        self._purpose = purpose
        self._secret = b""

    def key(self, lane: str) -> bytes:
        """Return HKDF-SHA-256(secret, no salt, info = purpose ‖ lane), 32 bytes (RFC 5869)."""
        if not self._secret:
            secret = base64.b64decode(
                self._bao.call(
                    "GET", data_path(self._path), answer=Answer[Answer[_LaneSecret]]
                ).data.data.secret
            )
            if len(secret) != LANE_KEY_BYTES:
                raise KeysUnavailable(f"keys: {self._path} is not {LANE_KEY_BYTES} bytes long")
            self._secret = secret
        return HKDF(SHA256(), LANE_KEY_BYTES, None, self._purpose + lane.encode()).derive(self._secret)


class LanePseudonyms:
    """Implements `PseudonymKeys`."""

    def __init__(self, bao: OpenBao) -> None:
        self._secret = LaneSecret(bao, LANES, b"isnad-pseudonym/v1\0")

    def pseudonym(self, lane: str) -> bytes:
        """See `PseudonymKeys.pseudonym`."""
        return self._secret.key(lane)


class LanePromises:
    """Implements `PromiseKeys`."""

    def __init__(self, bao: OpenBao) -> None:
        self._secret = LaneSecret(bao, PROMISES, b"isnad-promise/v1\0")

    def promise(self, lane: str) -> bytes:
        """See `PromiseKeys.promise`."""
        return self._secret.key(lane)


class KeptFiles:
    """Keys of agencies' files while the gateway keeps them."""

    def __init__(self, bao: OpenBao) -> None:
        self._secret = LaneSecret(bao, FILES, b"isnad-files/v1\0")

    def key(self, agency: str) -> bytes:
        """Return the key (32 bytes) under which an agency's files are sealed.

        Raises:
            KeysUnavailable: it cannot be had now.
        """
        return self._secret.key(agency)


class SshKeys:
    """The SSH keys of a process: that of its server, and the one it shows to agencies' servers."""

    def __init__(self, bao: OpenBao, process: Literal["intake", "delivery"]) -> None:
        self._bao = bao
        self._process = process

    def read(self, name: SshKeyName) -> bytes:
        """Return a private key (OpenSSH's format, PEM).

        Raises:
            KeysUnavailable: it cannot be had now.
        """
        path = data_path(f"{self._process}/{name}")
        return self._bao.call("GET", path, answer=Answer[Answer[_SshKey]]).data.data.key.encode()


class Recipients:
    """Implements `RecipientPublicKeys`. A key id names one key for ever, so what was read once is kept."""

    def __init__(self, bao: OpenBao) -> None:
        self._bao = bao
        self._read: dict[str, PublicKey] = {}

    def public(self, kid: str) -> PublicKey:
        """See `RecipientPublicKeys.public`."""
        if kid not in self._read:
            half = self._bao.call(
                "GET", data_path(f"recipients/{checked_name(kid)}"), answer=Answer[Answer[_Public]]
            ).data.data
            self._read[kid] = PublicKey(kid, Suite(half.suite), base64.b64decode(half.public))
        return self._read[kid]


class Seeds:
    """Implements `RecipientPrivateKeys` for the one who holds these keys."""

    def __init__(self, bao: OpenBao, holder: Holder) -> None:
        self._bao = bao
        self._holder = holder
        self._read: dict[str, PrivateKey] = {}

    def private(self, kid: str) -> PrivateKey:
        """See `RecipientPrivateKeys.private`."""
        if kid not in self._read:
            half = self._bao.call(
                "GET", data_path(f"{self._holder}/{checked_name(kid)}"), answer=Answer[Answer[_Seed]]
            ).data.data
            self._read[kid] = PrivateKey.from_seed(kid, Suite(half.suite), base64.b64decode(half.seed))
        return self._read[kid]


def data_path(path: str) -> str:
    """Return where the kv engine (version 2) keeps the latest version of a secret."""
    return f"{MOUNT}/data/{path}"


class _LaneSecret(msgspec.Struct):
    secret: str  # standard base64, 32 bytes


class _SshKey(msgspec.Struct):
    key: str  # OpenSSH, PEM


class _Public(msgspec.Struct):
    suite: str
    public: str  # standard base64 of the raw key


class _Seed(msgspec.Struct):
    suite: str
    seed: str  # standard base64, 32 bytes
