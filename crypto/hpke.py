"""Wrapping a batch key for a recipient: HPKE base mode (RFC 9180) over a hybrid KEM, or X25519 alone.

The hybrid KEM is MLKEM768-X25519 (0x647A), whose keys are X-Wing's (draft-connolly-cfrg-xwing-kem). Both
suites use HKDF-SHA256 and AES-256-GCM. The single-shot call has no associated data, so what must be bound
goes into `info`.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from hashlib import shake_256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from crypto.errors import Tampered

BATCH_KEY_BYTES = 32
SEED_BYTES = 32
_MLKEM_SEED_BYTES, _MLKEM_PUBLIC_BYTES = 64, 1184  # FIPS 203 §3.3 and Table 3

_PublicHandle = X25519PublicKey | hpke.MLKEM768X25519PublicKey
_PrivateHandle = X25519PrivateKey | hpke.MLKEM768X25519PrivateKey


class Suite(StrEnum):
    """Which algorithms protect a batch: never negotiated, always written down."""

    HYBRID = "hybrid"
    """KEM MLKEM768-X25519; checkpoints signed with Ed25519 and ML-DSA-44."""
    CLASSICAL = "classical"
    """KEM X25519; checkpoints signed with Ed25519."""


_PUBLIC_BYTES = {Suite.HYBRID: _MLKEM_PUBLIC_BYTES + 32, Suite.CLASSICAL: 32}
_HPKE = {
    Suite.HYBRID: hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM),
    Suite.CLASSICAL: hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM),
}


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A recipient's public key.

    `raw` is ML-KEM-768 (1,184 bytes) ‖ X25519 (32 bytes) for the hybrid suite, X25519 (32 bytes) for the
    classical.

    Raises:
        ValueError: `raw` is not such a key.
    """

    kid: str
    suite: Suite
    raw: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _load_public(self.suite, self.raw)


@dataclass(frozen=True, slots=True, eq=False)
class PrivateKey:
    """A recipient's private key, in this process's memory only: it cannot be printed, compared or pickled."""

    kid: str
    suite: Suite
    raw_public: bytes = field(repr=False)
    handle: _PrivateHandle = field(repr=False)

    @classmethod
    def from_seed(cls, kid: str, suite: Suite, seed: bytes) -> "PrivateKey":
        """Make the key of a 32-byte seed; the same seed always makes the same key.

        Raises:
            ValueError: the seed is not 32 bytes.
        """
        if len(seed) != SEED_BYTES:
            raise ValueError("a recipient's seed is 32 bytes")
        if suite == Suite.CLASSICAL:
            x25519 = X25519PrivateKey.from_private_bytes(seed)
            return cls(kid, suite, x25519.public_key().public_bytes_raw(), x25519)
        # draft-connolly-cfrg-xwing-kem §5.2, expandDecapsulationKey.
        expanded = shake_256(seed).digest(_MLKEM_SEED_BYTES + 32)
        mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:_MLKEM_SEED_BYTES])
        x25519 = X25519PrivateKey.from_private_bytes(expanded[_MLKEM_SEED_BYTES:])
        raw_public = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
        return cls(kid, suite, raw_public, hpke.MLKEM768X25519PrivateKey(mlkem, x25519))

    def public(self) -> PublicKey:
        """The public half."""
        return PublicKey(self.kid, self.suite, self.raw_public)


def wrap(public: PublicKey, info: bytes, batch_key: bytes) -> bytes:
    """Encrypt a 32-byte batch key: encapsulation (1,120 or 32 bytes), then 48 bytes ciphertext and tag."""
    return _HPKE[public.suite].encrypt(batch_key, _load_public(public.suite, public.raw), info)


def unwrap(private: PrivateKey, info: bytes, wrapped: bytes) -> bytes:
    """Decrypt what `wrap` made with the same `info`: a 32-byte batch key.

    Raises:
        Tampered: (`key`) it was made for another key or other `info`, or was changed.
    """
    try:
        return _HPKE[private.suite].decrypt(wrapped, private.handle, info)
    except InvalidTag as error:
        raise Tampered("key", "the wrapped batch key does not open") from error


@lru_cache(maxsize=256)
def _load_public(suite: Suite, raw: bytes) -> _PublicHandle:
    """Parse a public key once; a `PublicKey` travels between processes as bytes."""
    if len(raw) != _PUBLIC_BYTES[suite]:
        raise ValueError(f"a {suite} public key is {_PUBLIC_BYTES[suite]} bytes")
    if suite == Suite.CLASSICAL:
        return X25519PublicKey.from_public_bytes(raw)
    mlkem = MLKEM768PublicKey.from_public_bytes(raw[:_MLKEM_PUBLIC_BYTES])
    return hpke.MLKEM768X25519PublicKey(mlkem, X25519PublicKey.from_public_bytes(raw[_MLKEM_PUBLIC_BYTES:]))
