"""A detached JWS with unencoded payload (RFC 7515 appendix F, RFC 7797), in the header field `JWS-Signature`.

Protected header: `alg` (ES256, Ed25519 or its older name EdDSA), `kid`, `b64` false, `crit` ["b64"]; others
are ignored as RFC 7515 §4 says, and keys are never taken from it. The signing input is header ‖ "." ‖ body,
so ES256 is verified as the body streams; Ed25519 reads its message twice (RFC 8032 §5.1.7), so its body is
kept, up to 8 MiB.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from crypto.encoding import b64url, from_b64url
from crypto.origin.proof import OriginError, OriginKey, OriginProof, Request, Verification, dss_signature

FIELD = "jws-signature"
FIELD_MAX_CHARS = 4096
EDDSA_BODY_MAX_BYTES = 8 * 1024 * 1024


class _Header(msgspec.Struct):
    alg: str
    kid: str
    b64: bool
    crit: list[str]


class _Es256:
    def __init__(self, key: ec.EllipticCurvePublicKey, key_id: str, signature: bytes, prefix: bytes) -> None:
        self._key = key
        self._key_id = key_id
        self._signature = dss_signature(signature)
        self._hash = hashlib.sha256(prefix)

    def update(self, chunk: bytes) -> None:
        self._hash.update(chunk)

    def finish(self) -> OriginProof:
        try:
            self._key.verify(self._signature, self._hash.digest(), ec.ECDSA(Prehashed(SHA256())))
        except InvalidSignature as error:
            raise OriginError("wrong_signature") from error
        return OriginProof("jws", self._key_id)


class _EdDsa:
    def __init__(self, key: Ed25519PublicKey, key_id: str, signature: bytes, prefix: bytes) -> None:
        self._key = key
        self._key_id = key_id
        self._signature = signature
        self._message = bytearray(prefix)
        self._room = len(prefix) + EDDSA_BODY_MAX_BYTES

    def update(self, chunk: bytes) -> None:
        if len(self._message) + len(chunk) > self._room:
            raise OriginError("body_too_long")
        self._message += chunk

    def finish(self) -> OriginProof:
        try:
            self._key.verify(self._signature, bytes(self._message))
        except InvalidSignature as error:
            raise OriginError("wrong_signature") from error
        return OriginProof("jws", self._key_id)


def verify(request: Request, keys: Mapping[str, OriginKey]) -> Verification:
    """Begin to verify a request's detached JWS; it holds or not once the body is complete.

    Raises:
        OriginError: it cannot hold, whatever the body is.
    """
    value = request.field(FIELD)
    if value is None or len(value) > FIELD_MAX_CHARS:
        raise OriginError("malformed")
    protected, dots, encoded = value.partition("..")
    try:
        header = msgspec.json.decode(from_b64url(protected), type=_Header)
        signature = from_b64url(encoded)
    except (ValueError, msgspec.ValidationError) as error:
        raise OriginError("malformed") from error
    if not dots or header.b64 or header.crit != ["b64"]:
        raise OriginError("malformed")
    key = keys.get(header.kid)
    prefix = protected.encode() + b"."
    match key, header.alg:
        case ec.EllipticCurvePublicKey(), "ES256":
            return _Es256(key, header.kid, signature, prefix)
        case Ed25519PublicKey(), "EdDSA" | "Ed25519":  # RFC 8037, RFC 9864
            return _EdDsa(key, header.kid, signature, prefix)
        case None, _:
            raise OriginError("unknown_key")
    raise OriginError("wrong_algorithm")


def sign(
    body: bytes, key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey, key_id: str
) -> tuple[bytes, bytes]:
    """Return the header field that signs a body."""
    alg = "Ed25519" if isinstance(key, Ed25519PrivateKey) else "ES256"  # RFC 9864
    header = msgspec.json.encode(_Header(alg=alg, kid=key_id, b64=False, crit=["b64"]))
    protected = b64url(header)
    message = protected.encode() + b"." + body
    if isinstance(key, Ed25519PrivateKey):
        signature = key.sign(message)
    else:
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(SHA256())))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return FIELD.encode(), f"{protected}..{b64url(signature)}".encode()
