"""Handing records to an agency's endpoint: a real HTTPS server that behaves well, badly, or not at all."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from consumer.consumer_parts import Lane, OwnKeys, SigningKeys, reader
from served import HOST, client_context, server_context

from adapters.rest import Endpoint, outbound
from gateway.consumer.ledger import LedgerFile
from gateway.consumer.opening import BatchOpener, PinnedLogKeys
from gateway.demo.pki import Authority, Issued
from gateway.errors import IsnadError, Rejected, Unavailable
from gateway.records import Acknowledgement, Handed


@dataclass
class Agency:
    """An agency's server: answers as it is told and remembers what it got."""

    port: int = 0
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    pause_s: float = 0
    got: list[dict[str, object]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)


@contextmanager
def serving_agency(tls: ssl.SSLContext) -> Iterator[Agency]:
    agency = Agency()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            octets = self.rfile.read(int(self.headers["content-length"]))
            time.sleep(agency.pause_s)
            agency.got.append(json.loads(octets))
            agency.keys.append(self.headers["idempotency-key"])
            self.send_response(agency.status)
            for name, value in agency.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(agency.body)))
            self.end_headers()
            self.wfile.write(agency.body)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None
    agency.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield agency
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def agency(authority: Authority, gateway_certificate: Issued) -> Iterator[Agency]:
    tls = server_context(gateway_certificate, authority.pem)
    tls.verify_mode = ssl.CERT_REQUIRED
    with serving_agency(tls) as agency:
        yield agency


@pytest.fixture
def records(tmp_path: Path) -> list[Handed]:
    ledger = LedgerFile(tmp_path / "ledger.db")
    opener = BatchOpener(reader(), OwnKeys(), PinnedLogKeys(SigningKeys().public_keys()), ledger)
    records = list(opener.open(Lane().message(5)))
    ledger.close()
    return records


async def hand(
    agency: Agency, records: list[Handed], tls: ssl.SSLContext, *, max_batch: int = 256, timeout_s: float = 5
) -> Acknowledgement:
    way = outbound(Endpoint(f"https://{HOST}:{agency.port}/records", timeout_s, max_batch), tls)
    try:
        return await way.hand(records)
    finally:
        await way.close()


@pytest.fixture
def ours(authority: Authority) -> ssl.SSLContext:
    return client_context(authority, authority.issue("gateway"))


async def test_records_arrive_with_their_receipts_octet_for_octet(agency: Agency, records, ours):
    agency.headers["Isnad-Reference"] = "case/17"
    assert await hand(agency, records, ours) == Acknowledgement("case/17")
    (got,) = agency.got
    assert [one["event"]["id"] for one in got["records"]] == [record.record_id for record in records]
    assert got["records"][0]["receipt"]["record_id"] == records[0].record_id


async def test_no_more_records_at_a_time_than_the_agency_takes(agency: Agency, records, ours):
    await hand(agency, records, ours, max_batch=2)
    assert [len(got["records"]) for got in agency.got] == [2, 2, 1]


async def test_the_same_records_have_the_same_key(agency: Agency, records, ours):
    for sent in (records, records, records[:2], records[:1]):
        await hand(agency, sent, ours)
    first, again, fewer, one = agency.keys
    assert first == again != fewer
    assert one == records[0].record_id


@pytest.mark.parametrize("reference", ["x" * 129, "two words", "29001010100011", "id-29001010100011"])
async def test_a_reference_that_must_not_be_logged_is_dropped(agency: Agency, records, ours, reference: str):
    agency.headers["Isnad-Reference"] = reference
    assert await hand(agency, records, ours) == Acknowledgement("")


@dataclass(frozen=True)
class Trouble:
    status: int
    retry_after: str
    after_s: int


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(503, "7", 7),
        Trouble(429, "", 1),
        Trouble(408, "nonsense", 1),
        Trouble(500, "99999999999", 3600),
        Trouble(503, "Mon, 01 Jan 2001 00:00:00 GMT", 1),
        Trouble(503, "Fri, 31 Dec 9999 23:59:59 -0100", 3600),
        Trouble(503, "Sat, 01 Jan 2050 00:00:00 -0000", 3600),
        Trouble(503, "Sat, 01 Jan 2050 00:00:00 +9999999999999", 1),
    ],
)
async def test_trouble_of_the_agency_is_tried_again(agency: Agency, records, ours, trouble: Trouble):
    agency.status, agency.headers = trouble.status, {"Retry-After": trouble.retry_after}
    error = await _error(agency, records, ours)
    assert isinstance(error, Unavailable)
    assert (error.code, error.retry_after_s) == ("unavailable.recipient", trouble.after_s)


@pytest.mark.parametrize("status", [400, 404, 409, 422])
async def test_a_refusal_of_the_agency_is_final(agency: Agency, records, ours, status: int):
    agency.status = status
    error = await _error(agency, records, ours)
    assert isinstance(error, Rejected)
    assert error.code == "delivery.refused"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirects_are_not_followed(agency: Agency, records, ours, status: int):
    agency.status, agency.headers = status, {"Location": f"https://{HOST}:{agency.port}/elsewhere"}
    assert (await _error(agency, records, ours)).code == "delivery.refused"
    assert len(agency.got) == 1


async def test_an_agency_that_does_not_answer_in_time_is_tried_again(agency: Agency, records, ours):
    agency.pause_s = 1.5
    assert (await _error(agency, records, ours, timeout_s=0.5)).code == "unavailable.recipient"


async def test_an_answer_without_end_is_not_read(agency: Agency, records, ours):
    agency.status, agency.body = 200, b"x" * 200_000
    assert (await _error(agency, records, ours)).code == "unavailable.recipient"


async def test_an_agency_of_another_authority_gets_nothing(records, ours, authority: Authority):
    impostor = Authority("Impostor").issue("agency", hosts=[HOST], server=True)
    with serving_agency(server_context(impostor, authority.pem)) as agency:
        assert (await _error(agency, records, ours)).code == "unavailable.recipient"
    assert not agency.got


async def test_an_agency_of_another_name_gets_nothing(records, ours, authority: Authority):
    other = authority.issue("agency", hosts=["elsewhere.example"], server=True)
    with serving_agency(server_context(other, authority.pem)) as agency:
        assert (await _error(agency, records, ours)).code == "unavailable.recipient"
    assert not agency.got


async def test_an_agency_that_is_not_there_is_tried_again(records, ours):
    assert (await _error(Agency(port=1), records, ours)).code == "unavailable.recipient"


async def _error(
    agency: Agency, records: list[Handed], tls: ssl.SSLContext, timeout_s: float = 5
) -> IsnadError:
    with pytest.raises(IsnadError) as caught:
        await hand(agency, records, tls, timeout_s=timeout_s)
    return caught.value
