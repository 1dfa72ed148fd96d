"""Signing SOAP messages to agencies with a key that stays in the key server, under a certificate for it.

The key is not a log key: a process that may sign messages cannot sign checkpoints with it. Its certificate comes from
the PKI engine like every other of the gateway; the request for it is signed by the transit engine too.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_public_key

from crypto.errors import KeysUnavailable
from crypto.openbao.certified import Request, certified, transit_signature
from crypto.openbao.connection import Answer, OpenBao, checked_name
from crypto.origin.wsse_signing import EnvelopeSigner, sign
from crypto.pki import RENEW_AFTER

MESSAGE_KEY = "isnad-messages"
MESSAGE_KEY_KIND = "ecdsa-p256"
ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")  # AlgorithmIdentifier (RFC 5758 §3.2)


class MessageSigner:
    """Signs envelopes. The certificate is fetched when it is first needed, and anew when two thirds of it have passed.

    `role` is the PKI role of the process and `host` a name that it allows. Safe to call from several threads.
    """

    def __init__(
        self, bao: OpenBao, role: str, host: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._bao = bao
        self._role = checked_name(role)
        self._host = host
        self._now = now
        self._lock = threading.Lock()
        self._signer: EnvelopeSigner | None = None
        self._renew_at = now()

    def __call__(self, envelope: bytes) -> bytes:
        """Return an envelope with a Security header that signs its Body and the time.

        Raises:
            KeysUnavailable: it cannot be signed now.
        """
        now = self._now()
        with self._lock:
            if self._signer is None or now >= self._renew_at:
                self._signer = self._certified()
            signer = self._signer
        return sign(envelope, signer, now)

    def _certified(self) -> EnvelopeSigner:
        """Have the latest version of the key certified."""
        versions = self._bao.call("GET", f"transit/keys/{MESSAGE_KEY}", answer=Answer[_Versions]).data.keys
        version = max(versions)
        public = load_pem_public_key(versions[version].public_key.encode())
        if not isinstance(public, ec.EllipticCurvePublicKey):
            raise KeysUnavailable(f"keys: {MESSAGE_KEY} is no {MESSAGE_KEY_KIND} key")
        key = TransitMessageKey(self._bao, version)
        request = Request(self._host, public, ECDSA_SHA256, lambda info: key.signature(info, "asn1"))
        certificate = certified(self._bao, self._role, request)
        begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        self._renew_at = begins + (ends - begins) * RENEW_AFTER
        return EnvelopeSigner(certificate.public_bytes(Encoding.DER), "ecdsa", key)


@dataclass(frozen=True, slots=True)
class TransitMessageKey:
    """One version of the key (`wsse_signing.EnvelopeKey`)."""

    bao: OpenBao
    version: int

    def sign(self, message: bytes) -> bytes:
        """Return r ‖ s, 32 bytes each.

        Raises:
            KeysUnavailable: the server does not sign now.
        """
        return self.signature(message, "jws")

    def signature(self, message: bytes, form: str) -> bytes:
        """Return a signature in a form that the transit engine knows: `jws` (r ‖ s) or `asn1` (DER)."""
        body = {
            "input": base64.b64encode(message).decode(),
            "marshaling_algorithm": form,
            "key_version": self.version,
        }
        return transit_signature(self.bao, MESSAGE_KEY, body)


class _Public(msgspec.Struct):
    public_key: str  # PEM


class _Versions(msgspec.Struct):
    keys: dict[int, _Public]
