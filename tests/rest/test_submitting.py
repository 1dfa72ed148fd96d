"""What an agency sees when it hands records over, in order and out of order."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import structlog
from desk import Desk
from served import Client, client_context, lines, read_answer

from crypto.pki import PeerVerifier
from crypto.receipt import BatchReceipt, Receipt, verify_logged
from gateway.demo.pki import Authority, Issued
from gateway.errors import Unavailable
from gateway.ports import SubmissionState

NDJSON = "application/x-ndjson"


def record(ref: str = "r1") -> bytes:
    return json.dumps({"ref": ref}).encode()


def many(count: int) -> bytes:
    return b"".join(record(f"r{n}") + b"\n" for n in range(count))


def problem(response: httpx.Response, status: int, code: str) -> dict[str, object]:
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == f"urn:isnad:error:{code}"
    assert response.json()["title_ar"]
    assert response.json()["title_en"]
    return response.json()


def test_a_record_is_answered_with_a_receipt_that_can_be_verified_offline(moh: Client, desk: Desk):
    response = moh.post(record())
    assert response.status_code == 200
    answer = response.json()
    assert answer["counts"] == {"accepted": 1, "quarantined": 0, "duplicate": 0, "refused": 0}
    (outcome,) = answer["outcomes"]
    assert (outcome["position"], outcome["outcome"], outcome["lane"], outcome["index"]) == (
        1,
        "accepted",
        "moh",
        0,
    )
    receipt = Receipt.from_json(json.dumps(outcome["receipt"]).encode())
    assert verify_logged(receipt, desk.policy).size == 1


def test_the_same_record_again_is_a_duplicate_with_the_first_receipt(moh: Client):
    first = moh.post(record()).json()["outcomes"][0]
    again = moh.post(record()).json()["outcomes"][0]
    assert again["outcome"] == "duplicate"
    assert (again["id"], again["receipt"]) == (first["id"], first["receipt"])


def test_a_bad_record_refuses_only_itself(moh: Client):
    body = b"\n".join([record("r1"), b'{"ref": "\xff"}', record("r2")])
    response = moh.post(body, NDJSON, accept="application/json")
    outcomes = response.json()["outcomes"]
    assert [outcome["outcome"] for outcome in outcomes] == ["accepted", "refused", "accepted"]
    assert outcomes[1]["code"] == "record.json.syntax"
    assert outcomes[1]["title_ar"]
    assert "id" not in outcomes[1]


def test_a_single_record_that_is_refused_is_a_problem_of_its_own(moh: Client):
    body = problem(moh.post(b'{"ref": "\xff"}'), 422, "record.json.syntax")
    assert body["detail"]


def test_a_stream_is_answered_line_by_line_and_every_receipt_expands_offline(moh: Client, desk: Desk):
    response = moh.post(many(1000), NDJSON)
    assert response.headers["content-type"] == NDJSON
    answered = lines(response.content)
    assert answered[-1]["summary"]["accepted"] == 1000
    batch, indices = None, []
    for line in answered[:-1]:
        if "batch" in line:
            batch = BatchReceipt.from_json(json.dumps(line["batch"]).encode())
            continue
        assert batch is not None
        salt = base64.urlsafe_b64decode(line["salt"] + "=")
        receipt = batch.expand(line["index"], line["id"], salt, line["entry"].encode())
        verify_logged(receipt, desk.policy)
        indices.append(line["index"])
    assert indices == list(range(1000))


def test_outcomes_come_while_the_rest_is_still_being_sent(moh: Client):
    with moh.raw() as connection:
        connection.sendall(
            b"POST /v1/death.v1/records HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        line = record("r1") + b"\n"
        connection.sendall(b"%x\r\n%s\r\n" % (len(line), line))
        seen = b""
        while b'"position":1' not in seen:
            seen += connection.recv(65536)
        connection.sendall(b"0\r\n\r\n")
        _, rest = 0, connection.recv(65536)
        assert b'"summary"' in seen + rest


def test_a_client_that_does_not_read_while_it_sends_asks_for_refusals_only(moh: Client):
    body = many(20_000) + b"{\n"
    answered = lines(moh.post(body, NDJSON, prefer="return=minimal").content)
    assert [line.get("code") for line in answered[:-1]] == ["record.json.syntax"]
    assert answered[-1]["summary"] | {"submission": ""} == {
        "submission": "", "accepted": 20_000, "quarantined": 0, "duplicate": 0, "refused": 1,
    }  # fmt: skip


class TestIdempotencyKeys:
    def test_the_same_key_names_the_same_submission(self, moh: Client):
        ids = {moh.post(record(), Idempotency_Key="k-1").json()["submission"] for _ in range(2)}
        assert len(ids) == 1
        assert ids.pop()[14] == "8"

    def test_without_a_key_every_submission_is_another(self, moh: Client):
        assert moh.post(record()).json()["submission"] != moh.post(record()).json()["submission"]

    def test_the_same_key_with_another_body_is_refused_and_logged(self, moh: Client, desk: Desk):
        moh.post(record("r1"), Idempotency_Key="k-1")
        problem(moh.post(record("r2"), Idempotency_Key="k-1"), 422, "submission.idempotency_key_reused")
        assert dict(desk.events[-1].fields)["code"] == "submission.idempotency_key_reused"
        assert len(desk.promises) == 1

    @pytest.mark.parametrize("key", ["", "x" * 129, "schlüssel"])
    def test_a_key_that_is_no_key_is_refused_and_logged(self, moh: Client, desk: Desk, key: str):
        with moh.http as http:
            headers = [(b"content-type", b"application/json"), (b"idempotency-key", key.encode("latin-1"))]
            response = http.post("/v1/death.v1/records", content=record(), headers=headers)
        problem(response, 400, "submission.idempotency_key")
        assert (desk.events[-1].lane, desk.events[-1].kind) == ("moh", "submission.refused")


class TestIdentity:
    def test_no_certificate_is_refused_in_words(self, anonymous: Client, desk: Desk):
        problem(anonymous.post(record()), 401, "identity.certificate_missing")
        assert not desk.promises

    def test_a_certificate_of_another_authority_fails_the_handshake_and_is_logged(
        self, port: int, authority: Authority
    ):
        stranger = Client(port, client_context(authority, Authority("Stranger").issue("moh")))
        with structlog.testing.capture_logs() as logged, pytest.raises(httpx.TransportError):
            stranger.post(record())
        refusals = [line for line in logged if line["event"] == "connection.refused"]
        assert [line["code"] for line in refusals] == ["identity.untrusted"]

    def test_an_expired_certificate_is_refused_in_words(self, port: int, authority: Authority):
        long_ago = datetime.now(UTC) - timedelta(days=60)
        expired = authority.issue("moh", valid_from=long_ago, valid_for=timedelta(days=30))
        problem(Client(port, client_context(authority, expired)).post(record()), 403, "identity.expired")

    def test_a_certificate_revoked_meanwhile_is_refused_on_the_connection_it_opened(
        self, moh: Client, desk: Desk, authority: Authority, moh_certificate: Issued
    ):
        with moh.http as http:
            headers = {"content-type": "application/json"}
            assert http.post("/v1/death.v1/records", content=record(), headers=headers).status_code == 200
            desk.verifier = PeerVerifier([authority.pem], [_crl_with(authority, moh_certificate)])
            response = http.post("/v1/death.v1/records", content=record(), headers=headers)
        problem(response, 403, "identity.revoked")

    def test_a_certificate_nobody_registered_is_refused(self, port: int, authority: Authority):
        other = Client(port, client_context(authority, authority.issue("somebody")))
        problem(other.post(record()), 403, "identity.unknown")


class TestLimits:
    def test_a_body_announced_too_large_is_refused_before_it_is_read(self, moh: Client, desk: Desk):
        with moh.raw() as connection:
            connection.sendall(_head("application/json", accept="application/json", content_length=1 << 40))
            status, body = read_answer(connection)
        assert (status, json.loads(body)["code"]) == (413, "submission.too_large")
        assert dict(desk.events[-1].fields)["code"] == "submission.too_large"

    def test_a_body_that_grows_too_large_is_refused_while_it_is_read(self, moh: Client):
        with moh.raw() as connection:
            connection.sendall(_head("application/json", accept="application/json"))
            chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
            for _ in range(18):
                connection.sendall(chunk)
            status, body = read_answer(connection)
        assert (status, json.loads(body)["code"]) == (413, "submission.too_large")

    def test_header_fields_without_end_are_refused(self, moh: Client):
        with moh.raw() as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000)
            status, body = read_answer(connection)
        assert (status, json.loads(body)["code"]) == (431, "request.headers_too_large")

    def test_many_header_fields_that_come_at_once_are_refused(self, moh: Client):
        with moh.raw() as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 4000 + b"\r\n")
            status, _ = read_answer(connection)
        assert status == 431

    def test_header_fields_that_trickle_are_refused_in_time(self, moh: Client):
        began = time.monotonic()
        with moh.raw() as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nX")
            status, body = read_answer(connection)
        assert (status, json.loads(body)["code"]) == (408, "request.too_slow")
        assert time.monotonic() - began < 5

    def test_a_second_request_that_trickles_is_refused_in_time_too(self, moh: Client):
        with moh.raw() as connection:
            connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            seen = b""
            while b"live" not in seen:
                seen += connection.recv(65536)
            connection.sendall(b"\r\n")
            assert read_answer(connection)[0] == 408

    def test_what_is_no_http_is_refused(self, moh: Client):
        with moh.raw() as connection:
            connection.sendall(b"\x00\x01\x02\r\n\r\n")
            status, body = read_answer(connection)
        assert (status, json.loads(body)["code"]) == (400, "request.malformed")

    def test_more_connections_than_allowed_are_refused(self, moh: Client):
        open_ones = [moh.raw() for _ in range(20)]
        try:
            for connection in open_ones:
                connection.sendall(b"GET /health/live HTTP/1.1\r\n")
            with moh.raw() as one_more:
                status, body = read_answer(one_more)
            assert (status, json.loads(body)["code"]) == (503, "unavailable.busy")
        finally:
            for connection in open_ones:
                connection.close()

    @pytest.mark.parametrize("encoding", ["gzip", "br"])
    def test_compressed_bodies_are_refused(self, moh: Client, encoding: str):
        problem(moh.post(record(), Content_Encoding=encoding), 415, "submission.content_encoding")

    def test_two_values_for_one_field_are_refused(self, moh: Client):
        with moh.raw() as connection:
            head = _head("application/json", content_length=1)[:-2]
            connection.sendall(head + b"Content-Type: application/xml\r\n\r\n ")
            status, body = read_answer(connection)
        assert (status, json.loads(body)["field"]) == (400, "content-type")


class TestSlowAndVanishedClients:
    def test_a_client_that_stops_sending_is_told_so_and_keeps_what_was_promised(
        self, moh: Client, desk: Desk
    ):
        with moh.raw() as connection:
            connection.sendall(_head(NDJSON) + _chunk(record("r1") + b"\n"))
            status, body = read_answer(connection)
        answered = [json.loads(line) for line in _dechunked(body).splitlines()]
        assert status == 200
        assert answered[-1]["problem"]["code"] == "submission.too_slow"
        assert len(desk.promises) == 1
        assert not _only(desk.states).complete
        assert dict(desk.events[-1].fields)["code"] == "submission.too_slow"

    def test_a_client_that_trickles_is_too_slow_although_it_never_stops(self, moh: Client):
        with moh.raw() as connection:
            connection.sendall(_head("application/json", content_length=5000))
            for _ in range(60):
                try:
                    connection.sendall(b" ")
                except OSError:
                    break
                time.sleep(0.05)
            status, body = read_answer(connection)
        assert (status, json.loads(body)["code"]) == (408, "submission.too_slow")

    def test_a_client_that_vanishes_leaves_its_submission_incomplete(self, moh: Client, desk: Desk):
        with moh.raw() as connection:
            connection.sendall(_head(NDJSON) + _chunk(record("r1") + b"\n") + b"ff\r\n{")
            while not desk.promises:
                time.sleep(0.01)
        _until(lambda: bool(desk.events))
        assert dict(desk.events[-1].fields)["code"] == "submission.interrupted"
        assert not _only(desk.states).complete

    def test_a_client_that_does_not_read_is_not_waited_for(self, moh: Client, desk: Desk):
        began = time.monotonic()
        with moh.raw() as connection, structlog.testing.capture_logs() as logged:
            connection.sendall(_head(NDJSON))
            connection.settimeout(0.5)
            try:
                for n in range(200):
                    body = b"".join(record(f"r{n}-{i}") + b"\n" for i in range(1000))
                    connection.sendall(_chunk(body))
            except TimeoutError:
                pass
            _until(lambda: any(line["event"] == "submission.answered" for line in logged))
        (answered,) = [line for line in logged if line["event"] == "submission.answered"]
        assert answered["code"] == "submission.answer_unread"
        assert len(desk.promises) < 200_000, "the gateway must stop reading when its answers are not read"
        assert time.monotonic() - began < 15

    def test_a_long_document_that_is_not_read_is_not_kept_for_its_client(self, moh: Client):
        body = many(20_000)
        with moh.raw() as connection, structlog.testing.capture_logs() as logged:
            connection.sendall(_head(NDJSON, content_length=len(body), accept="application/json") + body)
            _until(lambda: any(line["event"] == "submission.answered" for line in logged))
        (answered,) = [line for line in logged if line["event"] == "submission.answered"]
        assert (answered["code"], answered["accepted"]) == ("submission.answer_unread", 20_000)


class TestRefusals:
    def test_an_unknown_contract(self, moh: Client):
        with moh.http as http:
            response = http.post("/v1/birth.v1/records", content=record())
        problem(response, 404, "contract.unknown")

    def test_a_name_that_is_no_contracts_is_refused_and_does_not_reach_the_log(self, moh: Client, desk: Desk):
        with moh.http as http:
            response = http.post("/v1/29001010100011/records", content=record())
        problem(response, 404, "contract.unknown")
        assert "29001010100011" not in repr(desk.events)

    def test_another_media_type(self, moh: Client):
        problem(moh.post(record(), "text/plain"), 415, "contract.media_type")

    def test_a_quota_says_when_to_come_again(self, moh: Client, desk: Desk):
        desk.trouble = Unavailable("quota.records", retry_after_s=7)
        response = moh.post(record())
        assert problem(response, 429, "quota.records")["retry_after_s"] == 7
        assert response.headers["retry-after"] == "7"

    def test_a_gateway_that_cannot_seal_promises_nothing(self, moh: Client, desk: Desk):
        desk.trouble = Unavailable("unavailable.keys")
        assert moh.post(record()).headers["retry-after"] == "5"
        problem(moh.post(record()), 503, "unavailable.keys")
        assert not desk.promises

    def test_problems_are_titled_in_the_language_that_is_asked_for(self, anonymous: Client):
        english = anonymous.post(record()).json()
        arabic = anonymous.post(record(), Accept_Language="ar-EG, en;q=0.5")
        assert arabic.headers["content-language"] == "ar"
        assert arabic.json()["title"] == english["title_ar"]

    def test_a_fault_of_our_own_says_nothing_of_what_it_was_about(self, moh: Client):
        with structlog.testing.capture_logs():
            response = moh.post(b'{"value": "29001010100011"}')  # the desk stumbles over a record without ref
        assert problem(response, 500, "unavailable.internal")["correlation"]
        assert "29001010100011" not in response.text


class TestSignatures:
    def test_a_verified_signature_is_named_in_the_entry(self, moh: Client):
        target = b"https://localhost:%d/v1/death.v1/records" % moh.port
        signed = hashlib.sha256(b"moh POST " + target + b" " + record()).hexdigest()
        answer = moh.post(record(), JWS_Signature=signed).json()
        assert json.loads(answer["outcomes"][0]["receipt"]["entry"])["origin"] == "jws"

    def test_what_was_signed_for_another_gateway_is_not_taken_here(self, moh: Client, desk: Desk):
        signed = hashlib.sha256(b"moh POST https://other.example/v1/death.v1/records " + record()).hexdigest()
        answer = moh.post(record(), JWS_Signature=signed, Host="other.example")
        assert problem(answer, 400, "request.malformed")["field"] == "Host"
        assert not desk.promises

    def test_a_wrong_signature_is_refused_and_logged(self, moh: Client, desk: Desk):
        problem(moh.post(record(), JWS_Signature="x"), 403, "origin.wrong_signature")
        assert dict(desk.events[-1].fields)["code"] == "origin.wrong_signature"
        assert not desk.promises

    def test_a_signed_stream_is_verified_before_any_of_it_is_accepted(self, moh: Client, desk: Desk):
        problem(moh.post(many(1000), NDJSON, JWS_Signature="x"), 403, "origin.wrong_signature")
        assert not desk.promises


def _head(kind: str, *, accept: str = "*/*", content_length: int = -1) -> bytes:
    length = f"Content-Length: {content_length}" if content_length >= 0 else "Transfer-Encoding: chunked"
    fields = f"Host: localhost\r\nContent-Type: {kind}\r\nAccept: {accept}\r\n{length}\r\n"
    return f"POST /v1/death.v1/records HTTP/1.1\r\n{fields}\r\n".encode()


def _chunk(octets: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(octets), octets)


def _dechunked(octets: bytes) -> bytes:
    body = b""
    while octets:
        size, _, octets = octets.partition(b"\r\n")
        body, octets = body + octets[: int(size, 16)], octets[int(size, 16) + 2 :]
    return body


def _only(states: dict[str, SubmissionState]) -> SubmissionState:
    (state,) = states.values()
    return state


def _until(true: Callable[[], bool], within_s: float = 10) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _crl_with(authority: Authority, issued: Issued) -> bytes:
    """A list that names one more certificate, without a lasting effect on the authority."""
    authority.revoke(issued)
    try:
        return authority.crl()
    finally:
        authority._revoked.pop()
