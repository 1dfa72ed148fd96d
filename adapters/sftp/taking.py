"""The way of a file, top to bottom: from whole to answered, and the same way again after an interruption.

Every record is answered once. What the journal knows of was answered; of what came after it the log knows which
records were promised from this very file, and those are answered as accepted, not as repeated.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing

import msgspec
import structlog
from msgspec.structs import replace

from adapters.sftp.answers import Answers, summary
from adapters.sftp.entry import Entry, State, answered_to
from adapters.sftp.examining import body, is_small
from adapters.sftp.following import TELL_S, tell
from adapters.sftp.journal import Journal
from adapters.sftp.lines import Known
from adapters.sftp.sealed import SealedFile
from adapters.sftp.tree import Tree, Written
from adapters.sftp.unpacking import unpacked
from gateway import metrics
from gateway.errors import IsnadError, Rejected, Tampered
from gateway.files import Files, Folder
from gateway.records import Event, Origin, Outcome, Outcomes, Status, Submission
from gateway.submissions import Counts

PROGRESS_S = 0.5
"""How often progress is made durable; what was answered since is worked out again after a crash."""
DAY_MS = 24 * 3600 * 1000

End = Callable[[tuple[Entry, Sequence[Written]]], Awaitable[None]]
"""Writes the last answers of a file at once, then its entry; what was written is durable on return."""
log = structlog.get_logger()


class _Own(msgspec.Struct):
    submission: str = ""
    review: tuple[str, ...] = ()


_ENTRY = msgspec.json.Decoder(_Own)


class Taking:
    """Takes one file that was examined."""

    def __init__(self, files: Files, tree: Tree, journal: Journal, folder: Folder, end: End) -> None:
        self._files = files
        self._tree = tree
        self._journal = journal
        self._folder = folder
        self._end = end
        self._resumed = False
        self._counts = Counts()

    async def take(self, entry: Entry, original: SealedFile, *, resumed: bool) -> None:
        """Take a file to its end; `original` is it, opened, and `resumed` tells that it may have been begun before.

        Raises:
            Rejected: it is refused whole; the refusal is in the log.
            Unavailable: from here on nothing was promised; the same call goes on from there.
            Tampered: `tampered.file`.
            OSError: the disk cannot.
        """
        # 1. Its records, from the first that was not answered, each with its outcome.
        self._resumed = resumed
        entry, results, answers = await self._records(entry, original)
        entry = _held_against(entry)
        # 2. The log says what became of it: that entry's receipt is the signature of the summary.
        entry = replace(entry, ended_ms=_now_ms(), remove_ms=_now_ms() + self._folder.kept_days * DAY_MS)
        told = self._told(entry, results)
        receipts = await self._files.note([Event(entry.agency, "file.answered", tuple(told.items()))])
        # 3. Answered: only now may it be forgotten one day.
        answered = replace(entry, state=State.ANSWERED)
        await self._end((answered, [*answers, summary(entry, told, receipts[0])]))
        log.info("file.answered", **_ended(entry))

    async def refuse(self, entry: Entry, error: IsnadError) -> None:
        """Refuse a file whole, and say so in the log and beside it.

        Raises:
            Unavailable: not now; the same call may be made again.
        """
        now = _now_ms()
        entry = replace(
            entry,
            ended_ms=now,
            remove_ms=now + self._folder.kept_days * DAY_MS,
            code=error.code,
            rule=error.rule,
        )
        receipts = await self._files.note([_refusal(entry, error)])
        told: dict[str, object] = {
            "submission": entry.id, "contract": entry.contract, "outcome": "refused", "sha256": entry.sha256,
            "code": error.code, "field": error.field, "rule": error.rule,
        }  # fmt: skip
        await self._end((replace(entry, state=State.REFUSED), [summary(entry, told, receipts[0])]))
        metrics.count_error(error.code)
        log.info("file.refused", **_ended(entry))

    async def _records(self, entry: Entry, original: SealedFile) -> tuple[Entry, str, list[Written]]:
        """Return what became of a file's records, the SHA-256 of the results, and answers that are to be written."""
        told_s = time.monotonic()
        try:
            with Answers(self._tree, entry, self._folder.encoding) as answers:
                octets = _Body(_all_of(original, entry), at_once=is_small(original, entry.name))
                submission = self._submission(entry, aiter(octets))
                durable_s = time.monotonic()
                try:
                    async with aclosing(self._files.accept(submission)) as groups:
                        async for answered in groups:
                            known = await self._known(entry, answered)
                            outcomes = [_settled(each, known) for each in answered]
                            answers.write(outcomes, known)
                            self._counts.add(outcomes)
                            entry = replace(answered_to(entry, outcomes), read_bytes=original.reached)
                            if time.monotonic() - durable_s > PROGRESS_S:
                                entry = await self._progress(answers, entry)
                                durable_s = time.monotonic()
                                if durable_s - told_s > TELL_S:
                                    tell(entry)
                                    told_s = durable_s
                except (Rejected, Tampered) as error:
                    if error is not octets.failure or not entry.position:
                        raise
                    entry = replace(entry, code=error.code, rule=error.rule)
                except BaseException:  # what was answered stands, however it ended
                    answers.open()
                    self._stands(entry, answers.sync(entry))
                    raise
                written = answers.in_memory()
                if written is None:
                    entry = await self._progress(answers, entry)
                    results = await asyncio.to_thread(answers.digest)
                else:
                    results = answers.digest()
        finally:
            self._count(entry)
        return entry, results, written or []

    async def _progress(self, answers: Answers, entry: Entry) -> Entry:
        """Make what was answered so far durable."""
        answers.open()
        syncing = asyncio.create_task(asyncio.to_thread(answers.sync, entry))
        try:
            return self._stands(entry, await asyncio.shield(syncing))
        except asyncio.CancelledError:
            await asyncio.wait([syncing])  # nobody may close them under its hands
            raise

    def _stands(self, before: Entry, entry: Entry) -> Entry:
        """Write down how far the answers are durable, and count what they say."""
        grown = entry.results_bytes - before.results_bytes + entry.receipts_bytes - before.receipts_bytes
        self._tree.count(entry.agency, octets=grown)
        self._journal.progress(entry)
        self._count(entry)
        return entry

    def _count(self, entry: Entry) -> None:
        self._counts.report(entry.agency, entry.contract)
        self._counts = Counts()

    async def _known(self, entry: Entry, outcomes: Outcomes) -> Mapping[int, Known]:
        """Return, by position, the records of this file that were promised before the crash and not answered.

        A lane's indices rise with the rows of a file, those of records that are held by themselves, so what lies beyond
        the last one that was answered, and names this file, was promised from it; when the same record stands in it
        once more, only the first is meant.
        """
        if not self._resumed:
            return {}
        # What repeats a record of this very group that was promised only now was not promised before.
        fresh = {each.record_id for each in outcomes if each.batch is not None}
        repeated = [
            each
            for each in outcomes
            if each.status is Status.DUPLICATE
            and each.index > min(entry.last_index, entry.last_held_index)
            and each.record_id not in fresh
        ]
        return await asyncio.to_thread(self._promised, entry, repeated) if repeated else {}

    def _promised(self, entry: Entry, repeated: list[Outcome]) -> Mapping[int, Known]:
        first = {each.index: each.position for each in reversed(repeated)}
        found: dict[int, Known] = {}
        for index, receipt in self._files.records.receipts(list(first), entry.agency).items():
            own = _ENTRY.decode(receipt.entry)
            if own.submission == entry.id and index > (
                entry.last_held_index if own.review else entry.last_index
            ):
                found[first[index]] = Known(receipt, own.review)
        return found

    def _submission(self, entry: Entry, octets: AsyncIterator[bytes]) -> Submission:
        origin = Origin(entry.certificate, entry.signature, entry.key_id, "ssh")
        return Submission(
            id=entry.id,
            adapter="sftp",
            sender=entry.agency,
            recipient="",
            contract=entry.contract,
            media_type=entry.media_type,
            origin=origin,
            received_ms=entry.whole_ms,
            idempotency_key="",
            body=octets,
            answered=entry.position,
        )

    def _told(self, entry: Entry, results: str) -> dict[str, str | int]:
        told: dict[str, str | int] = {
            "submission": entry.id, "contract": entry.contract, "sha256": entry.sha256, "results_sha256": results,
            "received": entry.position, "accepted": entry.accepted, "duplicate": entry.duplicate,
            "quarantined": entry.quarantined, "refused": entry.refused, "first_index": entry.first_index,
            "last_index": max(entry.last_index, entry.last_held_index), "sequence": entry.sequence,
            "missing": entry.missing, "certificate": entry.certificate,
        }  # fmt: skip
        if entry.signature:
            told[entry.signature] = entry.key_id
        if entry.code:
            told |= {"code": entry.code, "rule": entry.rule}
        return told


