"""What an agency is promised that records are handed to: the authority's answers reach it, once, or are parked."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass

import pytest
import yaml
from driver import Driver, Server
from support.changing import change
from support.draining import eventually
from support.participants import Core, core
from whole import NAMES, Exchange, exchange

from crypto.canonical import canonical
from crypto.receipt import Receipt, verify_receipt
from gateway.queue.local import LocalQueue

ATTEMPTS = 3
WAY = ["record.accepted", "record.delivered", "record.disposed"]
_numbers = itertools.count(1)


@dataclass
class Answered:
    """One agency, its own server, and what the log says of the authority's answers to it."""

    whole: Exchange
    core: Core
    agency: Driver
    server: Server

    def sent(self) -> str:
        """Have the agency hand a record over; return its id."""
        (told,) = self.agency.send(self.agency.record(f"A-2026-{next(_numbers):06}")).records
        assert told.outcome == "accepted"
        return told.record_id

    def answer_to(self, record_id: str) -> str:
        """Return the id of the authority's answer to a record, or nothing while it has not answered."""
        entries = self.whole.auditor.entries("nea")
        refs = {one["source_ref"]: one["id"] for one in entries if one["kind"] == "record.accepted"}
        return refs.get(f"d:{record_id}", "")

    def fate(self, record_id: str) -> list[str]:
        """Return what became of the authority's answer to a record."""
        answer_id = self.answer_to(record_id)
        return self.whole.auditor.trace(answer_id) if answer_id else []

    def got(self, record_id: str) -> list[dict]:
        """Return what the agency's server has taken of the answer to a record."""
        return [one for one in self.server.taken() if one["event"]["data"]["event_id"] == record_id]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Answered]]:
    with exchange(tmp_path_factory.mktemp("exchange")) as made, ExitStack() as stack:
        for agency in made.agencies.values():
            file = f"agencies/{agency.agency}.yaml"
            delivery = yaml.safe_load((made.site.config / file).read_text())["delivery"]
            change(made.site, file, delivery=delivery | {"attempts": ATTEMPTS})
        servers = {name: stack.enter_context(agency.server()) for name, agency in made.agencies.items()}
        made.site.deliver()
        authority = core(made.site)
        yield {name: Answered(made, authority, made.agencies[name], servers[name]) for name in NAMES}


@pytest.fixture(params=NAMES)
def answered(running: dict[str, Answered], request: pytest.FixtureRequest) -> Iterator[Answered]:
    yield running[request.param]
    running[request.param].server.behave("well")


def test_the_authoritys_answer_reaches_the_agency_with_its_receipt(answered: Answered) -> None:
    record_id = answered.sent()
    assert eventually(lambda: answered.fate(record_id) == WAY[:2])
    (taken,) = answered.got(record_id)
    assert (taken["event"]["source"], taken["event"]["data"]["outcome"]) == (
        "urn:isnad:agency:nea",
        "APPLIED",
    )
    receipt = Receipt.from_json(json.dumps(taken["receipt"]).encode())
    assert receipt.record_id == taken["event"]["id"] == answered.answer_to(record_id)
    policy = answered.whole.auditor.policy("nea")
    entry = verify_receipt(receipt, policy, octets=canonical(taken["event"]))
    assert entry.recipient == answered.agency.agency
    assert eventually(lambda: sorted(answered.whole.auditor.trace(record_id)) == WAY)
    assert answered.core.seen().count(record_id) == 1


def test_a_server_that_is_down_is_tried_again_and_takes_it_once(answered: Answered) -> None:
    answered.server.behave("down")
    attempts = answered.server.attempts()
    record_id = answered.sent()
    assert eventually(lambda: answered.server.attempts() > attempts)
    answered.server.behave("well")
    assert eventually(lambda: answered.fate(record_id) == WAY[:2])
    assert len(answered.got(record_id)) == 1


def test_a_server_that_refuses_is_not_asked_again(answered: Answered) -> None:
    answered.server.behave("refusing")
    attempts = answered.server.attempts()
    record_id = answered.sent()
    assert eventually(lambda: answered.fate(record_id) == ["record.accepted", "record.undeliverable"])
    assert answered.server.attempts() == attempts + 1
    assert parked(answered)[-1] == "delivery.refused"
    assert not answered.got(record_id)


def test_a_server_that_stays_down_gets_its_records_parked_and_the_log_says_so(answered: Answered) -> None:
    answered.server.behave("down")
    attempts = answered.server.attempts()
    record_id = answered.sent()
    assert eventually(lambda: answered.fate(record_id) == ["record.accepted", "record.undeliverable"])
    assert answered.server.attempts() == attempts + ATTEMPTS
    entries = answered.whole.auditor.entries("nea")
    last = [one for one in entries if one["kind"] == "record.undeliverable"][-1]
    assert last["reference"] == "unavailable.recipient"
    assert parked(answered)[-1] == "unavailable.recipient"


def test_afterwards_every_lane_holds(running: dict[str, Answered]) -> None:
    auditor = running[NAMES[0]].whole.auditor
    assert eventually(lambda: auditor.outbox() == 0)
    auditor.verify()
    auditor.accepted_once()


def parked(answered: Answered) -> list[str]:
    """Return why batches for the agency were parked, oldest first."""
    with closing(LocalQueue(answered.whole.site.folder / "var" / "queue.db")) as queue:
        return [one.reason for one in queue.parked(f"{answered.agency.agency}.disposition.v1", 10)]
