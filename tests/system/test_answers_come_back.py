"""The whole way and back: what the authority decides reaches the agency, and every step is in the log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import httpx
import pytest
import yaml
from support.auditor import Auditor
from support.draining import eventually
from support.participants import Core, Endpoint, core, endpoint, inbox, participant, small_site
from support.sample_records import notification, registration

from crypto.receipt import Receipt
from gateway.demo.site import Site
from gateway.queue.local import LocalQueue

ATTEMPTS = 2
PATH = "/v1/death.v1/records"
WAY = ["record.accepted", "record.delivered", "record.disposed"]


@dataclass
class Exchange:
    """A whole site: both processes, the authority's core, an agency's server and one that fetches."""

    site: Site
    core: Core
    register_server: Endpoint
    health_office: httpx.Client
    register: httpx.Client
    inbox: httpx.Client
    auditor: Auditor

    def registered(self, reference: str) -> str:
        """Have the register hand over a death; return the record's id."""
        answer = self.register.post(
            PATH, content=registration(reference).encode(), headers={"content-type": "application/xml"}
        )
        return answer.raise_for_status().json()["outcomes"][0]["id"]

    def answer_to(self, record_id: str) -> str:
        """Return the id of the authority's answer to a record, or nothing while it has not answered."""
        entries = self.auditor.entries("nea")
        refs = {one["source_ref"]: one["id"] for one in entries if one["kind"] == "record.accepted"}
        return refs.get(f"d:{record_id}", "")

    def fate(self, record_id: str) -> list[str]:
        """Return what became of the authority's answer to a record."""
        answer_id = self.answer_to(record_id)
        return self.auditor.trace(answer_id) if answer_id else []


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    with small_site(tmp_path_factory.mktemp("site")) as made, endpoint(made) as server:
        path = made.config / "agencies" / "cso.yaml"
        agency = yaml.safe_load(path.read_text())
        agency["delivery"]["attempts"] = ATTEMPTS
        path.write_text(yaml.safe_dump(agency, allow_unicode=True))
        made.serve()
        made.deliver()
        with (
            participant(made, "moh") as health_office,
            participant(made, "cso") as register,
            participant(made, "moh", made.inbox_url) as box,
            closing(Auditor(made)) as auditor,
        ):
            yield Exchange(made, core(made), server, health_office, register, box, auditor)


@pytest.fixture(autouse=True)
def well(running: Exchange) -> Iterator[None]:
    yield
    running.register_server.status = 200


def test_an_answer_waits_in_the_inbox_of_an_agency_that_fetches(running: Exchange) -> None:
    sent = running.health_office.post(PATH, json=notification("MOH-1203-2026-000001")).json()
    record_id = sent["outcomes"][0]["id"]
    answers: list[dict] = []
    assert eventually(lambda: answers.extend(inbox(running.inbox)) or answers)
    (answer,) = answers
    data = answer["event"]["data"]
    assert (data["event_id"], data["event_ref"]) == (record_id, "MOH-1203-2026-000001")
    assert data["outcome"] == "APPLIED"
    assert answer["event"]["source"] == "urn:isnad:agency:nea"
    Receipt.from_json(json.dumps(answer["receipt"]).encode())
    assert eventually(lambda: running.auditor.trace(record_id) == WAY)
    assert eventually(lambda: running.fate(record_id) == WAY[:2])
    assert running.core.seen().count(record_id) == 1


def test_an_answer_is_posted_to_the_server_of_an_agency_that_has_one(running: Exchange) -> None:
    record_id = running.registered("CSO-2026-77-00001")
    assert eventually(lambda: running.fate(record_id) == WAY[:2])
    assert running.register_server.records().count(running.answer_to(record_id)) == 1
    assert running.auditor.trace(record_id) == WAY
    references = [
        entry["reference"]
        for entry in running.auditor.entries("nea")
        if entry["kind"] == "record.delivered" and entry["reference"].startswith("box-")
    ]
    assert references  # what the agency's server called it is in the log


def test_a_server_that_is_down_is_tried_again_and_gets_it(running: Exchange) -> None:
    running.register_server.status = 503
    attempts = running.register_server.attempts
    record_id = running.registered("CSO-2026-77-00002")
    assert eventually(lambda: running.register_server.attempts > attempts)
    running.register_server.status = 200
    assert eventually(lambda: running.fate(record_id) == WAY[:2])


def test_a_server_that_stays_down_gets_its_records_parked_and_the_log_says_so(running: Exchange) -> None:
    running.register_server.status = 500
    attempts = running.register_server.attempts
    record_id = running.registered("CSO-2026-77-00003")
    assert eventually(lambda: running.fate(record_id) == ["record.accepted", "record.undeliverable"])
    assert running.register_server.attempts == attempts + ATTEMPTS
    (last,) = [one for one in running.auditor.entries("nea") if one["kind"] == "record.undeliverable"]
    assert last["reference"] == "unavailable.recipient"
    with closing(LocalQueue(running.site.folder / "var" / "queue.db")) as queue:
        assert [one.reason for one in queue.parked("cso.disposition.v1", 10)] == ["unavailable.recipient"]


def test_a_server_that_refuses_is_not_asked_again(running: Exchange) -> None:
    running.register_server.status = 422
    attempts = running.register_server.attempts
    record_id = running.registered("CSO-2026-77-00004")
    assert eventually(lambda: running.fate(record_id) == ["record.accepted", "record.undeliverable"])
    assert running.register_server.attempts == attempts + 1


def test_afterwards_every_lane_holds(running: Exchange) -> None:
    running.registered("CSO-2026-77-00005")
    assert eventually(lambda: running.auditor.outbox() == 0)
    running.auditor.verify()
    running.auditor.accepted_once()
