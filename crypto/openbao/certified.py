"""Certificates for keys that stay in the transit engine: it signs the request, and the PKI engine answers it."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from crypto.errors import KeysUnavailable
from crypto.openbao.connection import Answer, OpenBao

_SIGNATURE = re.compile(r"vault:v[0-9]{1,9}:([A-Za-z0-9+/=_-]+)")


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be certified. `algorithm` is the AlgorithmIdentifier (DER) of what `sign` makes of octets."""

    host: str
    public: ec.EllipticCurvePublicKey | rsa.RSAPublicKey
    algorithm: bytes
    sign: Callable[[bytes], bytes]

    def pem(self) -> str:
        """Return the request (RFC 2986 §4): `cryptography` builds none without the private key."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.host)]).public_bytes()
        spki = self.public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        info = _der(0x30, b"\x02\x01\x00" + name + spki + b"\xa0\x00")
        signed = _der(0x30, info + self.algorithm + _der(0x03, b"\x00" + self.sign(info)))
        return x509.load_der_x509_csr(signed).public_bytes(Encoding.PEM).decode()


def certified(bao: OpenBao, role: str, request: Request) -> x509.Certificate:
    """Return a certificate from the PKI role.

    Raises:
        KeysUnavailable: the server does not certify now.
    """
    body = {"csr": request.pem(), "common_name": request.host, "alt_names": request.host}
    issued = bao.call("POST", f"pki/sign/{role}", body, answer=Answer[_Issued]).data
    certificate = x509.load_pem_x509_certificate(issued.certificate.encode())
    if certificate.public_key() != request.public:
        raise KeysUnavailable("keys: the server certified another key than the one asked for")
    return certificate


def transit_signature(bao: OpenBao, key: str, body: Mapping[str, object]) -> bytes:
    """Have a key sign under SHA-256 as `body` says, and return the signature's octets.

    Raises:
        KeysUnavailable: the server does not sign now.
    """
    answer = bao.call("POST", f"transit/sign/{key}/sha2-256", body, answer=Answer[_Signed])
    found = _SIGNATURE.fullmatch(answer.data.signature)
    encoded = found[1].rstrip("=").translate(_FROM_BASE64URL) if found else ""
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except binascii.Error as error:
        raise KeysUnavailable(f"keys: a signature of {key} was not understood") from error


_FROM_BASE64URL = str.maketrans("-_", "+/")


def _der(tag: int, content: bytes) -> bytes:
    """Return a DER element (X.690 §8.1)."""
    length = len(content)
    if length < 0x80:  # noqa: PLR2004  the short form ends here
        return bytes([tag, length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


class _Signed(msgspec.Struct):
    signature: str  # vault:v<version>:<base64, or base64url for jws>


class _Issued(msgspec.Struct):
    certificate: str  # PEM
