"""What went wrong, as RFC 9457 problem details in Arabic and English."""

from __future__ import annotations

from dataclasses import replace

import orjson

from gateway.codes import CODES, Code
from gateway.errors import IsnadError, Rejected, Tampered, Unavailable
from gateway.records import Refusal

Headers = list[tuple[bytes, bytes]]

MEDIA_TYPE = b"application/problem+json"

STATUS: dict[str, int] = {
    "contract.media_type": 415,
    "contract.unknown": 404,
    "identity.certificate_missing": 401,
    "log.entries_forbidden": 403,
    "log.unknown": 404,
    "record.unknown": 404,
    "request.headers_too_large": 431,
    "request.malformed": 400,
    "request.method": 405,
    "request.not_acceptable": 406,
    "request.too_slow": 408,
    "request.unknown": 404,
    "soap.media_type": 415,
    "submission.content_encoding": 415,
    "submission.id": 404,
    "submission.idempotency_key": 400,
    "submission.too_large": 413,
    "submission.too_slow": 408,
    "submission.interrupted": 408,
    "submission.unknown": 404,
    "quota.records": 429,
    "quota.submissions": 429,
    "unavailable.internal": 500,
}
"""Codes whose status is not that of their family."""

FAMILY_STATUS = {"identity": 403, "agreement": 403, "origin": 403, "quota": 429}
"""The status of the codes that begin with this word; all others are 422 (rejected), 503 or 500."""

MAX_LANGUAGE_BYTES = 256


def status_of(error: IsnadError) -> int:
    """Return the HTTP status an error is answered with."""
    if error.code in STATUS:
        return STATUS[error.code]
    family = FAMILY_STATUS.get(error.code.partition(".")[0])
    if family is not None:
        return family
    return 503 if isinstance(error, Unavailable) else 500 if isinstance(error, Tampered) else 422


def text_of(code: str) -> Code:
    """Return what a code means. One without a text is answered too: what was promised must be told."""
    return CODES.get(code) or replace(CODES["unavailable.internal"], en=code, ar=code)


def refused(refusal: Refusal) -> Rejected:
    """Return a record's refusal as the error of the request that held nothing else."""
    return Rejected(refusal.code, refusal.rule, refusal.field)


def described(error: IsnadError, language: str = "en") -> dict[str, object]:
    """Return the members of a problem (RFC 9457 §3.1 and extensions); `language` is of `title` only."""
    text = text_of(error.code)
    members: dict[str, object] = {
        "type": f"urn:isnad:error:{error.code}",
        "title": text.ar if language == "ar" else text.en,
        "title_ar": text.ar,
        "title_en": text.en,
        "status": status_of(error),
        "detail": error.rule,
        "code": error.code,
        "field": error.field,
        "remedy_ar": text.remedy_ar,
        "remedy_en": text.remedy_en,
    }
    if isinstance(error, Unavailable):
        members["retry_after_s"] = error.retry_after_s
    return {name: value for name, value in members.items() if value != ""}


def rendered(error: IsnadError, language: str, **members: object) -> tuple[int, Headers, bytes]:
    """Return status, header fields and body of a problem, with further `members`."""
    body = orjson.dumps(described(error, language) | members)
    headers = [
        (b"content-type", MEDIA_TYPE),
        (b"content-language", language.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ]
    if isinstance(error, Unavailable):
        headers.append((b"retry-after", b"%d" % max(1, round(error.retry_after_s))))
    return status_of(error), headers, body


def language_of(accept_language: bytes) -> str:
    """Return `ar` when a client prefers Arabic to English (RFC 9110 §12.5.4), otherwise `en`."""
    if not accept_language or len(accept_language) > MAX_LANGUAGE_BYTES:
        return "en"
    weights = {"ar": 0.0, "en": 0.0}
    for part in accept_language.decode("latin-1").lower().split(","):
        tag, _, parameter = part.partition(";")
        primary = tag.strip().partition("-")[0]
        if primary in weights:
            weights[primary] = max(weights[primary], _weight(parameter))
    return "ar" if weights["ar"] > weights["en"] else "en"


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