def _all_of(original: SealedFile, entry: Entry) -> Iterator[bytes]:
    """Yield what a file holds, unpacked, and have it be as long as it was: whole blocks may be gone from its end."""
    yield from unpacked(original, entry.name)
    if original.size != entry.size:
        raise Tampered("tampered.file", "a kept file must be as long as it was")


class _Body:
    """A file's octets as `accept` reads them. `failure` is what was wrong with the file, if something was."""

    def __init__(self, chunks: Iterator[bytes], *, at_once: bool) -> None:
        self._chunks = chunks
        self._at_once = at_once
        self.failure: Rejected | Tampered | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the octets."""
        try:
            async for chunk in body(self._chunks, at_once=self._at_once):
                yield chunk
        except (Rejected, Tampered) as error:
            self.failure = error
            raise


def _held_against(entry: Entry) -> Entry:
    """Return an entry that says so if its manifest promised another number of records, and nothing worse is known."""
    if entry.code or entry.expected in (-1, entry.position):
        return entry
    return replace(entry, code="file.contradicted", rule="as many records as the manifest says")


def _refusal(entry: Entry, error: IsnadError) -> Event:
    fields = (
        ("submission", entry.id), ("contract", entry.contract), ("certificate", entry.certificate),
        ("sha256", entry.sha256), ("code", error.code), ("field", error.field), ("rule", error.rule),
    )  # fmt: skip
    return Event(entry.agency, "file.refused", fields)


def _ended(entry: Entry) -> dict[str, str | int | float]:
    """Return what a log line says of a file that has ended."""
    return {
        "submission": entry.id, "sender": entry.agency, "contract": entry.contract, "code": entry.code,
        "bytes": entry.size, "records": entry.position, "accepted": entry.accepted,
        "quarantined": entry.quarantined, "duplicate": entry.duplicate, "refused": entry.refused,
        "duration_s": round((entry.ended_ms - entry.whole_ms) / 1000, 3),
    }  # fmt: skip


def _settled(outcome: Outcome, known: Mapping[int, Known]) -> Outcome:
    if outcome.position not in known:
        return outcome
    review = known[outcome.position].review
    return msgspec.structs.replace(
        outcome, status=Status.QUARANTINED if review else Status.ACCEPTED, warnings=review
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
