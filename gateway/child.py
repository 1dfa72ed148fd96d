"""A process of our own at the other end of a pair of sockets: it is asked, and it answers.

A frame is its length (4 octets, big endian), the number of the question (4 octets), and the octets of the question
or of the answer. Answers may come in any order. The process ends when nobody can ask it any more.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_LENGTH_BYTES, _NUMBER_BYTES = 4, 4
_HEAD_BYTES = _LENGTH_BYTES + _NUMBER_BYTES
_NUMBERS = 1 << 32
_BUFFER_BYTES = 1 << 20
"""Room in a socket for a group of records, so that neither side waits for the other in the middle of one."""
_SPAWN = multiprocessing.get_context("spawn")
"""Not fork: the parent has threads, and secrets of connections that a child has no business with."""


class Died(Exception):  # noqa: N818  a child, not an error of its own
    """The process ended before it answered."""


class Child(asyncio.Protocol):
    """The process, and the questions it has yet to answer. Used by one event loop.

    `name` is what the system's lists of processes show, at most 15 characters. `main` is called in the process with
    its end of the pair and `arguments`.
    """

    def __init__(self, name: str, main: Callable[..., None], *arguments: object) -> None:
        self._ours, theirs = socket.socketpair()
        with theirs:
            for one in (self._ours, theirs):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
            self._process = _SPAWN.Process(target=_main, args=(theirs, name, main, arguments), daemon=True)
            self._process.start()
        self._connecting: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._unsent: list[bytes] = []  # asked before there was a transport
        self._asked: dict[int, asyncio.Future[bytes]] = {}
        self._last = 0
        self._received = bytearray()
        self.dead = False

    @property
    def waiting(self) -> int:
        """How many questions it has yet to answer."""
        return len(self._asked)

    def ask(self, question: bytes) -> asyncio.Future[bytes]:
        """Send a question; the future has the answer, or `Died`."""
        loop = asyncio.get_running_loop()
        if self._connecting is None:
            self._connecting = loop.create_task(self._connect(loop))
        future: asyncio.Future[bytes] = loop.create_future()
        if self.dead:
            future.set_exception(Died())
            return future
        self._last = (self._last + 1) % _NUMBERS
        self._asked[self._last] = future
        octets = framed(self._last, question)
        if self._transport is None:
            self._unsent.append(octets)
        else:
            self._transport.write(octets)
        return future

    async def _connect(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            await loop.create_unix_connection(lambda: self, sock=self._ours)
        except OSError as error:
            self.connection_lost(error)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Send what was asked meanwhile."""
        self._transport = transport
        transport.writelines(self._unsent)
        self._unsent.clear()

    def data_received(self, data: bytes) -> None:
        """Hand on the answers that are there as a whole."""
        received = self._received
        received += data
        while len(received) >= _HEAD_BYTES:
            end = _HEAD_BYTES + int.from_bytes(received[:_LENGTH_BYTES])
            if len(received) < end:
                return
            future = self._asked.pop(int.from_bytes(received[_LENGTH_BYTES:_HEAD_BYTES]))
            if not future.done():
                future.set_result(bytes(memoryview(received)[_HEAD_BYTES:end]))
            del received[:end]

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell those who wait."""
        del exc
        self.dead = True
        for future in self._asked.values():
            if not future.done():
                future.set_exception(Died())
        self._asked.clear()

    def end(self) -> None:
        """End the process, whatever it is at."""
        self._process.kill()
        self._process.join()
        if self._transport is None:
            self._ours.close()
        else:
            self._transport.close()

    def finish(self, timeout_s: float) -> None:
        """Ask nothing more, and give the process some time to do what it was asked."""
        with suppress(OSError):  # it has ended by itself
            self._ours.shutdown(socket.SHUT_WR)
        self._process.join(timeout_s)
        self.end()


def asked(wire: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield number and octets of each question that comes over a child's end, until nobody asks any more."""
    while head := wire.read(_HEAD_BYTES):
        length = int.from_bytes(head[:_LENGTH_BYTES])
        question = wire.read(length)
        if len(head) < _HEAD_BYTES or len(question) < length:
            return  # the parent ended in the middle of one
        yield int.from_bytes(head[_LENGTH_BYTES:]), question


async def next_asked(wire: asyncio.StreamReader) -> tuple[int, bytes] | None:
    """Return number and octets of the next question, or None when nobody asks any more: `asked`, for an event loop."""
    try:
        head = await wire.readexactly(_HEAD_BYTES)
        return int.from_bytes(head[_LENGTH_BYTES:]), await wire.readexactly(
            int.from_bytes(head[:_LENGTH_BYTES])
        )
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def answer(wire: socket.socket, number: int, octets: bytes) -> None:
    """Answer a question from a child's end. Several threads must not do so at a time."""
    with suppress(ConnectionError):  # nobody wants to know any more
        wire.sendall(framed(number, octets))


def framed(number: int, octets: bytes) -> bytes:
    """Return a question or an answer as it goes over the wire."""
    return len(octets).to_bytes(_LENGTH_BYTES) + number.to_bytes(_NUMBER_BYTES) + octets


def _main(wire: socket.socket, name: str, main: Callable[..., None], arguments: tuple[object, ...]) -> None:
    with suppress(OSError):  # a system without /proc
        Path("/proc/self/comm").write_text(name)
    # What a terminal or a supervisor sends to the whole group is for the parent, which still needs its children.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with wire, suppress(ConnectionError):
        main(wire, *arguments)
