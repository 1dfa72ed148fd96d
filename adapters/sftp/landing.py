"""What agencies put down: what they may, and when a file is whole. Knows nothing of the protocol they use.

A file says itself that it is whole, in the way its binding tells: it gets its final name (`rename`), its manifest is
there (`manifest`), or nothing was added to it for a while (`stable`). Where the agreement demands a signature, the
signature must be there too. From then on the file is the gateway's: it can be read and no longer changed.

What a sender was told outlasts a power cut: that its file is closed, whole or gone. Under a temporary name, which
only renaming makes final, a file is not closed for good, and nobody waits for the disk before it is renamed. What a
crash leaves behind that the journal does not know of, or knows of and is not there, was not promised.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial

import structlog

from adapters.sftp.belonging import companions, is_temporary, relatives
from adapters.sftp.durable import Durable
from adapters.sftp.entry import Entry, State
from adapters.sftp.journal import Journal
from adapters.sftp.names import SIGNATURE, Spot, is_answer
from adapters.sftp.tree import Tree
from adapters.sftp.upload import Place, Upload
from gateway.errors import Rejected, Unavailable
from gateway.files import FileAgency, Folder
from gateway.moments import uuid7
from gateway.records import Origin

STABLE_S = 30
"""How long nothing may be added to a file before it counts as whole, where nothing else says so."""
ABANDONED_S = 7 * 24 * 3600
"""After how long a file that never became whole is removed."""

log = structlog.get_logger()


class Landing:
    """The files of all agencies until they are whole. `on_whole` is called when some became so."""

    def __init__(self, tree: Tree, journal: Journal, on_whole: Callable[[], None]) -> None:
        self.tree = tree
        self._journal = journal
        self._on_whole = on_whole
        self._open: Counter[Place] = Counter()
        self._durable = Durable(journal)
        self._again = (
            True  # whether a file may have become whole in vain: after a start, and when that was not written
        )

    def begin(self, agency: FileAgency, spot: Spot, origin: Origin, *, create: bool) -> Upload:
        """Open a file to be written.

        Raises:
            Rejected: `file.folder`, `file.name`, `file.kept`, `file.rename`.
            Unavailable: `quota.files`, `quota.file_bytes`, `unavailable.disk`, `unavailable.keys`.
            FileNotFoundError: it is not there and `create` was not asked for.
        """
        folder = self.folder(agency, spot)
        place = agency.name, spot.contract, spot.name
        known = self._mine(place)
        if folder.rules.complete == "rename" and folder.rules.takes(spot.name):
            raise Rejected("file.rename", "write under a temporary name, then rename to the final one")
        if self._open[place]:
            raise Rejected("file.kept", "a file is written by one connection at a time")
        self.room(agency)
        file = self.tree.opened(*place, create=create)
        before = file.size
        file.mend()
        self.tree.count(agency.name, octets=file.size - before)
        self._open[place] += 1
        return Upload(self.tree, place, origin, file, known=known, room=partial(self.room, agency))

    async def end(self, agency: FileAgency, upload: Upload) -> None:
        """Close a file that its sender has closed; what it holds is durable on return, or once it is renamed."""
        if upload.failed:
            self.abandon(upload)
            raise ValueError("something that came before could not be written")
        known = upload.known
        entry = Entry(
            id=known.id if known else uuid7(),
            agency=upload.place[0],
            contract=upload.place[1],
            name=upload.place[2],
            state=State.LANDING,
            landed_ms=_now_ms(),
            size=upload.file.size,
            certificate=upload.origin.certificate,
        )
        folder = agency.folders.get(upload.place[1])
        try:
            if folder is not None and is_temporary(folder, upload.place[2]):
                upload.file.close()
                self._journal.put(entry)
                return
            self._journal.put(entry)
            await self._durable(upload.file)
        finally:
            self._close(upload.place)
        self.settle(agency, upload.place[1], upload.place[2])

    def abandon(self, upload: Upload) -> None:
        """Close a file whose sender is gone. What arrived is kept, to be resumed, and does not count as closed."""
        self._close(upload.place)
        with suppress(OSError):  # a disk that is full now was already when it was written to
            upload.file.close()

    async def rename(self, agency: FileAgency, spot: Spot, to: Spot) -> None:
        """Give a file another name, which may be what makes it whole; durable on return.

        Raises:
            Rejected: `file.folder`, `file.name`, `file.kept`.
            FileNotFoundError: it is not there, or was never closed.
            ValueError: not all of it is there any more; it must be sent again.
        """
        folder = self.folder(agency, to)
        place, target = (agency.name, spot.contract, spot.name), (agency.name, to.contract, to.name)
        entry = self._mine(place)
        if spot.contract != to.contract:
            raise Rejected("file.name", "a file stays in its folder")
        if self._open[place] or not self._free(folder, target):
            raise Rejected("file.kept", "a file is closed before it is renamed, to a name that is free")
        if entry is None:
            raise FileNotFoundError
        lying = self.tree.lying(*place)
        now = lying or self.tree.lying(*target)
        if now is None:
            raise FileNotFoundError
        if now.size != entry.size:
            raise ValueError("not all of the file is there; send it again")
        # The name first: a crash between the two leaves a name without an entry, and the client renames again.
        if lying is not None:
            self.tree.remove(*target)
        moved = self.tree.move(*(place if lying else target), to=to.name)
        with self._held(place, target):
            try:
                self._journal.change(entry, name=to.name)
            except Unavailable:
                moved.close()
                raise
            await self._durable(moved)
        self.settle(agency, to.contract, to.name)

    async def remove(self, agency: FileAgency, spot: Spot) -> None:
        """Remove a file that is not yet whole; it is gone for good on return.

        Raises:
            Rejected: `file.kept`.
            FileNotFoundError: it is not there.
        """
        place = agency.name, spot.contract, spot.name
        entry = self._mine(place)
        if self._open[place]:
            raise Rejected("file.kept", "a file is written by one connection at a time")
        if self.tree.lying(*place) is None:
            raise FileNotFoundError
        self.tree.remove(*place)
        if entry is not None:
            self._journal.forget(entry)
            await self._durable()

    def settle(self, agency: FileAgency, contract: str, changed: str = "") -> None:
        """Look which files of a folder have become whole: of all, or of those that the changed one belongs to."""
        folder = agency.folders.get(contract)
        if folder is None:
            return
        if changed:
            landing = self._journal.landing_as(agency.name, contract, relatives(folder, changed))
        else:
            landing = self._journal.landing(agency.name, contract)
        found = {entry.name: entry for entry in landing}
        now_ms = _now_ms()
        whole = [entry for entry in landing if self._whole(folder, entry, found, now_ms)]
        for entry in whole:
            try:
                self._journal.change(entry, state=State.WHOLE, whole_ms=now_ms)
            except Unavailable:
                self._again = True
                raise
            log.info(
                "file.landed", submission=entry.id, sender=agency.name, contract=contract, bytes=entry.size
            )
        if whole:
            self._on_whole()

    def look(self, agencies: Mapping[str, FileAgency]) -> None:
        """See which files nobody tells of became whole, or became so in vain; called about every second.

        Raises:
            Unavailable: the journal cannot say so now; the next look will.
        """
        again, self._again = self._again, False
        try:
            for agency in agencies.values():
                for contract, folder in agency.folders.items():
                    if folder.rules.complete == "stable" or again:
                        self.settle(agency, contract)
        except BaseException:
            self._again = True
            raise

    async def stop(self) -> None:
        """Wait for what is being made durable: call it once nobody comes any more."""
        await self._durable.end()

    def sweep(self) -> None:
        """Remove what was begun long ago and never became whole; of what was cut off there is no entry."""
        for agency, contract, lying in self.tree.everything():
            place = agency, contract, lying.name
            old = time.time() - lying.changed_s > ABANDONED_S
            if (
                old
                and not self._open[place]
                and not is_answer(lying.name)
                and self._journal.at(*place) is None
            ):
                self.tree.remove(*place)
                log.warning("file.abandoned", sender=agency, contract=contract)
        for entry in self._journal.all_landing():
            place = entry.agency, entry.contract, entry.name
            if not self._open[place] and _now_ms() - entry.landed_ms > ABANDONED_S * 1000:
                self.tree.remove(*place)
                self._journal.forget(entry)
                log.warning(
                    "file.abandoned", submission=entry.id, sender=entry.agency, contract=entry.contract
                )

    def folder(self, agency: FileAgency, spot: Spot) -> Folder:
        """Return what an agency may put down at a place.

        Raises:
            Rejected: `file.folder`, or why the agreement does not hold now; `file.name` when only the gateway gives
                such a name.
        """
        folder = agency.folders.get(spot.contract)
        if folder is None:
            code = agency.lapsed.get(spot.contract, "file.folder")
            raise Rejected(code, "an agreement in force must cover the contract that the folder names")
        if not spot.is_file or is_answer(spot.name):
            raise Rejected("file.name", "answers have names that only the gateway gives")
        return folder

    def room(self, agency: FileAgency) -> None:
        """See that there is room for more of an agency's files.

        Raises:
            Unavailable: `quota.files`, `quota.file_bytes`, `unavailable.disk`.
        """
        octets, files = self.tree.used(agency.name)
        if files >= agency.max_files:
            raise Unavailable("quota.files", f"at most {agency.max_files} files at a time")
        if octets >= agency.max_bytes:
            raise Unavailable("quota.file_bytes", f"at most {agency.max_bytes} bytes at a time")
        if self.tree.full():
            raise Unavailable("unavailable.disk", "the gateway's disk must have room")

    def _free(self, folder: Folder, place: Place) -> bool:
        """Return whether a file may get this name.

        What lies under a final name and is not known, or is known and not there as a whole, was left by a crash before
        its sender was answered.
        """
        if self._open[place]:
            return False
        lying, known = self.tree.lying(*place), self._journal.at(*place)
        if known is not None and known.state is State.LANDING and (lying is None or lying.size != known.size):
            self._journal.forget(known)
            known = None
        return known is None and (lying is None or folder.rules.complete == "rename")

    @contextmanager
    def _held(self, *places: Place) -> Iterator[None]:
        """Let nobody else write, rename or remove what is at some places meanwhile."""
        self._open.update(places)
        try:
            yield
        finally:
            for place in places:
                self._close(place)

    def _close(self, place: Place) -> None:
        self._open[place] -= 1
        if not self._open[place]:
            del self._open[place]

    def _mine(self, place: Place) -> Entry | None:
        """Return what is known of a file that its sender may still change."""
        entry = self._journal.at(*place)
        if (entry is not None and entry.state is not State.LANDING) or is_answer(place[2]):
            raise Rejected("file.kept", "what is whole is kept as it is")
        return entry

    def _whole(self, folder: Folder, entry: Entry, found: dict[str, Entry], now_ms: int) -> bool:
        rules = folder.rules
        if not rules.takes(entry.name) or not self._closed(entry):
            return False
        if rules.complete == "stable" and now_ms - entry.landed_ms < STABLE_S * 1000:
            return False
        beside = companions(folder, entry.name)
        needed = beside if folder.signed else [name for name in beside if not name.endswith(SIGNATURE)]
        return all(name in found and self._closed(found[name]) for name in needed)

    def _closed(self, entry: Entry) -> bool:
        place = entry.agency, entry.contract, entry.name
        lying = self.tree.lying(*place)
        # A sender that was cut off while it resumed left more than it had closed.
        return not self._open[place] and lying is not None and lying.size == entry.size


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
