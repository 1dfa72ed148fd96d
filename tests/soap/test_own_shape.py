"""A service in the agency's own shape is called with nothing but data: its WSDL, and what its words mean."""

from __future__ import annotations

import base64
import copy
import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from lxml import etree
from own_service import Element, OwnService, own_service
from soap_parts import PARTICIPANTS, Prosecution
from support.auditor import Auditor
from support.participants import participant, small_site
from support.sample_records import JUDGMENTS, judgment, reference
from support.soap import CONTRACT

from contracts.errors import Invalid
from gateway.codes import CODES
from gateway.configuration import Document, parse
from gateway.demo.site import isnad
from gateway.registry.agency_file import ByEndpoint
from gateway.registry.by_soap import Fetched, OwnShape

WSDL = Path(__file__).with_name("own.wsdl")
RECORDS = (
    Path(__file__).resolve().parents[2]
    / "contracts"
    / "agencies"
    / "ppo"
    / "deprivation"
    / "v1"
    / "source.xsd"
)
OWN = "urn:eg:ppo:exchange"
SHAPE = {
    "binding": "ExchangeSoap12",
    "version": "1.2",
    "calls": {
        "fetch": {
            "operation": "GetFinalJudgments",
            "fixed": {"channel": "NEA"},
            "asks": {"cursor": "afterToken", "most": "pageSize"},
            "answers": {"document": "Page/Judgments", "cursor": "Page/nextToken", "more": "hasMore"},
        },
        "deliver": {
            "operation": "ReceiveNotices",
            "asks": {"contract": "subject", "key": "batchKey"},
            "record": {"element": "notice", "event": "content"},
            "answers": {"reference": "ack/number", "answer": "ack/reply"},
        },
    },
}


def own_wsdl() -> bytes:
    """Return the agency's WSDL with its own XSD in it, in which a message has a root."""
    root = etree.parse(RECORDS).getroot()
    listed = (
        '<xs:element xmlns:xs="http://www.w3.org/2001/XMLSchema" name="Judgments"><xs:complexType><xs:sequence>'
        '<xs:element ref="Judgment" minOccurs="0" maxOccurs="unbounded"/></xs:sequence></xs:complexType></xs:element>'
    )
    if root.find("{*}element[@name='Judgments']") is None:
        root.append(
            etree.fromstring(listed.replace("<xs:element xmlns", f'<xs:element xmlns="{JUDGMENTS}" xmlns', 1))
        )
    return WSDL.read_bytes().replace(b"@RECORDS@", etree.tostring(root))


@dataclass
class Called:
    """The service, and the gateway that calls it; `records` are what the next call for new ones answers."""

    prosecution: Prosecution
    service: OwnService
    records: dict[str, str]
    reply: str = ""

    def answer(self, asked: Element) -> str:
        if asked.tag == f"{{{OWN}}}ReceiveNotices":
            reply = f"<reply>{base64.b64encode(self.reply.encode()).decode()}</reply>" if self.reply else ""
            ack = f"<ack><number>N-7</number>{reply}</ack>"
            return f'<ReceiveNoticesResponse xmlns="{OWN}">{ack}</ReceiveNoticesResponse>'
        at = asked.findtext(f"{{{OWN}}}afterToken") or ""
        found = [(token, one) for token, one in self.records.items() if token > at]
        token, one = found[0] if found else (at, "")
        return (
            f'<GetFinalJudgmentsResponse xmlns="{OWN}"><Page><Judgments xmlns="{JUDGMENTS}">{one}</Judgments>'
            f"<nextToken>{token}</nextToken></Page><hasMore>{str(len(found) > 1).lower()}</hasMore>"
            "</GetFinalJudgmentsResponse>"
        )

    def taken(self) -> dict[str, dict]:
        entries = self.prosecution.auditor.entries("ppo")
        return {one["source_ref"]: one for one in entries if one["kind"] == "record.accepted"}


@pytest.fixture(scope="module")
def called(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Called]:
    with (
        small_site(tmp_path_factory.mktemp("own-shape"), participants=PARTICIPANTS) as made,
        own_service(made.authority, made.prepared.ca_pem) as service,
    ):
        service.old = False
        (made.config / "pki" / "ppo.wsdl").write_bytes(own_wsdl())
        path = made.config / "agencies" / "ppo.yaml"
        agency = yaml.safe_load(path.read_text())
        server = {"url": service.url, "server_ca": "pki/site.pem", "wsdl": "pki/ppo.wsdl", "shape": SHAPE}
        agency["fetched"] = {"contracts": [CONTRACT], "interval_s": 1, **server}
        agency["delivery"] = {
            "mode": "endpoint",
            **copy.deepcopy(server),
        }  # YAML would write an alias otherwise
        path.write_text(yaml.safe_dump(agency, allow_unicode=True))
        state = Called(None, service, {})  # type: ignore[arg-type]
        service.answer = state.answer
        serve = made.serve()
        made.deliver()
        with closing(Auditor(made)) as auditor, Prosecution(made, serve, auditor, {}) as prosecution:
            state.prosecution = prosecution
            yield state


def test_records_are_fetched_in_the_agencys_own_words(called: Called) -> None:
    numbers = [reference() for _ in range(3)]
    called.records.update({f"T{n}": judgment(number) for n, number in enumerate(numbers)})
    called.prosecution.until(lambda: set(numbers) <= called.taken().keys())
    asked = [one for one in called.service.asked if one.tag == f"{{{OWN}}}GetFinalJudgments"]
    assert [child.text for child in asked[0]] == ["NEA", None, "1000"]
    called.prosecution.until(lambda: called.service.asked[-1].findtext(f"{{{OWN}}}afterToken") == "T2")


