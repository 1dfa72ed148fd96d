"""Clients that cost little, so that what is measured is the server: TLS sockets without a framework."""

from __future__ import annotations

import select
import selectors
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

HOST = "localhost"
READ_BYTES = 1 << 18
RECORD_BYTES = 1 << 14  # of TLS, at most


@dataclass(frozen=True)
class Answered:
    """Requests that were answered, how long it took, and the latencies in seconds, in order of size."""

    many: int
    seconds: float
    latencies_s: list[float]

    @property
    def per_s(self) -> float:
        return self.many / self.seconds

    def quantile_ms(self, part: float) -> float:
        return self.latencies_s[int(len(self.latencies_s) * part)] * 1000


def head(path: str, media_type: str, length: int | None) -> bytes:
    """Return the head of a POST; without a length the body is chunked."""
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: {media_type}\r\n{framing}\r\n\r\n".encode()


def _connect(port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    bare = socket.create_connection(("127.0.0.1", port))
    bare.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    secured = context.wrap_socket(bare, server_hostname=HOST)
    secured.settimeout(0)
    return secured


@dataclass
class _Asking:
    connection: ssl.SSLSocket
    began: float = 0.0
    answer: bytes = b""

    def whole(self) -> bool:
        """Tell whether the answer, whose head says how long it is, is there."""
        ends = self.answer.find(b"\r\n\r\n")
        if ends < 0:
            return False
        at = self.answer[:ends].lower().index(b"content-length:") + 15
        return len(self.answer) >= ends + 4 + int(self.answer[at : self.answer.index(b"\r", at)])


def one_by_one(
    port: int,
    context: ssl.SSLContext,
    request: Callable[[int], bytes],
    *,
    connections: int,
    seconds: float,
    warm_up_s: float = 1.0,
    status: bytes,
) -> Answered:
    """Send one request after the other on each of several connections, and count the answers."""
    asking = [_Asking(_connect(port, context)) for _ in range(connections)]
    poll, by_descriptor = select.epoll(), {one.connection.fileno(): one for one in asking}
    latencies: list[float] = []
    sent = 0
    began = time.perf_counter() + warm_up_s
    ends = began + seconds
    for descriptor, one in by_descriptor.items():
        poll.register(descriptor, select.EPOLLIN)
        one.began = time.perf_counter()
        one.connection.send(request(sent))
        sent += 1
    while (now := time.perf_counter()) < ends:
        for descriptor, _ in poll.poll(0.1):
            one = by_descriptor[descriptor]
            try:
                one.answer += one.connection.recv(RECORD_BYTES)
                while one.connection.pending():
                    one.answer += one.connection.recv(RECORD_BYTES)
            except ssl.SSLWantReadError:
                continue
            if not one.whole():
                continue
            if not one.answer.startswith(status, 9):
                raise RuntimeError(one.answer[:600].decode(errors="replace"))
            now = time.perf_counter()
            if one.began >= began:
                latencies.append(now - one.began)
            one.answer, one.began = b"", now
            one.connection.send(request(sent))
            sent += 1
    for one in asking:
        one.connection.close()
    return Answered(len(latencies), seconds, sorted(latencies))


def stream(
    port: int, context: ssl.SSLContext, start: bytes, blocks: Iterator[bytes], heard: Callable[[bytes], None]
) -> float:
    """Send one chunked body and read the answer meanwhile, as it comes; return the seconds until its end."""
    connection = _connect(port, context)
    selector = selectors.DefaultSelector()
    selector.register(connection, selectors.EVENT_READ | selectors.EVENT_WRITE)
    began = time.perf_counter()
    waiting, sending = memoryview(start), True
    while True:
        for _, events in selector.select(1.0):
            if events & selectors.EVENT_READ:
                try:
                    while data := connection.recv(READ_BYTES):
                        heard(data)
                    return time.perf_counter() - began
                except ssl.SSLWantReadError:
                    pass
            if events & selectors.EVENT_WRITE and sending:
                try:
                    for _ in range(16):
                        while waiting:
                            waiting = waiting[connection.send(waiting[:RECORD_BYTES]) :]
                        block = next(blocks, b"")
                        waiting = memoryview(b"%x\r\n%s\r\n" % (len(block), block))
                        if not block:
                            connection.send(waiting)
                            sending = False
                            selector.modify(connection, selectors.EVENT_READ)
                            break
                except ssl.SSLWantWriteError:
                    pass
