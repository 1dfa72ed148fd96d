"""Which file is taken when: in the order in which they became whole, small ones side by side, large ones alone.

Files of one agency and contract are begun in their order, so that what is voided in one was asserted in an earlier
one. Small files share groups, signatures and transactions; of large ones a few are taken at a time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial

import structlog
from msgspec.structs import replace

from adapters.sftp.belonging import companions
from adapters.sftp.entry import Entry, State, Waiting
from adapters.sftp.examining import Examination, is_small
from adapters.sftp.journal import Journal
from adapters.sftp.mending import mended
from adapters.sftp.names import ANSWERS, RECEIPTS, RESULTS
from adapters.sftp.sealed import SealedFile
from adapters.sftp.taking import Taking
from adapters.sftp.together import Together
from adapters.sftp.tree import Tree, Written
from gateway import metrics
from gateway.errors import IsnadError, Rejected, Tampered, Unavailable
from gateway.files import Files, Folder
from gateway.records import Event

SMALL_BYTES = 1 << 20
SMALL_AT_ONCE, SMALL_AT_ONCE_BYTES = 256, 32 << 20
"""A group's records, where each file has one; and what their answers may take of memory is some times their octets."""
LARGE_AT_ONCE = 2
GATHER_S, GATHER_TURNS = 0.05, 10
"""How long files gather, and how often again while more come: those that are begun together share groups, signatures,
transactions and syncs, and three times as many cost a third less."""
LOOK_S = 1.0
RETRY_MOST_S = 60

log = structlog.get_logger()
Series = tuple[str, str]


