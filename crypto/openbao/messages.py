"""Signing SOAP messages to agencies with a key that stays in the key server, under a certificate for it.

The key is not a log key: a process that may sign messages cannot sign checkpoints with it. Its certificate comes from
the PKI engine like every other of the gateway; the request for it is signed by the transit engine too.
"""

from __future__ import annotations

import base64
import binascii
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from cryptography.x509.oid import NameOID

from crypto.errors import KeysUnavailable
from crypto.openbao.connection import Answer, OpenBao, checked_name
from crypto.origin.wsse_signing import EnvelopeSigner, sign
from crypto.pki import RENEW_AFTER

MESSAGE_KEY = "isnad-messages"
MESSAGE_KEY_KIND = "ecdsa-p256"
_ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")  # AlgorithmIdentifier (RFC 5758 §3.2)
_SIGNATURE = re.compile(r"vault:v[0-9]{1,9}:([A-Za-z0-9+/=_-]+)")


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
        request = _request(self._host, public, key)
        body = {"csr": request, "common_name": self._host, "alt_names": self._host}
        issued = self._bao.call("POST", f"pki/sign/{self._role}", body, answer=Answer[_Issued]).data
        certificate = x509.load_pem_x509_certificate(issued.certificate.encode())
        if certificate.public_key() != public:
            raise KeysUnavailable("keys: the server certified another key than the one asked for")
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
        answer = self.bao.call("POST", f"transit/sign/{MESSAGE_KEY}/sha2-256", body, answer=Answer[_Signed])
        found = _SIGNATURE.fullmatch(answer.data.signature)
        try:
            encoded = found[1].rstrip("=") if found else ""
            return base64.b64decode(
                encoded + "=" * (-len(encoded) % 4), altchars=b"-_" if form == "jws" else None
            )
        except binascii.Error as error:
            raise KeysUnavailable(f"keys: a signature of {MESSAGE_KEY} was not understood") from error


def _request(host: str, public: ec.EllipticCurvePublicKey, key: TransitMessageKey) -> str:
    """Return a certification request (RFC 2986 §4), PEM: `cryptography` builds none without the private key."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)]).public_bytes()
    spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    info = _der(0x30, b"\x02\x01\x00" + name + spki + b"\xa0\x00")
    signed = _der(0x30, info + _ECDSA_SHA256 + _der(0x03, b"\x00" + key.signature(info, "asn1")))
    return x509.load_der_x509_csr(signed).public_bytes(Encoding.PEM).decode()


def _der(tag: int, content: bytes) -> bytes:
    """Return a DER element (X.690 §8.1)."""
    length = len(content)
    if length < 0x80:  # noqa: PLR2004  the short form ends here
        return bytes([tag, length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


class _Public(msgspec.Struct):
    public_key: str  # PEM


class _Versions(msgspec.Struct):
    keys: dict[int, _Public]


class _Signed(msgspec.Struct):
    signature: str  # vault:v<version>:<base64, or base64url for jws>


class _Issued(msgspec.Struct):
    certificate: str  # PEM
