"""Which agency a connection's client certificate belongs to. A certificate means one agency, or nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from cryptography import x509

from crypto.pki import CERTIFICATE_MAX_BYTES, PeerRefused, fingerprint, spki_pin
from gateway.configuration import ends_ms
from gateway.doors import Refusals
from gateway.errors import Rejected
from gateway.records import Origin
from gateway.registry import Agency
from gateway.registry.agency import WayIn
from gateway.registry.snapshot import Snapshot

CACHED_S = 5.0
"""How long an answer is kept for a connection's next requests; a change of the registry ends it at once."""
CACHE_MAX = 10_000


class Certificates:
    """Implements `ports.Identities`. `in_force` returns the snapshot to decide by, `now` the time (UTC)."""

    def __init__(
        self,
        in_force: Callable[[], Snapshot],
        refusals: Refusals,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._in_force = in_force
        self._refusals = refusals
        self._now = now
        self._known: dict[bytes, tuple[float, str, Origin]] = {}
        self._known_of = in_force()

    def identify(self, certificate: bytes | None) -> tuple[str, Origin]:
        """See `ports.Identities.identify`."""
        if certificate is None:
            self._refusals.stranger("identity.certificate_missing", "")
            raise Rejected("identity.certificate_missing", "a client certificate must be shown")
        snapshot, now = self._in_force(), self._now()
        if snapshot is not self._known_of or len(self._known) >= CACHE_MAX:
            self._known_of, self._known = snapshot, {}
        known = self._known.get(certificate)
        if known is None or now.timestamp() >= known[0]:
            found = self._found(snapshot, certificate, now)
            known = self._known[certificate] = (now.timestamp() + CACHED_S, *found)
        return known[1:]

    def _found(self, snapshot: Snapshot, certificate: bytes, now: datetime) -> tuple[str, Origin]:
        mark = fingerprint(certificate)
        try:
            return _agency(snapshot, certificate, mark, now), Origin(certificate=mark)
        except Rejected as error:
            self._refusals.stranger(error.code, mark)
            raise


def _agency(snapshot: Snapshot, certificate: bytes, mark: str, now: datetime) -> str:
    """Return the agency that a certificate belongs to, in this order, refusing at the first doubt."""
    # 1. What it claims to be: its names and its key.
    claimed = _claims(certificate)
    candidates = [
        (agency, way)
        for agency in snapshot.registry.agencies.values()
        for way in agency.ways_in
        if (way.identity.san or way.identity.spki) in claimed
    ]
    # 2. The claims of one agency, and of one that is registered.
    if not candidates:
        raise Rejected("identity.unknown", "the certificate must carry a registered name or key")
    if len({agency.name for agency, _ in candidates}) > 1:
        raise Rejected("identity.ambiguous", "the certificate must carry the marks of one agency")
    # 3. Not shut out by hand.
    agency = candidates[0][0]
    if mark in agency.file.revoked:
        raise Rejected("identity.revoked", "the certificate must not be revoked")
    # 4. Proven by an authority registered for this agency: chain, time, revocation, purpose.
    _prove(agency, [way for _, way in candidates], certificate, now)
    return agency.name


def _prove(agency: Agency, ways: list[WayIn], certificate: bytes, now: datetime) -> None:
    """Return when one of the ways in accepts the certificate; else raise why the last one did not."""
    refusal = Rejected("identity.unknown", f"no way in is left for {agency.name}")
    for way in ways:
        if way.identity.not_after is not None and now.timestamp() * 1000 >= ends_ms(way.identity.not_after):
            refusal = Rejected("identity.expired", "this way to know the agency must not have ended")
            continue
        try:
            way.verifier.verify(certificate, now)
        except PeerRefused as error:
            refusal = Rejected(f"identity.{error.reason}", _RULES[error.reason])
            refusal.__cause__ = error
        else:
            return
    raise refusal


_RULES = {
    "malformed": "the certificate must be well-formed X.509",
    "untrusted": "the certificate must chain to an issuer registered for the agency",
    "not_yet_valid": "the certificate's validity must have begun",
    "expired": "the certificate's validity must not have ended",
    "revoked": "the certificate must not be revoked",
    "crl_stale": "every authority on the chain must have a current revocation list",
    "wrong_usage": "the certificate must be for TLS clients (clientAuth)",
}


def _claims(certificate: bytes) -> frozenset[str]:
    try:
        # What is too long to be a certificate is cut, and so is none.
        parsed = x509.load_der_x509_certificate(certificate[:CERTIFICATE_MAX_BYTES])
        return frozenset({spki_pin(certificate), *_names(parsed)})
    except (ValueError, x509.DuplicateExtension) as error:
        raise Rejected("identity.malformed", _RULES["malformed"]) from error


def _names(certificate: x509.Certificate) -> Iterator[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return
    yield from (f"dns:{name.lower()}" for name in names.get_values_for_type(x509.DNSName))
    yield from (f"uri:{name}" for name in names.get_values_for_type(x509.UniformResourceIdentifier))
