"""Waiting for the disk without keeping others waiting: what a sender was told outlasts a power cut."""

from __future__ import annotations

import asyncio
from typing import Protocol

from adapters.sftp.journal import Journal


class Unsynced(Protocol):
    """Something that was written and that the disk may not have yet."""

    def sync(self) -> None:
        """Wait for the disk; called in another thread."""

    def close(self) -> None:
        """Let go of it."""


class Durable:
    """Waits for files, and then for what the journal says of them. Used by one event loop."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._waiting: set[asyncio.Future[None]] = set()

    async def __call__(self, file: Unsynced | None = None) -> None:
        """Return once a file and everything that the journal says outlast a power cut; the file is closed then.

        Raises:
            Unavailable: `unavailable.store`.
            OSError: the disk cannot.
        """

        # Whatever a thread asks of the system lets others have the interpreter, and it waits to get it back, up to half
        # a millisecond each time: so this one opens and closes nothing. It goes on when the sender is cut off.
        def wait() -> None:
            if file is not None:
                file.sync()
            self._journal.sync()

        def done(waiting: asyncio.Future[None]) -> None:
            self._waiting.discard(waiting)
            if file is not None:
                file.close()

        waiting = asyncio.get_running_loop().run_in_executor(None, wait)
        self._waiting.add(waiting)
        waiting.add_done_callback(done)
        await asyncio.shield(waiting)

    async def end(self) -> None:
        """Wait for all that is being waited for: call it once nobody comes any more."""
        if self._waiting:
            await asyncio.wait(self._waiting)
