"""The key server is sealed, the disk is full, the process is killed: nothing is promised, and nothing is lost."""

from __future__ import annotations

import itertools
import shutil
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from driver import Driver, Interrupted
from support.disk import own_disk
from support.draining import eventually
from support.participants import Core, core, owed, ready
from whole import Exchange, again, exchange

MIB = 1 << 20
PILE = 256
MANY = 1500
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("small") / "disk"
    with own_disk(folder, 160 * MIB):
        yield folder


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, disk: Path) -> Iterator[Exchange]:
    store = {"path": str(disk / "store.db"), "outbox_max_bytes": 1024 * MIB}
    with exchange(tmp_path_factory.mktemp("exchange"), store=store) as made:
        yield made


@pytest.fixture(scope="module")
def authority(running: Exchange) -> Core:
    return core(running.site)


def pile(agency: Driver, count: int) -> list[bytes]:
    return [agency.record(f"C-2026-{next(_numbers):06}") for _ in range(count)]


def test_sealed_keys_make_nothing_promised_and_nothing_lost(running: Exchange, agency: Driver) -> None:
    before = running.auditor.accepted(agency.agency)
    waiting = pile(agency, 3)
    running.site.keys.seal()
    try:
        told = agency.send(*waiting)
    finally:
        running.site.keys.unseal()
    assert told.code == "unavailable.keys"
    assert running.auditor.accepted(agency.agency) == before
    assert again(agency, *waiting).outcomes == ["accepted"] * 3
    assert eventually(lambda: ready(running.site)[0] == 200)


def test_a_full_disk_makes_nothing_promised_and_work_goes_on_when_there_is_room(
    running: Exchange, agency: Driver, disk: Path
) -> None:
    filler = disk / "of somebody else"
    filler.write_bytes(bytes(shutil.disk_usage(disk).free - 3 * MIB))
    try:
        for _ in range(40):
            waiting = pile(agency, PILE)
            told = agency.send(*waiting)
            if told.code:
                break
        assert (told.code, told.retry_after_s >= 1) == ("unavailable.store", True)
        assert eventually(
            lambda: ready(running.site) == (503, ready(running.site)[1] | {"store": "disk full"})
        )
    finally:
        filler.unlink()
    assert eventually(lambda: ready(running.site)[0] == 200)
    assert set(again(agency, *waiting).outcomes) <= {"accepted", "duplicate"}
    running.auditor.verify()


def test_a_gateway_that_is_killed_in_the_middle_has_everything_once_when_it_was_sent_again(
    running: Exchange, authority: Core, agency: Driver
) -> None:
    records, before = pile(agency, MANY), len(running.auditor.accepted(agency.agency))
    with ThreadPoolExecutor(1) as beside:
        first = beside.submit(agency.send, *records)
        assert eventually(lambda: len(running.auditor.accepted(agency.agency)) > before)
        running.serve.kill()
        with suppress(Interrupted):
            first.result()
    running.start()
    told = again(agency, *records)
    assert len(told.records) == MANY
    assert set(told.outcomes) <= {"accepted", "duplicate"}
    ids = {one.record_id for one in told.records}
    assert len(ids) == MANY
    accepted = Counter(running.auditor.accepted(agency.agency))
    assert {accepted[record_id] for record_id in ids} == {1}
    assert eventually(lambda: ids <= set(authority.seen()))
    assert Counter(authority.seen()).most_common(1)[0][1] == 1


def test_afterwards_every_lane_holds(running: Exchange, authority: Core) -> None:
    assert eventually(lambda: running.auditor.outbox() == owed(running.site) == 0)
    running.auditor.verify()
    running.auditor.accepted_once()
