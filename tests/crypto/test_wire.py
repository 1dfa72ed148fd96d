"""The short way to the key server: what is no whole, small and timely answer to this question is no answer."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator

import pytest

from crypto.errors import KeysUnavailable
from crypto.openbao.connection import Answer, Connection
from crypto.openbao.wire import ANSWER_MAX_BYTES
from gateway.demo.local import in_memory
from gateway.demo.pki import Authority

ONE = b'{"data":{"number":1}}'
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
LATE = b""


class Server:
    """Answers one request after the other with what it was given, and counts connections."""

    def __init__(self, authority: Authority) -> None:
        issued = authority.issue("keys", hosts=("localhost",), server=True)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(
            f"/proc/self/fd/{in_memory(issued.key_pem + issued.chain_pem.encode())}"
        )
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.answers: list[bytes] = []
        self.connections = 0
        self._released = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def address(self) -> str:
        return f"https://localhost:{self._listening.getsockname()[1]}"

    def close(self) -> None:
        self._released.set()
        self._listening.close()

    def _serve(self) -> None:
        while not self._released.is_set():
            try:
                plain, _ = self._listening.accept()
                self.connections += 1
                with self._context.wrap_socket(plain, server_side=True) as connection:
                    while self.answers and connection.recv(65536):
                        answer = self.answers.pop(0)
                        if answer is LATE:
                            self._released.wait(0.5)
                        connection.sendall(answer)
            except OSError:
                continue


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("Authority of the keys")


@pytest.fixture
def server(authority: Authority) -> Iterator[Server]:
    made = Server(authority)
    yield made
    made.close()


@pytest.fixture
def connection(server: Server, authority: Authority) -> Iterator[Connection]:
    made = Connection(server.address, authority.pem, timeout_s=2)
    yield made
    made.close()


def asked(connection: Connection) -> int:
    (answer,) = connection.post_all("token", [("transit/sign/key", {})], answer=Answer[dict[str, int]])
    return answer.data["number"]


def test_one_connection_serves_many_calls(server: Server, connection: Connection) -> None:
    server.answers += [WHOLE % (len(ONE), ONE), CHUNKED % (len(ONE), ONE), WHOLE % (len(ONE), ONE)]
    assert [asked(connection) for _ in range(3)] == [1, 1, 1]
    assert server.connections == 1


def test_a_connection_that_the_server_ended_is_made_anew(server: Server, connection: Connection) -> None:
    ending = (WHOLE % (len(ONE), ONE)).replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
    for _ in range(2):
        server.answers.append(ending)
        assert asked(connection) == 1
    assert server.connections == 2


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + ONE, "cannot be reached", id="cut off"
        ),
        pytest.param(b"220 keys.example ESMTP\r\n", "not understood", id="not HTTP"),
        pytest.param(WHOLE % (2, b"{}"), "not understood", id="not what was asked for"),
        pytest.param(
            WHOLE % (ANSWER_MAX_BYTES + 1, bytes(ANSWER_MAX_BYTES + 1)), "not understood", id="too large"
        ),
        pytest.param(
            b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\n{}", "sealed", id="sealed"
        ),
    ],
)
def test_what_is_no_answer_means_that_keys_are_unavailable(
    server: Server, connection: Connection, answer: bytes, said: str
) -> None:
    server.answers.append(answer)
    with pytest.raises(KeysUnavailable, match=said):
        asked(connection)


def test_an_answer_that_came_too_late_is_not_taken_for_the_next_one(
    server: Server, connection: Connection
) -> None:
    server.answers += [LATE, WHOLE % (len(ONE), ONE)]
    with pytest.raises(KeysUnavailable, match="cannot be reached"):
        asked(connection)
    server.answers[:] = [WHOLE % (len(ONE), ONE)]
    assert asked(connection) == 1
    assert server.connections == 2
