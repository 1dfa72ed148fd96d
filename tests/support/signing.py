"""Checkpoints signed in this process: the port that OpenBao serves in production, with the same formats."""

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from crypto import note
from crypto.errors import KeysUnavailable
from crypto.hpke import Suite
from crypto.keys import LogPublicKeys


class LocalSigner:
    """Implements `CheckpointSigner`. The same seed makes the same keys in another process.

    `available` set to False is a key server that does not answer.
    """

    def __init__(self, suite: Suite = Suite.HYBRID, seed: bytes = b"\x0b" * 32) -> None:
        self.suite = suite
        self.available = True
        self.asked = 0
        self._ed25519 = Ed25519PrivateKey.from_private_bytes(seed)
        self._mldsa44 = MLDSA44PrivateKey.from_seed_bytes(seed)

    def sign(self, checkpoints: Sequence[note.Checkpoint], time_s: int) -> list[str]:
        self.asked += 1
        if not self.available:
            raise KeysUnavailable("keys: the server is sealed")
        return [self._note(checkpoint, time_s) for checkpoint in checkpoints]

    def public_keys(self) -> LogPublicKeys:
        mldsa44 = (self._mldsa44.public_key().public_bytes_raw(),) if self.suite == Suite.HYBRID else ()
        return LogPublicKeys((self._ed25519.public_key().public_bytes_raw(),), mldsa44)

    def policy(self, origin: str) -> note.LogPolicy:
        public = self.public_keys()
        return note.LogPolicy(origin, self.suite, public.ed25519, public.mldsa44)

    def _note(self, checkpoint: note.Checkpoint, time_s: int) -> str:
        public = self.public_keys()
        ed25519 = public.ed25519[0], self._ed25519.sign(note.ed25519_message(checkpoint))
        if self.suite == Suite.CLASSICAL:
            return note.assemble(checkpoint, ed25519)
        cosigned = self._mldsa44.sign(note.mldsa44_message(checkpoint, time_s))
        return note.assemble(checkpoint, ed25519, (public.mldsa44[0], time_s, cosigned))
