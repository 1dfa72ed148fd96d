"""`isnad deliver` dies at every step of a record's way out of the queue, and no agency notices."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest
from mortal import Mortal
from steps import Point, points
from support.auditor import Auditor
from support.draining import eventually
from support.participants import Endpoint, endpoint, handed_over, participant, promised, small_site
from support.sample_records import disposition, ndjson, notification, registration

from gateway import exchange
from gateway.demo import rabbitmq
from gateway.demo.site import BROKER_ACCOUNT, BROKER_DELIVERY, BROKER_READER, Site
from gateway.mailbox import Mailbox

MOMENT_S = 0.2
"""Long enough for the queue's own thread to settle what it was told to."""
BROKER_PASSWORDS = dict.fromkeys((BROKER_ACCOUNT, BROKER_DELIVERY, BROKER_READER), "for-tests-only")


@dataclass
class Exchange:
    """A site on a real broker whose delivery process dies now and then; the test answers as the authority."""

    site: Site
    deliver: Mortal
    register: httpx.Client
    register_server: Endpoint
    health_office: httpx.Client
    authority: httpx.Client
    auditor: Auditor
    numbers: Iterator[int]

    def inbox(self) -> httpx.Client:
        return participant(self.site, "moh", self.site.inbox_url)

    def death(self, agency: str) -> tuple[str, str]:
        """Have an agency hand over a record; return its id and its reference."""
        reference = f"{agency.upper()}-1203-2026-{next(self.numbers):06}"
        if agency == "moh":
            lines = handed_over(self.health_office, "death.v1", ndjson([notification(reference)]))
            return next(iter(promised(lines))), reference
        document = registration(reference).encode()
        answer = self.register.post(
            "/v1/death.v1/records", content=document, headers={"content-type": "application/xml"}
        )
        return answer.raise_for_status().json()["outcomes"][0]["id"], reference

    def answer(self, agency: str) -> tuple[str, str]:
        """Have the authority answer a new record of an agency; return the ids of answer and record."""
        record_id, reference = self.death(agency)
        body = ndjson([disposition(f"d:{record_id}", agency, record_id, reference)])
        lines = handed_over(self.authority, "disposition.v1", body, recipient=agency)
        return next(iter(promised(lines))), record_id


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    folder = tmp_path_factory.mktemp("site")
    with (
        rabbitmq.running(tmp_path_factory.mktemp("broker") / "broker", BROKER_PASSWORDS) as broker,
        small_site(folder, broker) as made,
        endpoint(made) as server,
    ):
        made.serve()
        auditor = Auditor(made)
        yield Exchange(
            made,
            Mortal(made, "deliver"),
            participant(made, "cso"),
            server,
            participant(made, "moh"),
            participant(made, "nea"),
            auditor,
            itertools.count(1),
        )
        auditor.close()


def soon_and_late(procedure: Callable[..., object]) -> list[Point]:
    """Return the points of a procedure, each at once and a moment later: a broker hears of things by and by."""
    return [*points(procedure), *points(procedure, pause_s=MOMENT_S)]


@pytest.mark.parametrize("point", soon_and_late(exchange.deliver), ids=str)
def test_an_endpoint_has_a_record_once_whenever_the_delivery_is_killed(
    running: Exchange, point: Point
) -> None:
    running.deliver.arm(point)
    answer_id, record_id = running.answer("cso")
    running.deliver.die()
    running.deliver.start()
    assert eventually(lambda: "record.delivered" in running.auditor.trace(answer_id))
    assert running.auditor.trace(answer_id) == ["record.accepted", "record.delivered"]
    assert "record.disposed" in running.auditor.trace(record_id)
    # It may have been sent twice; under one key, so a server that keeps to the guide has it once.
    assert running.register_server.records().count(answer_id) == 1


@pytest.mark.parametrize("point", soon_and_late(Mailbox.collect), ids=str)
def test_an_inbox_has_a_record_once_whenever_the_delivery_is_killed(running: Exchange, point: Point) -> None:
    running.deliver.arm(point)
    answer_id, _ = running.answer("moh")
    running.deliver.die()
    running.deliver.start()
    with running.inbox() as inbox:
        assert eventually(lambda: answer_id in waiting(inbox))
        assert waiting(inbox)[answer_id] == 1
        assert acknowledge(inbox, answer_id) == 1
    assert eventually(lambda: "record.delivered" in running.auditor.trace(answer_id))


@pytest.mark.parametrize("point", points(Mailbox._settle, given="settled"), ids=str)
def test_an_acknowledgement_counts_once_whenever_the_delivery_is_killed(
    running: Exchange, point: Point
) -> None:
    answer_id, _ = running.answer("moh")
    with running.inbox() as inbox:
        assert eventually(lambda: answer_id in waiting(inbox))
        running.deliver.arm(point)
        with pytest.raises(httpx.TransportError):
            acknowledge(inbox, answer_id)
    running.deliver.die()
    running.deliver.start()
    with running.inbox() as inbox:
        assert acknowledge(inbox, answer_id) in (0, 1)
        assert answer_id not in waiting(inbox)
    assert eventually(lambda: "record.delivered" in running.auditor.trace(answer_id))
    assert running.auditor.trace(answer_id) == ["record.accepted", "record.delivered"]


def test_afterwards_the_lanes_hold_and_nothing_waits(running: Exchange) -> None:
    answer_id, _ = running.answer("cso")
    assert eventually(lambda: answer_id in running.register_server.records())
    assert eventually(lambda: running.auditor.outbox() == 0)
    running.auditor.verify()
    running.auditor.accepted_once()
    answers = running.auditor.accepted("nea")
    assert eventually(lambda: running.auditor.unsettled(answers) == [])
    # Nothing was delivered twice, as the log has it.
    delivered = Counter(
        (entry["first"], entry["count"])
        for entry in running.auditor.entries("nea")
        if entry["kind"] == "record.delivered"
    )
    assert set(delivered.values()) == {1}


def waiting(inbox: httpx.Client) -> Counter[str]:
    records = inbox.get("/v1/inbox").raise_for_status().json()["records"]
    return Counter(one["event"]["id"] for one in records)


def acknowledge(inbox: httpx.Client, record_id: str) -> int:
    answer = inbox.post("/v1/inbox/acknowledgements", json={"ids": [record_id]})
    return answer.raise_for_status().json()["acknowledged"]