def tried(called: Called) -> tuple[int, str]:
    """Run `isnad agency test` as an operator does."""
    site = called.prosecution.site
    done = subprocess.run(
        [*isnad("agency", "test", "ppo"), "--config", str(site.config)],
        env={**os.environ, **site.admit("deliver")},
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_both_ways_to_such_a_service_are_tried_and_nothing_is_taken(called: Called) -> None:
    called.prosecution.until(lambda: bool(called.service.asked))
    called.prosecution.until(
        lambda: called.service.asked[-1].findtext(f"{{{OWN}}}afterToken") == max(called.records, default="")
    )
    status, said = tried(called)
    assert status == 0, said
    assert said.count("note  ping: endpoint.no_ping") == 2  # on the way of delivery, and on that of fetching
    assert CODES["endpoint.no_ping"].remedy_ar in said
    assert f"ok    fetch {CONTRACT} (there is nothing to fetch now)" in said
    number = reference()
    called.records["T2a"] = judgment(number).replace("<NotifiedOn>", "<Invented/><NotifiedOn>")
    status, said = tried(called)
    assert status == 1
    assert f"WRONG fetch {CONTRACT} (the answer must be as the WSDL says): soap.answer" in said
    assert CODES["soap.answer"].remedy_en in said
    assert CODES["soap.answer"].remedy_ar in said
    assert number not in called.taken()
    called.records["T2a"] = judgment(number)
    called.prosecution.until(lambda: number in called.taken())


def test_an_answer_that_is_not_as_the_agencys_wsdl_says_is_not_taken(called: Called) -> None:
    number = reference()
    failures = sum(one.get("event") == "poll.failed" for one in called.prosecution.serve.said)
    called.records["T3"] = judgment(number).replace("<NotifiedOn>", "<Invented/><NotifiedOn>")
    called.prosecution.until(
        lambda: sum(one.get("code") == "soap.answer" for one in called.prosecution.serve.said) > failures
    )
    assert number not in called.taken()
    called.records["T3"] = judgment(number)
    called.prosecution.until(lambda: number in called.taken())


def test_records_are_handed_over_and_questions_answered_in_the_agencys_own_words(called: Called) -> None:
    identifier = str(uuid.uuid4())
    told = {
        "answer_no": "PPO-V-000009",
        "action": "NEW",
        "question_id": identifier,
        "question": "CONVICTION_STATUS",
        "result": "مؤكد",
        "as_of": "03/06/2026",
        "answered_on": "03/06/2026",
    }
    called.reply = json.dumps(told, ensure_ascii=False)
    asked = {
        "source_ref": "NEA-V-000009",
        "op": "assert",
        "asked_on": "2026-06-02",
        "request_id": identifier,
        "question": "CONVICTION_STATUS",
        "subject": {"nid": "28811034204512"},
    }
    with participant(called.prosecution.site, "nea") as nea:
        headers, query = {"accept": "application/json"}, {"recipient": "ppo"}
        answer = nea.post("/v1/verification.v1/records", json=asked, params=query, headers=headers)
        assert answer.status_code == 200, answer.text
    called.prosecution.until(lambda: "PPO-V-000009" in called.taken())
    (notices,) = [one for one in called.service.asked if one.tag == f"{{{OWN}}}ReceiveNotices"]
    event = json.loads(notices.findtext(f"{{{OWN}}}notice/{{{OWN}}}content") or "")
    assert (notices.findtext(f"{{{OWN}}}subject"), event["data"]["request_id"]) == (
        "verification.v1",
        identifier,
    )

    def delivered() -> list[dict]:
        entries = called.prosecution.auditor.entries("nea")
        return [one for one in entries if one["kind"] == "record.delivered"]

    called.prosecution.until(lambda: [one["reference"] for one in delivered()] == ["N-7"])


def without(*path: str) -> dict:
    """Return the shape without something."""
    changed = json.loads(json.dumps(SHAPE))
    inner = changed
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return changed


@pytest.mark.parametrize(
    "wrong",
    [
        without("version"),
        without("calls", "fetch", "answers", "cursor"),
        without("calls", "fetch", "asks", "cursor"),
        without("calls", "deliver", "record"),
        {**SHAPE, "binding": "no name"},
        {**SHAPE, "calls": {**SHAPE["calls"], "delete": {"operation": "Delete"}}},
    ],
)
def test_a_shape_that_cannot_work_is_refused(wrong: dict) -> None:
    parse(yaml.safe_dump(SHAPE).encode(), "shape.yaml", OwnShape)
    with pytest.raises(Invalid):
        parse(yaml.safe_dump(wrong).encode(), "shape.yaml", OwnShape)


@pytest.mark.parametrize(("place", "call"), [(Fetched, "fetch"), (ByEndpoint, "deliver")])
def test_a_shape_must_have_the_call_that_its_place_is_for(place: type[Document], call: str) -> None:
    said = {"url": "https://ppo.test/x", "server_ca": "pki/a.pem", "wsdl": "pki/a.wsdl"}
    said |= {"contracts": [CONTRACT]} if place is Fetched else {"mode": "endpoint"}
    parse(yaml.safe_dump({**said, "shape": SHAPE}).encode(), "place.yaml", place)
    with pytest.raises(Invalid, match=call):
        parse(yaml.safe_dump({**said, "shape": without("calls", call)}).encode(), "place.yaml", place)
