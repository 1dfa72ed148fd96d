"""What will stop working if nobody acts: agreements and revocation lists that end soon or have ended."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from contracts.errors import Problem
from gateway.registry.participants import Registry

LIST_WARNING = timedelta(days=3)
AGREEMENT_WARNING = timedelta(days=30)


def remarks(registry: Registry, now: datetime) -> tuple[Problem, ...]:
    """Return what somebody should look at, although everything is valid as it stands."""
    return tuple(sorted({*_lists(registry, now), *_agreements(registry, now)}, key=str))


def _lists(registry: Registry, now: datetime) -> Iterator[Problem]:
    for agency in registry.agencies.values():
        for way in agency.ways_in:
            if way.lists_until - now < LIST_WARNING:
                yield Problem(
                    f"agencies/{agency.name}.yaml",
                    "crls",
                    "outlook.crl",
                    f"from {way.lists_until:%Y-%m-%dT%H:%MZ} nobody comes in without a new revocation list",
                )


def _agreements(registry: Registry, now: datetime) -> Iterator[Problem]:
    now_ms = int(now.timestamp() * 1000)
    soon_ms = int((now + AGREEMENT_WARNING).timestamp() * 1000)
    followed = {agreement.exchange for agreement in registry.agreements if agreement.until_ms > soon_ms}
    for agreement in registry.agreements:
        if agreement.until_ms <= soon_ms and agreement.exchange not in followed:
            verb = "has ended" if agreement.until_ms <= now_ms else "ends within 30 days"
            yield Problem(agreement.path, "valid_until", "outlook.agreement", f"{verb}, and none follows it")
        if not agreement.file.legal_basis.verified:
            message = "counsel has not confirmed the legal basis; production would refuse it"
            yield Problem(agreement.path, "legal_basis.verified", "outlook.legal_basis", message)
