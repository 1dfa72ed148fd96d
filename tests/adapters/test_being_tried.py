"""`isnad agency test`: what an onboarding engineer reads, for an agency that is well and for one that is not."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from driver import Driver, Server
from support.draining import eventually
from whole import NAMES, Exchange, exchange

from gateway.codes import CODES
from gateway.demo.site import isnad


@dataclass
class Onboarding:
    """One agency, its own server, and the operator's command."""

    whole: Exchange
    agency: Driver
    server: Server

    def tried(self) -> tuple[int, str]:
        """Run the command as an operator does, admitted once."""
        site = self.whole.site
        done = subprocess.run(
            [*isnad("agency", "test", self.agency.agency), "--config", str(site.config)],
            env={**os.environ, **site.admit("deliver")},
            capture_output=True, text=True, check=False, timeout=240,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Onboarding]]:
    with exchange(tmp_path_factory.mktemp("exchange")) as made, ExitStack() as stack:
        servers = {name: stack.enter_context(agency.server()) for name, agency in made.agencies.items()}
        yield {name: Onboarding(made, made.agencies[name], servers[name]) for name in NAMES}


@pytest.fixture(params=NAMES)
def onboarding(running: dict[str, Onboarding], request: pytest.FixtureRequest) -> Iterator[Onboarding]:
    yield running[request.param]
    running[request.param].server.behave("well")


def test_one_that_has_sent_nothing_is_told_how(onboarding: Onboarding) -> None:
    status, said = onboarding.tried()
    assert (status, "agency.silent" in said) == (1, True)
    assert "ping" in said.partition("agency.silent")[0]
    assert CODES["agency.silent"].remedy_ar in said


def test_one_that_is_well_in_both_directions_and_its_lane_remembers(onboarding: Onboarding) -> None:
    onboarding.agency.ping()
    attempts, lane = onboarding.server.attempts(), onboarding.agency.agency
    status, said = onboarding.tried()
    assert status == 0, said
    assert "ok    ping.received" in said
    assert onboarding.server.attempts() > attempts
    assert onboarding.server.taken() == []
    entries = onboarding.whole.auditor.entries
    assert eventually(
        lambda: [one["wrong"] for one in entries(lane) if one["kind"] == "agency.tested"][-1:] == [0]
    )


@pytest.mark.parametrize("how", ["down", "refusing"])
def test_what_is_wrong_with_its_server_is_named(onboarding: Onboarding, how: str) -> None:
    code = {"down": onboarding.agency.down, "refusing": onboarding.agency.refusing}[how]
    onboarding.server.behave(how)
    status, said = onboarding.tried()
    assert (status, code in said) == (1, True), said
    assert CODES[code].remedy_en in said
    assert CODES[code].remedy_ar in said


def test_what_it_was_refused_is_explained(onboarding: Onboarding) -> None:
    agency = onboarding.agency
    agency.send(agency.record("T-1", nid="12345678901234"))
    assert agency.send_unallowed().code == agency.unallowed
    assert onboarding.whole.remembers(agency.agency, agency.unallowed)
    status, said = onboarding.tried()
    assert status == 1
    for code in ("record.nid.format", agency.unallowed):
        assert code in said
        assert CODES[code].remedy_en in said
    assert "12345678901234" not in said
