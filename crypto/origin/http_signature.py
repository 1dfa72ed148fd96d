"""HTTP message signatures (RFC 9421) over a Content-Digest (RFC 9530).

Exactly one signature; components without parameters; values in the one form that RFC 9421 §2.3 serialises
them to, so that the received text is what was signed. Required: `@method`, `@target-uri`, `content-digest`,
`content-type`, and `idempotency-key` when the request has one; parameters `created` and `keyid`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA512

from crypto.encoding import b64, from_b64
from crypto.origin.proof import OriginError, OriginKey, OriginProof, Request, dss_signature

FIELD_MAX_CHARS = 4096
CREATED_MAX_AGE_S = 300
CLOCK_SKEW_S = 60
REQUIRED = ("@method", "@target-uri", "content-digest", "content-type")

_HASHES = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
_PSS = padding.PSS(padding.MGF1(SHA512()), 64)  # RFC 9421 §3.3.1
_COMPONENT = r'"@?[a-z0-9!#$%&\'*+.^_`|~-]{1,64}"'
_INPUT = re.compile(
    rf"(?P<label>[a-z*][a-z0-9_.*-]{{0,63}})="
    rf"(?P<params>\((?P<components>{_COMPONENT}(?: {_COMPONENT}){{0,31}})\)"
    r'(?P<metadata>(?:;[a-z]{1,16}=(?:[0-9]{1,15}|"[ !#-\[\]-~]{0,256}")){1,8}))'
)
_METADATUM = re.compile(r';([a-z]+)=([0-9]+|"[^"]*")')
_SIGNATURE = re.compile(r"(?P<label>[a-z*][a-z0-9_.*-]{0,63})=:(?P<octets>[A-Za-z0-9+/=]{1,2048}):")
_DIGEST = re.compile(r"(sha-256|sha-512)=:([A-Za-z0-9+/=]{44,88}):")
_NUMBERS, _TEXTS = frozenset({"created", "expires"}), frozenset({"keyid", "alg", "nonce", "tag"})

SigningKey = Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class _Input:
    """A parsed Signature-Input; `params` is its text from the parenthesis on, as in the signature base."""

    label: str
    components: tuple[str, ...]
    params: str
    numbers: Mapping[str, int]
    texts: Mapping[str, str]


class HttpSignature:
    """A verified signature over a Content-Digest that the body has yet to match."""

    def __init__(self, key_id: str, digests: Mapping[str, bytes]) -> None:
        self._key_id = key_id
        self._expected = digests
        self._hashes = {name: _HASHES[name]() for name in digests}

    def update(self, chunk: bytes) -> None:
        """See `Verification.update`."""
        for digest in self._hashes.values():
            digest.update(chunk)

    def finish(self) -> OriginProof:
        """See `Verification.finish`."""
        for name, digest in self._hashes.items():
            if not hmac.compare_digest(digest.digest(), self._expected[name]):
                raise OriginError("wrong_digest")
        return OriginProof("http-signature", self._key_id)


def verify(request: Request, keys: Mapping[str, OriginKey], now_s: int) -> HttpSignature:
    """Verify a request's signature; what remains is that the body matches the digest that was signed.

    Raises:
        OriginError: it does not hold.
    """
    # 1. Two fields, each of one member with the same label.
    signed = _parse_input(_present(request, "signature-input"))
    signature = _parse_signature(_present(request, "signature"), signed.label)
    # 2. Everything is signed that could change what the request means.
    required = {*REQUIRED, *(["idempotency-key"] if request.field("idempotency-key") is not None else [])}
    if not required <= set(signed.components):
        raise OriginError("not_covered")
    # 3. It was made just now.
    _check_fresh(signed.numbers, now_s)
    # 4. The key is the sender's, and the algorithm is the key's.
    key = keys.get(signed.texts.get("keyid", ""))
    if key is None:
        raise OriginError("unknown_key")
    if signed.texts.get("alg", _algorithm(key)) != _algorithm(key):
        raise OriginError("wrong_algorithm")
    # 5. The signature holds.
    try:
        _verify_with(key, signature, signature_base(request, signed.components, signed.params))
    except InvalidSignature as error:
        raise OriginError("wrong_signature") from error
    # 6. What the body must hash to, in every algorithm that was given.
    return HttpSignature(signed.texts["keyid"], _parse_digests(_present(request, "content-digest")))


def signature_base(request: Request, components: Sequence[str], params: str) -> bytes:
    """Return what is signed (RFC 9421 §2.5). `params` is the serialised value of `@signature-params`.

    Raises:
        OriginError: a component is given twice, not there or not known.
    """
    if len(set(components)) != len(components):
        raise OriginError("ambiguous")
    lines = [f'"{name}": {_component(request, name)}' for name in components]
    return "\n".join([*lines, f'"@signature-params": {params}']).encode("ascii")


def sign(
    request: Request, body: bytes, key: SigningKey, key_id: str, now_s: int
) -> list[tuple[bytes, bytes]]:
    """Return the three header fields that sign a request and its body, to be added to `request.headers`.

    Raises:
        OriginError: the request has no Content-Type.
    """
    digest = f"sha-256=:{b64(hashlib.sha256(body).digest())}:".encode()
    with_digest = Request(request.method, request.target_uri, [*request.headers, (b"content-digest", digest)])
    covered = [*REQUIRED, *(["idempotency-key"] if request.field("idempotency-key") is not None else [])]
    names = " ".join(f'"{name}"' for name in covered)
    params = f'({names});created={now_s};keyid="{key_id}";alg="{_algorithm(key.public_key())}"'
    signature = _sign_with(key, signature_base(with_digest, covered, params))
    return [
        (b"content-digest", digest),
        (b"signature-input", f"sig={params}".encode()),
        (b"signature", f"sig=:{b64(signature)}:".encode()),
    ]


def _present(request: Request, name: str) -> str:
    value = request.field(name)
    if value is None:
        raise OriginError("malformed")
    if len(value) > FIELD_MAX_CHARS:
        raise OriginError("malformed")
    return value


def _parse_input(value: str) -> _Input:
    found = _INPUT.fullmatch(value)
    if found is None:
        raise OriginError("malformed")
    numbers: dict[str, int] = {}
    texts: dict[str, str] = {}
    for name, datum in _METADATUM.findall(found["metadata"]):
        if name in numbers or name in texts:
            raise OriginError("ambiguous")
        if name in _NUMBERS and not datum.startswith('"'):
            numbers[name] = int(datum)
        elif name in _TEXTS and datum.startswith('"'):
            texts[name] = datum[1:-1]
        else:
            raise OriginError("malformed")
    components = tuple(name.strip('"') for name in found["components"].split(" "))
    return _Input(found["label"], components, found["params"], numbers, texts)


def _parse_signature(value: str, label: str) -> bytes:
    found = _SIGNATURE.fullmatch(value)
    if found is None or found["label"] != label:
        raise OriginError("malformed")
    return _octets(found["octets"])


def _parse_digests(value: str) -> dict[str, bytes]:
    digests: dict[str, bytes] = {}
    for member in re.split(r"[ \t]*,[ \t]*", value):
        found = _DIGEST.fullmatch(member)
        if found is None or found[1] in digests:
            raise OriginError("malformed")
        digests[found[1]] = _octets(found[2])
    return digests


def _octets(text: str) -> bytes:
    try:
        return from_b64(text)
    except ValueError as error:
        raise OriginError("malformed") from error


def _check_fresh(numbers: Mapping[str, int], now_s: int) -> None:
    created = numbers.get("created")
    if created is None:
        raise OriginError("not_covered")
    if not now_s - CREATED_MAX_AGE_S <= created <= now_s + CLOCK_SKEW_S:
        raise OriginError("not_fresh")
    if numbers.get("expires", now_s) < now_s:
        raise OriginError("not_fresh")


def _component(request: Request, name: str) -> str:
    if not name.startswith("@"):
        value = request.field(name)
        if value is None:
            raise OriginError("not_covered")
        return value
    uri = urlsplit(request.target_uri)
    query = f"?{uri.query}" if "?" in request.target_uri else ""
    derived = {  # RFC 9421 §2.2
        "@method": request.method,
        "@target-uri": request.target_uri,
        "@authority": _authority(uri),
        "@scheme": uri.scheme,
        "@path": uri.path or "/",
        "@query": query or "?",
        "@request-target": (uri.path or "/") + query,
    }
    if name not in derived:
        raise OriginError("malformed")
    return derived[name]


def _authority(uri: SplitResult) -> str:
    default = {"https": 443, "http": 80}.get(uri.scheme)
    return f"{uri.hostname}" if uri.port in (None, default) else f"{uri.hostname}:{uri.port}"


def _algorithm(key: OriginKey) -> str:
    """Return the one algorithm that a key is for (RFC 9421 §6.2.2)."""
    match key:
        case Ed25519PublicKey():
            return "ed25519"
        case ec.EllipticCurvePublicKey():
            return "ecdsa-p256-sha256"
        case rsa.RSAPublicKey():
            return "rsa-pss-sha512"


def _verify_with(key: OriginKey, signature: bytes, message: bytes) -> None:
    match key:
        case Ed25519PublicKey():
            key.verify(signature, message)
        case ec.EllipticCurvePublicKey():
            key.verify(dss_signature(signature), message, ec.ECDSA(SHA256()))
        case rsa.RSAPublicKey():
            key.verify(signature, message, _PSS, SHA512())


def _sign_with(key: SigningKey, message: bytes) -> bytes:
    match key:
        case Ed25519PrivateKey():
            return key.sign(message)
        case ec.EllipticCurvePrivateKey():
            r, s = decode_dss_signature(key.sign(message, ec.ECDSA(SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        case rsa.RSAPrivateKey():
            return key.sign(message, _PSS, SHA512())
