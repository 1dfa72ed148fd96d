"""`isnad log`, `trace` and `verify`, as an officer and an agency use them, with a real key server."""

import asyncio
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.batches import CITIZEN, batch_of, octets_of_record, terms_of
from support.draining import eventually
from support.stores import Store

from crypto.entry import record_id
from crypto.openbao import LanePseudonyms, TransitSigner
from crypto.policy import policy_to_json
from gateway.cli import isnad
from gateway.errors import IsnadError
from gateway.records import GATEWAY, Event

ORIGIN = "gate.example"
TIME = "2026-01-31T08:00:00.000Z"


@pytest.fixture(scope="module")
def office(openbao, tmp_path_factory):
    """A configuration folder, a store with two lanes in it, and an officer's token."""
    folder: Path = tmp_path_factory.mktemp("office")
    (folder / "ca.pem").write_text(openbao.server.ca_pem)
    process = {"role": "r", "role_id": "i", "wrapping_token": "env:NONE"}
    serving = {
        "listen": {"host": "127.0.0.1", "port": 0, "server_names": ["gate.example"]},
        "metrics": {"port": 0},
    }
    settings = {
        "origin": ORIGIN,
        "profile": "synthetic",
        "suite": "hybrid",
        "store": {"path": "store.db"},
        "queue": {"kind": "embedded", "path": "queue.db"},
        "keys": {
            "address": openbao.server.address,
            "ca_file": "ca.pem",
            "intake": process,
            "deliver": process,
        },
        "serve": serving,
        "deliver": serving,
    }
    (folder / "gateway.yaml").write_text(json.dumps(settings))
    store = Store(folder / "store.db", signer=TransitSigner(openbao.administrator))
    asyncio.run(_fill(store, LanePseudonyms(openbao.administrator)))
    yield folder, openbao, store
    store.close()


async def _fill(store: Store, keys: LanePseudonyms) -> None:
    death = replace(terms_of(), pseudonym_key=keys.pseudonym("moh"))
    await store.log.append(batch_of(death, ["d/1", "d/2"], citizen=CITIZEN, name="منى"))
    await store.log.append(batch_of(death, ["d/3"]))
    await store.log.append(batch_of(terms_of("cso"), ["c/1"]))
    await store.log.note([Event("moh", "record.delivered", (("reference", "r-1"),), first=1, count=2)])


@pytest.fixture
def run(office, monkeypatch):
    folder, openbao, _ = office
    monkeypatch.setenv("ISNAD_CONFIG", str(folder))
    monkeypatch.setenv("BAO_TOKEN", openbao.server.root_token)

    def run(*arguments: str, stdin: str = ""):
        return CliRunner().invoke(isnad, arguments, input=stdin)

    return run


def lines(result):
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def searches(store):
    """How many searches are durable, in the spool or in the lane."""
    (count,) = store.db.execute(
        "SELECT (SELECT count(*) FROM spool WHERE kind = 'officer.searched')"
        " + (SELECT count(*) FROM entry WHERE instr(octets, '\"officer.searched\"'))"
    ).fetchone()
    return count


def test_an_entry_is_shown_by_lane_and_index(run):
    (shown,) = lines(run("log", "show", "moh", "2", "--json"))
    assert (shown["index"], shown["entry"]["source_ref"]) == (2, "d/2")
    assert "record.accepted" in run("log", "show", "moh", "2").output
    for beyond in ("99", str(1 << 48), str(1 << 80)):
        assert run("log", "show", "moh", beyond).exit_code == 1
        assert "no entry at this index" in run("log", "show", "moh", beyond).output
    assert run("log", "show", "moi", "0").exit_code == 1


