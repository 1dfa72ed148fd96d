"""The key that agencies encrypt SOAP messages for: it stays in the key server, which decrypts what they carry.

A gateway that takes no encrypted messages has no such key. Its certificate, one for each version, is public: agencies
are given it, and nothing of the key but the right to have it decrypt is the intake's.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_public_key

from crypto.errors import KeysUnavailable
from crypto.openbao.certified import Request, certified, transit_signature
from crypto.openbao.connection import Answer, NotFound, Nothing, OpenBao, Undecryptable
from crypto.openbao.kv import data_path

ENVELOPE_KEY = "isnad-envelopes"
ENVELOPE_KEY_KIND = "rsa-3072"
CERTIFICATE_TTL_S = 2 * 365 * 24 * 3600
"""Long, for people carry it to agencies; a new one is due with a new version of the key."""
VERSIONS_TRIED = 2
"""The latest, and the one before it while agencies change over."""
CACHED_S = 5.0
_RSA_SHA256 = bytes.fromhex("300d06092a864886f70d01010b0500")  # AlgorithmIdentifier (RFC 4055 §5)
_ROLE: dict[str, object] = {
    "allow_bare_domains": True,
    "allow_subdomains": False,
    "allow_localhost": False,
    "allow_ip_sans": False,
    "allow_wildcard_certificates": False,
    "key_type": "rsa",
    "key_bits": 3072,
    "key_usage": ["KeyEncipherment"],
    "server_flag": False,
    "client_flag": False,
    "ttl": f"{CERTIFICATE_TTL_S}s",
    "max_ttl": f"{CERTIFICATE_TTL_S}s",
}


class EnvelopeKey:
    """The key as the intake may use it. Methods block; safe to call from several threads."""

    def __init__(self, bao: OpenBao, now_s: Callable[[], float] = time.monotonic) -> None:
        self._bao = bao
        self._now_s = now_s
        self._versions: tuple[float, tuple[int, ...]] = (float("-inf"), ())

    def unwrap(self, wrapped: bytes) -> bytes | None:
        """Return what was encrypted for the key by RSA-OAEP with SHA-256 and MGF1 with SHA-256; None when nothing was.

        Raises:
            KeysUnavailable: it cannot be told now, or there is no such key.
        """
        for version in self._known_versions():
            body = {"ciphertext": f"vault:v{version}:{base64.b64encode(wrapped).decode()}"}
            try:
                found = self._bao.call(
                    "POST", f"transit/decrypt/{ENVELOPE_KEY}", body, answer=Answer[_Plaintext]
                )
            except Undecryptable:
                continue
            return base64.b64decode(found.data.plaintext)
        return None

    def certificate(self) -> str:
        """Return the certificate (PEM) that agencies encrypt for now.

        Raises:
            KeysUnavailable: there is none, or it cannot be had now.
        """
        return _certificate(self._bao, self._known_versions()[0])

    def _known_versions(self) -> tuple[int, ...]:
        read_s, known = self._versions
        if self._now_s() >= read_s + CACHED_S:
            known = _versions(self._bao)
            self._versions = (self._now_s(), known)
        return known


def offer(bao: OpenBao, host: str, *, new: bool) -> str:
    """Return the certificate (PEM) of the key, which is made if there is none; `new` gives it another version first.

    `host` names the gateway in the certificate. For administrators.

    Raises:
        KeysUnavailable: a call failed; what was done stands, and running it again goes on from there.
    """
    # 1. The key, which can be neither exported nor deleted.
    try:
        before = _versions(bao)
    except NotFound:
        before = ()
    if not before:
        bao.call("POST", f"transit/keys/{ENVELOPE_KEY}", {"type": ENVELOPE_KEY_KIND}, answer=Nothing)
    elif new:
        bao.call("POST", f"transit/keys/{ENVELOPE_KEY}/rotate", answer=Nothing)
    version = _versions(bao)[0]
    # 2. A certificate for its latest version, made once.
    try:
        return _certificate(bao, version)
    except NotFound:
        pass
    bao.call("POST", f"pki/roles/{ENVELOPE_KEY}", {**_ROLE, "allowed_domains": [host]}, answer=Nothing)
    request = Request(host, _public(bao, version), _RSA_SHA256, lambda info: _signature(bao, version, info))
    pem = certified(bao, ENVELOPE_KEY, request).public_bytes(Encoding.PEM).decode()
    # 3. Where the intake finds it. It is written once: `cas` 0 means that there must be nothing.
    body = {"options": {"cas": 0}, "data": {"certificate": pem}}
    bao.call("POST", data_path(f"envelopes/{version}"), body, answer=Nothing)
    return pem


def _versions(bao: OpenBao) -> tuple[int, ...]:
    """Return the versions that decrypt, latest first, as many as are tried."""
    keys = bao.call("GET", f"transit/keys/{ENVELOPE_KEY}", answer=Answer[_Versions]).data.keys
    return tuple(sorted(keys, reverse=True)[:VERSIONS_TRIED])


def _public(bao: OpenBao, version: int) -> rsa.RSAPublicKey:
    keys = bao.call("GET", f"transit/keys/{ENVELOPE_KEY}", answer=Answer[_Versions]).data.keys
    public = load_pem_public_key(keys[version].public_key.encode())
    if not isinstance(public, rsa.RSAPublicKey):
        raise KeysUnavailable(f"keys: {ENVELOPE_KEY} is no {ENVELOPE_KEY_KIND} key")
    return public


def _certificate(bao: OpenBao, version: int) -> str:
    path = data_path(f"envelopes/{version}")
    return bao.call("GET", path, answer=Answer[Answer[_Certificate]]).data.data.certificate


def _signature(bao: OpenBao, version: int, info: bytes) -> bytes:
    body = {
        "input": base64.b64encode(info).decode(),
        "signature_algorithm": "pkcs1v15",
        "key_version": version,
    }
    return transit_signature(bao, ENVELOPE_KEY, body)


class _Public(msgspec.Struct):
    public_key: str  # PEM


class _Versions(msgspec.Struct):
    keys: dict[int, _Public]


class _Plaintext(msgspec.Struct):
    plaintext: str  # base64


class _Certificate(msgspec.Struct):
    certificate: str  # PEM
