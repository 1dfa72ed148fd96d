"""`isnad serve` dies at every step of carrying out officers' decisions, and each one is carried out once."""

from __future__ import annotations

import getpass
import itertools
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import httpx
import pytest
from mortal import Mortal
from steps import Point, points
from support.auditor import Auditor
from support.draining import eventually
from support.participants import Core, core, handed_over, participant, small_site
from support.sample_records import ndjson, notification

from gateway.demo.site import Site
from gateway.log import decisions
from gateway.log.chains import REFUSED
from gateway.log.quarantine import waiting
from gateway.log.rounds import Rounds
from gateway.log.spool import StoreSpool


@dataclass
class Exchange:
    """A site whose intake process dies now and then."""

    site: Site
    serve: Mortal
    core: Core
    health_office: httpx.Client
    auditor: Auditor
    numbers: Iterator[int]

    def quarantined(self) -> list[str]:
        """Hand over two records that have to wait; return their ids."""
        records = [notification(f"MOH-1203-2026-{next(self.numbers):06}", gender="أنثى") for _ in range(2)]
        lines = handed_over(self.health_office, "death.v1", ndjson(records))
        return [line["id"] for line in lines if line.get("outcome") == "quarantined"]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    with small_site(tmp_path_factory.mktemp("site")) as made:
        serve = Mortal(made, "serve")
        with participant(made, "moh") as health_office, closing(Auditor(made)) as auditor:
            yield Exchange(made, serve, core(made), health_office, auditor, itertools.count(1))


@pytest.mark.parametrize("point", points(Rounds._once, given="left"), ids=str)
def test_a_decision_is_carried_out_once_whenever_the_gateway_is_killed(
    running: Exchange, point: Point
) -> None:
    comes, gone = running.quarantined()
    running.serve.arm(point)
    officer = getpass.getuser()
    with closing(StoreSpool(running.site.store)) as spool:
        spool.leave([decisions.released("moh", comes, officer, "released.confirmed", "pass")])
        spool.leave([decisions.refused("moh", gone, officer, "refused.withdrawn")])
    running.serve.die()
    running.serve.start()
    assert eventually(lambda: running.core.seen().count(comes) == 1)
    assert eventually(lambda: running.auditor.trace(gone)[1:] == [REFUSED])
    assert running.auditor.trace(comes)[:2] == ["record.accepted", decisions.RELEASED]
    assert not list(waiting(running.auditor.db))


def test_afterwards_each_released_record_came_once_and_the_lanes_hold(running: Exchange) -> None:
    assert eventually(lambda: running.auditor.outbox() == 0)
    running.auditor.verify()
    traces = {one: running.auditor.trace(one) for one in running.auditor.accepted("moh")}
    released = [one for one, kinds in traces.items() if kinds.count(decisions.RELEASED) == 1]
    assert sorted(running.core.seen()) == sorted(released)
    assert {one for one, kinds in traces.items() if kinds[1:] == [REFUSED]} == set(traces) - set(released)
    kinds = [entry["kind"] for entry in running.auditor.entries("gateway")]
    assert decisions.TOO_LATE not in kinds
