"""Records' salts as the store keeps them: whoever holds the store alone can test no guesses with them."""

from __future__ import annotations

import hmac
import os
from collections.abc import Sequence

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


def salt_key(promise_key: bytes) -> bytes:
    """Return the 32-byte key under which a lane's salts are kept."""
    return hmac.digest(promise_key, b"isnad-salt/v1\0", "sha256")


def seal_salts(promise_key: bytes, salts: Sequence[tuple[str, bytes]]) -> list[bytes]:
    """Return salts, each given with its record's id, as the store keeps them."""
    cipher = AESGCM(salt_key(promise_key))
    nonces = os.urandom(
        _NONCE_BYTES * len(salts)
    )  # at once: each call of the kernel costs more than encrypting
    sealed = []
    for at, (identifier, salt) in zip(range(0, len(nonces), _NONCE_BYTES), salts, strict=True):
        nonce = nonces[at : at + _NONCE_BYTES]
        sealed.append(nonce + cipher.encrypt(nonce, salt, identifier.encode()))
    return sealed


def open_salt(cipher: AESGCM, identifier: str, sealed: bytes) -> bytes:
    """Return the 32-byte salt that `seal_salts` kept."""
    return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], identifier.encode())
