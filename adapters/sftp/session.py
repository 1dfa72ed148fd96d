"""One SFTP session (draft-ietf-secsh-filexfer-02, version 3): an agency's tree, and nothing else of the machine.

What is not here is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager

import structlog
from asyncssh import (
    FX_NO_SUCH_FILE,
    FXF_CREAT,
    FXF_EXCL,
    FXF_TRUNC,
    FXF_WRITE,
    SFTPAttrs,
    SFTPError,
    SFTPFailure,
    SFTPName,
    SFTPNoSuchFile,
    SFTPPermissionDenied,
    SSHServerChannel,
)

from adapters.sftp.attributes import described, of_folder, of_open, same_size
from adapters.sftp.landing import Landing
from adapters.sftp.lane import PING, PING_PATH, Lane, Pinged, ping_described
from adapters.sftp.names import IN, Spot, spot
from adapters.sftp.refusing import Refusing
from adapters.sftp.sealed import SealedFile
from adapters.sftp.tree import Lying
from adapters.sftp.upload import Upload
from gateway.errors import IsnadError, Rejected
from gateway.files import FileAgency
from gateway.records import Origin

OPEN_MAX = 32
"""Files that one session has open at a time."""
READ_MAX_BYTES = 1 << 20

_Handle = Upload | SealedFile | Pinged

log = structlog.get_logger()


class Session(Refusing):
    """Answers one channel. `current` returns whose tree it is, or None once its client is let in no more."""

    def __init__(
        self,
        channel: SSHServerChannel[bytes],
        landing: Landing,
        current: Callable[[], FileAgency | None],
        origin: Origin,
        lane: Lane,
    ) -> None:
        super().__init__(channel)
        self._landing = landing
        self._lane = lane
        self._tree = landing.tree
        self._current = current
        self._origin = origin
        self._open: set[_Handle] = set()

    # Files

    def open(self, path: bytes, pflags: int, attrs: SFTPAttrs) -> _Handle | Awaitable[_Handle]:
        """Open a file to be read, or one that is not yet whole to be written."""
        del attrs
        if path == PING_PATH and not pflags & FXF_WRITE:
            return self._pinged()
        there = self._spot(path)
        if len(self._open) >= OPEN_MAX:
            raise SFTPFailure("too many open files")
        with self._told():
            if not pflags & FXF_WRITE:
                handle: _Handle = self._tree.opened(self._agency.name, there.contract, there.name)
            else:
                if pflags & FXF_EXCL and self._lying(there) is not None:
                    raise SFTPFailure("the file is there already")
                handle = self._landing.begin(
                    self._agency, there, self._origin, create=bool(pflags & FXF_CREAT)
                )
                if pflags & FXF_TRUNC:
                    handle.empty()
        self._open.add(handle)
        return handle

    async def _pinged(self) -> _Handle:
        with self._told():
            handle = await self._lane.pinged(self._agency.name, self._origin.certificate)
        self._open.add(handle)
        return handle

    async def close(self, file_obj: object) -> None:
        """Close a file; one that was written is durable on return, unless its name is temporary."""
        handle = _handle(file_obj)
        if handle not in self._open:
            return  # asyncssh closes once more what `exit` has closed
        agency = self._agency
        self._open.discard(handle)
        with self._told():
            if isinstance(handle, Pinged):
                return
            if not isinstance(handle, Upload):
                handle.close()
            elif self._hung_up():
                self._landing.abandon(handle)
            else:
                await self._landing.end(agency, handle)

    def exit(self) -> None:
        """Close what a client that is gone has left open."""
        while self._open:
            handle = self._open.pop()
            if isinstance(handle, Upload):
                self._landing.abandon(handle)
            elif isinstance(handle, SealedFile):
                handle.close()

    def read(self, file_obj: object, offset: int, size: int) -> bytes:
        """Return octets from a place; none at the end."""
        handle = _handle(file_obj)
        with self._told():
            return (handle.file if isinstance(handle, Upload) else handle).read(
                offset, min(size, READ_MAX_BYTES)
            )

    def write(self, file_obj: object, offset: int, data: bytes) -> int:
        """Put octets at a place."""
        handle = _handle(file_obj)
        if not isinstance(handle, Upload):
            raise SFTPPermissionDenied("the file was opened to be read")
        with self._told():
            # Clients that append say where: taken at the end, what was lost between would not be missed.
            handle.write(offset, data)
        return len(data)

    async def fsync(self, file_obj: object) -> None:
        """Have what was written outlast a power cut."""
        handle = _handle(file_obj)
        if isinstance(handle, Upload):
            handle.file.flush()
            await asyncio.to_thread(handle.file.sync)

    # What there is

    def realpath(self, path: bytes) -> bytes:
        """Return the one name of a place."""
        if path == PING_PATH:
            return path
        there = self._spot(path)
        steps = [] if there.top else [IN, there.contract, there.name]
        return ("/" + "/".join(step for step in steps if step)).encode()

    def stat(self, path: bytes) -> SFTPAttrs:
        """Describe a place."""
        if path == PING_PATH:
            return ping_described()
        there = self._spot(path)
        if not there.is_file:
            if there.contract and there.contract not in self._agency.folders:
                raise SFTPNoSuchFile("no such folder")
            return of_folder()
        lying = self._lying(there)
        if lying is None:
            raise SFTPNoSuchFile("no such file")
        return described(lying)

    lstat = stat

    def fstat(self, file_obj: object) -> SFTPAttrs:
        """Describe an open file."""
        handle = _handle(file_obj)
        if isinstance(handle, Pinged):
            return ping_described()
        size = handle.file.size if isinstance(handle, Upload) else handle.size
        return of_open(size)

    async def scandir(self, path: bytes) -> AsyncIterator[SFTPName]:
        """Yield what is in a folder."""
        there = self._spot(path)
        if there.is_file or (there.contract and there.contract not in self._agency.folders):
            raise SFTPNoSuchFile("no such folder")
        for name in (".", ".."):
            yield SFTPName(name.encode(), attrs=of_folder())
        if there.top:
            yield SFTPName(IN.encode(), attrs=of_folder())
            yield SFTPName(PING.encode(), attrs=ping_described())
        elif not there.contract:
            for contract in sorted(self._agency.folders):
                yield SFTPName(contract.encode(), attrs=of_folder())
        else:
            for lying in self._tree.listing(self._agency.name, there.contract):
                yield SFTPName(lying.name.encode(), attrs=described(lying))

    # Changes

    async def rename(self, oldpath: bytes, newpath: bytes) -> None:
        """Give a file that is not yet whole another name; the protocol's version 3 replaces nothing."""
        with self._told():
            await self._landing.rename(self._agency, self._spot(oldpath), self._spot(newpath))

    posix_rename = rename

    async def remove(self, path: bytes) -> None:
        """Remove a file that is not yet whole."""
        with self._told():
            await self._landing.remove(self._agency, self._spot(path))

    def setstat(self, path: bytes, attrs: SFTPAttrs) -> None:
        """Let clients believe that they set times and permissions, as most do after an upload; nothing is kept."""
        lying = self._lying(self._spot(path))
        same_size(attrs, lying.size if lying else 0)

    lsetstat = setstat

    def fsetstat(self, file_obj: object, attrs: SFTPAttrs) -> None:
        """See `setstat`."""
        handle = _handle(file_obj)
        if not isinstance(handle, Upload):
            raise SFTPPermissionDenied("the file was opened to be read")
        same_size(attrs, handle.file.size)

    def mkdir(self, path: bytes, attrs: SFTPAttrs) -> None:
        """Refuse what is not there: there is a folder for each contract, and no other."""
        del attrs
        there = self._spot(path)
        if there.is_file or there.contract not in {"", *self._agency.folders}:
            raise SFTPPermissionDenied("the gateway makes the folders")

    def _hung_up(self) -> bool:
        """Return whether the client has said that it will say nothing more.

        Then it is asyncssh that closes what was left open, and a file that was left open is not one that was closed.
        Clients wait for the answer to what they close.
        """
        return self.channel._recv_state != "open"  # noqa: SLF001  told nowhere else

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell the client in a line what is wrong: code and rule, and nothing of the machine."""
        try:
            yield
        except IsnadError as error:
            # OpenSSH's client shows the status alone, so that its user may have to ask us what we said.
            agency = self._agency.name
            log.info("file.denied", agency=agency, code=error.code, rule=error.rule)
            if isinstance(error, Rejected):
                self._lane.denied(agency, self._origin.certificate, error)
            raise SFTPPermissionDenied(str(error)) from error
        except FileNotFoundError as error:
            raise SFTPError(FX_NO_SUCH_FILE, "no such file") from error
        except ValueError as error:
            raise SFTPFailure(str(error)) from error

    @property
    def _agency(self) -> FileAgency:
        agency = self._current()
        if agency is None:
            raise SFTPPermissionDenied("identity.unknown: the key must still be registered")
        return agency

    def _spot(self, path: bytes) -> Spot:
        found = spot(path)
        if found is None:
            raise SFTPNoSuchFile("no such place; files are in /in/<contract>/")
        return found

    def _lying(self, there: Spot) -> Lying | None:
        return self._tree.lying(self._agency.name, there.contract, there.name) if there.is_file else None


def _handle(file_obj: object) -> _Handle:
    if not isinstance(file_obj, Upload | SealedFile | Pinged):
        raise SFTPFailure("no such handle")
    return file_obj
