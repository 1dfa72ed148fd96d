"""`isnad serve` dies at every step of a record's way into the log and the queue, and nobody notices."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from mortal import Mortal
from steps import Point, points
from support.auditor import Auditor
from support.draining import eventually
from support.participants import Core, core, handed_over, heard, inbox, participant, promised, small_site
from support.sample_records import ndjson, notification

from crypto.entry import parse_entry
from gateway import exchange
from gateway.demo.site import Site
from gateway.log.quarantine import waiting
from gateway.log.rounds import Rounds
from gateway.queue.relay import Relay

POINTS = [
    *points(exchange.accept),
    *points(exchange.promise),
    *points(Rounds._once, given="requests"),
    *points(Relay._relay, given="outgoing"),
]
GOOD, DOUBTFUL, REFUSED = 2, 1, 1


@dataclass
class Exchange:
    """A site whose intake process dies now and then."""

    site: Site
    serve: Mortal
    core: Core
    health_office: httpx.Client
    inbox: httpx.Client
    auditor: Auditor
    numbers: Iterator[int]

    def body(self) -> bytes:
        """Return a submission that was never sent: two good records, and a bad and a doubtful one between them."""
        first, bad, doubtful, second = (f"MOH-1203-2026-{next(self.numbers):06}" for _ in range(4))
        bad_one = notification(bad, birth_date="31/02/1958")
        doubtful_one = notification(doubtful, gender="أنثى")
        return ndjson([notification(first), bad_one, doubtful_one, notification(second)])

    def quarantined(self) -> set[str]:
        """Return the ids of all records that wait for an officer."""
        return {parse_entry(one.entry).id for one in waiting(self.auditor.db)}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    with small_site(tmp_path_factory.mktemp("site")) as made:
        serve = Mortal(made, "serve")
        made.deliver()
        auditor = Auditor(made)
        yield Exchange(
            made,
            serve,
            core(made),
            participant(made, "moh"),
            participant(made, "moh", made.inbox_url),
            auditor,
            itertools.count(1),
        )
        auditor.close()


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_a_record_is_logged_once_and_delivered_once_whenever_the_intake_is_killed(
    running: Exchange, point: Point
) -> None:
    body, before = running.body(), running.auditor.size("moh")
    running.serve.arm(point)
    first = heard(running.health_office, "death.v1", body)
    running.serve.die()
    running.serve.start()
    again = handed_over(running.health_office, "death.v1", body)

    # What was promised before the end is what is promised after it, and it is in the log.
    records = promised(again)
    assert len(records) == GOOD + DOUBTFUL
    assert promised(first).items() <= records.items()
    running.auditor.holds(records)
    # What was refused is in the log as often as the sender was told.
    refusals = [
        entry for entry in running.auditor.entries("moh", before) if entry["kind"] == "record.refused"
    ]
    told = [line for line in [*first, *again] if line.get("outcome") == "refused"]
    assert len(told) <= len(refusals) <= 2 * REFUSED
    # Each record passes the SDK once; the doubtful one waits.
    good = records.keys() - running.quarantined()
    assert len(good) == GOOD
    assert eventually(lambda: good <= set(running.core.seen()))


def test_afterwards_every_record_was_delivered_once_and_answered_and_the_lanes_hold(
    running: Exchange,
) -> None:
    records = promised(handed_over(running.health_office, "death.v1", running.body()))
    quarantined = running.quarantined()
    good = records.keys() - quarantined
    assert eventually(lambda: good <= set(running.core.seen()))
    # The core dies too: what it owes is in its ledger, and its next life does not sit out a pause.
    running.core.running.kill()
    core(running.site)
    everything = [one for one in running.auditor.accepted("moh") if one not in quarantined]
    answers: list[dict] = []

    def answered() -> bool:
        answers.extend(inbox(running.inbox))
        return len(answers) >= len(everything)

    assert eventually(answered)
    assert eventually(lambda: running.auditor.outbox() == 0)
    running.auditor.verify()
    running.auditor.accepted_once()
    assert sorted(running.core.seen()) == sorted(everything)
    assert sorted(one["event"]["data"]["event_id"] for one in answers) == sorted(everything)
    for record_id in everything:
        trace = sorted(running.auditor.trace(record_id))
        assert trace == ["record.accepted", "record.delivered", "record.disposed"]