class Desk:
    """Takes what has landed, from `start` to `stop`."""

    def __init__(self, files: Files, tree: Tree, journal: Journal) -> None:
        self._files = files
        self._tree = tree
        self.journal = journal
        self._wake = asyncio.Event()
        self._landed = 0  # how many times a file became whole
        self._stopping = False
        self._running: dict[str, tuple[Waiting, asyncio.Task[None]]] = {}
        self._turns: dict[Series, asyncio.Lock] = {}
        self._not_before: dict[str, float] = {}
        self._end = Together(self._end_all)
        self._main: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Look again: a file has become whole."""
        self._landed += 1
        self._wake.set()

    def start(self) -> None:
        """Begin; what was interrupted is taken up first."""
        self._main = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Begin nothing more and break off what runs: it goes on at the next start."""
        self._stopping = True
        self._wake.set()
        if self._main is not None:
            await self._main
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._end.end()

    async def remove_due(self) -> None:
        """Remove originals and answers that have been kept as long as agreed, and have the log say so.

        Raises:
            Unavailable: the log cannot say it now, so nothing was removed.
        """
        for entry in self.journal.due(_now_ms()):
            folder = self._folder(entry)
            # The log first: what it says will be removed is removed at the next turn, should this one be cut off.
            fields = (("submission", entry.id), ("contract", entry.contract), ("sha256", entry.sha256))
            await self._files.note([Event(entry.agency, "file.removed", fields)])
            beside = companions(folder, entry.name) if folder else []
            for name in (entry.name, *(entry.name + suffix for suffix in ANSWERS), *beside):
                self._tree.remove(entry.agency, entry.contract, name)
                lesser = self.journal.at(entry.agency, entry.contract, name)
                if lesser is not None and lesser.state is State.LANDING:
                    self.journal.forget(lesser)
            self.journal.removed(entry, _now_ms())
            log.info("file.removed", submission=entry.id, sender=entry.agency, contract=entry.contract)

    async def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            try:
                self._look()
            except IsnadError as error:
                log.warning("files.held_up", code=error.code)
            except Exception:  # the outermost loop: the next turn may do better
                log.exception("files.held_up")
            await self._gather()
            try:
                await asyncio.wait_for(self._wake.wait(), LOOK_S)
            except TimeoutError:
                continue

    async def _gather(self) -> None:
        """Let files gather while more keep coming, but not for long."""
        for _ in range(GATHER_TURNS):
            before = self._landed
            await asyncio.sleep(GATHER_S)
            if self._landed == before or self._stopping:
                return

    def _look(self) -> None:
        """Begin what may be begun now."""
        waiting = self.journal.waiting()
        self._report(waiting)
        held: set[Series] = set()
        for entry in waiting:
            series = entry.agency, entry.contract
            if entry.id in self._running:
                if entry.size > SMALL_BYTES:
                    held.add(series)
            elif series in held or not self._may_begin(entry, series):
                held.add(series)
            else:
                task = asyncio.create_task(self._take(entry.id))
                self._running[entry.id] = entry, task
                task.add_done_callback(partial(self._done, entry.id))
                if entry.size > SMALL_BYTES:
                    held.add(series)

    def _may_begin(self, entry: Waiting, series: Series) -> bool:
        large = entry.size > SMALL_BYTES
        running = [each for each, _ in self._running.values() if (each.size > SMALL_BYTES) == large]
        if self._not_before.get(entry.id, 0) > time.monotonic():
            return False
        if large:
            alike = any((each.agency, each.contract) == series for each in running)
            return len(running) < LARGE_AT_ONCE and not alike
        octets = sum(each.size for each in running) + entry.size
        return len(running) < SMALL_AT_ONCE and octets <= SMALL_AT_ONCE_BYTES

    def _done(self, name: str, _: asyncio.Task[None]) -> None:
        del self._running[name]
        self._wake.set()

    async def _take(self, name: str) -> None:
        """Take a file as far as it can be taken now; the outermost frame of its task."""
        entry = self.journal.known(name)
        if entry is None:
            return
        folder = self._folder(entry)
        if folder is None:  # the agreement has ended since: what landed under it waits for it to be renewed
            self._later(entry, Unavailable("unavailable.agreement", retry_after_s=RETRY_MOST_S))
            return
        taking = Taking(self._files, self._tree, self.journal, folder, self._end)
        try:
            try:
                with closing(self._original(entry)) as original:
                    # Nobody waits for the disk to know that a small one was begun, so a power cut may take that back.
                    resumed = entry.state is State.TAKEN or is_small(original, entry.name)
                    if entry.state is State.WHOLE:
                        entry = await self._examined(entry, folder, original)
                    entry = await self._mended(entry, folder)
                    await taking.take(entry, original, resumed=resumed)
            except (Rejected, Tampered) as error:
                current = self.journal.at(entry.agency, entry.contract, entry.name) or entry
                await taking.refuse(current, error)
        except Unavailable as error:
            self._later(entry, error)
        except OSError:
            self._later(entry, Unavailable("unavailable.disk", retry_after_s=5))
        except Exception:  # the outermost loop: the file is tried again
            log.exception("file.held_up", submission=entry.id, sender=entry.agency)
            self._later(entry, Unavailable("unavailable.internal", retry_after_s=RETRY_MOST_S))

    def _original(self, entry: Entry) -> SealedFile:
        try:
            return self._tree.opened(entry.agency, entry.contract, entry.name)
        except FileNotFoundError as error:
            raise Tampered("tampered.file", "a kept file must be where it was") from error

    async def _examined(self, entry: Entry, folder: Folder, original: SealedFile) -> Entry:
        """Return a file's entry once it may be taken; those of a series are examined one after the other."""
        examination = Examination(self._files, self._tree, self.journal, folder)
        async with self._turns.setdefault((entry.agency, entry.contract), asyncio.Lock()):
            entry = await examination.of(entry, original)
            entry = replace(entry, state=State.TAKEN, begun_ms=_now_ms())
            self.journal.put(entry)
        await self._gap(entry)
        return entry

    async def _mended(self, entry: Entry, folder: Folder) -> Entry:
        """Return a file's entry as of the last row of which the answers are still on the disk."""
        kept = (
            await asyncio.to_thread(mended, self._tree, entry, folder.encoding) if entry.position else entry
        )
        if kept is entry:
            return entry
        # First of all durable: behind where the journal says that an answer ends, something else is written now.
        self.journal.progress(kept)
        await asyncio.to_thread(self.journal.sync)
        for octets, suffix in ((kept.results_bytes, RESULTS), (kept.receipts_bytes, RECEIPTS)):
            if not octets:
                self._tree.remove(entry.agency, entry.contract, entry.name + suffix)
        log.warning(
            "file.mended",
            submission=entry.id,
            sender=entry.agency,
            contract=entry.contract,
            count=entry.position - kept.position,
        )
        return kept

    async def _end_all(self, ended: Sequence[tuple[Entry, Sequence[Written]]]) -> None:
        """Write the last answers of files, and only then that they have ended."""
        await self._tree.write([each for _, answers in ended for each in answers])
        self.journal.put(*(entry for entry, _ in ended))

    async def _gap(self, entry: Entry) -> None:
        """Report that files are missing before this one."""
        if not entry.missing:
            return
        log.warning(
            "file.missing",
            submission=entry.id,
            sender=entry.agency,
            contract=entry.contract,
            count=entry.missing,
        )
        fields = (
            ("submission", entry.id), ("contract", entry.contract), ("sequence", entry.sequence),
            ("missing", entry.missing),
        )  # fmt: skip
        await self._files.note([Event(entry.agency, "file.missing", fields)])

    def _later(self, entry: Entry, error: Unavailable) -> None:
        wait_s = min(max(1, error.retry_after_s), RETRY_MOST_S)
        self._not_before[entry.id] = time.monotonic() + wait_s
        log.warning(
            "file.held_up", submission=entry.id, sender=entry.agency, code=error.code, retry_after_s=wait_s
        )

    def _folder(self, entry: Entry) -> Folder | None:
        agency = self._files.agencies().get(entry.agency)
        return None if agency is None else agency.folders.get(entry.contract)

    def _report(self, waiting: Sequence[Waiting]) -> None:
        metrics.FILES_WAITING.set(len(waiting))
        metrics.FILES_BYTES_LEFT.set(sum(entry.size - entry.read_bytes for entry in waiting))
        oldest = min((entry.whole_ms for entry in waiting), default=0)
        metrics.FILES_OLDEST_SECONDS.set(max(0.0, time.time() - oldest / 1000) if oldest else 0.0)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
