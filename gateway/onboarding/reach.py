"""From here to an agency's server: each step is tried by itself, so that it is known which one fails."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Generator, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from cryptography import x509

from gateway.onboarding.finding import Finding, clock

HTTPS, TIMEOUT_S, HEAD_MAX_BYTES = 443, 10.0, 16 * 1024
SOON = timedelta(days=21)

# X509_V_ERR_*, openssl/x509_vfy.h
_CERTIFICATE = {
    9: "endpoint.certificate_early",
    10: "endpoint.certificate_expired",
    62: "endpoint.certificate_name",
    64: "endpoint.certificate_name",
}


def https(url: str, context: ssl.SSLContext) -> Iterator[Finding]:
    """Try a server step by step, and end with the first step that fails. `context` shows our certificate."""
    place = urlsplit(url)
    host, port = place.hostname or "", place.port or HTTPS
    plain = yield from _connected(host, port)
    if plain is None:
        return
    with plain:
        try:
            secured = context.wrap_socket(plain, server_hostname=host)
        except ssl.SSLCertVerificationError as error:
            code = _CERTIFICATE.get(error.verify_code, "endpoint.certificate_untrusted")
            yield Finding("the server's certificate", code, error.verify_message)
            return
        except (ssl.SSLError, OSError) as error:
            yield Finding("TLS", "endpoint.tls", getattr(error, "reason", "") or "")
            return
        with secured:
            yield _certificate(secured)
            yield from _answer(secured, host, place.path or "/")


def tcp(host: str, port: int) -> Iterator[Finding]:
    """Try whether something listens there."""
    plain = yield from _connected(host, port)
    if plain is not None:
        plain.close()


def _connected(host: str, port: int) -> Generator[Finding, None, socket.socket | None]:
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        yield Finding("the server's name", "endpoint.address", host)
        return None
    yield Finding("the server's name", detail=host)
    try:
        plain = socket.create_connection((host, port), timeout=TIMEOUT_S)
    except OSError:
        yield Finding("a connection", "endpoint.connection", f"{host}:{port}")
        return None
    yield Finding("a connection", detail=f"{host}:{port}")
    return plain


def _certificate(secured: ssl.SSLSocket) -> Finding:
    shown = x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"")
    ends = shown.not_valid_after_utc
    code = "endpoint.certificate_soon" if ends < datetime.now(UTC) + SOON else ""
    return Finding("the server's certificate", code, f"until {ends.date()}")


def _answer(secured: ssl.SSLSocket, host: str, path: str) -> Iterator[Finding]:
    """Ask for nothing, and look at the clock in the answer (RFC 9110 §6.6.1)."""
    try:
        secured.sendall(f"OPTIONS {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        head = _head(secured)
    except (ssl.SSLError, OSError) as error:
        # In TLS 1.3 a server says that it does not take our certificate once we wait for its answer.
        yield Finding("our certificate", "endpoint.refuses_us", getattr(error, "reason", "") or "")
        return
    if not head:
        yield Finding("our certificate", "endpoint.refuses_us")
        return
    yield Finding("our certificate")
    dates = [line for line in head.split("\r\n") if line.lower().startswith("date:")]
    try:
        said = parsedate_to_datetime(dates[0].partition(":")[2].strip())
    except (IndexError, ValueError, OverflowError):
        return  # a server without a clock need not have one
    yield clock("the clock", said)


def _head(secured: ssl.SSLSocket) -> str:
    octets = b""
    while b"\r\n\r\n" not in octets and len(octets) < HEAD_MAX_BYTES:
        chunk = secured.recv(4096)
        if not chunk:
            break
        octets += chunk
    return octets.partition(b"\r\n\r\n")[0].decode("latin-1")
