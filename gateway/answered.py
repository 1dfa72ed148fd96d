"""Answers that agencies give in the call that asked them: from the process that asked to the one that takes records.

Who calls an agency may open and not sign, who takes records may sign and not open. Both are of one user on one
machine and share the store's folder; between them is a socket in it, so that an answer never is on a disk in clear.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import structlog

from gateway.errors import IsnadError, Rejected, Unavailable

ANSWERS = "answers.sock"
"""The socket's name, beside the store."""
ANSWER_MAX_BYTES = 17 << 20
"""More than what an agency's service may answer at most."""
TIMEOUT_S = 60.0
RETRY_S = 5
log = structlog.get_logger()

_LENGTH = struct.Struct(">I")
_PEER = struct.Struct("3i")  # struct ucred: pid, uid, gid (unix(7), SO_PEERCRED)


class Given(msgspec.Struct, frozen=True):
    """What an agency answered: the envelope as it came, and the SHA-256 (hex) of what its server showed."""

    agency: str
    contract: str
    certificate: str
    envelope: bytes

    def __repr__(self) -> str:
        return f"Given({self.agency!r}, {self.contract!r})"


class _Taken(msgspec.Struct, frozen=True):
    """What became of it: nothing said means that all of it is in the log."""

    code: str = ""
    rule: str = ""
    field: str = ""
    retry_after_s: int | None = None


Take = Callable[[Given], Awaitable[None]]
"""Returns when every record of an answer is in the log, accepted or refused; raises `Rejected` or `Unavailable`."""


class AnswerDesk:
    """Takes answers, in the process that takes records. Runs in the event loop."""

    def __init__(self, folder: Path, take: Take) -> None:
        self._folder = folder
        self._take = take
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; nobody but the user of this process may connect."""
        with _short(self._folder) as path:
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
            async with asyncio.timeout(TIMEOUT_S):
                if _peer(writer.get_extra_info("socket")) != os.getuid():
                    return
                (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
                if length > ANSWER_MAX_BYTES:
                    return
                given = msgspec.msgpack.decode(await reader.readexactly(length), type=Given)
                writer.write(_framed(await self._answered(given)))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, msgspec.MsgspecError):
            return  # whoever asked hears nothing, and asks again
        finally:
            writer.close()

    async def _answered(self, given: Given) -> _Taken:
        """Have an answer taken; what it was must not be told by an error of ours."""
        try:
            await self._take(given)
        except Rejected as error:
            return _Taken(error.code, error.rule, error.field)
        except Unavailable as error:
            return _Taken(error.code, error.rule, "", max(1, round(error.retry_after_s)))
        except Exception:  # the outermost loop of the desk
            log.exception("answer.failed", agency=given.agency, contract=given.contract)
            return _Taken("unavailable.internal", "", "", RETRY_S)
        return _Taken()


def hand_in(folder: Path, given: Given) -> None:
    """Hand an answer to the process that takes records, and wait until it is taken. Blocks.

    Raises:
        Rejected: it is refused, and the log says so.
        Unavailable: it is not taken now; the agency is to be asked again.
    """
    try:
        with _short(folder) as path, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wire:
            wire.settimeout(TIMEOUT_S)
            wire.connect(path)
            wire.sendall(_framed(given))
            with wire.makefile("rb") as answer:
                (length,) = _LENGTH.unpack(answer.read(_LENGTH.size))
                taken = msgspec.msgpack.decode(answer.read(length), type=_Taken)
    except (OSError, struct.error, msgspec.MsgspecError) as error:
        rule = "the process that takes records must take the answer"
        raise Unavailable("unavailable.internal", rule, RETRY_S) from error
    if taken.code:
        raise _error(taken)


def _error(taken: _Taken) -> IsnadError:
    if taken.retry_after_s is not None:
        return Unavailable(taken.code, taken.rule, taken.retry_after_s)
    return Rejected(taken.code, taken.rule, taken.field)


def _framed(message: msgspec.Struct) -> bytes:
    octets = msgspec.msgpack.encode(message)
    return _LENGTH.pack(len(octets)) + octets


def _forget(path: str) -> None:
    """Remove the socket of a process that was killed."""
    Path(path).unlink(missing_ok=True)


def _peer(wire: socket.socket) -> int:
    """Return the user at the other end."""
    _, uid, _ = _PEER.unpack(wire.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    return int(uid)


@contextmanager
def _short(folder: Path) -> Iterator[str]:
    """Yield a path of the socket that is short enough, wherever the folder is (unix(7): 107 octets)."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{ANSWERS}"
    finally:
        os.close(descriptor)
