"""The gateway calls an agency's service, which is node-soap's: it fetches records and hands over what is for it."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from lxml import etree
from signed_parts import xmlsec1
from soap_parts import PARTICIPANTS, Prosecution
from support.agency_service import WSDL, AgencyService, agency_service
from support.auditor import Auditor
from support.participants import PATIENCE_S, participant, small_site
from support.sample_records import JUDGMENTS, judgment
from support.soap import CONTRACT, enveloped, message

from adapters.soap.breaker import REST_S
from crypto.origin.envelope import WSSE
from gateway.demo.running import Running
from gateway.demo.site import HOST, free_ports


@dataclass
class Called:
    """The agency's service, and the gateway that calls it."""

    prosecution: Prosecution
    deliver: Running
    service: AgencyService

    def until(self, done) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not done():
            assert time.monotonic() < deadline, self.prosecution.serve.said[-3:]
            time.sleep(0.05)


@pytest.fixture(scope="module")
def called(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Called]:
    (port,) = free_ports(1)
    with small_site(tmp_path_factory.mktemp("calling"), participants=PARTICIPANTS) as made:
        (made.config / "pki" / "ppo.wsdl").write_bytes(WSDL.read_bytes())
        path = made.config / "agencies" / "ppo.yaml"
        agency = yaml.safe_load(path.read_text())
        server = {"url": f"https://{HOST}:{port}/isnad", "server_ca": "pki/site.pem", "wsdl": "pki/ppo.wsdl"}
        agency["delivery"] = {"mode": "endpoint", "timeout_s": 5, **server}
        agency["fetched"] = {
            "contracts": ["deprivation.v1", "verification.v1"],
            "interval_s": 1,
            "timeout_s": 2,
            **server,
        }
        path.write_text(yaml.safe_dump(agency, allow_unicode=True))
        with (
            agency_service(made.authority, made.prepared.ca_pem, port) as service,
            closing(Auditor(made)) as auditor,
        ):
            serve, deliver = made.serve(), made.deliver()
            with Prosecution(made, serve, auditor, {}) as prosecution:
                yield Called(prosecution, deliver, service)


def document(*records: str) -> str:
    return f'<Judgments xmlns="{JUDGMENTS}">{"".join(records)}</Judgments>'


def test_records_are_fetched_from_the_cursor_on_and_once(called: Called) -> None:
    auditor = called.prosecution.auditor
    before = len(auditor.accepted("ppo"))
    documents = [document(judgment(), judgment()), document(judgment(), "<Judgment/>")]
    called.service.tell(documents={CONTRACT: documents})
    called.until(lambda: len(auditor.accepted("ppo")) == before + 3)
    rounds = called.service.count("fetch")
    called.service.wait_for("fetch", rounds + 4)
    assert len(auditor.accepted("ppo")) == before + 3
    entry = next(entry for entry in auditor.entries("ppo") if entry["kind"] == "record.accepted")
    assert len(entry["origin"]["mtls"]) == 64
    told = [one["asked"] for one in called.service.wait_for("fetch")]
    asked = [one["cursor"] for one in told if one["contract"] == CONTRACT]
    assert (asked[0] or "", asked[-1]) == ("", "2")


def test_what_the_gateway_asks_is_signed_with_the_key_servers_key(called: Called, tmp_path: Path) -> None:
    told = called.service.wait_for("received")[-1]["xml"].encode()
    token = etree.fromstring(told).find(f".//{{{WSSE}}}BinarySecurityToken")
    certificate = x509.load_der_x509_certificate(base64.b64decode(token.text))
    authority = x509.load_pem_x509_certificate(called.prosecution.site.prepared.ca_pem.encode())
    certificate.verify_directly_issued_by(authority)
    assert xmlsec1(told, certificate, tmp_path)


def test_what_is_for_the_agency_is_handed_over(called: Called) -> None:
    site = called.prosecution.site
    accepted = called.prosecution.post(enveloped(message(judgment())))
    disposition = {
        "source_ref": "NEA-D-000001",
        "op": "assert",
        "occurred_on": "2026-06-04",
        "event_source": "ppo",
        "event_id": etree.fromstring(accepted.content).findtext(".//{*}outcome/{*}id"),
        "event_ref": "PPO-1",
        "outcome": "APPLIED",
        "applied_at": "2026-06-04T09:30:00Z",
    }
    with participant(site, "nea") as nea:
        path, query = "/v1/disposition.v1/records", {"recipient": "ppo"}
        answer = nea.post(path, json=disposition, params=query, headers={"accept": "application/json"})
        assert answer.status_code == 200, answer.text
    taken = called.service.wait_for("deliver")[-1]["asked"]
    record = taken["record"][0] if isinstance(taken["record"], list) else taken["record"]
    event, receipt = json.loads(record["event"]), json.loads(record["receipt"])
    assert (taken["contract"], event["id"]) == ("disposition.v1", receipt["record_id"])
    kinds = called.prosecution.auditor.trace
    called.until(lambda: "record.delivered" in kinds(event["id"]))


def test_a_service_that_fails_is_given_a_rest_and_tried_again(called: Called) -> None:
    serve = called.prosecution.serve

    def failures() -> list[dict]:
        return [line for line in serve.said if line.get("event") == "poll.failed"]

    called.service.tell(fault="Server")
    many = len(failures())
    called.until(lambda: len(failures()) > many)
    assert "28811034204512" not in json.dumps(serve.said, ensure_ascii=False)
    called.service.tell(fault="")
    asked = called.service.count("fetch")
    called.service.wait_for("fetch", asked + 1, REST_S + PATIENCE_S)  # it may have been given a rest by now


def test_a_question_is_asked_and_its_answer_fetched(called: Called) -> None:
    """The authority asks; the agency takes the question, and hands the answer over when it is fetched, in JSON."""
    site, auditor = called.prosecution.site, called.prosecution.auditor
    question = "5a0c1e7e-8a44-4f3b-9a10-6a3f6f1f2c11"
    asked = {
        "source_ref": "NEA-V-000001",
        "op": "assert",
        "asked_on": "2026-06-02",
        "request_id": question,
        "question": "CONVICTION_STATUS",
        "subject": {"nid": "28811034204512"},
    }
    before = called.service.count("deliver")
    with participant(site, "nea") as nea:
        headers, query = {"accept": "application/json"}, {"recipient": "ppo"}
        answer = nea.post("/v1/verification.v1/records", json=asked, params=query, headers=headers)
        assert answer.status_code == 200, answer.text
    taken = called.service.wait_for("deliver", before + 1)[-1]["asked"]
    assert taken["contract"] == "verification.v1"
    told = {
        "answer_no": "PPO-V-000001",
        "action": "NEW",
        "question_id": question,
        "question": "CONVICTION_STATUS",
        "result": "مؤكد",
        "as_of": "03/06/2026",
        "answered_on": "03/06/2026",
    }
    called.service.tell(documents={"verification.v1": [json.dumps(told, ensure_ascii=False)]})
    called.until(lambda: "verification.v1" in accepted_contracts(auditor))


def accepted_contracts(auditor: Auditor) -> set[str]:
    entries = auditor.entries("ppo")
    return {entry["contract"] for entry in entries if entry["kind"] == "record.accepted"}
