"""An agency's service that answers whatever a test says, signed if the test says so."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lxml import etree
from support.soap import enveloped

from crypto.pki import Credential, load_credential
from gateway.demo.pki import Authority
from gateway.demo.site import HOST

Element = etree._Element


@dataclass
class OwnService:
    """`answer` returns what the Body of an answer holds, `seal` what is done to the envelope around it."""

    port: int = 0
    answer: Callable[[Element], str] = lambda _: ""
    seal: Callable[[bytes], bytes] = lambda envelope: envelope
    old: bool = True
    asked: list[Element] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}/isnad"

    def said(self, envelope: bytes) -> bytes:
        element = etree.fromstring(envelope)[-1][0]
        self.asked.append(element)
        return self.seal(enveloped(self.answer(element), old=self.old))


@contextmanager
def own_service(authority: Authority, client_ca: str) -> Iterator[OwnService]:
    """Run a service under a certificate of `authority`; it takes clients that `client_ca` certifies."""
    service = OwnService()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = service.said(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            kind = "text/xml" if service.old else "application/soap+xml"
            self.send_header("content-type", f"{kind}; charset=utf-8")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    issued = authority.issue("server", hosts=(HOST,), server=True, client=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown = issued.certificate
    load_credential(
        context,
        Credential(issued.chain_pem, shown.not_valid_before_utc, shown.not_valid_after_utc, issued.key),
    )
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=client_ca)
    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.socket = context.wrap_socket(listening.socket, server_side=True, do_handshake_on_connect=False)
    listening.daemon_threads = True
    service.port = listening.server_port
    threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield service
    finally:
        listening.shutdown()
        listening.server_close()
