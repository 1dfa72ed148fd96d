"""Checkpoints signed by the transit engine: the signing keys never leave the server."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence

import msgspec

from crypto import note
from crypto.errors import KeysUnavailable, Tampered
from crypto.hpke import Suite
from crypto.keys import LogPublicKeys
from crypto.openbao.connection import Answer, OpenBao, checked_name

ED25519_KEY = "isnad-log-ed25519"
MLDSA44_KEY = "isnad-log-mldsa44"
BATCH = 400  # OpenBao refuses a request with 500 or more batch items
_SIGNATURE = re.compile(r"vault:v([0-9]{1,9}):([A-Za-z0-9+/=]+)")


class TransitSigner:
    """Implements `CheckpointSigner` with two keys for all lanes: the origin in a note tells them apart.

    The two algorithms are asked for at the same time, one call each. With `mldsa44=None` the notes are of the
    classical suite. Safe to call from several threads.
    """

    def __init__(
        self, bao: OpenBao, *, ed25519: str = ED25519_KEY, mldsa44: str | None = MLDSA44_KEY
    ) -> None:
        self._bao = bao
        self._ed25519 = _LogKey(bao, ed25519)
        self._mldsa44 = _LogKey(bao, mldsa44) if mldsa44 else None

    def sign(self, checkpoints: Sequence[note.Checkpoint], time_s: int) -> list[str]:
        """See `CheckpointSigner.sign`."""
        notes: list[str] = []
        for start in range(0, len(checkpoints), BATCH):
            notes += self._sign_batch(checkpoints[start : start + BATCH], time_s)
        return notes

    def public_keys(self) -> LogPublicKeys:
        """See `CheckpointSigner.public_keys`."""
        return LogPublicKeys(
            ed25519=tuple(self._ed25519.read().values()),
            mldsa44=tuple(self._mldsa44.read().values()) if self._mldsa44 else (),
        )

    def _sign_batch(self, checkpoints: Sequence[note.Checkpoint], time_s: int) -> list[str]:
        calls = [self._ed25519.call([note.ed25519_message(checkpoint) for checkpoint in checkpoints])]
        if self._mldsa44 is not None:
            messages = [note.mldsa44_message(checkpoint, time_s) for checkpoint in checkpoints]
            calls.append(self._mldsa44.call(messages))
        signed, *cosigned = self._bao.post_all(calls, answer=Answer[_Signatures])
        ed25519 = self._ed25519.signatures(signed, len(checkpoints))
        if self._mldsa44 is None:
            return [
                self._assembled(checkpoint, signature, None)
                for checkpoint, signature in zip(checkpoints, ed25519, strict=True)
            ]
        mldsa44 = self._mldsa44.signatures(cosigned[0], len(checkpoints))
        return [
            self._assembled(checkpoint, signature, (public, time_s, cosignature))
            for checkpoint, signature, (public, cosignature) in zip(
                checkpoints, ed25519, mldsa44, strict=True
            )
        ]

    def _assembled(
        self,
        checkpoint: note.Checkpoint,
        ed25519: tuple[bytes, bytes],
        mldsa44: tuple[bytes, int, bytes] | None,
    ) -> str:
        # A note that does not hold must not reach the log: every recipient would stop the lane over it. It
        # happens when a server was restored from a backup and rotated again: the same version is then
        # another key.
        suite = Suite.HYBRID if mldsa44 else Suite.CLASSICAL
        policy = note.LogPolicy(checkpoint.origin, suite, (ed25519[0],), (mldsa44[0],) if mldsa44 else ())
        try:
            signed = note.assemble(checkpoint, ed25519, mldsa44)
            note.verify(signed, policy)
        except (Tampered, ValueError) as error:
            self._forget()
            raise KeysUnavailable(
                "keys: the server's signature does not hold under its public key"
            ) from error
        return signed

    def _forget(self) -> None:
        """Forget the public keys; the next signature reads them again."""
        for key in (self._ed25519, self._mldsa44):
            if key is not None:
                key.versions = {}


class TransitLogKeys:
    """The public log keys of a gateway, for a process that verifies and may not sign."""

    def __init__(self, bao: OpenBao, suite: Suite) -> None:
        self._bao = bao
        self._suite = suite

    def public_keys(self) -> LogPublicKeys:
        """Return every key version that verifies now.

        Raises:
            KeysUnavailable: they cannot be read now.
        """
        hybrid = self._suite is Suite.HYBRID
        return LogPublicKeys(
            tuple(transit_public_keys(self._bao, ED25519_KEY).values()),
            tuple(transit_public_keys(self._bao, MLDSA44_KEY).values()) if hybrid else (),
        )


def transit_public_keys(bao: OpenBao, name: str) -> dict[int, bytes]:
    """Return the raw public keys of a transit key by version, oldest first, without the retired ones."""
    versions = bao.call("GET", f"transit/keys/{checked_name(name)}", answer=Answer[_KeyVersions]).data.keys
    return {number: base64.b64decode(versions[number].public_key) for number in sorted(versions)}


class _LogKey:
    """One transit key: has messages signed, and says under which public key each signature was made."""

    def __init__(self, bao: OpenBao, name: str) -> None:
        self._bao = bao
        self._name = checked_name(name)
        self.versions: dict[int, bytes] = {}

    def call(self, messages: Sequence[bytes]) -> tuple[str, object]:
        """Return the path and the body of the call that signs these."""
        inputs = [{"input": base64.b64encode(message).decode()} for message in messages]
        return f"transit/sign/{self._name}", {"batch_input": inputs}

    def signatures(self, answer: Answer[_Signatures], count: int) -> list[tuple[bytes, bytes]]:
        """Return the public key and the signature of each message, out of the call's answer."""
        if len(answer.data.batch_results) != count:
            raise KeysUnavailable(f"keys: {self._name} did not sign everything")
        return [self._parsed(result.signature) for result in answer.data.batch_results]

    def read(self) -> dict[int, bytes]:
        self.versions = transit_public_keys(self._bao, self._name)
        return self.versions

    def _parsed(self, signature: str) -> tuple[bytes, bytes]:
        parts = _SIGNATURE.fullmatch(signature)
        if parts is None:
            raise KeysUnavailable(f"keys: a signature of {self._name} was not understood")
        version = int(parts[1])
        public = self.versions.get(version) or self.read().get(version)
        if public is None:
            raise KeysUnavailable(f"keys: {self._name} signed with version {version}, which it does not list")
        return public, base64.b64decode(parts[2])


class _PublicKey(msgspec.Struct):
    public_key: str  # standard base64 of the raw key


class _KeyVersions(msgspec.Struct):
    keys: dict[int, _PublicKey]


class _Signature(msgspec.Struct):
    signature: str  # vault:v<version>:<standard base64>


class _Signatures(msgspec.Struct):
    batch_results: list[_Signature]
