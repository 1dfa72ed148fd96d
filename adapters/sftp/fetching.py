"""What waits for an agency, as files that it fetches and then removes: `/out/CONTRACT-LANE-INDEX-….ndjson`.

There are no such files on any disk. They are made of the agency's inbox when it looks, a line for each record as in
deliveries, the same ones until it removes them: to remove a file is to acknowledge its records.
"""

# ruff: noqa: ARG002  the protocol hands over more than is needed
from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import structlog
from asyncssh import (
    FILEXFER_TYPE_DIRECTORY,
    FILEXFER_TYPE_REGULAR,
    FXF_WRITE,
    SFTPAttrs,
    SFTPFailure,
    SFTPName,
    SFTPNoSuchFile,
    SFTPPermissionDenied,
    SSHServerChannel,
)

from adapters.sftp.dense import seek
from adapters.sftp.outbound import file_name, line
from adapters.sftp.refusing import Refusing
from gateway.doors import Mailbox
from gateway.errors import IsnadError
from gateway.files import FileAgency
from gateway.records import Handed

OUT = "/out"
RECORDS_MAX = 1000
"""Records that are shown at a time; when they are removed the next ones come."""
OPEN_MAX = 8
"""Files that one session has open, in memory, at a time."""

T = TypeVar("T")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, eq=False)
class _Made:
    """A file as it was when it was looked at."""

    octets: bytes = field(repr=False)
    record_ids: tuple[str, ...]

    def seek(self, offset: int, whence: int) -> int:
        """See `dense.seek`; reading and writing say their places themselves."""
        return seek(len(self.octets), offset, whence)


class OutgoingSession(Refusing):
    """Answers one channel. `current` returns whose inbox it is, or None once its client is let in no more."""

    def __init__(
        self, channel: SSHServerChannel[bytes], mailbox: Mailbox, current: Callable[[], FileAgency | None]
    ) -> None:
        super().__init__(channel)
        self._mailbox = mailbox
        self._current = current
        self._open: set[_Made] = set()

    async def open(self, path: bytes, pflags: int, attrs: SFTPAttrs) -> _Made:
        """Open a file to be read."""
        if pflags & FXF_WRITE:
            raise SFTPPermissionDenied("nothing is written here")
        if len(self._open) >= OPEN_MAX:
            raise SFTPFailure("too many open files")
        made = await self._at(path)
        self._open.add(made)
        return made

    def close(self, file_obj: object) -> None:
        """Forget a file's octets."""
        if isinstance(file_obj, _Made):
            self._open.discard(file_obj)

    def exit(self) -> None:
        """Forget what a client that is gone has left open."""
        self._open.clear()

    def read(self, file_obj: object, offset: int, size: int) -> bytes:
        """Return octets from a place; none at the end."""
        if not isinstance(file_obj, _Made):
            raise SFTPFailure("no such handle")
        return file_obj.octets[offset : offset + size]

    def realpath(self, path: bytes) -> bytes:
        """Return the one name of a place."""
        steps = [step for step in path.split(b"/") if step not in (b"", b".")]
        while b".." in steps:
            at = steps.index(b"..")
            del steps[max(0, at - 1) : at + 1]
        return b"/" + b"/".join(steps)

    async def stat(self, path: bytes) -> SFTPAttrs:
        """Describe a place."""
        if self.realpath(path) in (b"/", OUT.encode()):
            return _folder()
        return _file(await self._at(path))

    def fstat(self, file_obj: object) -> SFTPAttrs:
        """Describe an open file."""
        if not isinstance(file_obj, _Made):
            raise SFTPFailure("no such handle")
        return _file(file_obj)

    async def scandir(self, path: bytes) -> AsyncIterator[SFTPName]:
        """Yield what is in a folder."""
        there = self.realpath(path).decode("utf-8", "replace")
        if there not in ("/", OUT):
            raise SFTPNoSuchFile("no such folder")
        for dots in (b".", b".."):
            yield SFTPName(dots, attrs=_folder())
        if there == "/":
            yield SFTPName(OUT[1:].encode(), attrs=_folder())
            return
        for name, made in (await self._waiting()).items():
            yield SFTPName(name.encode(), attrs=_file(made))

    async def remove(self, path: bytes) -> None:
        """Acknowledge the records of a file: they are not shown again."""
        made, agency = await self._at(path), self._agency
        count = await self._asked(lambda: self._mailbox.acknowledge(agency.name, made.record_ids))
        log.info("inbox.acknowledged", agency=agency.name, records=count)

    @property
    def _agency(self) -> FileAgency:
        agency = self._current()
        if agency is None:
            raise SFTPPermissionDenied("identity.unknown: the key must still be registered")
        return agency

    async def _at(self, path: bytes) -> _Made:
        folder, _, name = self.realpath(path).decode("utf-8", "replace").rpartition("/")
        made = (await self._waiting()).get(name) if folder == OUT else None
        if made is None:
            raise SFTPNoSuchFile("no such file; what waits is in /out")
        return made

    async def _waiting(self) -> Mapping[str, _Made]:
        agency = self._agency
        return await self._asked(lambda: _made(self._mailbox.fetch(agency.name, RECORDS_MAX)))

    async def _asked(self, question: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(question)
        except IsnadError as error:
            log.info("file.denied", agency=self._agency.name, code=error.code, rule=error.rule)
            raise SFTPFailure(str(error)) from error


def _made(records: Sequence[Handed]) -> dict[str, _Made]:
    """Return records as files: a file for each sender and contract."""
    together: dict[tuple[str, str], list[Handed]] = {}
    for record in records:
        together.setdefault((record.contract, record.lane), []).append(record)
    return {
        file_name(each): _Made(b"".join(map(line, each)), tuple(record.record_id for record in each))
        for each in together.values()
    }


def _folder() -> SFTPAttrs:
    return SFTPAttrs(
        type=FILEXFER_TYPE_DIRECTORY, size=0, permissions=stat.S_IFDIR | 0o550, uid=0, gid=0, atime=0, mtime=0
    )


def _file(made: _Made) -> SFTPAttrs:
    return SFTPAttrs(
        type=FILEXFER_TYPE_REGULAR,
        size=len(made.octets),
        permissions=stat.S_IFREG | 0o440,
        uid=0,
        gid=0,
        atime=0,
        mtime=0,
    )
