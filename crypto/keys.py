"""The seam to keys: what sealing, proving and opening ask of whoever keeps them. Docstrings are promises.

Everything here may raise `KeysUnavailable`; nothing was signed, revealed or changed then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from crypto.hpke import PrivateKey, PublicKey
from crypto.note import Checkpoint

LANE_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class LogPublicKeys:
    """The gateway's log keys that a verifier accepts now, raw, oldest first.

    Ed25519 keys have 32 bytes, ML-DSA-44 keys 1,312. `mldsa44` is empty for the classical suite.
    """

    ed25519: tuple[bytes, ...]
    mldsa44: tuple[bytes, ...]


class CheckpointSigner(Protocol):
    """Signs checkpoints with keys that never enter this process."""

    def sign(self, checkpoints: Sequence[Checkpoint], time_s: int) -> list[str]:
        """Return one complete signed note per checkpoint, in order, under the newest key versions.

        `time_s` is the POSIX time (seconds) that the ML-DSA-44 cosignatures state. All or none: when this
        raises, no note is to be used.

        Raises:
            KeysUnavailable: the signing service did not answer in full.
        """

    def public_keys(self) -> LogPublicKeys:
        """Return every key version that still verifies; to be put into a verifier's policy.

        Raises:
            KeysUnavailable: the keys cannot be read now.
        """


class PseudonymKeys(Protocol):
    """Keys under which a lane's entries name citizens; officers who search need them too."""

    def pseudonym(self, lane: str) -> bytes:
        """Return the lane's HMAC key for national IDs: 32 bytes, the same on every node and for ever.

        Raises:
            KeysUnavailable: the secret cannot be read now.
        """


class PromiseKeys(Protocol):
    """Keys under which intake remembers what it promised: content cannot be guessed from the store."""

    def promise(self, lane: str) -> bytes:
        """Return the lane's HMAC key for content fingerprints: 32 bytes, the same on every node and for ever.

        Raises:
            KeysUnavailable: the secret cannot be read now.
        """


class RecipientPublicKeys(Protocol):
    """The public halves that batches are sealed for."""

    def public(self, kid: str) -> PublicKey:
        """Return the public key of this id.

        Raises:
            KeysUnavailable: there is no such key, or it cannot be read now.
        """


class RecipientPrivateKeys(Protocol):
    """The private halves that batches are opened with; only the process that opens can have them."""

    def private(self, kid: str) -> PrivateKey:
        """Return the private key of this id. It lives in this process's memory and nowhere else.

        Raises:
            KeysUnavailable: there is no such key, this process may not have it, or it cannot be read now.
        """
