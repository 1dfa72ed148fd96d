"""Verifies the signature that an agency puts on a submission itself, with the keys the registry holds for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from crypto import origin as signed
from crypto.origin import OriginError, OriginKey, cms, wsse
from crypto.pki import PeerRefused, fingerprint
from gateway.configuration import ends_ms
from gateway.doors import Request, SignedBody
from gateway.errors import Rejected
from gateway.records import Origin
from gateway.registry import Agency

CACHED_S, CACHE_MAX = 5.0, 10_000
"""How long a certificate's holder is remembered, as the holder of a connection's certificate is, and of how many."""

_RULES = {
    "malformed": "the signature fields must be in the form that the guide describes",
    "ambiguous": "there must be one signature, and one value of each field it covers",
    "unknown_key": "the key must be registered for the agency",
    "wrong_algorithm": "the algorithm must be the one that the key is for",
    "not_covered": "everything that must be signed must be signed",
    "not_fresh": "the signature must have been made within the last minutes",
    "wrong_signature": "the signature must verify",
    "wrong_digest": "the body must be the one that was signed",
    "untrusted": "the certificate must be current, for signatures, and from an issuer registered for the agency",
    "undecryptable": "what is encrypted must be for the gateway's current certificate",
    "body_too_long": "this algorithm signs a body as a whole, and that must be short enough",
}


class DetachedSignatures:
    """Implements `files.FileSignatures`: CMS. `agency_of` returns an agency as it is registered now."""

    def __init__(self, agency_of: Callable[[str], Agency]) -> None:
        self._agency_of = agency_of

    def verify(self, sender: str, origin: Origin, digest: bytes, signature: bytes) -> Origin:
        """See `files.FileSignatures.verify`."""
        try:
            proof = cms.verify(signature, digest, self._agency_of(sender).origin_keys)
        except OriginError as error:
            raise Rejected(f"origin.{error.reason}", _RULES[error.reason], "signature") from error
        return replace(origin, signature=proof.scheme, key_id=proof.key_id)


class OriginSignatures:
    """`agency_of` returns an agency as it is registered now; `now_s` the Unix time."""

    def __init__(self, agency_of: Callable[[str], Agency], now_s: Callable[[], float] = time.time) -> None:
        self._agency_of = agency_of
        self._now_s = now_s
        self._holders: dict[str, tuple[Agency, float, tuple[str, OriginKey]]] = {}

    def verify(self, sender: str, origin: Origin, request: Request) -> Origin:
        """Return `origin` completed with scheme and key id; unchanged when the submission is not signed.

        `request.target` is the absolute URI, beginning with the gateway's configured origin.

        Raises:
            Rejected: `origin.*`: there is a signature and it does not hold.
        """
        head = signed.Request(request.method, request.target, request.headers)
        try:
            verification = signed.begin(head, self._agency_of(sender).origin_keys, int(self._now_s()))
            if verification is None:
                return origin
            verification.update(request.body)
            proof = verification.finish()
        except OriginError as error:
            raise rejected(error) from error
        return replace(origin, signature=proof.scheme, key_id=proof.key_id)

    def verify_envelope(self, sender: str, origin: Origin, envelope: bytes) -> SignedBody:
        """See `doors.Signatures.verify_envelope`."""
        agency, now_s = self._agency_of(sender), self._now_s()
        try:
            proof = wsse.verify(envelope, lambda der: self._holder(agency, der, now_s), now_s)
        except OriginError as error:
            raise rejected(error) from error
        return SignedBody(replace(origin, signature="wsse", key_id=proof.key_id), proof.body, proof.mark)

    def _holder(self, agency: Agency, der: bytes, now_s: float) -> tuple[str, OriginKey]:
        """Return whose certificate it is; an answer holds for a moment, or until the registry changes."""
        mark = fingerprint(der)
        of, until_s, found = self._holders.get(mark, (None, 0.0, None))
        if found is not None and of is agency and now_s < until_s:
            return found
        found = _holder(agency, der, now_s)
        if len(self._holders) >= CACHE_MAX:
            self._holders = {}
        self._holders[mark] = agency, now_s + CACHED_S, found
        return found


def rejected(error: OriginError) -> Rejected:
    """Return the refusal that says what of an origin signature does not hold."""
    return Rejected(f"origin.{error.reason}", _RULES[error.reason], "signature")


def _holder(agency: Agency, der: bytes, now_s: float) -> tuple[str, OriginKey]:
    """Return the registered key that a certificate is for, once an authority of the agency vouches for it now."""
    # 1. The key is one that the agency has registered for signatures: its other certificates sign nothing.
    try:
        public = x509.load_der_x509_certificate(der).public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise OriginError("malformed") from error
    found = next(((kid, key) for kid, key in agency.origin_keys.items() if key == public), None)
    if found is None:
        raise OriginError("unknown_key")
    # 2. Not shut out by hand.
    if fingerprint(der) in agency.file.revoked:
        raise OriginError("untrusted")
    # 3. The certificate itself: chain, time, revocation, usage, by an authority that still vouches for the agency.
    now = datetime.fromtimestamp(now_s, UTC)
    refused: PeerRefused | None = None
    for way in agency.ways_in:
        if way.identity.not_after is not None and now_s * 1000 >= ends_ms(way.identity.not_after):
            continue
        try:
            way.verifier.verify_signer(der, now)
        except PeerRefused as error:
            refused = error
        else:
            return found
    raise OriginError("untrusted") from refused
