"""From an agency's `put` to its answers, with OpenSSH's own client."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json

import pytest
from place import CSV, DEADLINE_S, NUMBERS, XML, Person, Place, rows, shipped

from crypto.receipt import BatchReceipt, Receipt, verify_logged, verify_receipt


def test_every_row_has_its_outcome_and_the_counts_add_up(place: Place, cso: Person):
    octets = rows(600).replace(b"CSO-E-000007;", b"CSO-E-000006;").replace(b"15/06/2008", b"35/06/2008", 1)
    cso.put("first.csv", octets, 600)
    entry = place.answered("first.csv")
    assert (entry.state, entry.accepted, entry.duplicate, entry.refused) == ("answered", 598, 1, 1)
    results = cso.results("first.csv")
    assert [int(line["row"]) for line in results] == list(range(1, 601))
    assert (results[0]["outcome"], results[0]["field"]) == ("refused", "BIRTH_DATE")
    assert (results[6]["outcome"], results[6]["reference"]) == ("duplicate", "CSO-E-000006")
    assert (results[9]["outcome"], results[9]["reference"]) == ("accepted", "CSO-E-000010")
    summary = cso.summary("first.csv")
    assert summary["received"] == 600 == summary["accepted"] + summary["duplicate"] + summary["refused"]
    assert (
        summary["results_sha256"] == hashlib.sha256(cso.get(f"/in/{CSV}/first.csv.results.csv")).hexdigest()
    )


def test_a_refused_row_has_its_reference_as_soon_as_it_is_one(place: Place, cso: Person):
    lines = rows(3, first=1_000).splitlines(keepends=True)
    lines[2] = lines[2].replace(b"CSO-E-001001", b"CSO-E-001000").replace(b"12511", b"12512")
    cso.put("refused.csv", b"".join(lines), 3)
    place.answered("refused.csv")
    results = cso.results("refused.csv")
    assert [line["outcome"] for line in results] == ["accepted", "refused", "accepted"]
    assert (results[1]["code"], results[1]["reference"]) == ("record.conflict", "CSO-E-001000")


def test_a_row_by_itself_brings_its_whole_receipt(place: Place, cso: Person):
    octets = rows(1, first=2_600)
    cso.put("alone.csv", octets, 1)
    assert place.answered("alone.csv").accepted == 1
    (line,) = [json.loads(line) for line in cso.get(f"/in/{CSV}/alone.csv.receipts.ndjson").splitlines()]
    receipt = Receipt.from_json(json.dumps(line["receipt"]).encode())
    verify_receipt(receipt, place.signer.policy("gate.example/cso"), source=octets.splitlines()[1])
    assert (receipt.record_id, receipt.index) == (line["id"], line["index"])


def test_the_summary_is_signed_by_the_lane_and_each_row_can_be_proven(place: Place, cso: Person):
    octets = rows(300, first=2_000)
    cso.put("proven.csv", octets, 300)
    place.answered("proven.csv")
    policy = place.signer.policy("gate.example/cso")
    summary = cso.summary("proven.csv")
    receipt = Receipt.from_json(json.dumps(summary.pop("receipt")).encode())
    verify_logged(receipt, policy)
    said = json.loads(receipt.entry)
    assert (said["kind"], said.items() >= summary.items()) == ("file.answered", True)
    sent = octets.splitlines()
    proven, batch = 0, None
    for line in cso.get(f"/in/{CSV}/proven.csv.receipts.ndjson").splitlines():
        told = json.loads(line)
        if "batch" in told:
            batch = BatchReceipt.from_json(json.dumps(told["batch"]).encode())
            continue
        salt = base64.urlsafe_b64decode(told["salt"] + "=")
        own = batch.expand(told["index"], told["id"], salt, told["entry"].encode())
        verify_receipt(own, policy, source=sent[told["position"]])
        proven += 1
    assert proven == 300
    assert summary["first_index"] < summary["last_index"]


def test_a_packed_file_is_taken_by_what_it_holds(place: Place, cso: Person):
    cso.put("packed.csv.gz", gzip.compress(rows(40, first=3_000)), 40)
    assert place.answered("packed.csv.gz").accepted == 40


def test_a_file_in_xml_is_whole_when_it_gets_its_name(place: Place, cso: Person):
    document = shipped("cso", "death", "one.xml")
    cso.write("deaths.xml", document)
    done = cso.sftp(f"put deaths.xml /in/{XML}/deaths.xml.part")
    assert done.returncode == 0, done.stderr
    assert place.entry("deaths.xml") is None
    assert cso.sftp(f"rename /in/{XML}/deaths.xml.part /in/{XML}/deaths.xml").returncode == 0
    assert place.answered("deaths.xml").accepted == 1


def test_a_final_name_is_not_written_to_where_renaming_completes(cso: Person):
    cso.write("direct.xml", b"<x/>")
    done = cso.sftp(f"put direct.xml /in/{XML}/direct.xml")
    assert done.returncode != 0
    assert "Permission denied" in done.stderr


def test_a_manifest_that_comes_first_completes_its_file_later(place: Place, cso: Person):
    octets = rows(5, first=5_000)
    cso.write("later.csv", octets)
    cso.manifest("later.csv", octets, 5)
    cso.sftp(f"put later.csv.manifest.json /in/{CSV}/")
    assert cso.sftp(f"put later.csv /in/{CSV}/").returncode == 0
    assert place.answered("later.csv", DEADLINE_S).accepted == 5


@pytest.mark.parametrize(
    ("changed", "member"),
    [({"rows": 4}, "count"), ({"sha256": "0" * 64}, "sha256"), ({"file": "other.csv"}, "name")],
)
def test_a_file_that_contradicts_its_manifest_is_refused_whole(place: Place, cso: Person, changed, member):
    name = f"contradicted-{member}.csv"
    cso.put(name, rows(5, first=6_000), 5, **changed)
    entry = place.answered(name)
    assert (entry.state, entry.code, entry.position) == ("refused", "file.contradicted", 0)
    assert cso.summary(name)["field"] == member


def test_a_manifest_that_is_none_refuses_its_file(place: Place, cso: Person):
    cso.write("formless.csv", rows(1, first=6_500))
    cso.write("formless.csv.manifest.json", b'{"rows": 1')
    cso.sftp(f"put formless.csv /in/{CSV}/", f"put formless.csv.manifest.json /in/{CSV}/")
    assert place.answered("formless.csv").code == "record.manifest.syntax"


def test_a_file_is_known_by_its_content_and_a_number_stands_for_one_file(place: Place, cso: Person):
    octets = rows(3, first=7_000)
    number = next(NUMBERS)
    cso.put("once.csv", octets, 3, number)
    assert place.answered("once.csv").state == "answered"
    cso.put("again.csv", octets, 3)
    assert place.answered("again.csv").code == "file.repeated"
    cso.put("number.csv", rows(3, first=7_100), 3, number)
    assert place.answered("number.csv").code == "file.sequence_repeated"


def test_missing_files_are_reported_and_the_next_one_is_taken(place: Place, cso: Person):
    cso.put("gap.csv", rows(2, first=7_500), 2, next(NUMBERS) + 3)
    [next(NUMBERS) for _ in range(3)]
    entry = place.answered("gap.csv")
    assert (entry.state, entry.accepted) == ("answered", 2)
    assert entry.missing >= 3
    assert cso.summary("gap.csv")["missing"] == entry.missing


def test_what_is_whole_can_be_read_and_not_changed(place: Place, cso: Person):
    octets = rows(2, first=8_000)
    cso.put("kept.csv", octets, 2)
    place.answered("kept.csv")
    assert cso.get(f"/in/{CSV}/kept.csv") == octets
    for command in (f"put kept.csv /in/{CSV}/kept.csv", f"rm /in/{CSV}/kept.csv",
                    f"rename /in/{CSV}/kept.csv /in/{CSV}/x.csv", f"rm /in/{CSV}/kept.csv.results.csv",
                    f"put kept.csv /in/{CSV}/kept.csv.results.csv"):  # fmt: skip
        assert cso.sftp(command).returncode != 0, command


def test_nothing_that_was_put_down_stands_on_the_disk_in_clear(place: Place, cso: Person):
    cso.put("secret.csv", rows(50, first=9_000), 50)
    place.answered("secret.csv")
    for path in place.files.rglob("*"):
        if path.is_file():
            octets = path.read_bytes()
            assert b"30806156100179" not in octets, path
            assert b"CSO-E-0090" not in octets, path


def test_a_row_that_waits_for_an_officer_brings_its_whole_receipt(place: Place, cso: Person):
    head, first, good, last, end = rows(3, first=2_500).split(b"\r\n")
    wrong = good.replace(b";1;18;", b";2;18;")
    cso.put("doubtful.csv", b"\r\n".join([head, first, wrong, last, end]), 3, 1_003)
    entry = place.answered("doubtful.csv")
    assert (entry.accepted, entry.quarantined) == (2, 1)
    results = cso.results("doubtful.csv")
    assert [line["outcome"] for line in results] == ["accepted", "quarantined", "accepted"]
    assert results[1]["code"] == "review.nid.sex"
    lines = [json.loads(line) for line in cso.get(f"/in/{CSV}/doubtful.csv.receipts.ndjson").splitlines()]
    assert ["batch" in line for line in lines] == [True, False, False, False]
    receipt = Receipt.from_json(json.dumps(lines[2]["receipt"]).encode())
    verify_receipt(receipt, place.signer.policy("gate.example/cso"), source=wrong)
