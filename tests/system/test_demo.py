"""The demonstration itself, as `make demo` runs it, with fewer records."""

from __future__ import annotations

import json
import shlex
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from gateway.demo.tally import Delivered, Flow, Tally, Told, checks

ROOT = Path(__file__).parents[2]
LANES = {"gateway", "moh", "cso", "ppo", "nea"}


def demo(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "gateway.demo", "--folder", str(folder), *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def ended(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=240)
    assert process.returncode == 0, said
    return said


def isnad(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway.cli", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=90)


def called(curl: list[str]) -> str:
    """What a curl command line gets: the same files, method, body and address, without curl."""
    _, *arguments, url = curl
    given = dict(zip(arguments[::2], arguments[1::2], strict=True))
    tls = ssl.create_default_context(cafile=given.pop("--cacert", None))
    if certificate := given.pop("--cert", ""):
        tls.load_cert_chain(certificate)
    body = given.pop("--json", "")
    method = given.pop("-X", "POST" if body else "GET")
    assert not given, "an argument that this does not know"
    headers = {"content-type": "application/json", "accept": "application/json"} if body else {}
    content = (ROOT / body.removeprefix("@")).read_bytes() if body else None
    answer = httpx.request(method, url, content=content, headers=headers, verify=tls, trust_env=False)
    return answer.raise_for_status().text


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """A demonstration that has ended, over the embedded queue: its folder and what it showed."""
    folder = tmp_path_factory.mktemp("demonstration") / "demo"
    return folder, ended(demo(folder, "--records", "600", "--queue", "embedded"))


def test_the_numbers_add_up(shown):
    folder, said = shown
    tally = json.loads((folder / "tally.json").read_text())
    flows = [flow for told in tally["agencies"] for flow in told["flows"]]
    accepted = sum(flow["accepted"] for flow in flows)
    refused = sum(sum(flow["refused"].values()) for flow in flows)
    assert sum(flow["sent"] for flow in flows) == 600
    assert accepted + refused + sum(flow["duplicate"] + flow["quarantined"] for flow in flows) == 600
    assert refused
    assert tally["core"] == {"delivered": accepted, "again": 0}
    assert sum(flow["returned"] for flow in flows) == accepted
    assert {flow["media_type"] for flow in flows} == {"application/x-ndjson", "application/xml", "text/csv"}
    assert "✗" not in said


def test_a_record_is_proven_and_a_changed_copy_is_not(shown):
    said = shown[1]
    assert "Proven. moh handed this record over to nea" in said
    assert "NOT proven." in said
    assert said.count("exit status 1") == 1


def test_an_officer_finds_a_citizen_in_the_lanes_of_two_agencies_and_the_log_remembers_it(shown):
    folder, said = shown
    assert "2 entries" in said
    found = isnad("log", "search", "--config", f"{folder}/config", "--sender", "gateway", "--json")
    kinds = [json.loads(line)["entry"]["kind"] for line in found.stdout.splitlines()]
    assert "officer.searched" in kinds


def test_what_it_suggests_works_after_it_has_ended(shown):
    folder, said = shown
    suggested = said.partition("What to try next")[2]
    commands = [
        shlex.split(line)[1:] for line in suggested.splitlines() if "isnad " in line and line[0] != "#"
    ]
    assert len(commands) == 7
    for command in commands:
        name, *rest = command
        verb = [rest.pop(0)] if name in ("log", "quarantine") else []
        given = ["--config", f"{folder}/config"] if name in ("log", "quarantine", "trace", "files") else []
        ran = isnad(name, *verb, *given, *rest)
        assert ran.returncode == 0, ran.stderr
    policies = sorted((folder / "policies").iterdir())
    assert {path.stem for path in policies} == LANES


def test_no_key_and_no_plaintext_of_an_exchange_is_left_on_the_disk(shown):
    folder, _ = shown
    record = json.loads((folder / "proof" / "record.json").read_text())["deceased"]
    canaries = [record["national_id"], record["name"], record["mother_name"]]
    for path in folder.rglob("*"):
        if not path.is_file():
            continue
        octets = path.read_bytes()
        assert b"PRIVATE KEY" not in octets, path
        if path.parent.name != "proof":
            assert not any(canary.encode() in octets for canary in canaries), path


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    process = demo(tmp_path)
    said, _ = process.communicate(timeout=90)
    assert process.returncode == 1
    assert "not of an earlier demonstration" in said
    assert (tmp_path / "thesis.txt").exists()


def test_left_running_it_can_be_called_as_it_says_and_ends_in_order_over_rabbitmq(tmp_path):
    process = demo(tmp_path / "demo", "--records", "100", "--queue", "rabbitmq", "--keep")
    try:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                break
        calls = [line.strip() for line in lines if line.startswith("curl ")]
        assert len(calls) == 5, "".join(lines)
        answers = [called(shlex.split(call)) for call in calls]
        assert json.loads(answers[0])["agency"] == "moh"
        assert json.loads(answers[1])["counts"]["accepted"] == 1
        assert json.loads(answers[2])["dependencies"]["queue"] == "ok"
        assert "isnad_records_total" in answers[3]
        assert json.loads(answers[4])["openapi"].startswith("3.1")
    finally:
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert "everything stopped" in said


def flow(**counts) -> Flow:
    return Flow("death.v1", "text/csv", **counts)


def tally(one: Flow, delivered: int = 7, again: int = 0, **told: int) -> Tally:
    return Tally([Told("cso", [one], **told)], Delivered(delivered, again))


GOOD = {
    "sent": 11,
    "accepted": 7,
    "quarantined": 1,
    "duplicate": 1,
    "refused": {"record.size": 2},
    "returned": 7,
}


@pytest.mark.parametrize(
    ("broken", "asked"),
    [
        (tally(flow(**GOOD)), 12),
        (tally(flow(**GOOD | {"duplicate": 0})), 11),
        (tally(flow(**GOOD | {"quarantined": 0})), 11),
        (tally(flow(**GOOD), delivered=6), 11),
        (tally(flow(**GOOD | {"returned": 6})), 11),
        (tally(flow(**GOOD, unforetold=1)), 11),
        (tally(flow(**GOOD), again=1), 11),
        (tally(flow(**GOOD), strange=1), 11),
    ],
)
def test_what_does_not_add_up_is_noticed(broken, asked):
    assert not all(check.holds for check in checks(broken, asked))


def test_what_adds_up_is_not_complained_about():
    assert all(check.holds for check in checks(tally(flow(**GOOD)), 11))
