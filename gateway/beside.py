"""Sockets beside the store: processes of one user on one machine ask one another, and nothing of it is on a disk.

A question and its reply are each one frame: its length (four octets, big-endian), then that many octets.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

_LENGTH = struct.Struct(">I")
_PEER = struct.Struct("3i")  # struct ucred: pid, uid, gid (unix(7), SO_PEERCRED)

Reply = Callable[[bytes], Awaitable[bytes]]
"""Returns the reply to a question; raises `msgspec.MsgspecError` when it is none, and whoever asked is hung up on."""


@dataclass(frozen=True, slots=True)
class Place:
    """A socket: its name in the folder, how long a question may be, and how long all of one may take."""

    name: str
    question_max_bytes: int
    timeout_s: float


class Desk:
    """Answers what is asked at one place. Runs in the event loop."""

    def __init__(self, folder: Path, place: Place, reply: Reply) -> None:
        self._folder = folder
        self._place = place
        self._reply = reply
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; nobody but the user of this process may connect."""
        with _short(self._folder, self._place.name) as path:
            _forget(path)
            before = os.umask(0o177)
            try:
                self._server = await asyncio.start_unix_server(self._serve, path)
            finally:
                os.umask(before)

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(self._place.timeout_s):
                if _peer(writer.get_extra_info("socket")) != os.getuid():
                    return
                (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
                if length > self._place.question_max_bytes:
                    return
                reply = await self._reply(await reader.readexactly(length))
                writer.write(_LENGTH.pack(len(reply)) + reply)
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, msgspec.MsgspecError):
            return  # whoever asked hears nothing, and may ask again
        finally:
            writer.close()


def ask(folder: Path, place: Place, question: bytes) -> bytes:
    """Ask at a place and return the reply. Blocks.

    Raises:
        OSError: nobody is there, or there was no reply in time.
    """
    with _short(folder, place.name) as path, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wire:
        wire.settimeout(place.timeout_s)
        wire.connect(path)
        wire.sendall(_LENGTH.pack(len(question)) + question)
        with wire.makefile("rb") as answer:
            head = answer.read(_LENGTH.size)
            if len(head) < _LENGTH.size:
                raise ConnectionError("there was no reply")
            (length,) = _LENGTH.unpack(head)
            reply = answer.read(length)
    if len(reply) < length:
        raise ConnectionError("the reply broke off")
    return reply


def _forget(path: str) -> None:
    """Remove the socket of a process that was killed."""
    Path(path).unlink(missing_ok=True)


def _peer(wire: socket.socket) -> int:
    """Return the user at the other end."""
    _, uid, _ = _PEER.unpack(wire.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    return int(uid)


@contextmanager
def _short(folder: Path, name: str) -> Iterator[str]:
    """Yield a path of the socket that is short enough, wherever the folder is (unix(7): 107 octets)."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)
