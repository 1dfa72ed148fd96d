"""The test operation of an agency's service, and fetching from it without taking anything."""

from __future__ import annotations

from adapters.soap.service import Service
from gateway.errors import IsnadError
from gateway.onboarding.finding import Finding, clock

ABOUT = "ping"


def tried(service: Service) -> Finding:
    """Call `ping` and return what came of it; a service in the agency's own shape need not have it."""
    if not service.offers("ping"):
        return Finding(ABOUT, "endpoint.no_ping")
    try:
        said = service.call("ping")
    except IsnadError as error:
        return Finding(ABOUT, error.code, error.rule)
    # A service in the agency's own shape may tell no time; then its answer is all there is to say.
    return clock(ABOUT, said.told.time) if said.told.time else Finding(ABOUT, "")


def tried_fetching(service: Service, contract: str, cursor: str, *, signed: bool) -> Finding:
    """Ask for one record after a cursor, take nothing, and return what came of it.

    The cursor stays where it is, so whatever is there is fetched again in its turn. `signed` is whether the agreement
    demands that what is fetched is signed.
    """
    about = f"fetch {contract}"
    try:
        said = service.call("fetch", contract=contract, cursor=cursor, most=1)
    except IsnadError as error:
        return Finding(about, error.code, error.rule)
    if signed and said.told.document and not said.origin.signature:
        return Finding(about, "agreement.origin_signature_required")
    return Finding(about, detail="" if said.told.document else "there is nothing to fetch now")
