"""No name and no national ID in anything the gateway writes or says, whatever is sent and wherever it is put."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import quote

import httpx
import pytest
from driver import Driver
from support.draining import eventually
from support.participants import core
from support.sample_records import MOTHER, national_id, notification
from whole import Exchange, exchange

from crypto.entry import parse_entry
from gateway.log import quarantine

SERIAL = 7777
NID = national_id(SERIAL)
FIRST, LAST = "زرقاء", "كناري"
NAME = f"{FIRST} محمد {LAST} حسن"
WAY = ["record.accepted", "record.delivered", "record.disposed"]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    with exchange(tmp_path_factory.mktemp("exchange")) as made, ExitStack() as stack:
        for agency in made.agencies.values():
            stack.enter_context(agency.server())
        made.site.deliver()
        core(made.site)
        for agency in made.agencies.values():
            send_everything(agency)
        yield made


def send_everything(agency: Driver) -> None:
    """Send somebody's name and number in good records, in bad ones, and where no record should be."""
    person = {"name": NAME, "nid": NID}
    good = agency.record("CANARY-1", **person)
    bad = [
        agency.record(NID, **person),
        agency.record(NAME, **person),
        agency.record("CANARY-2", name=NAME, nid=NID[:13]),
        agency.record("CANARY-3", name=NAME, nid=NAME),
        agency.record("CANARY-4", name=f"{NAME} {NID}", nid=NID),
        agency.record("CANARY-5", name=NID * 100, nid=NID),
        good.replace("ذكر".encode(), NID.encode()),
        good.replace(NAME.encode(), NAME.encode("utf-8") + "\u202e".encode()),
    ]
    assert agency.send(good).outcomes == ["accepted"]
    agency.send(good, *bad)
    for body in (good, good[:-10], NAME.encode(), NID.encode()):
        agency.send_whole(body)
    for text in (NID, NAME):
        agency.misplace(text)


def forms(text: str) -> list[bytes]:
    """Return the ways in which a text may stand in octets."""
    escaped = json.dumps(text)[1:-1]
    return [form.encode() for form in {text, escaped, escaped.lower(), escaped.upper(), quote(text)}] + [
        text.encode("utf-16-le")
    ]


CANARIES = [form for text in (NID, FIRST, LAST, MOTHER, NID[1:13]) for form in forms(text)]


def told(octets: bytes) -> list[str]:
    """Return which of the canaries sing in some octets, with what stands around them."""
    places = [(form, octets.find(form)) for form in CANARIES]
    return [repr(octets[max(0, at - 120) : at + 80]) for _, at in places if at >= 0]


def test_the_canaries_would_be_heard() -> None:
    person = notification("MOH-1", national_id=NID, name=NAME)
    assert len(told(json.dumps(person, ensure_ascii=False).encode())) >= 5
    assert len(told(json.dumps(person).encode())) >= 5


def test_the_records_passed(running: Exchange) -> None:
    auditor = running.auditor
    waiting = {parse_entry(one.entry).id for one in quarantine.waiting(auditor.db)}
    assert waiting  # a number in a name is for an officer to look at, and must not be heard of either
    accepted = [one for agency in running.agencies.values() for one in auditor.accepted(agency.agency)]
    good = set(accepted) - waiting
    assert len(good) >= len(running.agencies)
    assert eventually(lambda: all(sorted(auditor.trace(one)) == WAY for one in good))


def test_no_answer_repeats_what_was_sent(running: Exchange, agency: Driver) -> None:
    assert len(agency.heard) > 10
    assert [one for answer in agency.heard for one in told(answer)] == []


def test_no_line_of_a_process_holds_it(running: Exchange) -> None:
    logs = sorted((running.site.folder / "var").glob("*.log"))
    assert {path.name for path in logs} >= {"serve.log", "deliver.log", "core.log"}
    assert [one for path in logs for one in told(path.read_bytes())] == []


@pytest.mark.parametrize("process", ["serve", "deliver"])
def test_no_metric_holds_it(running: Exchange, process: str) -> None:
    metrics = httpx.get(f"{running.site.operations_url(process)}/metrics").raise_for_status().content
    assert b"isnad" in metrics
    assert told(metrics) == []


def test_no_entry_of_the_log_holds_it(running: Exchange) -> None:
    for lane in ("nea", "gateway", *(agency.agency for agency in running.agencies.values())):
        entries = running.auditor.entries(lane)
        assert entries
        assert [
            one for entry in entries for one in told(json.dumps(entry, ensure_ascii=False).encode())
        ] == []


def test_no_file_of_the_gateway_holds_it(running: Exchange) -> None:
    """What agencies call their files is theirs to choose, and stands in the journal of files and nowhere else."""
    var = running.site.folder / "var"
    stores = [path for path in var.iterdir() if ".db" in path.name]
    landed = [path for path in (var / "files").rglob("*") if path.is_file() and "journal.db" not in path.name]
    files = [*stores, *landed]
    kept = {path.name for path in files}
    assert kept >= {"store.db", "queue.db", "deliver-mailbox.db", "nea-ledger.db", "envelopes.db"}
    assert any(name.endswith(".xml") for name in kept)
    assert [f"{path.name}: {one}" for path in files for one in told(path.read_bytes())] == []
