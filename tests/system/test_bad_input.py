"""Everything that agencies should not send, over the wire of a whole site: a code each, in the sender's lane."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from support.auditor import Auditor
from support.draining import eventually
from support.participants import participant, small_site
from support.sample_records import national_id, notification, registration

from gateway.demo.pki import Authority
from gateway.demo.running import Running
from gateway.demo.site import HOST, Site

JSON, NDJSON, XML, CSV = "application/json", "application/x-ndjson", "application/xml", "text/csv"
PROLOG = '<?xml version="1.0" encoding="UTF-8"?>'
BOMB = f'{PROLOG}<!DOCTYPE d [<!ENTITY a "{"a" * 99}"><!ENTITY b "{"&a;" * 99}"><!ENTITY c "{"&b;" * 99}">]>'
OUTSIDE = f'{PROLOG}<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
SLOW_S = 1
DAY = timedelta(days=1)


@dataclass
class Exchange:
    """A site that loses patience with slow clients quickly."""

    site: Site
    serve: Running
    auditor: Auditor
    clients: dict[str, httpx.Client]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    limits = {"header_timeout_s": SLOW_S, "idle_timeout_s": SLOW_S}
    with small_site(tmp_path_factory.mktemp("site"), limits=limits) as made:
        serve = made.serve()
        with closing(Auditor(made)) as auditor:
            yield Exchange(made, serve, auditor, {name: participant(made, name) for name in ("moh", "cso")})


def text(record: object) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode()


def good(reference: str = "MOH-1203-2026-000001") -> bytes:
    return text(notification(reference))


def register(old: str, new: str) -> bytes:
    document = registration("CSO-2026-77-00001").replace(old, new)
    assert new in document
    return document.encode()


@dataclass(frozen=True)
class Bad:
    """What an agency sends, and the status and code of the answer."""

    body: bytes
    code: str
    status: int = 422
    media_type: str = JSON
    sender: str = "moh"
    contract: str = "death.v1"


def bad_xml(body: bytes, code: str) -> Bad:
    return Bad(body, code, media_type=XML, sender="cso")


NID = national_id().encode()
WHOLE = {
    "no agreement covers it": Bad(b"", "agreement.missing", 403, CSV, contract="eligibility-gained.v1"),
    "nobody knows the contract": Bad(good(), "contract.unknown", 404, contract="nothing.v1"),
    "no contract can have the name": Bad(good(), "contract.unknown", 404, contract="..%2f..v1"),
    "another media type": Bad(b"<a/>", "contract.media_type", 415, XML),
    "an oversized body": Bad(b" " * (20 << 20), "submission.too_large", 413),
}
ALONE = {
    "nothing": Bad(b"", "record.json.syntax"),
    "an endless record": Bad(b'{"a":"' + b"x" * (100 << 10) + b'"}\n', "record.size", media_type=NDJSON),
    "deep JSON": Bad(b'{"a":' * 2000 + b"1" + b"}" * 2000, "record.json.depth"),
    "a deep list": Bad(b"[" * 100_000, "record.json.syntax"),
    "what is not UTF-8": Bad(good().replace("محمد".encode(), b"\xff\xfe"), "record.encoding"),
    "a key twice": Bad(good().replace(b'"action"', b'"action": 1, "action"'), "record.json.duplicate_key"),
    "an ID that is a number": Bad(good().replace(b'"' + NID + b'"', NID), "record.schema.type"),
    "text that turns around": Bad(text(notification("MOH-1", name="محمد \u202eأحمد")), "record.text.bidi"),
    "an entity bomb": bad_xml(register(PROLOG, BOMB).replace(b"CSO-77", b"&c;"), "record.xml.doctype"),
    "an outside entity": bad_xml(register(PROLOG, OUTSIDE).replace(b"CSO-77", b"&x;"), "record.xml.doctype"),
    "an undeclared entity": bad_xml(register("CSO-77", "&x;"), "record.xml.syntax"),
    "deep XML": bad_xml(b"<a>" * 5000, "record.xml.syntax"),
}


def refused(running: Exchange, bad: Bad, kind: str) -> dict[str, Any]:
    """Send what is bad, check the answer, and return the one refusal that the sender's lane remembers."""
    before = running.auditor.size(bad.sender)
    answer = running.clients[bad.sender].post(
        f"/v1/{bad.contract}/records",
        content=bad.body,
        headers={"content-type": bad.media_type, "accept": JSON},
    )
    assert (answer.status_code, answer.json()["code"]) == (bad.status, bad.code)
    assert answer.json()["title_ar"]
    (entry,) = [one for one in running.auditor.entries(bad.sender, before) if one["kind"] == kind]
    assert entry["code"] == bad.code
    return entry


@pytest.mark.parametrize("bad", WHOLE.values(), ids=WHOLE)
def test_a_submission_is_refused_whole_and_its_senders_lane_remembers(running: Exchange, bad: Bad) -> None:
    assert refused(running, bad, "submission.refused")["certificate"]


