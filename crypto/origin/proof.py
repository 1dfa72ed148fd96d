"""The words that all schemes share: the request, the keys, and the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_public_key

RSA_MIN_BITS = 3072
P256_SIGNATURE_BYTES = 64  # r ‖ s, 32 bytes each (RFC 7518 §3.4, RFC 9421 §3.3.4)

OriginKey = Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey
Scheme = Literal["http-signature", "jws", "cms"]
Reason = Literal[
    "malformed",  # not in the form that this subset allows
    "ambiguous",  # more than one signature, scheme or value for one field
    "unknown_key",  # not one of the sender's registered keys
    "wrong_algorithm",  # not the one that the key is for
    "not_covered",  # something that must be signed is not
    "not_fresh",  # created too long ago, in the future, or expired
    "wrong_signature",
    "wrong_digest",  # the body is not the one that was signed
    "body_too_long",  # longer than this algorithm can be verified over
    "untrusted",  # the certificate that came with it is not one to sign with
    "undecryptable",  # what is encrypted is not for the gateway
]


class OriginError(Exception):
    """An origin signature that does not hold. `reason` is stable; neither it nor the text holds a value."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


@dataclass(frozen=True, slots=True)
class OriginProof:
    """What was proven: that the holder of the sender's key `key_id` signed this body."""

    scheme: Scheme
    key_id: str


@dataclass(frozen=True, slots=True)
class Request:
    """A request's head. `headers` are lower-case names and values, one pair a line, as ASGI gives them.

    `target_uri` is absolute and begins with the gateway's configured origin, never with what a Host field
    claims.
    """

    method: str
    target_uri: str
    headers: Sequence[tuple[bytes, bytes]]

    def field(self, name: str) -> str | None:
        """Return the value of a header field, None when it is not there.

        Raises:
            OriginError: (`ambiguous`) it is there twice, or (`malformed`) it is not printable ASCII.
        """
        values = [value for key, value in self.headers if key == name.encode()]
        if not values:
            return None
        if len(values) > 1:
            raise OriginError("ambiguous")
        try:
            text = values[0].decode("ascii").strip(" \t")
        except UnicodeDecodeError as error:
            raise OriginError("malformed") from error
        if not text.isprintable():
            raise OriginError("malformed")
        return text


class Verification(Protocol):
    """A verification under way: give it the body in order, then ask."""

    def update(self, chunk: bytes) -> None:
        """Take the next part of the body.

        Raises:
            OriginError: (`body_too_long`) the algorithm needs the whole body at once, and this one is too
                long.
        """

    def finish(self) -> OriginProof:
        """Return the proof, now that the body is complete.

        Raises:
            OriginError: the signature does not hold for it.
        """


def load_key(pem: str) -> OriginKey:
    """Load a sender's public key (PEM): Ed25519, ECDSA P-256, or RSA of at least 3,072 bits.

    Raises:
        ValueError: it is no such key.
    """
    key = load_pem_public_key(pem.encode())
    match key:
        case Ed25519PublicKey():
            return key
        case ec.EllipticCurvePublicKey() if isinstance(key.curve, ec.SECP256R1):
            return key
        case rsa.RSAPublicKey() if key.key_size >= RSA_MIN_BITS:
            return key
    raise ValueError("an origin key is Ed25519, ECDSA P-256, or RSA of at least 3072 bits")


def dss_signature(raw: bytes) -> bytes:
    """Turn r ‖ s into the DER that `cryptography` verifies.

    Raises:
        OriginError: (`wrong_signature`) not 64 bytes.
    """
    if len(raw) != P256_SIGNATURE_BYTES:
        raise OriginError("wrong_signature")
    return encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