def test_records_are_found_by_id_by_reference_and_by_time(run):
    identifier = record_id("moh", "death.v1", "d/3", "assert")
    for query in (["--record", identifier], ["--sender", "moh", "--reference", "d/3"]):
        assert [found["index"] for found in lines(run("log", "search", *query, "--json"))] == [3]
    all_of_it = lines(run("log", "search", "--sender", "moh", "--json"))
    assert [found["index"] for found in all_of_it] == [0, 1, 2, 3, 4]
    assert lines(run("log", "search", "--sender", "moh", "--until", "2020-01-01", "--json")) == []
    assert (
        len(lines(run("log", "search", "--sender", "moh", "--from", "2020-01-01", "--limit", "2", "--json")))
        == 2
    )
    assert lines(run("log", "search", "--sender", "moh", "--reference", "d/99", "--json")) == []
    assert run("log", "search").exit_code == 2
    assert run("log", "search", "--record", "x").exit_code == 2


def test_a_citizen_is_found_by_national_id_once_it_is_in_the_log_who_searched_and_why(run, office):
    _, _, store = office
    query = ["log", "search", "--citizen", "--reason", "شكوى المواطنة رقم ١٢ لسنة ٢٠٢٦", "--json"]
    arabic_digits = CITIZEN.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    for typed in (CITIZEN, arabic_digits):
        found = lines(run(*query, stdin=typed + "\n"))
        assert [(one["lane"], one["index"]) for one in found] == [("moh", 1), ("moh", 2)]
    assert searches(store) == 2
    assert eventually(lambda: store.records.checkpoint(GATEWAY))
    assert "officer.searched" in store.kinds(GATEWAY)
    searched = lines(run("log", "search", "--sender", GATEWAY, "--json"))[-1]["entry"]
    assert searched["officer"] == "root", "the name under which the key server knows the token"
    every_octet = b"".join(path.read_bytes() for path in store.path.parent.glob("store.db*"))
    assert CITIZEN.encode() not in every_octet
    assert arabic_digits.encode() not in every_octet


@pytest.mark.parametrize("reason", ["short", "المواطن " + CITIZEN, "x" * 501])
def test_a_reason_is_demanded_and_holds_no_national_id(run, reason):
    result = run("log", "search", "--citizen", "--reason", reason, stdin=CITIZEN + "\n")
    assert result.exit_code == 2
    assert CITIZEN not in result.output


def test_what_is_no_national_id_is_refused_without_being_repeated(run):
    result = run("log", "search", "--citizen", "--reason", "a good reason", stdin="123456\n")
    assert result.exit_code == 1
    assert "123456" not in result.output


def test_without_the_officer_s_keys_nothing_is_found_and_nothing_logged(run, office, monkeypatch):
    _, _, store = office
    before = searches(store)
    monkeypatch.setenv("BAO_TOKEN", "s.nobody")
    result = run("log", "search", "--citizen", "--reason", "a good reason", stdin=CITIZEN + "\n")
    assert isinstance(result.exception, IsnadError)
    assert result.exception.code == "unavailable.keys"
    assert searches(store) == before


def test_a_trace_tells_the_story_of_one_record(run):
    identifier = record_id("moh", "death.v1", "d/1", "assert")
    story = lines(run("trace", identifier, "--json"))
    assert [found["entry"]["kind"] for found in story] == ["record.accepted", "record.delivered"]
    assert run("trace", record_id("moh", "death.v1", "d/99", "assert")).exit_code == 1
    assert run("trace", "x").exit_code == 2


def test_every_lane_is_verified_with_the_keys_or_with_policy_files(run, office, tmp_path):
    assert {report["lane"]: report["holds"] for report in lines(run("log", "verify", "--json"))}[
        "moh"
    ] is True
    policy = tmp_path / "moh.policy"
    policy.write_text(run("log", "policy", "moh").stdout)
    assert "5 entries" in run("log", "verify", "moh", "--policy", str(policy)).output
    assert run("log", "verify", "cso", "--policy", str(policy)).exit_code == 2


