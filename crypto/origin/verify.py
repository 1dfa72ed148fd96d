"""The way in: which scheme a request uses, and its verification under way."""

from __future__ import annotations

from collections.abc import Mapping

from crypto.origin import http_signature, jws
from crypto.origin.proof import OriginError, OriginKey, Request, Verification


def begin(request: Request, keys: Mapping[str, OriginKey], now_s: int) -> Verification | None:
    """Begin to verify a request's origin signature with its sender's registered keys, by key id.

    None when the request carries no signature; whether it had to is the agreement's question. `now_s` is
    POSIX time.

    Raises:
        OriginError: the signature cannot hold, whatever the body is.
    """
    http = any(name in (b"signature", b"signature-input") for name, _ in request.headers)
    detached = any(name == jws.FIELD.encode() for name, _ in request.headers)
    if http and detached:
        raise OriginError("ambiguous")
    if http:
        return http_signature.verify(request, keys, now_s)
    if detached:
        return jws.verify(request, keys)
    return None
