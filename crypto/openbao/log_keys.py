"""The keys that sign the log: what they are called, shown with all their versions, and rotated."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from crypto.hpke import Suite
from crypto.openbao.connection import Nothing, OpenBao, checked_name
from crypto.openbao.signer import ED25519_KEY, MLDSA44_KEY, transit_public_keys


@dataclass(frozen=True, slots=True)
class LogKey:
    """One version of a log key. `key_id`, which its log entry names, is the raw key's SHA-256 in hex."""

    name: str
    version: int
    key_id: str
    public: bytes


def rotate(bao: OpenBao, name: str) -> LogKey:
    """Give a log key a new version and return it, for the caller to log as `key.introduced`.

    The next signature uses it; older versions go on verifying.

    Raises:
        KeysUnavailable: there is no such key, or it was not rotated.
    """
    bao.call("POST", f"transit/keys/{checked_name(name)}/rotate", answer=Nothing)
    return _log_keys(bao, name)[-1]


def show(bao: OpenBao, suite: Suite) -> tuple[LogKey, ...]:
    """Return the versions of the log keys that still verify.

    Raises:
        KeysUnavailable: they cannot be read now.
    """
    return tuple(key for name in log_key_names(suite) for key in _log_keys(bao, name))


def log_key_names(suite: Suite) -> dict[str, str]:
    """Return the log keys of a suite with their transit key types."""
    classical = {ED25519_KEY: "ed25519"}
    return classical if suite is Suite.CLASSICAL else {**classical, MLDSA44_KEY: "mldsa-44"}


def _log_keys(bao: OpenBao, name: str) -> list[LogKey]:
    versions = transit_public_keys(bao, name)
    return [LogKey(name, number, hashlib.sha256(raw).hexdigest(), raw) for number, raw in versions.items()]
