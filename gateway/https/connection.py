"""The HTTP/1.1 connection: uvicorn's, held to limits it does not know, and showing the client's certificate.

No released ASGI server shows the application the certificate that TLS verified, nor bounds the size of header
fields or the time they may take. What is here does those three things and leaves the rest as it is.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

from uvicorn.config import Config as UvicornConfig
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from gateway.errors import IsnadError, Rejected, Unavailable
from gateway.https.config import Limits
from gateway.https.problems import rendered

FIELD_OVERHEAD_BYTES = 4
"""Colon, space and line end around a header field."""

WHOLE = "isnad.whole"
"""The ASGI extension that says that no octet of the body has to be waited for any more."""

Refusing = Callable[[IsnadError], None]


class Connection(HttpToolsProtocol):
    """One connection. `scope["extensions"]["tls"]["client_cert_der"]` is its client's certificate or None.

    Once a request is there as a whole, its body too, `WHOLE` is one of the extensions.
    """

    def __init__(
        self,
        config: UvicornConfig,
        state: ServerState,
        limits: Limits,
        on_refused: Refusing,
        *,
        ready: Ready,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(config=config, server_state=state, app_state={}, _loop=loop)
        self._limits = limits
        self._ready = ready
        self._on_refused = on_refused
        self._extensions: dict[str, dict[object, object]] = {}
        self._header_timer: asyncio.TimerHandle | None = None
        self._header_bytes = 0
        self._in_headers = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the client's certificate from the handshake and wait for a request."""
        super().connection_made(Joining(transport, self._ready))
        secured = transport.get_extra_info("ssl_object")
        self._extensions = {
            "tls": {"client_cert_der": secured.getpeercert(binary_form=True) if secured else None}
        }
        if len(self.connections) > self._limits.max_connections:
            self._refuse(Unavailable("unavailable.busy", "as many connections as the gateway takes are open"))
        else:
            self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, as long as the header fields are not too long."""
        if self.transport.is_closing():
            return
        if self.cycle is not None and self.cycle.response_complete and not self._in_headers:
            # Whatever came has stopped uvicorn's timer, and an empty line does not begin a request.
            self._await_headers()
        if self._in_headers:
            # The parser gathers a field of any length before it shows it, so what it is fed is counted here.
            self._header_bytes += len(data)
        super().data_received(data)
        if self._in_headers and self._header_bytes > self._limits.max_header_bytes:
            self._refuse(Rejected("request.headers_too_large", "request line and header fields are too long"))

    def on_message_begin(self) -> None:
        """Show the application the certificate."""
        super().on_message_begin()
        if not self._in_headers:
            self._await_headers()
        self.scope["extensions"] = self._extensions

    def on_headers_complete(self) -> None:
        """Let a request with header fields of a fair size through."""
        self._disarm()
        self._in_headers = False
        if (
            self._header_bytes > self._limits.max_header_bytes
            and self._measured() > self._limits.max_header_bytes
        ):
            self._refuse(Rejected("request.headers_too_large", "request line and header fields are too long"))
        if not self.transport.is_closing():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass the body on, unless the request was refused."""
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Pass the end on, unless the request was refused."""
        if not self.transport.is_closing():
            self.scope["extensions"] = {**self._extensions, WHOLE: {}}
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP request."""
        del msg
        self._refuse(Rejected("request.malformed", "the octets must be an HTTP/1.1 request"))

    def _await_headers(self) -> None:
        self._in_headers = True
        self._header_bytes = 0
        self._disarm()
        self._header_timer = self.loop.call_later(self._limits.header_timeout_s, self._headers_overdue)

    def _headers_overdue(self) -> None:
        self._header_timer = None
        if not self.transport.is_closing():
            self._refuse(Rejected("request.too_slow", "the header fields must arrive in time"))

    def _disarm(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _measured(self) -> int:
        return len(self.url) + sum(
            len(name) + len(value) + FIELD_OVERHEAD_BYTES for name, value in self.headers
        )

    def _refuse(self, error: IsnadError) -> None:
        """Answer before there is a request to answer, and hang up."""
        self._disarm()
        self._on_refused(error)
        if self.cycle is None or self.cycle.response_complete:
            status, headers, body = rendered(error, "en")
            fields = b"".join(b"%s: %s\r\n" % field for field in headers)
            self.transport.write(b"%s%sconnection: close\r\n\r\n%s" % (STATUS_LINE[status], fields, body))
        self.transport.close()


class Ready:
    """Answers that became ready in one turn of the event loop; they are sent at its end, one right after the other.

    A group of records is answered in one turn. A client woken for each answer as it is made goes back to sleep before
    the next, and each waking costs both sides more than the answer's encryption.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[Joining] = []

    def add(self, one: Joining) -> None:
        """Have what a connection holds sent soon."""
        if not self._waiting:
            self._loop.call_soon(self._send)
        self._waiting.append(one)

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.flush()


class Joining(asyncio.Transport):
    """Writes the head of an answer together with the beginning of its body, which uvicorn writes one by one.

    One TLS record and one system call less is a sixth of what a small answer costs. It goes with others that are
    `ready`; what follows of a longer answer goes at once.
    """

    def __init__(self, transport: asyncio.Transport, ready: Ready) -> None:
        super().__init__()
        self._transport = transport
        self._ready = ready
        self._head = b""
        self._begun = b""
        # Delegated as they are: these are called for every request.
        self.is_closing = transport.is_closing  # type: ignore[method-assign]
        self.get_extra_info = transport.get_extra_info  # type: ignore[method-assign]
        self.pause_reading = transport.pause_reading  # type: ignore[method-assign]
        self.resume_reading = transport.resume_reading  # type: ignore[method-assign]

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write, or hold the beginning of an answer: its head until there is a body, then both for a moment."""
        if self._head:
            self._begun, self._head = self._head + data, b""
            self._ready.add(self)
            return
        self.flush()
        if (
            isinstance(data, bytes)
            and data[:9] == b"HTTP/1.1 "
            and data[-4:] == b"\r\n\r\n"
            and data[9:12] != b"100"
        ):
            self._head = data
            return
        self._transport.write(data)

    def flush(self) -> None:
        """Write what waits for others."""
        if self._begun:
            begun, self._begun = self._begun, b""
            self._transport.write(begun)

    def close(self) -> None:
        """Write what is held and close."""
        self.flush()
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)
        self._transport.close()


def refusals_heard(context: ssl.SSLContext, heard: Callable[[ssl.SSLError], None]) -> None:
    """Have a server context report the handshakes that fail: neither asyncio nor uvloop tells anyone.

    `SSLContext.sslobject_class` is the documented way to have one's own TLS object; `heard` must not raise.
    """

    class Reporting(ssl.SSLObject):
        def do_handshake(self) -> None:
            try:
                super().do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except ssl.SSLError as error:
                heard(error)
                raise

    context.sslobject_class = Reporting
