"""How far a file was answered by what is left of its answers, after the power failed or the disk lost something.

The last block of an answer is written anew, in its own place, whenever the answer grows: a power cut meanwhile takes
octets that the journal counts on. Rows that both answers hold stand as they are. Those behind them are answered again:
what was promised from this file the log knows.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing

from msgspec.structs import replace

from adapters.sftp.entry import Entry
from adapters.sftp.names import RECEIPTS, RESULTS
from adapters.sftp.sealed import BLOCK_BYTES, SealedFile
from adapters.sftp.tree import Tree
from gateway.errors import Tampered
from gateway.records import Status

_POSITION = re.compile(rb'\{"position":([0-9]+),')


def mended(tree: Tree, entry: Entry, encoding: str) -> Entry:
    """Return a file's entry as of the last row that its answers hold: the same one when nothing is missing.

    Reads both answers, and writes nothing. An answer that begins again has 0 octets in it. May be called in any thread.

    Raises:
        Unavailable: `unavailable.keys`.
        OSError: the disk cannot.
    """
    with ExitStack() as opened:
        results = _Left(opened, tree, entry, RESULTS, entry.results_bytes)
        receipts = _Left(opened, tree, entry, RECEIPTS, entry.receipts_bytes)
        last = entry.position
        if results.short:
            last = min(last, _last(position for position, *_ in _rows(results, encoding)))
        if receipts.short:
            last = min(last, _last(position for position, _ in _promised(receipts)))
        if not results.short and not receipts.short:
            return entry
        return _until(last, entry, _rows(results, encoding), _promised(receipts))


class _Left:
    """What can still be read of an answer that had `size` octets; `short` tells that it is not all of them."""

    def __init__(self, opened: ExitStack, tree: Tree, entry: Entry, suffix: str, size: int) -> None:
        self._file: SealedFile | None = None
        self._size = 0
        try:
            self._file = opened.enter_context(
                closing(tree.opened(entry.agency, entry.contract, entry.name + suffix))
            )
            while self._size < size and (
                piece := self._file.read(self._size, min(BLOCK_BYTES, size - self._size))
            ):
                self._size += len(piece)
        except (FileNotFoundError, Tampered):
            pass  # what comes before is left
        self.short = self._size < size

    def lines(self) -> Iterator[bytes]:
        """Yield the lines that are there to their end, with it."""
        if self._file is None:
            return
        rest = b""
        for offset in range(0, self._size, BLOCK_BYTES):
            piece = self._file.read(offset, min(BLOCK_BYTES, self._size - offset))
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                yield line + b"\n"


def _rows(results: _Left, encoding: str) -> Iterator[tuple[int, int, str, int]]:
    """Yield position, where its line ends, outcome and log index (-1 when it has none) of each row of the results."""
    end, row = 0, b""
    for line in results.lines():
        row += line
        if row.count(b'"') % 2:  # a reference may hold the end of a line
            continue
        end += len(row)
        (cells,) = csv.reader([row.decode(encoding)])
        if cells[0].isdecimal():  # not the header
            yield int(cells[0]), end, cells[2], int(cells[7] or -1)
        row = b""


def _promised(receipts: _Left) -> Iterator[tuple[int, int]]:
    """Yield position, and where its line ends, of each record that has a receipt."""
    end = 0
    for line in receipts.lines():
        end += len(line)
        if found := _POSITION.match(line):
            yield int(found[1]), end


def _last(positions: Iterable[int]) -> int:
    """Return the last of the positions, or 0."""
    return next(iter(deque(positions, maxlen=1)), 0)


def _until(
    last: int, entry: Entry, rows: Iterable[tuple[int, int, str, int]], promised: Iterable[tuple[int, int]]
) -> Entry:
    """Return an entry as it was when the row at position `last` was the last that had been answered."""
    counts = dict.fromkeys(Status, 0)
    indices: dict[Status, int] = {}
    first = results_bytes = receipts_bytes = -1
    for position, end, outcome, index in rows:
        if position > last:
            break
        status, results_bytes = Status(outcome), end
        counts[status] += 1
        if index >= 0 and status is not Status.DUPLICATE:
            first = index if first < 0 else min(first, index)
            indices[status] = index
    for position, end in promised:
        if position > last:
            break
        receipts_bytes = end
    return replace(
        entry,
        position=last,
        accepted=counts[Status.ACCEPTED],
        duplicate=counts[Status.DUPLICATE],
        quarantined=counts[Status.QUARANTINED],
        refused=counts[Status.REFUSED],
        first_index=first,
        last_index=indices.get(Status.ACCEPTED, -1),
        last_held_index=indices.get(Status.QUARANTINED, -1),
        results_bytes=max(0, results_bytes),
        receipts_bytes=max(0, receipts_bytes),
    )
