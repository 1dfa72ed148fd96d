"""The test operation of an agency's service."""

from __future__ import annotations

from adapters.soap.service import Service
from gateway.errors import IsnadError
from gateway.onboarding.finding import Finding, clock

ABOUT = "ping"


def tried(service: Service) -> Finding:
    """Call `ping` and return what came of it."""
    try:
        said = service.call("ping")
    except IsnadError as error:
        return Finding(ABOUT, error.code, error.rule)
    # A service in the agency's own shape may tell no time; then its answer is all there is to say.
    return clock(ABOUT, said.told.time) if said.told.time else Finding(ABOUT, "")