@pytest.mark.parametrize("bad", ALONE.values(), ids=ALONE)
def test_a_record_is_refused_and_its_senders_lane_remembers(running: Exchange, bad: Bad) -> None:
    assert refused(running, bad, "record.refused")["origin"]


def test_an_idempotency_key_stands_for_one_body(running: Exchange) -> None:
    moh, headers = running.clients["moh"], {"idempotency-key": "day 2026-06-03"}
    body = notification("MOH-KEY-1")
    first = moh.post("/v1/death.v1/records", json=body, headers=headers).json()
    again = moh.post("/v1/death.v1/records", json=body, headers=headers).json()
    assert again["submission"] == first["submission"]
    assert again["counts"] == {"accepted": 0, "quarantined": 0, "duplicate": 1, "refused": 0}
    before = running.auditor.size("moh")
    other = moh.post("/v1/death.v1/records", json=notification("MOH-KEY-2"), headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "submission.idempotency_key_reused")
    assert "submission.idempotency_key_reused" in [
        one.get("code") for one in running.auditor.entries("moh", before)
    ]


def test_a_client_that_sends_too_slowly_is_told_and_remembered(running: Exchange) -> None:
    before = running.auditor.size("moh")
    head = f"POST /v1/death.v1/records HTTP/1.1\r\nhost: {HOST}\r\ncontent-type: {NDJSON}\r\n"
    answer = said(running, head + 'content-length: 1000\r\n\r\n{"a"')
    assert b" 408 " in answer.partition(b"\r\n")[0]
    assert b"submission.too_slow" in answer
    assert "submission.too_slow" in [one.get("code") for one in running.auditor.entries("moh", before)]


def test_a_client_that_does_not_finish_its_head_is_told(running: Exchange) -> None:
    answer = said(running, "POST /v1/death.v1/records HTTP/1.1\r\nhost: ")
    assert b"request.too_slow" in answer
    assert remembered(running, "request.too_slow")


def test_without_a_certificate_nothing_is_listened_to(running: Exchange) -> None:
    with httpx.Client(verify=running.site.client(None), base_url=running.site.url) as nobody:
        answer = nobody.post("/v1/death.v1/records", json=notification("MOH-1"))
    assert (answer.status_code, answer.json()["code"]) == (401, "identity.certificate_missing")
    assert remembered(running, "identity.certificate_missing")


YESTERDAY, TOMORROW = datetime.now(UTC) - DAY, datetime.now(UTC) + DAY
CERTIFICATES = {
    "identity.unknown": {"hosts": ("stranger.test",)},
    "identity.expired": {"hosts": ("moh.test",), "valid_from": YESTERDAY - DAY, "valid_for": DAY},
    "identity.not_yet_valid": {"hosts": ("moh.test",), "valid_from": TOMORROW},
}


@pytest.mark.parametrize(("code", "how"), CERTIFICATES.items(), ids=CERTIFICATES)
def test_a_certificate_that_identifies_nobody_is_refused_with_its_reason(
    running: Exchange, code: str, how: dict[str, Any]
) -> None:
    issued = running.site.authority.issue("somebody", **how)
    with httpx.Client(verify=running.site.client(issued), base_url=running.site.url) as client:
        answer = client.post("/v1/death.v1/records", json=notification("MOH-1"))
    assert (answer.status_code, answer.json()["code"]) == (403, code)
    assert remembered(running, code)


def test_a_certificate_of_another_authority_ends_the_handshake_and_the_operator_learns_of_it(
    running: Exchange,
) -> None:
    issued = Authority("Elsewhere").issue("moh", hosts=("moh.test",))
    with (
        httpx.Client(verify=running.site.client(issued), base_url=running.site.url) as client,
        pytest.raises(httpx.TransportError),
    ):
        client.post("/v1/death.v1/records", json=notification("MOH-1"))
    assert eventually(lambda: "connection.refused" in [line.get("event") for line in running.serve.said])
    assert remembered(running, "identity.untrusted")


def remembered(running: Exchange, code: str) -> bool:
    """Whether the metrics come to count an error of this code, and the gateway's lane to say so."""

    def counted() -> bool:
        return f'code="{code}"' in httpx.get(f"{running.site.operations_url('serve')}/metrics").text

    def codes() -> list[object]:
        entries = running.auditor.entries("gateway")
        return [one["code"] for one in entries if one["kind"] == "stranger.refused"]

    return eventually(counted) and eventually(lambda: code in codes())


def said(running: Exchange, request: str) -> bytes:
    """Say something as the health offices, then nothing more, and return the answer."""
    context: ssl.SSLContext = running.site.client(running.site.issue("moh"))
    with (
        socket.create_connection((HOST, running.site.ports["serve"])) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as connection,
    ):
        connection.settimeout(10 * SLOW_S)
        connection.sendall(request.encode())
        answer = b""
        while octets := connection.recv(65536):
            answer += octets
        return answer
