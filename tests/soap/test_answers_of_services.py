"""What an agency's service answers is held to what requests are held to, before anything reads it."""

from __future__ import annotations

import base64
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from signed_parts import HeldKey, Signer, certificate
from support.agency_service import WSDL
from support.soap import enveloped

from adapters.soap.breaker import FAILURES
from adapters.soap.outbound import SoapOutbound
from adapters.soap.service import AGENCY, ANSWER_MAX_BYTES, Place, Service
from crypto.merkle import Frontier, leaf_hash
from crypto.origin import OriginError, wsse
from crypto.pki import Credential, fingerprint, load_credential
from crypto.receipt import BatchReceipt
from gateway.demo.pki import Authority
from gateway.demo.site import HOST
from gateway.errors import IsnadError, Rejected, Unavailable
from gateway.records import Handed, Origin

PATIENCE_S = 60.0
"""Nothing here takes long, but on a machine that does much else."""
DOCUMENT = base64.b64encode(b"<Judgments/>").decode()
FETCHED = (
    f'<a:fetchResponse xmlns:a="{AGENCY}"><a:document>{DOCUMENT}</a:document><a:cursor>7</a:cursor>'
    "<a:more>false</a:more></a:fetchResponse>"
)


@dataclass
class Answering:
    """A server that gives one answer, whatever it is asked."""

    url: str = ""
    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "text/xml; charset=utf-8"})
    asked: list[bytes] = field(default_factory=list)
    pause_s: float = 0.0
    certificate: str = ""


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("Agency of the service")


@pytest.fixture
def server(authority: Authority) -> Iterator[Answering]:
    state = Answering()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            state.asked.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(state.status)
            for name, value in state.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(state.body)))
            self.end_headers()
            time.sleep(state.pause_s)
            try:
                self.wfile.write(state.body)
            except OSError:
                return  # whoever asked has hung up

        def log_message(self, *_: object) -> None:
            pass

    issued = authority.issue("server", hosts=(HOST,), server=True, client=False)
    state.certificate = fingerprint(issued.der)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown = issued.certificate
    load_credential(
        context,
        Credential(issued.chain_pem, shown.not_valid_before_utc, shown.not_valid_after_utc, issued.key),
    )
    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.socket = context.wrap_socket(listening.socket, server_side=True, do_handshake_on_connect=False)
    listening.daemon_threads = True
    state.url = f"https://{HOST}:{listening.server_port}/isnad"
    threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield state
    listening.shutdown()
    listening.server_close()


@pytest.fixture(scope="module")
def signer(authority: Authority) -> Signer:
    key = ec.generate_private_key(ec.SECP256R1())
    return Signer(HeldKey(key), certificate(authority, key))


@pytest.fixture
def service(server: Answering, authority: Authority, signer: Signer) -> Iterator[Service]:
    context = ssl.create_default_context(cadata=authority.pem)

    def verify(origin: Origin, envelope: bytes) -> tuple[Origin, bytes]:
        try:
            proof = wsse.verify(envelope, lambda _: ("ppo-1", signer.held.key.public_key()), time.time())
        except OriginError as error:
            raise Rejected(f"origin.{error.reason}") from error
        return replace(origin, signature="wsse", key_id=proof.key_id), proof.body

    made = Service(Place(server.url, WSDL.read_bytes(), PATIENCE_S), context, None, verify)
    yield made
    made.close()


def test_an_answer_says_who_gave_it(server: Answering, service: Service) -> None:
    server.body = enveloped(FETCHED)
    said = service.call("fetch", contract="deprivation.v1", cursor="", most=10)
    assert (said.told.document, said.told.cursor, said.told.more) == (
        b"<Judgments/>",
        "7",
        False,
    )
    assert said.origin == Origin(server.certificate)
    assert b"deprivation.v1" in server.asked[0]


def test_a_signed_answer_names_its_key(server: Answering, service: Service, signer: Signer) -> None:
    server.body = signer.sign(enveloped(FETCHED))
    said = service.call("fetch", contract="deprivation.v1", cursor="", most=10)
    assert said.origin == Origin(server.certificate, "wsse", "ppo-1")
    assert (said.told.cursor, said.envelope) == ("7", server.body)


