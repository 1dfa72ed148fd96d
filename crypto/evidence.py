"""A signed message kept as evidence of origin, sealed for its recipient: whoever keeps it cannot read it.

One line of JSON (RFC 8785), a line feed, a nonce of 12 bytes and AES-256-GCM over the message, with the line as
additional data. The line names the submission and holds the message's key, wrapped with HPKE for each recipient key.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crypto.canonical import canonical
from crypto.encoding import b64url, from_b64url
from crypto.errors import Tampered
from crypto.hpke import PrivateKey, PublicKey, Suite, unwrap, wrap

KEY_BYTES, NONCE_BYTES = 32, 12
EVIDENCE_MAX_BYTES = 32 << 20
_INFO = b"isnad-evidence/v1\0"


class _Wrapped(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: str
    kid: str
    suite: Suite


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keys: Annotated[tuple[_Wrapped, ...], msgspec.Meta(min_length=1, max_length=8)]
    submission: str
    v: Literal[1]


def seal_evidence(message: bytes, submission: str, recipients: Sequence[PublicKey]) -> bytes:
    """Return a message as it is kept, for any of these keys to open."""
    key, nonce = os.urandom(KEY_BYTES), os.urandom(NONCE_BYTES)
    info = _INFO + submission.encode()
    keys = [
        {"key": b64url(wrap(public, info, key)), "kid": public.kid, "suite": public.suite.value}
        for public in recipients
    ]
    line = canonical({"keys": keys, "submission": submission, "v": 1})
    return line + b"\n" + nonce + AESGCM(key).encrypt(nonce, message, line)


def open_evidence(sealed: bytes, private: Callable[[str], PrivateKey]) -> tuple[str, bytes]:
    """Return submission and message; `private` returns a recipient's key by its id.

    Raises:
        Tampered: (`key`, `ciphertext`) it was made for another, or changed.
        KeysUnavailable: as `private` does.
    """
    line, feed, rest = sealed.partition(b"\n")
    try:
        head = msgspec.json.decode(line, type=_Line)
        wrapped = from_b64url(head.keys[0].key)
    except ValueError as error:
        raise Tampered("key", "this is no kept message") from error
    if not feed or len(sealed) > EVIDENCE_MAX_BYTES:
        raise Tampered("ciphertext", "this is no kept message")
    key = unwrap(private(head.keys[0].kid), _INFO + head.submission.encode(), wrapped)
    try:
        message = AESGCM(key).decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], line)
    except (InvalidTag, ValueError) as error:
        raise Tampered("ciphertext", "the kept message was changed") from error
    return head.submission, message
