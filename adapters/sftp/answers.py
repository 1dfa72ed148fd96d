"""What the gateway writes beside a file: an outcome for every row, the receipts, and at the end the summary.

`<name>.results.csv` has a line for each record, in the agency's own encoding, Windows line ends (RFC 4180).
`<name>.receipts.ndjson` has what receipts are made of, in the form of the REST adapter's streams: `{"batch": …}`,
then `{"position": …}` for each record that it covers. Both grow while the file is taken.
"""

from __future__ import annotations

import csv
import hashlib
import io
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import msgspec
import orjson

from adapters.sftp.journal import Entry
from adapters.sftp.names import RECEIPTS, RESULTS, SUMMARY
from adapters.sftp.tree import Tree
from gateway.doors import Evidence
from gateway.records import Outcome, Outcomes, Status

HASH_BYTES = 1 << 20
COLUMNS = ("row", "reference", "outcome", "code", "field", "rule", "record", "index")


class _Accepted(msgspec.Struct):
    source_ref: str


_ENTRY = msgspec.json.Decoder(_Accepted)


@dataclass(frozen=True, slots=True)
class Known:
    """A record that was promised from this file before an interruption, and is answered only now.

    `review` has the codes of what an officer has to look at.
    """

    reference: str
    receipt: Evidence | None
    review: tuple[str, ...]


class Answers:
    """The answers to one file, written on from where the journal says that they end."""

    def __init__(self, tree: Tree, entry: Entry, encoding: str) -> None:
        place = entry.agency, entry.contract, entry.name
        self._tree = tree
        self._agency = entry.agency
        self._encoding = encoding
        self._results = tree.opened(place[0], place[1], place[2] + RESULTS, create=True)
        try:
            self._receipts = tree.opened(place[0], place[1], place[2] + RECEIPTS, create=True)
        except BaseException:
            self._results.close()
            raise
        self._batch: object = None
        # What a crash left behind that the journal does not know of is written again.
        self._results.cut(entry.results_bytes)
        self._receipts.cut(entry.receipts_bytes)
        if not self._results.size:
            self._results.write(0, self._lines([COLUMNS]))

    def __enter__(self) -> Self:
        """Use them until the end of the context."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close both files."""
        self._results.close()
        self._receipts.close()

    def write(self, outcomes: Outcomes, known: Mapping[int, Known]) -> None:
        """Write outcomes; `known` has, by position, what is known of those that are answered after an interruption."""
        self._results.write(self._results.size, self._lines([_row(each, known) for each in outcomes]))
        receipts = b"".join(self._receipt(each, known) for each in outcomes if each.record_id)
        self._receipts.write(self._receipts.size, receipts)

    def sync(self, entry: Entry) -> Entry:
        """Make what was written durable, and return the entry with how much that is."""
        self._results.sync()
        self._receipts.sync()
        grown = self._results.size - entry.results_bytes + self._receipts.size - entry.receipts_bytes
        self._tree.count(self._agency, octets=grown)
        return replace(entry, results_bytes=self._results.size, receipts_bytes=self._receipts.size)

    def digest(self) -> str:
        """Return the SHA-256 (hex) of the results."""
        digest = hashlib.sha256()
        for offset in range(0, self._results.size, HASH_BYTES):
            digest.update(self._results.read(offset, HASH_BYTES))
        return digest.hexdigest()

    def _lines(self, rows: list[tuple[object, ...]]) -> bytes:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(rows)
        # The sender's own words were read in this encoding; ours are ASCII.
        return text.getvalue().encode(self._encoding, "replace")

    def _receipt(self, outcome: Outcome, known: Mapping[int, Known]) -> bytes:
        members: dict[str, object] = {
            "position": outcome.position,
            "outcome": outcome.status.value,
            "id": outcome.record_id,
            "lane": outcome.lane,
            "index": outcome.index,
        }
        before = b""
        if outcome.batch is not None and outcome.status is Status.QUARANTINED:  # a batch for itself
            members["receipt"] = orjson.Fragment(outcome.receipt().to_json())
        elif outcome.batch is not None:
            if outcome.batch is not self._batch:
                self._batch = outcome.batch
                before = b'{"batch":%s}\n' % outcome.batch.to_json()
            members["salt"] = urlsafe_b64encode(outcome.salt).rstrip(b"=").decode()
            members["entry"] = outcome.entry.decode()
        elif outcome.position in known:
            receipt = known[outcome.position].receipt
            members["receipt"] = orjson.Fragment(receipt.to_json()) if receipt else None
        return before + orjson.dumps(members, option=orjson.OPT_APPEND_NEWLINE)


def write_summary(tree: Tree, entry: Entry, summary: Mapping[str, object], receipt: Evidence) -> None:
    """Write the summary: what the log's entry about the file says, and the receipt that proves it."""
    members = {**summary, "receipt": orjson.Fragment(receipt.to_json())}
    octets = orjson.dumps(members, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    file = tree.opened(entry.agency, entry.contract, entry.name + SUMMARY, create=True)
    try:
        file.cut(0)
        file.write(0, octets)
        file.sync()
        tree.count(entry.agency, octets=len(octets))
    finally:
        file.close()


def _row(outcome: Outcome, known: Mapping[int, Known]) -> tuple[object, ...]:
    if outcome.refusal is not None:
        why = outcome.refusal
        return outcome.position, "", outcome.status.value, why.code, why.field, why.rule, "", ""
    reference = ""
    if outcome.entry:
        reference = _ENTRY.decode(outcome.entry).source_ref
    elif outcome.position in known:
        reference = known[outcome.position].reference
    warnings = " ".join(outcome.warnings)
    return (
        outcome.position,
        reference,
        outcome.status.value,
        warnings,
        "",
        "",
        outcome.record_id,
        outcome.index,
    )
