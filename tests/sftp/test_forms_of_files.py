"""Files in every form that bindings may agree on, from `put` to their answers: formats, packings, encodings."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
import zstandard
from place import CSV, SHIPPED, FileKeysHeld, Person, Place, configured, host_key, open_place, rows, shipped
from support.ssh import key_pair

NDJSON, CIVIL = "verification.v1", "civil-status-change.v1"
KEPT_DAYS = 90
CIVIL_FOLDER = Path("agencies/cso/civil-status-change/v1")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A gateway whose agency has agreed on more forms than those of the bindings that are shipped."""
    folder = tmp_path_factory.mktemp("forms")
    contracts = folder / "contracts"
    shutil.copytree(SHIPPED, contracts, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    with rewritten(contracts / "agencies/cso/verification/v1/binding.yaml") as binding:
        binding["transport"] = ["rest", "sftp"]
        binding["files"] = {"names": ["*.ndjson"], "complete": "rename"}
    with rewritten(contracts / "agencies/cso/eligibility-gained/v1/binding.yaml") as binding:
        binding["files"]["names"] = ["*.csv", "*.csv.zip", "*.csv.zst"]
        binding["files"]["manifest"]["members"]["size"] = "bytes"
    # A heading that only the agency's own encoding can show, and that stands in the answers to a bad row.
    columns, mapping = contracts / CIVIL_FOLDER / "columns.csv", contracts / CIVIL_FOLDER / "mapping.yaml"
    columns.write_text(columns.read_text("utf-8").replace("\nNAME,", "\nالاسم,"), "utf-8")
    mapping.write_text(mapping.read_text("utf-8").replace("from: NAME,", "from: الاسم,"), "utf-8")
    configuration = configured(folder, keys=[key_pair(folder / "cso")])
    configuration.agreement("cso", "nea", NDJSON, originals_kept_days=KEPT_DAYS)
    configuration.agreement("cso", "nea", CIVIL)
    keys = FileKeysHeld()
    with open_place(folder, configuration, keys, contracts=contracts) as opened:
        opened.host_key = host_key(keys)
        yield opened


@contextmanager
def rewritten(path: Path) -> Iterator[dict]:
    """Yield what a YAML document holds, and write it back as it was changed."""
    document = yaml.safe_load(path.read_text("utf-8"))
    yield document
    path.write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")


@pytest.fixture(scope="module")
def cso(place: Place) -> Person:
    return Person(place.folder / "cso", "cso", place.port, place.host_key)


def put_ndjson(cso: Person, name: str, octets: bytes) -> None:
    cso.write(name, octets)
    path = f"/in/{NDJSON}/{name}"
    done = cso.sftp(f"put {name} {path}.part", f"rename {path}.part {path}")
    assert done.returncode == 0, done.stderr


def test_each_line_of_json_has_its_outcome_whatever_its_neighbours_are(place: Place, cso: Person):
    good = shipped("cso", "verification", "day.ndjson").splitlines()
    lines = [*good[:3], b'{"answer_no": ', good[3].replace("متوفى".encode(), b"\xff"), *good[4:], b""]
    put_ndjson(cso, "day.ndjson", b"\r\n".join(lines))
    entry = place.answered("day.ndjson")
    assert (entry.state, entry.accepted, entry.refused) == ("answered", 6, 2)
    results = cso.results("day.ndjson", NDJSON)
    assert [line["outcome"] for line in results] == ["accepted"] * 3 + ["refused"] * 2 + ["accepted"] * 3
    assert [line["code"] for line in results[3:5]] == ["record.json.syntax", "record.encoding"]


def test_a_file_of_0_bytes_has_no_line_and_no_record(place: Place, cso: Person):
    put_ndjson(cso, "empty.ndjson", b"")
    entry = place.answered("empty.ndjson")
    assert (entry.state, entry.position) == ("answered", 0)
    assert cso.results("empty.ndjson", NDJSON) == []
    assert cso.summary("empty.ndjson", NDJSON)["received"] == 0


def test_an_original_is_kept_as_long_as_its_agreement_says(place: Place, cso: Person):
    put_ndjson(cso, "kept.ndjson", shipped("cso", "verification", "one.json").replace(b"\n", b" ") + b"\n")
    entry = place.answered("kept.ndjson")
    assert abs((entry.remove_ms - entry.ended_ms) / 86_400_000 - KEPT_DAYS) < 0.1


def zipped(octets: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.csv", octets)
    return packed.getvalue()


@pytest.mark.parametrize(("name", "pack"), [("a.csv.zip", zipped), ("b.csv.zst", zstandard.compress)])
def test_a_file_is_taken_however_it_is_packed(
    place: Place, cso: Person, name: str, pack: Callable[[bytes], bytes]
):
    octets = pack(rows(3000, first=len(name) * 10_000 + ord(name[0]) * 100_000))
    cso.put(name, octets, 3000, bytes=len(octets))
    entry = place.answered(name)
    assert (entry.state, entry.accepted, entry.code) == ("answered", 3000, "")
    assert len(cso.results(name)) == 3000


def test_a_file_of_another_size_than_its_manifest_says_is_refused_whole(place: Place, cso: Person):
    octets = rows(3, first=1)
    cso.put("longer.csv", octets, 3, bytes=len(octets) - 1)
    entry = place.answered("longer.csv")
    assert (entry.state, entry.code, entry.rule, entry.position) == (
        "refused", "file.contradicted", "as long as the manifest says", 0,
    )  # fmt: skip


def test_answers_are_in_the_encoding_that_the_agency_writes_in(place: Place, cso: Person):
    head, row = shipped("cso", "civil-status-change", "one.csv").splitlines()
    head = head.replace(b"|NAME|", "|الاسم|".encode("windows-1256"))
    nameless = row.replace("محمد أحمد عبد الرحمن حسن".encode("windows-1256"), b"", 1)
    octets = b"\r\n".join([head, nameless.replace(b"CSO-C-000001", b"CSO-C-000002"), row, b""])
    name = "تغييرات.csv"
    cso.write(name, octets)
    cso.manifest(name, octets, 2)
    done = cso.sftp(f'put "{name}" /in/{CIVIL}/', f'put "{name}.manifest.json" /in/{CIVIL}/')
    assert done.returncode == 0, done.stderr
    assert place.answered(name).state == "answered"
    refused, accepted = cso.results(name, CIVIL, "windows-1256")
    assert (refused["outcome"], refused["field"]) == ("refused", "الاسم")
    assert (accepted["outcome"], accepted["reference"]) == ("accepted", "CSO-C-000001")


def test_files_are_taken_in_the_order_in_which_they_became_whole_and_rows_in_theirs(
    place: Place, cso: Person
):
    large, small = rows(8000, first=700_000), rows(2, first=800_000)
    cso.put("large.csv", large, 8000, bytes=len(large))
    cso.put("small.csv", small, 2, bytes=len(small))
    first, second = place.answered("large.csv"), place.answered("small.csv")
    assert first.size > 1 << 20
    assert first.last_index < second.first_index
    indices = [int(line["index"]) for line in cso.results("large.csv", CSV)]
    assert indices == sorted(indices)
