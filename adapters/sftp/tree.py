"""Where agencies' files lie on the gateway's disk, sealed: `<root>/<agency>/in/<contract>/<name>`.

Only the gateway makes folders and there are no links, so a place that `names.spot` allows is a place in the tree.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from adapters.sftp.names import IN
from adapters.sftp.sealed import SealedFile, erase, plain_size, write_whole

WRITTEN_AT_ONCE = 192
"""Files that are open at a time while they are written: a process may have a thousand."""
FREE_LEAST_BYTES = 256 << 20
"""What an upload leaves free on the disk: answers, and whatever else lives there, must still find room."""


@dataclass(frozen=True, slots=True)
class Lying:
    """A file as it lies there: its name, octets of plaintext, and when it was changed (Unix s)."""

    name: str
    size: int
    changed_s: int


@dataclass(frozen=True, slots=True)
class Written:
    """A file that is written at once: its place, and what it is to hold, in clear."""

    agency: str
    contract: str
    name: str
    octets: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Moved:
    """A file that got another name. Its octets and that name outlast a power cut after `sync`; `close` comes last."""

    _descriptors: Sequence[int]
    close: Callable[[], None]

    def sync(self) -> None:
        """Wait for the disk; may be called in any thread."""
        for descriptor in self._descriptors:
            os.fsync(descriptor)


class Keys(Protocol):
    """See `files.FileKeys`."""

    def of_files(self, agency: str) -> bytes:
        """Return the key (32 bytes) under which an agency's files are kept.

        Raises:
            Unavailable: `unavailable.keys`.
        """


class Tree:
    """All agencies' trees below one folder. `keys` has what they are sealed with.

    What agencies have here is counted by one of those who use the folder; others say `elsewhere` how many octets and
    files an agency has more, or less.
    """

    def __init__(
        self, root: Path, keys: Keys, elsewhere: Callable[[str, int, int], None] | None = None
    ) -> None:
        self._root = root
        self._keys = keys
        self._elsewhere = elsewhere
        self._used: dict[str, list[int]] = {}
        root.mkdir(parents=True, exist_ok=True, mode=0o700)

    def path(self, agency: str, contract: str, name: str) -> str:
        """Return where a file lies; a string, because making a `Path` takes longer than opening the file."""
        return f"{self._folder(agency, contract)}/{name}"

    def _folder(self, agency: str, contract: str) -> str:
        return f"{self._root}/{agency}/{IN}/{contract}"

    def opened(self, agency: str, contract: str, name: str, *, create: bool = False) -> SealedFile:
        """Open a file.

        Raises:
            FileNotFoundError: there is none and `create` was not asked for.
            Unavailable: `unavailable.keys`.
            Tampered: `tampered.file`.
        """
        path = self.path(agency, contract, name)
        key = self._keys.of_files(agency)
        if self._elsewhere is None:
            self.used(agency)  # before there is one more
        try:
            file = SealedFile(path, key, create=create)
        except FileNotFoundError:
            if not create:
                raise
            Path(path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = SealedFile(path, key, create=True)
        if file.new:
            self.count(agency, files=1)
        return file

    async def write(self, lots: Sequence[Written]) -> None:
        """Write files at once, in the place of what may be there; durable on return.

        Raises:
            Unavailable: `unavailable.keys`.
            OSError: the disk cannot; any of them may be there.
        """
        keys = {lot.agency: self._keys.of_files(lot.agency) for lot in lots}
        for lot in lots:
            before = self.lying(lot.agency, lot.contract, lot.name)
            octets = len(lot.octets) - (before.size if before else 0)
            self.count(lot.agency, octets=octets, files=0 if before else 1)
        await asyncio.to_thread(self._write, lots, keys)

    def _write(self, lots: Sequence[Written], keys: Mapping[str, bytes]) -> None:
        files = [
            (self.path(lot.agency, lot.contract, lot.name), keys[lot.agency], lot.octets) for lot in lots
        ]
        for begin in range(0, len(files), WRITTEN_AT_ONCE):
            write_whole(files[begin : begin + WRITTEN_AT_ONCE])
        for agency, contract in {(lot.agency, lot.contract) for lot in lots}:
            _sync_folder(self._folder(agency, contract))

    def lying(self, agency: str, contract: str, name: str) -> Lying | None:
        """Return a file as it lies there, or None."""
        try:
            status = os.stat(self.path(agency, contract, name))  # noqa: PTH116  as `path` says
        except FileNotFoundError:
            return None
        return Lying(name, plain_size(status.st_size), int(status.st_mtime))

    def listing(self, agency: str, contract: str) -> Iterator[Lying]:
        """Yield the files of a folder."""
        try:
            found = os.scandir(self._root / agency / IN / contract)
        except FileNotFoundError:
            return
        with found:
            for each in found:
                status = each.stat(follow_symlinks=False)
                yield Lying(each.name, plain_size(status.st_size), int(status.st_mtime))

    def everything(self) -> Iterator[tuple[str, str, Lying]]:
        """Yield every file with its agency and contract."""
        for folder in self._root.glob(f"*/{IN}/*"):
            agency, contract = folder.parent.parent.name, folder.name
            for lying in self.listing(agency, contract):
                yield agency, contract, lying

    def move(self, agency: str, contract: str, name: str, to: str) -> Moved:
        """Give a file another name in its folder."""
        path, there = self.path(agency, contract, name), self.path(agency, contract, to)
        with ExitStack() as opened:
            descriptors = [_opened(path, 0)]
            opened.callback(os.close, descriptors[0])
            descriptors.append(_opened(self._folder(agency, contract), os.O_DIRECTORY))
            opened.callback(os.close, descriptors[1])
            os.rename(path, there)  # noqa: PTH104  as `path` says
            return Moved(descriptors, opened.pop_all().close)

    def remove(self, agency: str, contract: str, name: str) -> None:
        """Remove a file for good; nothing happens when there is none."""
        lying = self.lying(agency, contract, name)
        if lying is not None:
            erase(self.path(agency, contract, name))
            self.count(agency, octets=-lying.size, files=-1)

    def take_stock(self) -> None:
        """Count what every agency has here."""
        for folder in self._root.glob(f"*/{IN}"):
            self.used(folder.parent.name)

    def used(self, agency: str) -> tuple[int, int]:
        """Return how many octets and files an agency has here."""
        used = self._used.get(agency)
        if used is None:
            folders = (self._root / agency / IN).glob("*")
            sizes = [each.size for folder in folders for each in self.listing(agency, folder.name)]
            used = self._used[agency] = [sum(sizes), len(sizes)]
        return used[0], used[1]

    def count(self, agency: str, *, octets: int = 0, files: int = 0) -> None:
        """Count what an agency's files have become more, or less."""
        if self._elsewhere is not None:
            self._elsewhere(agency, octets, files)
            return
        self.used(agency)
        self._used[agency][0] += octets
        self._used[agency][1] += files

    def full(self) -> bool:
        """Return whether the disk has too little room for what is not ours."""
        return _free(self._root) < FREE_LEAST_BYTES


def _free(path: Path) -> int:
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize


def _sync_folder(path: str) -> None:
    descriptor = _opened(path, os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _opened(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
