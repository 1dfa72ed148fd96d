"""The test message to agencies' endpoints: real servers over TLS, each wrong in one way."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from adapters.rest import Endpoint, tried
from crypto.pki import Credential, load_credential
from gateway.demo.pki import Authority
from gateway.demo.site import HOST
from gateway.onboarding.finding import Finding


@dataclass
class Server:
    """How a server answers, and what it was asked."""

    status: int = 200
    kind: str = "application/json"
    body: bytes | None = None
    agency: str = "moh"
    ahead: timedelta = timedelta()
    zone: bool = True
    pause_s: float = 0
    asked: list[tuple[dict[str, str], dict]] = field(default_factory=list)

    def answer(self) -> bytes:
        if self.body is not None:
            return self.body
        now = datetime.now(UTC) + self.ahead
        time = (now if self.zone else now.replace(tzinfo=None)).isoformat()
        return json.dumps({"agency": self.agency, "time": time}).encode()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("An agency's authority")


@contextmanager
def running(authority: Authority, server: Server) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            server.asked.append((dict(self.headers.items()), json.loads(self.rfile.read(length))))
            time.sleep(server.pause_s)
            octets = server.answer()
            self.send_response(server.status)
            if server.kind:
                self.send_header("content-type", server.kind)
            self.send_header("content-length", str(len(octets)))
            self.send_header("location", "https://elsewhere.example/")
            self.end_headers()
            self.wfile.write(octets)

        def log_message(self, *_: object) -> None:
            pass

    issued = authority.issue("server", hosts=(HOST,), server=True, client=False)
    shown = issued.certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_credential(
        context,
        Credential(issued.chain_pem, shown.not_valid_before_utc, shown.not_valid_after_utc, issued.key),
    )
    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.handle_error = lambda *_: None
    listener.socket = context.wrap_socket(listener.socket, server_side=True)
    thread = threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield listener.server_address[1]
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join(10)


def found(authority: Authority, server: Server, timeout_s: float = 20) -> Finding:
    with running(authority, server) as port:
        endpoint = Endpoint(f"https://{HOST}:{port}/inbound", timeout_s, 256)
        return tried(endpoint, ssl.create_default_context(cadata=authority.pem), "moh")


def test_one_that_answers_as_the_guide_says_is_well_and_was_asked_like_in_a_delivery(
    authority: Authority,
) -> None:
    server = Server()
    finding = found(authority, server)
    assert (finding.code, finding.wrong) == ("", False)
    ((headers, body),) = server.asked
    fields = {name.lower(): value for name, value in headers.items()}
    assert (body["records"], body["ping"]["agency"]) == ([], "moh")
    assert (fields["content-type"], fields["isnad-contract"]) == ("application/json", "ping")
    assert fields["idempotency-key"].startswith("ping-")


WRONG = {
    "a path that nobody takes": (Server(status=404), "endpoint.path", "status 404"),
    "a method that is not allowed": (Server(status=405), "endpoint.path", "status 405"),
    "a certificate that may not do it": (Server(status=403), "endpoint.refuses_test", "status 403"),
    "a form that it does not like": (Server(status=400), "endpoint.refuses_test", "status 400"),
    "another address": (Server(status=307), "endpoint.redirects", "status 307"),
    "trouble of its own": (Server(status=500), "unavailable.recipient", "status 500"),
    "an answer without its header": (Server(kind=""), "endpoint.answer", "Content-Type"),
    "a page": (Server(kind="text/html", body=b"<p>ok"), "endpoint.answer", "Content-Type"),
    "no answer": (Server(body=b""), "endpoint.answer", "agency, time"),
    "an answer of another form": (Server(body=b'{"ok": true}'), "endpoint.answer", "agency, time"),
    "another agency": (Server(agency="moi"), "endpoint.answer", "agency"),
    "a time without a zone": (Server(zone=False), "endpoint.answer", "time"),
    "a clock that is ahead": (Server(ahead=timedelta(minutes=5)), "endpoint.clock", "+300 s"),
    "an answer without end": (Server(body=b" " * 200_000), "unavailable.recipient", ""),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(authority: Authority, name: str) -> None:
    server, code, detail = WRONG[name]
    finding = found(authority, server)
    assert (finding.code, finding.wrong) == (code, True)
    assert finding.detail == detail or code == "endpoint.clock"


def test_one_that_is_slow_is_not_waited_for(authority: Authority) -> None:
    assert found(authority, Server(pause_s=2), timeout_s=0.3).code == "endpoint.slow"
