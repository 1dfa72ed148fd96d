"""Fixtures: a real OpenBao over TLS, prepared from the policies in the repository."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from crypto.openbao import Administrator, Session
from crypto.openbao import prepare as preparing
from crypto.openbao.prepare import SERVING, Plan, Prepared
from gateway.demo import openbao as development
from gateway.demo.openbao import Server

POLICIES = Path(__file__).resolve().parents[2] / "docker" / "openbao" / "policies"
RECIPIENTS: dict[str, preparing.Holder] = {"moi-1": "delivery", "nea-1": "nea"}


def plan(**changes: object) -> Plan:
    """The plan that tests prepare servers for."""
    fields: dict[str, object] = {
        "policies": preparing.read_policies(POLICIES),
        "recipients": RECIPIENTS,
        "hosts": dict.fromkeys(SERVING, ("localhost",)),
    }
    return Plan(**{**fields, **changes})


@dataclass(frozen=True)
class KeyServer:
    """A prepared server, and ways in."""

    server: Server
    prepared: Prepared

    @property
    def administrator(self) -> Administrator:
        return self.server.administrator()

    def session(self, process: str, *, timeout_s: float = 5.0) -> Session:
        """Log in as a process, as its supervisor would let it."""
        connection = self.server.connection(timeout_s=timeout_s)
        session = Session(connection, f"isnad-{process}", self.prepared.role_ids[process])
        session.log_in(preparing.admit(self.administrator, process))
        return session


@pytest.fixture(scope="session")
def openbao() -> Iterator[KeyServer]:
    """One server for the whole run, for tests that leave it as it was."""
    with development.running() as server:
        yield KeyServer(server, preparing.prepare(server.administrator(), plan()))


@pytest.fixture
def own_openbao() -> Iterator[KeyServer]:
    """A server of the test's own, to seal, freeze, rotate and spoil; logins live four seconds."""
    with development.running() as server:
        yield KeyServer(server, preparing.prepare(server.administrator(), plan(token_ttl_s=4)))
