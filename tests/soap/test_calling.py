"""The gateway calls an agency's service, which is node-soap's: it fetches records and hands over what is for it."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree
from signed_parts import xmlsec1
from soap_parts import PARTICIPANTS, Prosecution
from support.agency_service import WSDL, AgencyService, agency_service
from support.auditor import Auditor
from support.changing import change
from support.participants import PATIENCE_S, participant, small_site
from support.sample_records import JUDGMENTS, judgment
from support.soap import CONTRACT, enveloped, message

from adapters.soap.breaker import REST_S
from adapters.soap.polling import ATTEMPTS
from crypto.origin.envelope import WSSE
from gateway.answered import ANSWERS, Given, hand_in
from gateway.demo.local import free_ports
from gateway.demo.running import Running
from gateway.demo.site import HOST
from gateway.errors import Rejected


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
            pytest.MonkeyPatch.context() as environment,
        ):
            # What a process would leave in a temporary file is found with the rest of the site.
            (made.folder / "tmp").mkdir()
            environment.setenv("TMPDIR", str(made.folder / "tmp"))
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


def test_the_key_that_is_shown_to_the_service_is_in_no_file(called: Called) -> None:
    """Neither in one that a calling process has open, nor in one that it has left anywhere it can write."""
    called.service.wait_for("fetch")  # the key was shown by then
    issued = called.prosecution.site.issue("ppo")
    secret = issued.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    assert holds_a_key(b"x" + issued.key_pem)
    assert holds_a_key(b"x" + secret)
    running = [one.popen.pid for one in (called.prosecution.serve, called.deliver)]
    opened = [path for pid in running for path in opened_by(pid)]
    assert any(path.name == "store.db" for path in opened)
    assert not [path for path in opened if "memfd:" in str(path)]
    files = {path for path in (*opened, *called.prosecution.site.folder.rglob("*")) if path.is_file()}
    assert called.prosecution.site.folder / "var" / "serve.log" in files
    assert [str(path) for path in files if holds_a_key(path.read_bytes())] == []


P256_PKCS8 = bytes.fromhex("30130607 2a8648ce3d0201 0608 2a8648ce3d030107 04")
"""What a P-256 private key has in PKCS #8 (RFC 5208), and no public one: an octet string after the algorithm."""
P256_SEC1 = bytes.fromhex("30770201010420")
"""How one begins by itself (RFC 5915)."""


def holds_a_key(octets: bytes) -> bool:
    """Return whether a private key of the kind that the gateway's certificates have is somewhere in there."""
    return b"PRIVATE KEY-----" in octets or P256_PKCS8 in octets or P256_SEC1 in octets


