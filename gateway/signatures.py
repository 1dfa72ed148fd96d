"""Verifies the signature that an agency puts on a submission itself, with the keys the registry holds for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from crypto import origin as signed
from crypto.origin import OriginError, OriginKey
from gateway.doors import Request
from gateway.errors import Rejected
from gateway.records import Origin

_RULES = {
    "malformed": "the signature fields must be in the form that the guide describes",
    "ambiguous": "there must be one signature, and one value of each field it covers",
    "unknown_key": "the key must be registered for the agency",
    "wrong_algorithm": "the algorithm must be the one that the key is for",
    "not_covered": "everything that must be signed must be signed",
    "not_fresh": "the signature must have been made within the last minutes",
    "wrong_signature": "the signature must verify",
    "wrong_digest": "the body must be the one that was signed",
    "body_too_long": "this algorithm signs a body as a whole, and that must be short enough",
}


class OriginSignatures:
    """`keys_of` returns an agency's registered keys by key id; `now_s` the Unix time."""

    def __init__(
        self, keys_of: Callable[[str], Mapping[str, OriginKey]], now_s: Callable[[], float] = time.time
    ) -> None:
        self._keys_of = keys_of
        self._now_s = now_s

    def verify(self, sender: str, origin: Origin, request: Request) -> Origin:
        """Return `origin` completed with scheme and key id; unchanged when the submission is not signed.

        `request.target` is the absolute URI, beginning with the gateway's configured origin.

        Raises:
            Rejected: `origin.*`: there is a signature and it does not hold.
        """
        head = signed.Request(request.method, request.target, request.headers)
        try:
            verification = signed.begin(head, self._keys_of(sender), int(self._now_s()))
            if verification is None:
                return origin
            verification.update(request.body)
            proof = verification.finish()
        except OriginError as error:
            raise Rejected(f"origin.{error.reason}", _RULES[error.reason], "signature") from error
        return replace(origin, signature=proof.scheme, key_id=proof.key_id)