BAD = {
    "a changed signed answer": (lambda sign: sign(enveloped(FETCHED)).replace(b">7<", b">8<"), "origin.wrong_digest"),
    "an old signed answer": (
        lambda sign: sign(enveloped(FETCHED), datetime.now(UTC) - timedelta(minutes=10)), "origin.not_fresh",
    ),
    "a document type": (lambda _: b"<!DOCTYPE x>" + enveloped(FETCHED)[38:], "soap.envelope"),
    "what is no envelope": (lambda _: FETCHED.encode(), "soap.envelope"),
    "another version": (lambda _: enveloped(FETCHED, old=False), "soap.version"),
    "two elements": (lambda _: enveloped(FETCHED * 2), "soap.operation"),
    "another element": (lambda _: enveloped("<x/>"), "soap.answer"),
    "a field that is missing": (
        lambda _: enveloped(FETCHED.replace("<a:more>false</a:more>", "")), "soap.answer",
    ),
    "a cursor that is too long": (lambda _: enveloped(FETCHED.replace(">7<", f">{'7' * 300}<")), "soap.answer"),
    "an endless answer": (lambda _: enveloped(FETCHED) + b" " * ANSWER_MAX_BYTES, "soap.answer"),
    "a header that must be understood": (
        lambda _: enveloped(FETCHED, header='<x:T xmlns:x="urn:x" s:mustUnderstand="1"/>'), "soap.must_understand",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_an_answer_that_is_not_right_is_not_read(
    server: Answering, service: Service, signer: Signer, name: str
) -> None:
    make, code = BAD[name]
    server.body = make(signer.sign)
    with pytest.raises(IsnadError) as refused:
        service.call("fetch", contract="deprivation.v1", cursor="", most=10)
    assert refused.value.code == code


def handed() -> Handed:
    batch = BatchReceipt("nea", Frontier(0, ()), (leaf_hash(b"entry"),), "checkpoint")
    return Handed("r-1", "nea", "disposition.v1", "nea", 0, b"{}", batch, bytes(32), b"entry")


@pytest.mark.parametrize("name", BAD)
async def test_whoever_gives_such_an_answer_to_what_is_handed_over_is_asked_again(
    server: Answering, service: Service, signer: Signer, name: str
) -> None:
    make, _ = BAD[name]
    server.body = make(signer.sign)
    with pytest.raises(Unavailable, match=r"^unavailable\.answer"):
        await SoapOutbound(service, 10, lambda *_: None).hand([handed()])


async def test_what_the_service_refuses_itself_is_not_asked_again(
    server: Answering, service: Service
) -> None:
    fault = "<s:Fault><faultcode>s:Client</faultcode><faultstring/></s:Fault>"
    server.status, server.body = 500, enveloped(fault)
    with pytest.raises(Rejected, match=r"^delivery\.refused"):
        await SoapOutbound(service, 10, lambda *_: None).hand([handed()])


def test_a_redirect_is_not_followed(server: Answering, service: Service) -> None:
    server.status, server.headers = 307, {"location": server.url, "content-type": "text/html"}
    with pytest.raises(Unavailable):
        service.call("ping")
    assert len(server.asked) == 1


def test_a_service_that_hangs_is_given_up(server: Answering, authority: Authority) -> None:
    server.body, server.pause_s = enveloped(FETCHED), PATIENCE_S
    context = ssl.create_default_context(cadata=authority.pem)
    service = Service(
        Place(server.url, WSDL.read_bytes(), 1.0), context, None, lambda origin, _: (origin, b"")
    )
    began = time.monotonic()
    with pytest.raises(Unavailable):
        service.call("fetch", contract="deprivation.v1", cursor="", most=10)
    assert time.monotonic() - began < server.pause_s
    service.close()


def test_a_server_of_another_authority_is_sent_nothing(server: Answering) -> None:
    context = ssl.create_default_context(cadata=Authority("Elsewhere").pem)
    made = Service(
        Place(server.url, WSDL.read_bytes(), 2.0), context, None, lambda origin, body: (origin, body)
    )
    with pytest.raises(Unavailable):
        made.call("ping")
    assert server.asked == []
    made.close()


def test_a_fault_of_the_senders_ends_and_one_of_the_servers_is_tried_again(
    server: Answering, service: Service
) -> None:
    server.status = 500
    fault = "<s:Fault><faultcode>s:{}</faultcode><faultstring>28811034204512</faultstring></s:Fault>"
    for code, kind in (("Client", Rejected), ("Server", Unavailable)):
        server.body = enveloped(fault.format(code))
        with pytest.raises(kind) as refused:
            service.call("ping")
        assert "28811034204512" not in str(refused.value)


def test_a_service_in_trouble_that_says_nothing_readable_is_tried_again(
    server: Answering, service: Service
) -> None:
    for body in (b"", b"<html>busy", enveloped("<x/>" * 2)):
        server.status, server.body = 503, body
        with pytest.raises(Unavailable):
            service.call("ping")


def test_an_agency_that_fails_again_and_again_is_left_alone_and_another_is_not(
    server: Answering, service: Service, authority: Authority
) -> None:
    """Both are at one server here, so that what reaches it is all that was asked."""
    context = ssl.create_default_context(cadata=authority.pem)
    place = Place(server.url, WSDL.read_bytes(), PATIENCE_S)
    server.status = 500
    for _ in range(FAILURES + 3):
        with pytest.raises(Unavailable):
            service.call("ping")
    assert len(server.asked) == FAILURES
    server.status, server.body = 200, enveloped(FETCHED)
    with pytest.raises(Unavailable, match="rest"):
        service.call("fetch", contract="deprivation.v1", cursor="", most=10)
    with closing(Service(place, context, None, lambda origin, _: (origin, b""))) as other:
        assert other.call("fetch", contract="deprivation.v1", cursor="", most=10).told.cursor == "7"
    assert len(server.asked) == FAILURES + 1


UNFIT = {
    "nothing": b"",
    "no WSDL": b"<x/>",
    "a WSDL of something else": WSDL.read_bytes().replace(AGENCY.encode(), b"urn:x"),
    "a WSDL that imports": WSDL.read_bytes().replace(
        b"<wsdl:types>", b'<wsdl:import namespace="urn:x" location="https://127.0.0.1:1/x.wsdl"/><wsdl:types>'
    ),
    "a document type": b'<!DOCTYPE x SYSTEM "file:///etc/hostname">' + WSDL.read_bytes()[39:],
}


@pytest.mark.parametrize("name", UNFIT)
def test_a_wsdl_that_is_not_fit_is_refused(name: str) -> None:
    with pytest.raises(Rejected, match=r"soap\.wsdl"):
        Service(
            Place("https://127.0.0.1:1/", UNFIT[name], 2.0),
            ssl.create_default_context(),
            None,
            lambda o, b: (o, b),
        )
