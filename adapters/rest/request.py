"""What the head of a request says, checked before anything is done for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from urllib.parse import parse_qsl

from starlette.types import Scope

from adapters.rest.answers import JSON, NDJSON
from gateway.errors import Rejected
from gateway.https.problems import language_of

CONTRACT = re.compile(r"[a-z][a-z0-9-]{0,62}\.v[0-9]{1,3}\Z")
PARTICIPANT = re.compile(r"[a-z][a-z0-9-]{0,62}\Z")
MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,63}/[a-z0-9!#$&^_.+-]{1,63}\Z")
IDEMPOTENCY_KEY = re.compile(r"[\x20-\x7e]{1,128}\Z")
SIGNATURE_FIELDS = frozenset({b"signature", b"signature-input", b"jws-signature"})
ONCE = frozenset(
    {b"content-type", b"content-length", b"content-encoding", b"idempotency-key", b"host", b"accept-language"}
)
"""Fields of one value: a second one is refused, because two readers could take different ones."""

Headers = Iterable[tuple[bytes, bytes]]


class Form(Enum):
    """In what form outcomes are answered."""

    DOCUMENT = 1
    """One JSON document, with a receipt for each record."""
    LINES = 2
    """A line for each record as it becomes durable."""
    REFUSALS = 3
    """Lines for refused records only: for clients that do not read while they send."""


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a submission. `content_length` is -1 for a chunked body; `idempotency_key` may be empty."""

    contract: str
    recipient: str
    media_type: str
    content_length: int
    idempotency_key: str
    signed: bool
    host: bytes
    form: Form
    language: str


def language(scope: Scope) -> str:
    """Return the language a client wants problems titled in."""
    return next((language_of(value) for name, value in scope["headers"] if name == b"accept-language"), "en")


def head(scope: Scope, contract: str, max_whole_bytes: int) -> Head:
    """Read the head of `POST /v1/{contract}/records`.

    Raises:
        Rejected: a name or a header field is not in its form.
    """
    fields = _fields(scope["headers"])
    if not CONTRACT.match(contract):
        raise Rejected("contract.unknown", "a contract is named like death.v1", "contract")
    encoding = fields.get(b"content-encoding", b"identity")
    if encoding.lower() != b"identity":
        raise Rejected("submission.content_encoding", "bodies must not be compressed", "Content-Encoding")
    media_type = fields.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")
    length = _length(fields)
    return Head(
        contract=contract,
        recipient=_recipient(scope["query_string"]),
        media_type=media_type if MEDIA_TYPE.match(media_type) else "",
        content_length=length,
        idempotency_key=_idempotency_key(fields),
        signed=not SIGNATURE_FIELDS.isdisjoint(fields),
        host=fields.get(b"host", b""),
        form=_form(fields, media_type, length, max_whole_bytes),
        language=language_of(fields.get(b"accept-language", b"")),
    )


def _fields(headers: Headers) -> dict[bytes, bytes]:
    fields: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in ONCE and name in fields:
            raise Rejected("request.malformed", "this header field must stand once", name.decode("latin-1"))
        fields[name] = fields[name] + b", " + value if name in fields else value
    return fields


def _length(fields: dict[bytes, bytes]) -> int:
    # The parser has refused what is no number, and both framings at once (RFC 9112 §6.3).
    return int(fields.get(b"content-length", b"-1" if b"transfer-encoding" in fields else b"0"))


def _recipient(query: bytes) -> str:
    if not query:
        return ""
    values = [
        value
        for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True)
        if name == "recipient"
    ]
    if len(values) > 1 or not all(PARTICIPANT.match(value) for value in values):
        raise Rejected("request.malformed", "recipient must be one participant's name", "recipient")
    return values[0] if values else ""


def _idempotency_key(fields: dict[bytes, bytes]) -> str:
    raw = fields.get(b"idempotency-key")
    if raw is None:
        return ""
    key = raw.decode("latin-1")
    if not IDEMPOTENCY_KEY.match(key):
        raise Rejected(
            "submission.idempotency_key",
            "an idempotency key has 1 to 128 printable ASCII characters",
            "Idempotency-Key",
        )
    return key


def _form(fields: dict[bytes, bytes], media_type: str, length: int, max_whole_bytes: int) -> Form:
    accepted = fields.get(b"accept", b"").lower()
    streamed = media_type.encode() == NDJSON or not 0 <= length <= max_whole_bytes
    if JSON in accepted and NDJSON not in accepted:
        streamed = False
    elif NDJSON in accepted and JSON not in accepted:
        streamed = True
    if not streamed:
        return Form.DOCUMENT
    return Form.REFUSALS if b"return=minimal" in fields.get(b"prefer", b"").lower() else Form.LINES


def target(scope: Scope, host: bytes, server_names: Sequence[str]) -> str:
    """Return the absolute URI the client asked for (RFC 9421 §2.2.2).

    Raises:
        Rejected: it did not ask this gateway; what was signed for another must not be taken here.
    """
    if host.decode("latin-1").lower().partition(":")[0] not in server_names:
        raise Rejected("request.malformed", "a signed request must name this gateway", "Host")
    path = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    return f"https://{host.decode('latin-1')}{path.decode('latin-1')}"
