"""Fetching files from agencies' own servers, and putting the answers back there.

What is fetched comes in exactly as what is put down: through `Landing`, under the same rules, into the same desk.
A file is fetched once, whatever happens to it here; a fetch that broke off goes on where it was.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import asyncssh
import structlog

from adapters.sftp.belonging import companions
from adapters.sftp.client import PART, Remote, connected
from adapters.sftp.journal import Journal
from adapters.sftp.landing import Landing
from adapters.sftp.names import ANSWERS, Spot, is_answer, is_name
from adapters.sftp.tree import Tree
from gateway.doors import Evidence
from gateway.errors import IsnadError, Rejected
from gateway.files import FileAgency, Folder, Poll
from gateway.records import Event

CHUNK_BYTES = 1 << 20
FILES_MAX = 10_000
"""Names that are looked at in one folder; a server that lists without end gets no further."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Found:
    """A file on an agency's server, and how large it is."""

    name: str
    size: int


class Gateway(Protocol):
    """What is asked of the gateway; see `files.Files`."""

    def agencies(self) -> Mapping[str, FileAgency]:
        """Return the agencies that exchange files, by name."""

    async def client_key(self) -> bytes:
        """Return the private key (OpenSSH, PEM) by which agencies' servers know the gateway.

        Raises:
            Unavailable: `unavailable.keys`.
        """

    async def note(self, events: Sequence[Event]) -> Sequence[Evidence]:
        """Append events to their lanes; see `doors.Note`."""


