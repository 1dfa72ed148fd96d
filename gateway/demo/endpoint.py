"""The server that an agency with an endpoint runs: takes what the gateway POSTs, over mutual TLS."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BODY_MAX_BYTES = 16 << 20
POLL_S = 0.05
HANDSHAKE_S = 10.0

Take = Callable[[Sequence[Mapping[str, Any]]], None]


class Endpoint:
    """Hands each bundle of events to `take` before it answers 204 with a reference of its own.

    The test message is answered with the agency's name and the time.
    """

    def __init__(self, port: int, tls: ssl.SSLContext, agency: str, take: Take) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(agency, take))
        self._server.daemon_threads = True
        # Each connection's thread does its own handshake, so that a silent caller keeps nobody waiting.
        self._server.socket = tls.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )

    @contextmanager
    def running(self) -> Iterator[None]:
        """Listen for as long as the context lasts."""
        thread = threading.Thread(target=self._server.serve_forever, args=(POLL_S,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            self._server.server_close()


def _handler(agency: str, take: Take) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = HANDSHAKE_S

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            if length > BODY_MAX_BYTES:
                self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
                return
            asked = json.loads(self.rfile.read(length))
            if "ping" in asked:
                self._say({"agency": agency, "time": datetime.now(UTC).isoformat()})
                return
            take([one["event"] for one in asked["records"]])
            self.send_response(HTTPStatus.NO_CONTENT)
            self.send_header("isnad-reference", f"inbound-{self.headers['idempotency-key'][:8]}")
            self.end_headers()

        def _say(self, answer: Mapping[str, str]) -> None:
            octets = json.dumps(answer).encode()
            self.send_response(HTTPStatus.OK)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(octets)))
            self.end_headers()
            self.wfile.write(octets)

        def log_message(self, *_: object) -> None:
            """Say nothing: standard output belongs to the agency."""

    return Handler
