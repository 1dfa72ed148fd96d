"""A file while its sender writes it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from adapters.sftp.entry import Entry
from adapters.sftp.sealed import SealedFile
from adapters.sftp.tree import Tree
from gateway.records import Origin

ROOM_STEP_BYTES = 4 << 20
"""How much of a file may arrive between two looks at the room that is left."""

Place = tuple[str, str, str]
"""Agency, contract and name."""


class Upload:
    """A file that is being written, and what was known of it. What arrives is sealed before it touches the disk.

    `room` is asked every few megabytes whether there is room for more, and raises when there is none.
    """

    def __init__(
        self,
        tree: Tree,
        place: Place,
        origin: Origin,
        file: SealedFile,
        *,
        known: Entry | None,
        room: Callable[[], None],
    ) -> None:
        self._tree = tree
        self._room = room
        self._unlooked = 0
        self._failed = False
        self._hurrying: asyncio.Future[None] | None = None
        self.place = place
        self.origin = origin
        self.file = file
        self.known = known

    def write(self, offset: int, data: bytes) -> None:
        """Put octets at a place within the file or at its end.

        Raises:
            Unavailable: `quota.file_bytes`, or `unavailable.disk`.
            ValueError: behind the end, or something that came before was not taken.
            OSError: the disk cannot.
        """
        # OpenSSH's client overlooks an error when the writes after it succeed.
        if self._failed:
            raise ValueError("something that came before could not be written")
        try:
            self._write(offset, data)
        except BaseException:
            self._failed = True
            raise

    @property
    def failed(self) -> bool:
        """Whether something of it was not taken, so that it must be sent again from where it ends."""
        return self._failed

    def _write(self, offset: int, data: bytes) -> None:
        before = self.file.size
        try:
            self.file.write(offset, data)
        finally:  # a disk that is full takes some of what came before as well
            grown = self.file.size - before
            self._tree.count(self.place[0], octets=grown)
        self._unlooked += grown
        if self._unlooked >= ROOM_STEP_BYTES:
            self._unlooked = 0
            self._hurry()
            self._room()

    def _hurry(self) -> None:
        """Have the disk begin with what has arrived; nobody waits for it, and it is told one thing at a time."""
        if self._hurrying is None or self._hurrying.done():
            self._hurrying = asyncio.get_running_loop().run_in_executor(None, self.file.hurrying())

    def empty(self) -> None:
        """Begin again from nothing."""
        self._tree.count(self.place[0], octets=-self.file.size)
        self.file.cut(0)