class Polling:
    """Fetches from all agencies' servers, each at its own pace."""

    def __init__(self, gateway: Gateway, tree: Tree, journal: Journal, landing: Landing) -> None:
        self._gateway = gateway
        self._tree = tree
        self._journal = journal
        self._landing = landing
        self._due: dict[tuple[str, Poll], float] = {}
        self._under_way: dict[tuple[str, Poll], asyncio.Task[None]] = {}
        self._sizes: dict[tuple[str, Poll], dict[str, int]] = {}
        self._denied: dict[tuple[str, Poll], str] = {}  # the code for which each was refused the last time

    def look(self) -> None:
        """Begin what is due; called about every second."""
        now = time.monotonic()
        polls = {
            (agency.name, poll): agency
            for agency in self._gateway.agencies().values()
            for poll in agency.polls
        }
        for known in self._due.keys() - polls.keys():
            del self._due[known]
            self._denied.pop(known, None)
        for key, agency in polls.items():
            if now >= self._due.get(key, 0.0) and key not in self._under_way:
                self._due[key] = now + key[1].every_s
                task = asyncio.create_task(self._visit(agency, key[1]))
                self._under_way[key] = task
                task.add_done_callback(lambda _, key=key: self._under_way.pop(key))  # type: ignore[misc]

    async def stop(self) -> None:
        """Break off what is under way; it goes on at the next start."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _visit(self, agency: FileAgency, poll: Poll) -> None:
        """Fetch what is new and put back what was answered; the outermost frame of its task."""
        try:
            try:
                folder = _agreed(agency, poll)  # nobody is called whom no agreement covers now
                key = await self._gateway.client_key()
                async with connected(poll.server, key) as remote:
                    await self._fetch_all(agency, poll, folder, remote)
                    if poll.answers:
                        await self._put_back(agency, poll, remote)
                self._denied.pop((agency.name, poll), None)
            except Rejected as error:
                await self._deny(agency, poll, error)
                raise
        except IsnadError as error:
            log.warning("poll.failed", agency=agency.name, contract=poll.contract, code=error.code)
        except Exception:  # the outermost loop: the next visit may do better
            log.exception("poll.failed", agency=agency.name, contract=poll.contract)

    async def _deny(self, agency: FileAgency, poll: Poll, error: Rejected) -> None:
        """Have the agency's lane say why nothing is fetched: of a row of refusals for one reason, the first.

        Raises:
            Unavailable: the log cannot say it now; the next visit will.
        """
        if self._denied.get((agency.name, poll)) == error.code:
            return
        told = (("contract", poll.contract), ("code", error.code), ("rule", error.rule))
        await self._gateway.note([Event(agency.name, "file.denied", told)])
        self._denied[agency.name, poll] = error.code

    async def _fetch_all(self, agency: FileAgency, poll: Poll, folder: Folder, remote: Remote) -> None:
        listed = await self._listed(poll, remote)
        for found in self._ready(agency, poll, folder, listed):
            await self._fetch(agency, poll, remote, found)
        self._sizes[agency.name, poll] = {found.name: found.size for found in listed}

    async def _listed(self, poll: Poll, remote: Remote) -> list[_Found]:
        listed: list[_Found] = []
        async for each in remote.sftp.scandir(poll.server.folder):
            name = str(each.filename)
            regular = each.attrs.type in (asyncssh.FILEXFER_TYPE_REGULAR, asyncssh.FILEXFER_TYPE_UNKNOWN)
            if regular and is_name(name) and not is_answer(name) and each.attrs.size is not None:
                listed.append(_Found(name, each.attrs.size))
            if len(listed) == FILES_MAX:
                break
        return listed

    def _ready(
        self, agency: FileAgency, poll: Poll, folder: Folder, listed: Sequence[_Found]
    ) -> list[_Found]:
        """Return what is to be fetched: what belongs to a file first, so that with the file itself all is there."""
        by_name = {found.name: found for found in listed}
        before = self._sizes.get((agency.name, poll), {})
        ready: list[_Found] = []
        for found in listed:
            if not folder.rules.takes(found.name):
                continue
            still_growing = folder.rules.complete == "stable" and before.get(found.name) != found.size
            beside = [by_name[name] for name in companions(folder, found.name) if name in by_name]
            incomplete = folder.rules.complete == "manifest" and not beside
            if not still_growing and not incomplete:
                ready += [*beside, found]
        return [each for each in ready if not self._journal.ever(agency.name, poll.contract, each.name)]

    async def _fetch(self, agency: FileAgency, poll: Poll, remote: Remote, found: _Found) -> None:
        part = Spot(poll.contract, found.name + PART)
        upload = self._landing.begin(agency, part, remote.origin, create=True)
        try:
            async with remote.sftp.open(f"{poll.server.folder}/{found.name}", "rb") as file:
                if upload.file.size > found.size:
                    upload.empty()
                while upload.file.size < found.size:
                    octets = await file.read(CHUNK_BYTES, upload.file.size)
                    if not octets or isinstance(octets, str):
                        break
                    upload.write(upload.file.size, octets)
        except BaseException:
            self._landing.abandon(upload)
            raise
        await self._landing.end(agency, upload)
        await self._landing.rename(agency, part, Spot(poll.contract, found.name))
        log.info("file.fetched", agency=agency.name, contract=poll.contract, bytes=found.size)

    async def _put_back(self, agency: FileAgency, poll: Poll, remote: Remote) -> None:
        """Put the answers to what came from this server there, the summary last: with it they are all there."""
        for entry in self._journal.unreturned(agency.name, poll.contract, remote.origin.certificate):
            for suffix in ANSWERS:
                name = entry.name + suffix
                if self._tree.lying(entry.agency, entry.contract, name) is None:
                    continue
                await self._put(remote, entry.agency, entry.contract, name, f"{poll.answers}/{name}")
            self._journal.returned(entry)

    async def _put(self, remote: Remote, agency: str, contract: str, name: str, path: str) -> None:
        file = self._tree.opened(agency, contract, name)
        try:
            chunks = (file.read(at, CHUNK_BYTES) for at in range(0, file.size, CHUNK_BYTES))
            await remote.put(path, chunks)
        finally:
            file.close()


def _agreed(agency: FileAgency, poll: Poll) -> Folder:
    """Return what may be fetched.

    Raises:
        Rejected: no agreement covers it now.
    """
    folder = agency.folders.get(poll.contract)
    if folder is None:
        code = agency.lapsed.get(poll.contract, "file.folder")
        raise Rejected(code, "an agreement in force must cover what is fetched")
    return folder
