"""No name and no national ID in anything the gateway writes or says, whatever is sent and wherever it is put."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import quote

import httpx
import pytest
from support.auditor import Auditor
from support.draining import eventually
from support.participants import Core, core, endpoint, participant, small_site
from support.sample_records import MOTHER, national_id, ndjson, notification, registration

from crypto.entry import parse_entry
from gateway.demo.site import Site
from gateway.log import quarantine

SERIAL = 7777
NID = national_id(SERIAL)
FIRST, LAST = "زرقاء", "كناري"
NAME = f"{FIRST} محمد {LAST} حسن"
PATH = "/v1/death.v1/records"
JSON, NDJSON, XML = "application/json", "application/x-ndjson", "application/xml"


@dataclass
class Exchange:
    """A whole site, and everything that anybody was told by it other than the records themselves."""

    site: Site
    core: Core
    answers: list[bytes]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    with small_site(tmp_path_factory.mktemp("site")) as made, endpoint(made):
        made.serve()
        made.deliver()
        exchange = Exchange(made, core(made), [])
        with participant(made, "moh") as moh, participant(made, "cso") as cso:
            send_everything(exchange, moh, cso)
        yield exchange


def send_everything(exchange: Exchange, moh: httpx.Client, cso: httpx.Client) -> None:
    """Send somebody's name and number in good records, in bad ones, and where no record should be."""

    def post(client: httpx.Client, body: bytes, media_type: str, path: str = PATH, **headers: str) -> None:
        answer = client.post(path, content=body, headers={"content-type": media_type, **headers})
        exchange.answers.append(answer.content)

    person = {"national_id": NID, "name": NAME}
    good = json.dumps(notification("MOH-CANARY-1", **person), ensure_ascii=False)
    post(moh, good.encode(), JSON)
    post(cso, registration("CSO-CANARY-1", NAME).replace(national_id(), NID).encode(), XML)
    bad = [
        notification(NID, **person),
        notification(NAME, **person),
        notification("MOH-CANARY-2", **person | {"birth_date": NAME}),
        notification("MOH-CANARY-3", **person | {"gender": NID}),
        notification("MOH-CANARY-4", **person | {NID: NAME}),
        notification("MOH-CANARY-5", **person | {NAME: NID}),
        notification("MOH-CANARY-6", **person | {"national_id": NID[:13]}),
        notification("MOH-CANARY-7", **person | {"name": NAME + " " + NID}),
        {**notification("MOH-CANARY-8", **person), NID: {NAME: [NID]}},
        {**notification("MOH-CANARY-9", **person), "action": NAME},
        {**notification("MOH-CANARY-10", **person), "remarks": NAME + " " + NID},
        {NID: NAME},
        [NID, NAME],
    ]
    post(moh, ndjson(bad), NDJSON)
    post(moh, f'{{"{NID}": 1, "{NID}": 2}}\n{{"{NAME}": 1, "{NAME}": 2}}\n"{NAME}\n{NID}'.encode(), NDJSON)
    for name in (f"_{NID}", FIRST):
        post(cso, f'<{name} xmlns="urn:eg:moi:cso:deaths:1"/>'.encode(), XML)
        document = registration("CSO-CANARY-2", NAME)
        post(cso, document.replace("</Death>", f"<{name}>{NID}</{name}></Death>").encode(), XML)
        post(cso, document.replace("<Office>", f'<Office {name}="{NID}">').encode(), XML)
        post(cso, document.replace("</Deaths>", f"</{name}>").encode(), XML)
        post(cso, document.replace("CSO-77", f"&{name};").encode(), XML)
    for place in (NID, quote(NAME)):
        post(moh, good.encode(), JSON, f"/v1/{place}/records")
        post(moh, good.encode(), JSON, f"{PATH}?recipient={place}")
        post(moh, good.encode(), JSON, **{"idempotency-key": place})
        post(moh, good.encode(), f"text/{place}")
        for path in (
            f"/v1/records/{place}",
            f"/v1/submissions/{place}",
            f"/v1/log/{place}/checkpoint",
            f"/{place}",
        ):
            exchange.answers.append(moh.get(path).content)
    post(moh, good.encode(), JSON, f"{PATH}?{NID}={quote(NAME)}")


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
    with closing(Auditor(running.site)) as auditor:
        waiting = {parse_entry(one.entry).id for one in quarantine.waiting(auditor.db)}
        assert waiting  # a number in a name is for an officer to look at, and must not be heard of either
        good = [one for lane in ("moh", "cso") for one in auditor.accepted(lane) if one not in waiting]
        assert len(good) >= 2
        assert eventually(lambda: set(good) <= set(running.core.seen()))
        assert eventually(lambda: len(auditor.accepted("nea")) >= len(good))


def test_no_answer_repeats_what_was_sent(running: Exchange) -> None:
    assert [one for answer in running.answers for one in told(answer)] == []


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
    with closing(Auditor(running.site)) as auditor:
        for lane in ("moh", "cso", "nea", "gateway"):
            entries = auditor.entries(lane)
            assert entries
            assert [
                one for entry in entries for one in told(json.dumps(entry, ensure_ascii=False).encode())
            ] == []


def test_no_file_of_the_gateway_holds_it(running: Exchange) -> None:
    files = [path for path in (running.site.folder / "var").iterdir() if ".db" in path.name]
    assert {path.name for path in files} >= {"store.db", "queue.db", "deliver-mailbox.db", "nea-ledger.db"}
    assert [f"{path.name}: {one}" for path in files for one in told(path.read_bytes())] == []