def opened_by(pid: int) -> list[Path]:
    """Return what a process and those that it started have open."""
    children = [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    own = [link.readlink() for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]
    return [*own, *(path for child in children for path in opened_by(child))]


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


def asked_for(called: Called) -> int:
    """Return how often the service was asked for judgments."""
    told = [one["asked"] for one in called.service.wait_for("fetch")]
    return sum(one["contract"] == CONTRACT for one in told)


def test_a_service_that_fails_is_given_a_rest_and_tried_again(called: Called) -> None:
    serve = called.prosecution.serve

    def failures() -> list[dict]:
        return [line for line in serve.said if line.get("event") == "poll.failed"]

    called.service.tell(fault="Server")
    before, many = asked_for(called), len(failures())
    called.until(lambda: CONTRACT in [line["contract"] for line in failures()[many:]])
    asked = (
        asked_for(called) - before
    )  # read before the rounds that have ended: more may have begun meanwhile
    rounds = [line["contract"] for line in failures()[many:]].count(CONTRACT)
    assert asked <= ATTEMPTS * (rounds + 1)
    assert "28811034204512" not in json.dumps(serve.said, ensure_ascii=False)
    called.service.tell(fault="")
    asked = called.service.count("fetch")
    called.service.wait_for("fetch", asked + 1, REST_S + PATIENCE_S)  # it may have been given a rest by now


def question(number: str) -> tuple[str, dict[str, object]]:
    """Return a question of the authority's, with its id."""
    asked = {
        "source_ref": f"NEA-V-{number}",
        "op": "assert",
        "asked_on": "2026-06-02",
        "request_id": str(uuid.uuid4()),
        "question": "CONVICTION_STATUS",
        "subject": {"nid": "28811034204512"},
    }
    return str(asked["request_id"]), asked


def told(number: str, question_id: str, **changes: str) -> str:
    """Return the agency's answer to a question, as its own system writes it."""
    answer = {
        "answer_no": f"PPO-V-{number}",
        "action": "NEW",
        "question_id": question_id,
        "question": "CONVICTION_STATUS",
        "result": "مؤكد",
        "as_of": "03/06/2026",
        "answered_on": "03/06/2026",
    }
    return json.dumps(answer | changes, ensure_ascii=False)


def ask(called: Called, asked: dict[str, object]) -> None:
    with participant(called.prosecution.site, "nea") as nea:
        headers, query = {"accept": "application/json"}, {"recipient": "ppo"}
        answer = nea.post("/v1/verification.v1/records", json=asked, params=query, headers=headers)
        assert answer.status_code == 200, answer.text


def test_a_question_is_asked_and_its_answer_fetched(called: Called) -> None:
    """The authority asks; the agency takes the question, and hands the answer over when it is fetched, in JSON."""
    auditor = called.prosecution.auditor
    identifier, asked = question("000001")
    before = called.service.count("deliver")
    ask(called, asked)
    taken = called.service.wait_for("deliver", before + 1)[-1]["asked"]
    assert taken["contract"] == "verification.v1"
    called.service.tell(documents={"verification.v1": [told("000001", identifier)]})
    called.until(lambda: "PPO-V-000001" in answers(auditor))


def test_a_question_is_answered_in_the_same_call(called: Called) -> None:
    """What the service returns is taken as if the agency had handed it over; then the question counts as delivered."""
    auditor = called.prosecution.auditor
    identifier, asked = question("000002")
    called.service.tell(answers={"verification.v1": told("000002", identifier)})
    ask(called, asked)
    called.until(lambda: "PPO-V-000002" in answers(auditor))
    entry = answers(auditor)["PPO-V-000002"]
    assert len(entry["origin"]["mtls"]) == 64
    called.until(lambda: "record.delivered" in trace_of(called, "NEA-V-000002"))
    called.service.tell(answers={})


def test_an_answer_that_is_wrong_is_refused_in_the_lane_and_the_question_not_asked_again(
    called: Called,
) -> None:
    auditor = called.prosecution.auditor
    identifier, asked = question("000003")
    called.service.tell(answers={"verification.v1": told("000003", identifier, as_of="31/02/2026")})
    size, before = auditor.size("ppo"), called.service.count("deliver")
    ask(called, asked)

    def refused() -> list[dict]:
        return [entry for entry in auditor.entries("ppo", size) if entry["kind"] == "record.refused"]

    called.until(lambda: len(refused()) == 1)
    assert refused()[0]["contract"] == "verification.v1"
    called.service.tell(answers={})
    called.until(lambda: "record.delivered" in trace_of(called, "NEA-V-000003"))
    assert called.service.count("deliver") == before + 1


def test_a_question_is_asked_again_until_its_answer_is_in_the_log(called: Called) -> None:
    """The process that takes records is away while the agency answers."""
    site, auditor = called.prosecution.site, called.prosecution.auditor
    identifier, asked = question("000004")
    called.service.tell(answers={"verification.v1": told("000004", identifier)})
    socket = site.store.parent / ANSWERS.name
    socket.rename(socket.with_suffix(".away"))
    before = called.service.count("deliver")
    ask(called, asked)
    called.service.wait_for("deliver", before + 2)
    assert "PPO-V-000004" not in answers(auditor)
    assert "record.delivered" not in trace_of(called, "NEA-V-000004")
    socket.with_suffix(".away").rename(socket)
    called.until(lambda: "PPO-V-000004" in answers(auditor))
    called.until(lambda: "record.delivered" in trace_of(called, "NEA-V-000004"))
    called.service.tell(answers={})


def unread(called: Called, since: int) -> list[tuple[str, str]]:
    """Return what the agency's lane says was not read, by contract and code."""
    entries = called.prosecution.auditor.entries("ppo", since)
    return [(one["contract"], one["code"]) for one in entries if one["kind"] == "answer.refused"]


def test_an_answer_that_the_process_which_takes_records_cannot_read_is_in_the_lane(called: Called) -> None:
    """Who has taken over the process that delivers can hand in what it likes; it is not read, and remembered."""
    since = called.prosecution.auditor.size("ppo")
    given = Given("ppo", "verification.v1", "ab" * 32, enveloped("<x/>")[:-9])
    with pytest.raises(Rejected, match=r"soap\.envelope"):
        hand_in(called.prosecution.site.store.parent, given)
    called.until(lambda: unread(called, since) == [("verification.v1", "soap.envelope")])


def test_what_no_agreement_covers_any_more_is_not_fetched_and_the_lane_says_so(called: Called) -> None:
    site, file = called.prosecution.site, f"agreements/ppo-nea-{CONTRACT}.yaml"
    since = called.prosecution.auditor.size("ppo")

    change(site, file, valid_until="2026-01-31")
    try:
        called.until(lambda: (CONTRACT, "agreement.expired") in unread(called, since))
        before = asked_for(called)
        called.service.wait_for("fetch", called.service.count("fetch") + 5)  # of the other contract
        assert asked_for(called) == before
    finally:
        change(site, file, valid_until="2031-01-31")
    called.until(lambda: asked_for(called) > before)
    # Once by who fetched until the change was seen everywhere, once by who fetches since.
    assert set(unread(called, since)) == {(CONTRACT, "agreement.expired")}
    assert len(unread(called, since)) <= 2


def answers(auditor: Auditor) -> dict[str, dict]:
    """Return the answers that are in the agency's lane, by its own numbers."""
    entries = auditor.entries("ppo")
    return {
        entry["source_ref"]: entry
        for entry in entries
        if entry["kind"] == "record.accepted" and entry["contract"] == "verification.v1"
    }


def trace_of(called: Called, number: str) -> list[str]:
    """Return what happened to a question of the authority's."""
    entries = called.prosecution.auditor.entries("nea")
    (identifier,) = [one["id"] for one in entries if one.get("source_ref") == number] or [""]
    return called.prosecution.auditor.trace(identifier) if identifier else []