def test_a_damaged_lane_fails_the_check_and_the_index_is_named(run, office, tmp_path, monkeypatch):
    folder, _, _ = office
    settings = json.loads((folder / "gateway.yaml").read_text())
    with (
        closing(sqlite3.connect(folder / "store.db")) as db,
        closing(sqlite3.connect(tmp_path / "copy.db")) as copy,
    ):
        db.backup(copy)
        changed = "CAST(replace(octets, 'd/2', 'd/9') AS BLOB)"
        copy.execute(f"UPDATE entry SET octets = {changed} WHERE instr(octets, '\"d/2\"')")  # noqa: S608
        copy.commit()
    settings["store"]["path"] = str(tmp_path / "copy.db")
    settings["keys"]["ca_file"] = str(folder / "ca.pem")
    (tmp_path / "gateway.yaml").write_text(json.dumps(settings))
    monkeypatch.setenv("ISNAD_CONFIG", str(tmp_path))
    result = run("log", "verify", "--json")
    reports = {report["lane"]: report for report in map(json.loads, result.stdout.splitlines())}
    assert result.exit_code == 1
    assert (reports["moh"]["holds"], reports["moh"]["index"]) == (False, 2)
    assert reports["cso"]["holds"] is True


@pytest.fixture
def papers(office, run, tmp_path):
    """What an agency keeps: receipt, record and policy, in files."""
    _, _, store = office
    terms = terms_of()
    receipt = store.records.receipt(record_id("moh", "death.v1", "d/1", "assert"), "moh")
    (tmp_path / "receipt.json").write_bytes(receipt.to_json())
    (tmp_path / "record.json").write_bytes(octets_of_record(terms, "d/1", name="منى"))
    (tmp_path / "source.xml").write_bytes(b"<r/>")
    (tmp_path / "moh.policy").write_bytes(policy_to_json(store.policy("moh")))
    (tmp_path / "cso.policy").write_bytes(policy_to_json(store.policy("cso")))
    return lambda name: str(tmp_path / name)


def test_a_receipt_is_verified_offline_with_the_record_in_either_form(run, papers):
    for forms in (
        ["--record", "record.json"],
        ["--source", "source.xml"],
        ["--record", "record.json", "--source", "source.xml"],
    ):
        arguments = [one if one.startswith("--") else papers(one) for one in forms]
        result = run("verify", papers("receipt.json"), *arguments, "--policy", papers("moh.policy"))
        assert result.exit_code == 0, result.output
        assert "Proven. moh handed this record over to nea" in result.output
        assert "ثبت. سلّمت الجهة moh" in result.output


def test_another_record_another_policy_or_a_changed_receipt_proves_nothing(run, papers):
    record, policy, receipt = papers("record.json"), papers("moh.policy"), papers("receipt.json")
    result = run("verify", receipt, "--record", papers("source.xml"), "--policy", policy)
    assert (result.exit_code, "tampered.commitment" in result.output) == (1, True)
    assert "لم يثبت" in result.output
    result = run("verify", receipt, "--record", record, "--policy", papers("cso.policy"))
    assert (result.exit_code, "tampered.lane" in result.output) == (1, True)
    changed = Path(receipt).read_text().replace('"index":1', '"index":2')
    Path(papers("changed.json")).write_text(changed)
    result = run("verify", papers("changed.json"), "--record", record, "--policy", policy)
    assert (result.exit_code, "tampered.agreement" in result.output) == (1, True)
    assert run("verify", receipt, "--policy", policy).exit_code == 2
    Path(papers("big")).write_bytes(b"x" * 2_000_000)
    assert run("verify", papers("big"), "--record", record, "--policy", policy).exit_code == 1


def test_a_proof_is_printed_as_c2sp_says(run):
    proof = run("log", "prove", "moh", "3").stdout
    assert proof.startswith("c2sp.org/tlog-proof@v1\nindex 3\n")
    assert "\ngate.example/moh\n" in proof
    for beyond in ("99", str(1 << 48), str(1 << 80)):
        assert "no entry at this index" in run("log", "prove", "moh", beyond).output
