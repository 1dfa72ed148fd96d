"""The gateway, its log, a worker or what speaks SSH is killed at random instants while it takes a large file.

In the end every row has its one answer.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from large_file import NAME, await_end, compare, entry, fetched, made_up, put
from support.auditor import Auditor
from support.participants import small_site

from adapters.sftp.entry import State
from gateway.demo.running import Running
from gateway.demo.site import Site
from gateway.synth.flows import Flow, Made

ROWS = 200_000
KILLS = 10
ROWS_OF_CHILDREN = 60_000
KILLS_OF_CHILDREN = 3
CHILDREN = ("isnad-log", "isnad-worker", "isnad-sftp")


def await_progress(site: Site, beyond: int) -> bool:
    """Wait until more rows were answered than before; False when all of them are."""
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        found = entry(site.files)
        if found is not None and found.state is State.ANSWERED:
            return False
        if found is not None and found.position > beyond:
            return True
        time.sleep(0.01)
    raise AssertionError(f"nothing moves: {entry(site.files)}")


@pytest.mark.timeout(1800)
def test_a_gateway_killed_again_and_again_answers_every_row_once(tmp_path: Path) -> None:
    chance = random.Random(20261122)  # noqa: S311  instants, not secrets
    flow, records = made_up(ROWS)
    with small_site(tmp_path / "site") as site:
        running: Running = site.serve()
        send(site, tmp_path, flow, records)
        kills, position = 0, -1
        while kills < KILLS and await_progress(site, position):
            time.sleep(chance.random() * 0.7)
            running.kill()
            kills += 1
            position = (entry(site.files) or pytest.fail("the journal forgot the file")).position
            running = site.serve()
        assert kills >= min(KILLS, ROWS // 4000), "it was too fast to be killed"
        assert answered_once(site, tmp_path, records)["quarantined"]


@pytest.mark.timeout(900)
def test_what_the_gateway_is_made_of_killed_again_and_again_answers_every_row_once(tmp_path: Path) -> None:
    chance = random.Random(20261123)  # noqa: S311  instants, not secrets
    flow, records = made_up(ROWS_OF_CHILDREN)
    with small_site(tmp_path / "site") as site:
        running: Running = site.serve()
        send(site, tmp_path, flow, records)
        killed, position = Counter[str](), -1
        for name in CHILDREN * KILLS_OF_CHILDREN:
            if not await_progress(site, position):
                break
            time.sleep(chance.random() * 0.3)
            os.kill(chance.choice(children(running, name)), signal.SIGKILL)
            killed[name] += 1
            position = (entry(site.files) or pytest.fail("the journal forgot the file")).position
        assert min(killed[name] for name in CHILDREN) >= 2, "it was too fast to be killed"
        answered_once(site, tmp_path, records)
        assert running.popen.poll() is None, "the gateway itself went on"


def send(site: Site, folder: Path, flow: Flow, records: list[Made]) -> None:
    octets = b"".join([flow.writer.head, *(made.octets for made in records), flow.writer.tail])
    put(site, folder, NAME, octets, len(records))


def children(serve: Running, name: str) -> list[int]:
    """Return the processes of a gateway that have this name, once there are some."""
    pid, deadline = serve.popen.pid, time.monotonic() + 40
    while time.monotonic() < deadline:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if named := [int(one) for one in found if Path(f"/proc/{one}/comm").read_text().strip() == name]:
            return named
        time.sleep(0.01)
    raise AssertionError(f"no {name} comes again")


def answered_once(site: Site, folder: Path, records: list[Made]) -> Counter[str]:
    """Wait for the end and hold every row, the counts and the lane against each other; return the counts."""
    await_end(site.files)
    results = fetched(site, folder)
    promised = compare(results, records)
    found = entry(site.files)
    counted = Counter(line["outcome"] for line in results)
    assert (found.accepted, found.quarantined, found.duplicate, found.refused) == tuple(
        counted[outcome] for outcome in ("accepted", "quarantined", "duplicate", "refused")
    )
    assert found.position == len(records) == sum(counted.values())
    # Nothing stands in the lane twice, and nothing that no row speaks of.
    auditor = Auditor(site)
    kinds = [one for one in auditor.entries("cso", 0) if one["kind"] == "record.accepted"]
    assert Counter(one["id"] for one in kinds).most_common(1)[0][1] == 1
    assert {one["id"] for one in kinds} == promised
    auditor.close()
    return counted
