"""The files of `isnad synth`: the same octets in however many shards, and answers beside them."""

import hashlib
import json
import subprocess
import sys
from datetime import date

import pytest

import contracts
from gateway.synth.demography import GOVERNORATES

ARGUMENTS = [
    "--seed", "a seed", "--persons", "12000", "--months", "12", "--intensity", "20",
    "--agency", "cso", "--agency", "ppo", "--contract", "voter-snapshot.v1", "--contract", "residence-change.v1",
    "--contract", "deprivation.v1",
]  # fmt: skip


def isnad(*arguments):
    command = [sys.executable, "-m", "gateway.cli", "synth", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def files(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    ran = isnad(*ARGUMENTS, "--out", str(folder))
    assert ran.returncode == 0, ran.stderr
    return folder, ran


def test_shards_in_any_order_write_the_files_of_one_run(whole, tmp_path):
    for shard in ("2/2", "1/2"):
        assert isnad(*ARGUMENTS, "--out", str(tmp_path), "--shard", shard).returncode == 0
    assert files(tmp_path) == files(whole[0])
    assert len(files(tmp_path)) > 8


def test_beside_each_file_stand_as_many_answers_as_it_has_records(whole):
    folder, _ = whole
    rows = (folder / "cso/residence-change.v1/000000.csv").read_bytes().splitlines()
    answers = (folder / "cso/residence-change.v1/000000.answers.ndjson").read_text().splitlines()
    assert len(rows) - 1 == len(answers)
    for position, (row, line) in enumerate(zip(rows[1:], answers, strict=True), start=1):
        answer = json.loads(line)
        assert answer["position"] == position
        assert row.decode().split(";")[0] == answer["ref"]
        assert set(answer) == {"position", "ref", "op", "outcome", "code", "remarks", "noise"}


def test_states_are_told_once_a_person_and_only_of_reserved_numbers(whole):
    parts = sorted((whole[0] / "states").glob("*.ndjson"))
    assert [part.name for part in parts] == ["000000.ndjson", "000001.ndjson"]
    known = [json.loads(line) for part in parts for line in part.read_bytes().splitlines()]
    assert 11_000 < len({one["nid"] for one in known}) == len(known) <= 12_000
    assert {int(one["nid"][7:9]) for one in known} <= {int(code) + 40 for code in GOVERNORATES}


def test_parts_of_a_snapshot_have_manifests_that_hold(whole):
    place = whole[0] / "cso/voter-snapshot.v1"
    parts = sorted(place.glob("*.xml"))
    assert len(parts) == 2
    for number, part in enumerate(parts, start=1):
        manifest = manifest_of(part, "voter-snapshot.v1")
        octets = part.read_bytes()
        assert manifest.sha256 == hashlib.sha256(octets).hexdigest()
        assert manifest.count == octets.count(b"<Voter ")
        assert (manifest.sequence, manifest.total) == (number, 2)


def test_files_that_run_on_have_manifests_that_hold(whole):
    (part,) = (whole[0] / "cso/residence-change.v1").glob("*.csv")
    manifest = manifest_of(part, "residence-change.v1")
    octets = part.read_bytes()
    assert manifest.sha256 == hashlib.sha256(octets).hexdigest()
    assert manifest.count == octets.count(b"\n") - 1
    assert (manifest.sequence, manifest.total, manifest.name) == (1, None, part.name)
    assert manifest.period == (date(2025, 7, 1), date(2026, 6, 30))


def manifest_of(part, contract):
    rules = contracts.load().binding("cso", contract).files.manifest
    return rules.read((part.parent / rules.name_for(part.name)).read_bytes())


def test_memory_does_not_grow_with_the_population(tmp_path):
    snapshot = ["--agency", "cso", "--contract", "voter-snapshot.v1"]
    few = most_mib("--persons", "10000", *snapshot, "--out", str(tmp_path / "few"))
    many = most_mib("--persons", "50000", *snapshot, "--out", str(tmp_path / "many"))
    assert many < few + 40  # what is said of so many more is a hundred


def test_a_part_of_seventy_million_is_written_without_the_rest(tmp_path):
    part = ["--persons", "70000000", "--agency", "cso", "--agency", "mod", "--shard", "6500/7000"]
    assert most_mib(*part, "--out", str(tmp_path)) < 300
    assert [path.name for path in sorted((tmp_path / "cso/voter-snapshot.v1").glob("*.xml"))] == [
        "006499.xml"
    ]
    states = (tmp_path / "states/006499.ndjson").read_bytes().splitlines()
    assert 9_800 < len(states) < 10_100


MEASURED = """
import os, sys
_, status, used = os.wait4(os.posix_spawn(sys.executable, sys.argv[1:], os.environ), 0)
print(used.ru_maxrss // 1024)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def most_mib(*arguments):
    """The most memory that the command had. A process inherits the figure of its parent, so that is a small one."""
    command = [sys.executable, "-m", "gateway.cli", "synth", *arguments]
    ran = subprocess.run([sys.executable, "-c", MEASURED, *command], capture_output=True, check=True)
    return int(ran.stdout)


def test_another_seed_writes_other_files(whole, tmp_path):
    other = ["--seed", "another", "--persons", "2000", "--agency", "cso", "--contract", "voter-snapshot.v1"]
    assert isnad(*other, "--out", str(tmp_path)).returncode == 0
    assert not set(files(tmp_path).values()) & set(files(whole[0]).values())


def test_progress_is_told_on_stderr_and_nothing_on_stdout(whole):
    assert whole[1].stdout == ""
    assert "12000/12000 persons, " in whole[1].stderr


def test_what_can_be_written_is_listed():
    listed = isnad("--list").stdout.split("\n")
    assert any(line.split() == ["moh", "death.v1", "json"] for line in listed)
    assert not any(line.startswith("nea") for line in listed)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--agency", "nobody", "--list"], "nothing to write for nobody"),
        (["--persons", "10"], "--out says where"),
        (["--shard", "3/2", "--list"], "write 1/4"),
        (["--persons", "0", "--list"], "persons"),
    ],
)
def test_what_cannot_be_written_is_said(arguments, said):
    ran = isnad(*arguments)
    assert ran.returncode == 2
    assert said in ran.stderr
