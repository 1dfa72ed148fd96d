"""Records' salts as the store keeps them: whoever holds the store alone can test no guesses with them."""

from __future__ import annotations

import hmac
import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def salt_key(promise_key: bytes) -> bytes:
    """Return the 32-byte key under which a lane's salts are kept."""
    return hmac.digest(promise_key, b"isnad-salt/v1\0", "sha256")


def seal_salt(cipher: AESGCM, identifier: str, salt: bytes) -> bytes:
    """Return a salt as the store keeps it: whoever holds the store alone cannot guess at records with it."""
    nonce = os.urandom(12)
    return nonce + cipher.encrypt(nonce, salt, identifier.encode())


def open_salt(cipher: AESGCM, identifier: str, sealed: bytes) -> bytes:
    """Return the 32-byte salt that `seal_salt` kept."""
    return cipher.decrypt(sealed[:12], sealed[12:], identifier.encode())
