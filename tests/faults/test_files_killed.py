"""The gateway is killed at random instants while it takes a large file; in the end every row has its one answer."""

from __future__ import annotations

import csv
import hashlib
import io
import random
import subprocess
import time
from collections import Counter
from datetime import date
from itertools import islice
from pathlib import Path

import orjson
import pytest
from support.auditor import Auditor
from support.participants import small_site

import contracts
from adapters.sftp.journal import Entry, State, listing
from gateway.demo.running import Running
from gateway.demo.site import Site
from gateway.synth.flows import Flow, Made
from gateway.synth.people import Population

CONTRACT = "civil-status-change.v1"
ROWS = 200_000
KILLS = 10
NAME = "تغييرات-يونيو.csv"


def made_up(count: int) -> tuple[Flow, list[Made]]:
    """Return so many made-up records, each with the answer that it must get."""
    population = Population("files", count * 2, date(2026, 6, 30))
    flow = Flow(contracts.load(), population, "cso", CONTRACT, months=12, intensity=10_000)
    records = list(islice((made for number in range(flow.files) for made in flow.made(number)), count))
    assert len(records) == count
    return flow, records


def put(site: Site, folder: Path, name: str, octets: bytes, count: int) -> None:
    """Send a file and its manifest with OpenSSH's sftp."""
    (folder / name).write_bytes(octets)
    manifest = {"sha256": hashlib.sha256(octets).hexdigest(), "rows": count, "number": 1, "file": name,
                "from": "2026-06-01", "to": "2026-06-30"}  # fmt: skip
    (folder / f"{name}.manifest.json").write_bytes(orjson.dumps(manifest))
    sftp(site, folder, f'put "{name}" /in/{CONTRACT}/', f'put "{name}.manifest.json" /in/{CONTRACT}/')


def sftp(site: Site, folder: Path, *commands: str) -> None:
    key = folder / "id"
    if not key.exists():
        key.touch(0o600)
        key.write_bytes(site.ssh_identities["cso"])
    subprocess.run(
        ["sftp", "-q", "-F", "/dev/null", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
         "-o", "LogLevel=ERROR", "-i", str(key), "-P", str(site.ports["sftp"]), "-b", "-", "cso@127.0.0.1"],
        input="\n".join(commands).encode(), cwd=folder, check=True, timeout=120, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def entry(site: Site) -> Entry | None:
    return next((entry for entry in listing(site.files / "journal.db") if entry.name == NAME), None)


def await_progress(site: Site, beyond: int) -> bool:
    """Wait until more rows were answered than before; False when all of them are."""
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        found = entry(site)
        if found is not None and found.state is State.ANSWERED:
            return False
        if found is not None and found.position > beyond:
            return True
        time.sleep(0.01)
    raise AssertionError(f"nothing moves: {entry(site)}")


@pytest.mark.timeout(1800)
def test_a_gateway_killed_again_and_again_answers_every_row_once(tmp_path: Path) -> None:
    chance = random.Random(20261122)  # noqa: S311  instants, not secrets
    flow, records = made_up(ROWS)
    with small_site(tmp_path / "site") as site:
        running: Running = site.serve()
        octets = b"".join([flow.writer.head, *(made.octets for made in records), flow.writer.tail])
        put(site, tmp_path, NAME, octets, len(records))
        kills, position = 0, -1
        while kills < KILLS and await_progress(site, position):
            time.sleep(chance.random() * 0.7)
            running.kill()
            kills += 1
            position = (entry(site) or pytest.fail("the journal forgot the file")).position
            running = site.serve()
        assert kills >= min(KILLS, ROWS // 4000), "it was too fast to be killed"
        await_end(site)
        results = fetched(site, tmp_path)
        promised = compare(results, records)
        found = entry(site)
        counted = Counter(line["outcome"] for line in results)
        assert (found.accepted, found.quarantined, found.duplicate, found.refused) == tuple(
            counted[outcome] for outcome in ("accepted", "quarantined", "duplicate", "refused")
        )
        assert found.quarantined
        assert found.position == ROWS == sum(counted.values())
        # Nothing stands in the lane twice, and nothing that no row speaks of.
        auditor = Auditor(site)
        kinds = [one for one in auditor.entries("cso", 0) if one["kind"] == "record.accepted"]
        assert Counter(one["id"] for one in kinds).most_common(1)[0][1] == 1
        assert {one["id"] for one in kinds} == promised
        auditor.close()


def await_end(site: Site) -> None:
    deadline = time.monotonic() + 600
    while (entry(site) or pytest.fail("the journal forgot the file")).state is not State.ANSWERED:
        assert time.monotonic() < deadline, entry(site)
        time.sleep(0.05)


def fetched(site: Site, folder: Path) -> list[dict[str, str]]:
    sftp(site, folder, f'get "/in/{CONTRACT}/{NAME}.results.csv" results.csv')
    text = (folder / "results.csv").read_bytes().decode("windows-1256")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def compare(results: list[dict[str, str]], records: list[Made]) -> set[str]:
    """Hold every row's outcome against its foretold answer; return the ids of those promised."""
    assert [int(line["row"]) for line in results] == list(range(1, len(records) + 1))
    promised = set()
    for line, made in zip(results, records, strict=True):
        told = made.answer.outcome
        assert line["outcome"] == told, (line, made.answer)
        if told == "refused":
            assert line["code"] == made.answer.code, (line, made.answer)
            continue
        assert line["reference"] == made.ref
        if told != "duplicate":
            promised.add(line["record"])
    return promised
