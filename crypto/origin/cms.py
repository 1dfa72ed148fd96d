"""Detached CMS signatures (RFC 5652 §5) over a file: SHA-256 with ECDSA P-256 or RSA, one signer, signed attributes.

Keys are the registered ones and are never taken from the message: certificates and lists in it are passed over, and
so is what it says of its signer. A subset on purpose, in DER or in PEM:

1. ContentInfo with SignedData, whose content is of type `data` and not in it (§5.2).
2. Exactly one SignerInfo, with SHA-256 (§5.3).
3. Signed attributes with the content's type and digest, each once (§11.1, §11.2).
4. The signature is over the DER of the attributes as a SET (§5.4), and one of the sender's keys verifies it.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from crypto.origin.der import INTEGER, OCTETS, OID, SEQUENCE, SET, Value, only
from crypto.origin.proof import OriginError, OriginKey, OriginProof

MESSAGE_MAX_BYTES = 64 << 10
_PEM = re.compile(rb"\s*-----BEGIN (CMS|PKCS7)-----\s+([A-Za-z0-9+/=\s]+)-----END \1-----\s*", re.ASCII)
_CONTEXT_0, _CONTEXT_1 = 0xA0, 0xA1


_PKCS9 = (0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01)
_DATA = bytes((*_PKCS9, 0x07, 0x01))
_SIGNED_DATA = bytes((*_PKCS9, 0x07, 0x02))
_CONTENT_TYPE = bytes((*_PKCS9, 0x09, 0x03))
_MESSAGE_DIGEST = bytes((*_PKCS9, 0x09, 0x04))
_SHA256 = bytes((0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01))
_ECDSA_SHA256 = bytes((0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02))
_RSA = bytes((*_PKCS9, 0x01, 0x01))
_RSA_SHA256 = bytes((*_PKCS9, 0x01, 0x0B))
_RSA_PSS = bytes((*_PKCS9, 0x01, 0x0A))


def verify(message: bytes, digest: bytes, keys: Mapping[str, OriginKey]) -> OriginProof:
    """Return who signed the content with this SHA-256 (32 bytes).

    Raises:
        OriginError: `malformed`, `ambiguous`, `not_covered`, `wrong_digest`, `wrong_algorithm` or `wrong_signature`.
    """
    try:
        signer = _signer(_der(message))
        attributes, algorithm, signature = _parts(signer)
        _check_attributes(attributes, digest)
        _name(algorithm)
    except ValueError as error:
        raise OriginError("malformed") from error
    return OriginProof("cms", _signing_key(attributes, algorithm, signature, keys))


def _signing_key(attributes: Value, algorithm: Value, signature: bytes, keys: Mapping[str, OriginKey]) -> str:
    """Return the id of the key that verifies a signature."""
    # §5.4: what is signed is the attributes' DER with the tag of a SET, not with that of their place.
    signed = bytes([SET]) + attributes.encoded[1:]
    tried = False
    for key_id, key in keys.items():
        if not _fits(key, algorithm):
            continue
        tried = True
        if _verifies(key, algorithm, signature, signed):
            return key_id
    raise OriginError("wrong_signature" if tried else "wrong_algorithm")


def _der(message: bytes) -> bytes:
    if len(message) > MESSAGE_MAX_BYTES:
        raise ValueError("too long")
    armoured = _PEM.fullmatch(message)
    return base64.b64decode(armoured[2]) if armoured else message


def _signer(octets: bytes) -> tuple[Value, ...]:
    """Return what is in the one SignerInfo."""
    kind, explicit = only(octets, SEQUENCE).inside()
    if (kind.tag, kind.content) != (OID, _SIGNED_DATA) or explicit.tag != _CONTEXT_0:
        raise ValueError("not SignedData")
    version, _digests, content, *rest = only(explicit.content, SEQUENCE).inside()
    if version.tag != INTEGER or content.tag != SEQUENCE:
        raise ValueError("not SignedData")
    (content_type,) = content.inside()  # two would mean that the content is in it
    if (content_type.tag, content_type.content) != (OID, _DATA):
        raise ValueError("not over data")
    *optional, infos = rest
    if infos.tag != SET or not {value.tag for value in optional} <= {_CONTEXT_0, _CONTEXT_1}:
        raise ValueError("not SignedData")
    signers = infos.inside()
    if len(signers) != 1:
        raise OriginError("ambiguous")
    return signers[0].inside()


def _parts(signer: tuple[Value, ...]) -> tuple[Value, Value, bytes]:
    """Return signed attributes, signature algorithm and signature of a SignerInfo."""
    _version, _sid, digest, *rest = signer
    if _name(digest) != _SHA256:
        raise OriginError("wrong_algorithm")
    if not rest or rest[0].tag != _CONTEXT_0:
        raise OriginError("not_covered")
    attributes, algorithm, signature, *unsigned = rest
    if algorithm.tag != SEQUENCE or signature.tag != OCTETS or len(unsigned) > 1:
        raise ValueError("not SignerInfo")
    return attributes, algorithm, signature.content


def _check_attributes(attributes: Value, digest: bytes) -> None:
    found: dict[bytes, bytes] = {}
    for attribute in attributes.inside():
        kind, held = attribute.inside()
        if kind.content in found:
            raise OriginError("ambiguous")
        found[kind.content] = held.content
    if _CONTENT_TYPE not in found or _MESSAGE_DIGEST not in found:
        raise OriginError("not_covered")
    if only(found[_CONTENT_TYPE], OID).content != _DATA:
        raise ValueError("not over data")
    if not hmac.compare_digest(only(found[_MESSAGE_DIGEST], OCTETS).content, digest):
        raise OriginError("wrong_digest")


def _name(algorithm: Value) -> bytes:
    """Return the object identifier of an AlgorithmIdentifier."""
    name, *_ = algorithm.inside()
    return name.content


def _fits(key: OriginKey, algorithm: Value) -> bool:
    name = _name(algorithm)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return name == _ECDSA_SHA256
    return isinstance(key, rsa.RSAPublicKey) and name in (_RSA, _RSA_SHA256, _RSA_PSS)


def _verifies(key: OriginKey, algorithm: Value, signature: bytes, signed: bytes) -> bool:
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed, ec.ECDSA(SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            pss = _name(algorithm) == _RSA_PSS
            # Whatever parameters it states, only these are accepted: SHA-256 all through, salt as long as the hash.
            scheme = padding.PSS(padding.MGF1(SHA256()), 32) if pss else padding.PKCS1v15()
            key.verify(signature, signed, scheme, SHA256())
    except InvalidSignature:
        return False
    return True
