"""The SFTP adapter: agencies put files down, and find an outcome for every row beside them.

`inbound` is what the intake process runs. `README.md` says how a file goes its way, module by module.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import structlog

from adapters.sftp.apart import Apart
from adapters.sftp.config import JOURNAL, Config
from adapters.sftp.desk import Desk
from adapters.sftp.fetching import OutgoingSession
from adapters.sftp.following import progress_of
from adapters.sftp.journal import Journal, listing
from adapters.sftp.outbound import SftpOutbound
from adapters.sftp.overdue import report_overdue
from adapters.sftp.server import Server
from adapters.sftp.tree import Tree
from adapters.sftp.trying import tried, tried_fetching
from gateway.doors import Mailbox, Refusals
from gateway.errors import IsnadError
from gateway.files import FileAgencies, FileProgress, Files, SftpServer

__all__ = ["Config", "Inbound", "inbound", "inbox", "outbound", "progress", "tried", "tried_fetching"]

HOUSEKEEPING_S = 30.0

log = structlog.get_logger()


class Inbound:
    """The process that speaks SSH and the desk behind it, from `start` to `stop`."""

    def __init__(self, config: Config, files: Files, refusals: Refusals) -> None:
        self._front = Apart(config, files, refusals)
        self._open = ExitStack()
        tree = Tree(config.folder, files.keys, self._front.count)
        self._desk = Desk(files, tree, self._open.enter_context(closing(Journal(config.folder / JOURNAL))))
        self._note = files.note
        self._house: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._front.port

    async def start(self) -> None:
        """Listen, and take up what was interrupted.

        Raises:
            Unavailable: `unavailable.keys`.
            OSError: the port cannot be listened on.
        """
        await self._front.start(self._desk.wake)
        self._desk.start()
        self._house = asyncio.create_task(self._keep_house())

    async def stop(self) -> None:
        """Let nobody in any more and break off what runs; all of it goes on at the next start."""
        await self._front.stop()
        if self._house is not None:
            self._house.cancel()
        await self._desk.stop()
        self._open.close()

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            try:
                await self._desk.remove_due()
                await report_overdue(self._desk.journal, self._note, time.time_ns() // 1_000_000)
            except IsnadError as error:
                log.warning("files.held_up", code=error.code)


def inbox(
    config: Config,
    agencies: FileAgencies,
    host_key: Callable[[], bytes],
    mailbox: Mailbox,
    refusals: Refusals,
) -> Server:
    """Return the server of the delivery process, from which agencies fetch what waits for them."""
    return Server(
        config,
        agencies,
        host_key,
        lambda channel, current, _: OutgoingSession(channel, mailbox, current),
        refusals,
    )


def progress(folder: Path) -> list[FileProgress]:
    """Return how far each file in a folder of kept files is, newest first, while the gateway works on or not.

    Raises:
        Unavailable: `unavailable.store`; nothing was ever kept there.
    """
    return [progress_of(entry) for entry in listing(folder / JOURNAL)]


def outbound(server: SftpServer, key: Callable[[], bytes]) -> SftpOutbound:
    """Return the way to an agency's own server; `key` returns our private key (OpenSSH, PEM) and may block."""
    return SftpOutbound(server, key)


def inbound(config: Config, files: Files, refusals: Refusals) -> Inbound:
    """Return what takes agencies' files; `config.folder` is where they are kept, sealed."""
    return Inbound(config, files, refusals)
