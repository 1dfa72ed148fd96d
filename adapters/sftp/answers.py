"""What the gateway writes beside a file: an outcome for every row, the receipts, and at the end the summary.

`<name>.results.csv` has a line for each record, in the agency's own encoding, Windows line ends (RFC 4180).
`<name>.receipts.ndjson` has what receipts are made of, in the form of the REST adapter's streams: `{"batch": …}`,
then `{"position": …}` for each record that it covers; a record by itself has its whole receipt there. Both grow while
the file is taken; those of a small file, which is taken in a moment, are written at once, with its summary.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import msgspec
import orjson
from msgspec.structs import replace

from adapters.sftp.entry import Entry
from adapters.sftp.lines import (
    HEADER,
    Known,
    ReceiptLine,
    receipt_line,
    receipt_lines,
    result_line,
)
from adapters.sftp.names import RECEIPTS, RESULTS, SUMMARY
from adapters.sftp.sealed import SealedFile
from adapters.sftp.tree import Tree, Written
from gateway.doors import Evidence
from gateway.errors import Tampered, Unavailable
from gateway.records import Outcome, Outcomes, Status

HASH_BYTES = 1 << 20


class Answers:
    """The answers to one file, written on from where the journal says that they end."""

    def __init__(self, tree: Tree, entry: Entry, encoding: str) -> None:
        self._encoding = encoding
        self._results = _Growing(tree, entry, RESULTS, entry.results_bytes)
        self._receipts = _Growing(tree, entry, RECEIPTS, entry.receipts_bytes)
        self._batch: object = None
        if not entry.results_bytes:
            self._results.add(HEADER)

    def __enter__(self) -> Self:
        """Use them until the end of the context."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close both files."""
        try:
            self._results.close()
        finally:
            self._receipts.close()

    def write(self, outcomes: Outcomes, known: Mapping[int, Known]) -> None:
        """Add outcomes; `known` has, by position, what is known of those that are answered after an interruption."""
        results = "".join([result_line(each) for each in outcomes])
        # The sender's own words were read in this encoding; ours are ASCII.
        self._results.add(results.encode(self._encoding, "replace"))
        lines: list[ReceiptLine | msgspec.Raw] = []
        # What is held has a batch for itself; a batch that is otherwise of others' records is longer than one receipt.
        whole = sum(each.batch is not None and not _is_held(each) for each in outcomes) == 1
        for each in outcomes:
            if not each.record_id:
                continue
            apart = whole or _is_held(each)
            if each.batch is not None and each.batch is not self._batch and not apart:
                self._batch = each.batch
                lines.append(msgspec.Raw(b'{"batch":%s}' % each.batch.to_json()))
            lines.append(receipt_line(each, known.get(each.position), whole=apart))
        self._receipts.add(receipt_lines(lines))

    def open(self) -> None:
        """Have the disk take from now on what is added."""
        self._results.open()
        self._receipts.open()

    def sync(self, entry: Entry) -> Entry:
        """Make what was added durable, and return the entry with how much that is; may be called in any thread."""
        self._results.sync()
        self._receipts.sync()
        return replace(entry, results_bytes=self._results.size, receipts_bytes=self._receipts.size)

    def in_memory(self) -> list[Written] | None:
        """Return both files to be written at once, or None when the disk has some of them."""
        if self._results.begun or self._receipts.begun:
            return None
        return [self._results.written(), self._receipts.written()]

    def digest(self) -> str:
        """Return the SHA-256 (hex) of the results."""
        return self._results.digest()


class _Growing:
    """One of the files, of which the journal knows `size` octets: what the disk has of it, and what comes after."""

    def __init__(self, tree: Tree, entry: Entry, suffix: str, size: int) -> None:
        self._tree = tree
        self._place = entry.agency, entry.contract, entry.name + suffix
        self._kept = size
        self._added = bytearray()
        self._file: SealedFile | None = None

    @property
    def begun(self) -> bool:
        """Whether some of it was kept."""
        return self._file is not None or self._kept > 0

    @property
    def size(self) -> int:
        """Octets of all of it."""
        return self._kept + len(self._added)

    def add(self, octets: bytes) -> None:
        """Add at the end; only in memory."""
        self._added += octets

    def open(self) -> None:
        """Open it on the disk."""
        if self._file is None:
            with _as_it_was():
                self._file = self._tree.opened(*self._place, create=True)
                # What a crash left behind that the journal does not know of is written again.
                self._tree.count(self._place[0], octets=self._kept - self._file.size)
                self._file.cut(self._kept)

    def sync(self) -> None:
        """Make it durable as it is."""
        if self._file is None:
            raise ValueError("it was not opened")
        with _as_it_was():
            self._file.write(self._kept, bytes(self._added))
        self._file.sync()
        self._kept = self._file.size
        self._added.clear()

    def written(self) -> Written:
        """Return it as a file that is written at once."""
        return Written(*self._place, bytes(self._added))

    def digest(self) -> str:
        """Return its SHA-256 (hex)."""
        digest = hashlib.sha256()
        if self._file is not None:
            with _as_it_was():
                for offset in range(0, self._kept, HASH_BYTES):
                    digest.update(self._file.read(offset, HASH_BYTES))
        digest.update(self._added)
        return digest.hexdigest()

    def close(self) -> None:
        """Close it; what was not synced is forgotten."""
        if self._file is not None:
            self._file.close()


def _is_held(outcome: Outcome) -> bool:
    return outcome.status is Status.QUARANTINED


@contextmanager
def _as_it_was() -> Iterator[None]:
    """Have the file tried again, from what is left of its answers, when one of them is not as it was written."""
    try:
        yield
    except Tampered as error:
        raise Unavailable(
            "unavailable.file_answers", "what was answered must be as it was written"
        ) from error


def summary(entry: Entry, members: Mapping[str, object], receipt: Evidence) -> Written:
    """Return the summary: what the log's entry about the file says, and the receipt that proves it."""
    told = {**members, "receipt": orjson.Fragment(receipt.to_json())}
    octets = orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return Written(entry.agency, entry.contract, entry.name + SUMMARY, octets)
