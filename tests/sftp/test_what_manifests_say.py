"""Parts of a batch, and manifests that the binding wants held against their file but not enforced."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from place import CSV, SHIPPED, FileKeysHeld, Person, Place, configured, host_key, open_place, rows, shipped
from support.ssh import key_pair

from adapters.sftp.overdue import OVERDUE_S, report_overdue
from gateway import metrics

PARTS = "voter-snapshot.v1"
BINDING = Path("agencies/cso/eligibility-gained/v1/binding.yaml")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A gateway whose binding for CSV files has a contradicted manifest reported."""
    folder = tmp_path_factory.mktemp("manifests")
    contracts = folder / "contracts"
    shutil.copytree(SHIPPED, contracts, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    binding = yaml.safe_load((contracts / BINDING).read_text())
    binding["files"]["manifest"]["contradicted"] = "report"
    (contracts / BINDING).write_text(yaml.safe_dump(binding, allow_unicode=True))
    configuration = configured(folder, keys=[key_pair(folder / "cso")])
    configuration.agreement("cso", "nea", PARTS)
    keys = FileKeysHeld()
    with open_place(folder, configuration, keys, contracts=contracts) as opened:
        opened.host_key = host_key(keys)
        yield opened


@pytest.fixture(scope="module")
def cso(place: Place) -> Person:
    return Person(place.folder / "cso", "cso", place.port, place.host_key)


def put_part(cso: Person, batch: str, number: int, total: int, version: int = 0) -> str:
    """Send one part of a batch and return its name; other versions hold other records."""
    name = f"{batch}-{number}-{version}.xml"
    reference = f"CSO-S-202606-{int(batch) * 100 + number * 10 + version:07}".encode()
    octets = shipped("cso", "voter-snapshot", "one.xml").replace(b"CSO-S-202606-0000001", reference)
    cso.write(name, octets)
    told = json.loads(cso.manifest(name, octets, 1))
    members = {"sha256": told["sha256"], "count": 1, "seq": number, "total": total, "batch_id": f"S-{batch}"}
    cso.write(f"{name}.manifest.json", json.dumps(members).encode())
    done = cso.sftp(f"put {name} /in/{PARTS}/", f"put {name}.manifest.json /in/{PARTS}/")
    assert done.returncode == 0, done.stderr
    return name


def test_a_part_that_is_missing_is_reported_with_every_later_one_until_it_comes(place: Place, cso: Person):
    entries = {}
    for number in (1, 3, 4, 2, 5):
        entries[number] = place.answered(put_part(cso, "1", number, 5))
        assert (entries[number].state, entries[number].accepted) == ("answered", 1)
    assert {number: entry.missing for number, entry in entries.items()} == {1: 0, 3: 1, 4: 1, 2: 0, 5: 0}
    told = [one for one in place.lane("cso") if one["kind"] == "file.missing"]
    assert [(one["submission"], one["sequence"], one["missing"]) for one in told] == [
        (entries[3].id, 3, 1),
        (entries[4].id, 4, 1),
    ]
    assert cso.summary("1-3-0.xml", PARTS)["missing"] == 1


def test_parts_that_never_come_are_reported_by_the_clock_once_until_more_come(place: Place, cso: Person):
    def told() -> list[tuple[object, ...]]:
        return [
            (one["submission"], one["total"], one["missing"])
            for one in place.lane("cso")
            if one["kind"] == "file.overdue"
        ]

    first = place.answered(put_part(cso, "6", 1, 3))
    place.answered(put_part(cso, "7", 1, 1))
    in_a_day = first.whole_ms + (OVERDUE_S + 60) * 1000
    place.run(overdue(place, first.whole_ms + 60_000))
    assert told() == []
    for _ in range(2):
        place.run(overdue(place, in_a_day))
    assert told() == [(first.id, 3, 2)]
    assert metrics.FILES_OVERDUE.collect()[0].samples[0].value == 2
    second = place.answered(put_part(cso, "6", 2, 3))
    place.run(overdue(place, second.whole_ms + (2 * OVERDUE_S) * 1000))
    assert told() == [(first.id, 3, 2), (second.id, 3, 1)]
    place.answered(put_part(cso, "6", 3, 3))
    place.run(overdue(place, second.whole_ms + (4 * OVERDUE_S) * 1000))
    assert len(told()) == 2
    assert metrics.FILES_OVERDUE.collect()[0].samples[0].value == 0


async def overdue(place: Place, now_ms: int) -> None:
    """Let it be a certain time when the house is kept."""
    desk = place.inbound._desk
    await report_overdue(desk.journal, place.inbound._note, now_ms)


def test_a_part_is_taken_once_and_its_number_is_free_in_another_batch(place: Place, cso: Person):
    assert place.answered(put_part(cso, "2", 1, 2)).state == "answered"
    assert place.answered(put_part(cso, "2", 1, 2, version=1)).code == "file.sequence_repeated"
    assert place.answered(put_part(cso, "3", 1, 2)).state == "answered"


def test_a_part_that_was_refused_is_sent_again_under_its_number(place: Place, cso: Person):
    name = "4-1-0.xml"
    octets = shipped("cso", "voter-snapshot", "one.xml").replace(
        b"CSO-S-202606-0000001", b"CSO-S-202606-0000400"
    )
    cso.write(name, octets)
    members = {"sha256": "00" * 32, "count": 1, "seq": 1, "total": 1, "batch_id": "S-4"}
    cso.write(f"{name}.manifest.json", json.dumps(members).encode())
    cso.sftp(f"put {name} /in/{PARTS}/", f"put {name}.manifest.json /in/{PARTS}/")
    assert place.answered(name).code == "file.contradicted"
    assert place.answered(put_part(cso, "4", 1, 1, version=1)).state == "answered"


@pytest.mark.parametrize(
    ("name", "changed", "rule"),
    [
        ("fewer.csv", {"rows": 9}, "as many records as the manifest says"),
        ("other-name.csv", {"file": "another.csv"}, "called as the manifest says"),
    ],
)
def test_where_the_binding_says_so_a_contradicted_file_is_taken_and_the_contradiction_told(
    place: Place, cso: Person, name: str, changed: dict[str, object], rule: str
):
    cso.put(name, rows(5, first=len(name) * 1000), 5, **changed)
    entry = place.answered(name)
    assert (entry.state, entry.accepted, entry.code) == ("answered", 5, "file.contradicted")
    summary = cso.summary(name)
    assert (summary["accepted"], summary["code"], summary["rule"]) == (5, "file.contradicted", rule)
    (logged,) = [
        one
        for one in place.lane("cso")
        if one.get("submission") == entry.id and one["kind"] == "file.answered"
    ]
    assert (logged["code"], logged["rule"]) == ("file.contradicted", rule)


def test_a_file_of_another_hash_is_refused_whatever_the_binding_says(place: Place, cso: Person):
    cso.put("hash.csv", rows(5, first=40_000), 5, sha256="00" * 32)
    entry = place.answered("hash.csv")
    assert (entry.state, entry.code, entry.position) == ("refused", "file.contradicted", 0)


def test_a_file_that_is_as_its_manifest_says_has_nothing_told_against_it(place: Place, cso: Person):
    cso.put("right.csv", rows(5, first=50_000), 5)
    assert place.answered("right.csv").code == ""
    assert "code" not in cso.summary("right.csv")
    assert cso.results("right.csv", CSV)[0]["outcome"] == "accepted"


COUNTING = """
import asyncio, gc, sys
import contracts
from gateway.folders import RecordCounter

class Snapshot:
    catalogue = contracts.load()

async def body(octets):
    for at in range(0, len(octets), 256):
        yield octets[at : at + 256]

async def main():
    octets = sys.stdin.buffer.read()
    count = RecordCounter(Snapshot)
    for _ in range(40):
        counts = [count("cso", "voter-snapshot.v1", "application/xml", body(octets)) for _ in range(4)]
        assert await asyncio.gather(*counts) == [1, 1, 1, 1]
        await asyncio.to_thread(gc.collect)

asyncio.run(main())
"""


def test_xml_is_counted_in_pieces_side_by_side_and_nothing_breaks():
    """A parser that several threads fed ended the whole process; so this is one of its own."""
    octets = shipped("cso", "voter-snapshot", "one.xml")
    done = subprocess.run(
        [sys.executable, "-c", COUNTING], input=octets, capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
