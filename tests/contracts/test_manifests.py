"""How a file of an agency says that it is whole, and what its manifest may say."""

import json
from datetime import date

import pytest

import contracts
from contracts.errors import Invalid, Refused

CSO = "agencies/cso/eligibility-gained/v1/binding.yaml"
TOLD = {
    "sha256": "0" * 64, "rows": 7, "number": 3, "file": "قيد.csv", "from": "2026-06-01", "to": "2026-06-30",
}  # fmt: skip
PART = {"sha256": "a" * 64, "count": 0, "seq": 2, "total": 2, "batch_id": "cso-2026-06-30"}


def rules(catalogue, contract):
    found = catalogue.binding("cso", contract).files
    assert found is not None
    assert found.manifest is not None
    return found.manifest


def test_every_binding_for_files_says_when_a_file_is_whole(catalogue):
    ways = {}
    for binding in catalogue.bindings.values():
        assert (binding.files is not None) == ("sftp" in binding.transport)
        if binding.files:
            ways[binding.agency, binding.contract.name] = binding.files.complete
    assert set(ways.values()) == {"rename", "stable", "manifest"}


def test_a_file_is_taken_by_its_name(catalogue):
    files = catalogue.binding("cso", "voter-snapshot.v1").files
    assert [
        name
        for name in ("a.xml", "a.xml.gz", "a.XML", "a.xml.part", "a.xml.manifest.json")
        if files.takes(name)
    ] == ["a.xml", "a.xml.gz"]
    assert files.manifest.name_for("a.xml.gz") == "a.xml.gz.manifest.json"


def test_a_manifest_is_read_in_the_agencys_own_words(catalogue):
    read = rules(catalogue, "eligibility-gained.v1").read(json.dumps(TOLD).encode())
    assert (read.sha256, read.count, read.sequence, read.name) == ("0" * 64, 7, 3, "قيد.csv")
    assert read.period == (date(2026, 6, 1), date(2026, 6, 30))
    assert (read.total, read.batch, read.size) == (None, None, None)
    part = rules(catalogue, "voter-snapshot.v1").read(json.dumps(PART).encode())
    assert (part.sequence, part.total, part.batch, part.period) == (2, 2, "cso-2026-06-30", None)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"sha256": "A" * 64}, "sha256"),
        ({"sha256": "0" * 63}, "sha256"),
        ({"rows": -1}, "rows"),
        ({"rows": "7"}, "rows"),
        ({"rows": True}, "rows"),
        ({"rows": None}, "rows"),
        ({"number": 0}, "number"),
        ({"file": "../other.csv"}, "file"),
        ({"file": ""}, "file"),
        ({"file": "ق" * 128}, "file"),
        ({"from": "2026-02-30"}, "from"),
        ({"from": "20260201"}, "from"),
        ({"to": 20260630}, "to"),
        ({"to": "2026-05-31"}, "to"),
        ({"more": 1}, ""),
    ],
)
def test_a_member_that_is_not_what_the_binding_says_is_refused(catalogue, change, field):
    with pytest.raises(Refused) as caught:
        rules(catalogue, "eligibility-gained.v1").read(json.dumps(TOLD | change).encode())
    assert (caught.value.code, caught.value.field) == ("record.manifest.member", field)


@pytest.mark.parametrize("change", [{"seq": 3}, {"total": 0}, {"batch_id": "with space"}, {"batch_id": ""}])
def test_a_part_that_its_batch_cannot_have_is_refused(catalogue, change):
    with pytest.raises(Refused) as caught:
        rules(catalogue, "voter-snapshot.v1").read(json.dumps(PART | change).encode())
    assert caught.value.code == "record.manifest.member"


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"[]",
        b"{",
        b'{"rows":1,"rows":1}',
        b'{"rows":1.0}',
        b"\xff",
        b'{"rows":1,"more":"' + b"x" * 4096 + b'"}',
    ],
)
def test_what_is_no_small_json_object_is_refused(catalogue, octets):
    with pytest.raises(Refused) as caught:
        rules(catalogue, "eligibility-gained.v1").read(octets)
    assert caught.value.code == "record.manifest.syntax"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[rest, sftp]", "[rest]", "exactly when transport names sftp"),
        ("complete: manifest", "complete: rename", "exactly when complete is manifest"),
        ("complete: manifest", "complete: soon", "files.complete"),
        ('"{file}.manifest.json"', '"{file}"', "another name than its file"),
        ('"{file}.manifest.json"', '"../{file}"', "files.manifest.name"),
        ('"*.csv"', '"../*.csv"', "files.names.0"),
        ("count: rows", "count: number", "two facts the same name"),
        ("period_to: to", "total: to", "name total and batch together"),
        (", period_to: to", "", "name period_from and period_to together"),
        ("count: rows, ", "", "files.manifest.members.count"),
        ("count: rows", "rows: rows", "files.manifest.members.rows"),
    ],
)
def test_a_binding_that_does_not_say_how_its_files_come_is_refused(folder, old, new, said):
    path = folder / CSO
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(Invalid) as caught:
        contracts.load(folder)
    assert said in str(caught.value)
