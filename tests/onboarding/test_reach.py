"""Which step of the way to an agency's server fails, whatever adapter the agency uses."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from crypto.pki import Credential, load_credential
from gateway.codes import CODES
from gateway.demo.pki import Authority, Issued
from gateway.demo.site import HOST
from gateway.onboarding import reach
from gateway.onboarding.finding import Finding

DAY = timedelta(days=1)
Answer = Callable[[socket.socket], None]


def said(after: timedelta = timedelta()) -> Answer:
    """Answer as a server whose clock differs by so much."""

    def answer(connection: socket.socket) -> None:
        dated(format_datetime(datetime.now(UTC) + after, usegmt=True))(connection)

    return answer


def dated(date: str) -> Answer:
    """Answer with these words for the time."""

    def answer(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(f"HTTP/1.1 405 No\r\nDate: {date}\r\nContent-Length: 0\r\n\r\n".encode())

    return answer


@contextmanager
def listening(tls: ssl.SSLContext | None, answer: Answer) -> Iterator[int]:
    """Take one connection and answer it."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve() -> None:
            try:
                plain, _ = server.accept()
                with tls.wrap_socket(plain, server_side=True) if tls else plain as connection:
                    answer(connection)
            except OSError:
                return  # the client has hung up: that is what is tried

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(10)


def credential(issued: Issued) -> Credential:
    shown = issued.certificate
    return Credential(issued.chain_pem, shown.not_valid_before_utc, shown.not_valid_after_utc, issued.key)


def server(issued: Issued, clients: Authority | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_credential(context, credential(issued))
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=clients.pem)
    return context


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("An agency's authority")


def issue(authority: Authority, host: str = HOST, **how: object) -> Issued:
    return authority.issue("server", hosts=(host,), server=True, client=False, **how)


def found(authority: Authority, port: int) -> list[Finding]:
    return list(reach.https(f"https://{HOST}:{port}/x", ssl.create_default_context(cadata=authority.pem)))


def test_a_server_that_is_well(authority: Authority) -> None:
    with listening(server(issue(authority)), said()) as port:
        findings = found(authority, port)
    assert [one.code for one in findings] == [""] * 5
    assert all(line.startswith("ok ") for one in findings for line in one.lines)


WRONG: dict[str, tuple[Callable[[Authority], ssl.SSLContext | None], Answer]] = {
    "endpoint.certificate_untrusted": (lambda _: server(issue(Authority("Elsewhere"))), said()),
    "endpoint.certificate_name": (lambda own: server(issue(own, "other.example")), said()),
    "endpoint.certificate_expired": (
        lambda own: server(issue(own, valid_from=datetime.now(UTC) - 9 * DAY, valid_for=DAY)), said(),
    ),
    "endpoint.certificate_early": (
        lambda own: server(issue(own, valid_from=datetime.now(UTC) + DAY)), said(),
    ),
    "endpoint.refuses_us": (lambda own: server(issue(own), Authority("Clients")), said()),
    "endpoint.clock": (lambda own: server(issue(own)), said(timedelta(minutes=5))),
    "endpoint.tls": (lambda _: None, lambda connection: connection.sendall(b"SSH-2.0-x\r\n")),
}  # fmt: skip


@pytest.mark.parametrize("code", WRONG)
def test_the_step_that_fails_is_named(authority: Authority, code: str) -> None:
    made, answer = WRONG[code]
    with listening(made(authority), answer) as port:
        last = found(authority, port)[-1]
    assert (last.code, last.wrong) == (code, True)
    text = CODES[code]
    assert any(text.remedy_ar in line for line in last.lines)
    assert any(text.remedy_en in line for line in last.lines)


@pytest.mark.parametrize(
    ("date", "codes"),
    [
        ("Fri, 31 Dec 9999 23:59:59 -0100", ["endpoint.clock"]),
        ("Sat, 01 Jan 2000 00:00:00 -0000", ["endpoint.clock"]),
        ("Sat, 01 Jan 2000 00:00:00 +9999999999999", []),
        ("soon", []),
    ],
)
def test_whatever_a_server_says_the_time_is_ends_in_a_finding_or_none(
    authority: Authority, date: str, codes: list[str]
) -> None:
    with listening(server(issue(authority)), dated(date)) as port:
        assert [one.code for one in found(authority, port) if one.code] == codes


def test_what_ends_soon_is_remarked_and_not_wrong(authority: Authority) -> None:
    with listening(server(issue(authority, valid_for=5 * DAY)), said()) as port:
        (soon,) = [one for one in found(authority, port) if one.code]
    assert (soon.code, soon.wrong) == ("endpoint.certificate_soon", False)


def test_a_server_of_files_is_there_or_not() -> None:
    with listening(None, lambda connection: connection.sendall(b"SSH-2.0-x\r\n")) as port:
        assert [one.code for one in reach.tcp("127.0.0.1", port)] == ["", ""]
    assert [one.code for one in reach.tcp("127.0.0.1", port)] == ["", "endpoint.connection"]
    assert [one.code for one in reach.tcp("nobody.invalid", 1)] == ["endpoint.address"]
