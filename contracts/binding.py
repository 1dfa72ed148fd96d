"""A binding: how one agency writes the records of one contract, compiled from its folder.

`conform` is the whole way of one record on this floor; it is a pure function of its octets and the day.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal

import msgspec
import orjson

from contracts.contract import Contract
from contracts.errors import Refused
from contracts.framing import Splitter
from contracts.manifests import FileRules
from contracts.mapping import CompiledMapping
from contracts.nid import occurs_in
from contracts.rules import Payload
from contracts.schemas import Schema
from contracts.source import FRAMINGS, Source

_iso = lru_cache(maxsize=8)(date.isoformat)
"""Today is the same for very many records."""


_RFC_8785 = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_STRICT_INTEGER
    | orjson.OPT_PASSTHROUGH_SUBCLASS
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
)


class Conformed(msgspec.Struct, frozen=True, gc=False):
    """A record that keeps its contract, in canonical form.

    A msgspec Struct and not a dataclass because it is made for every record, five times faster.
    """

    payload: Payload
    """The canonical record: JSON values only, valid under the contract's closed schema."""
    source_ref: str
    op: Literal["assert", "correct", "void"]
    prior_ref: str | None
    """The `source_ref` that is corrected or voided; None exactly when `op` is assert."""
    nid: str | None
    """Fourteen ASCII digits, when the contract has a subject and the record names it."""
    about: str | None
    """Id of the record that this one is about, when the contract has such a field."""
    occurred_on: str
    """ISO date."""
    warnings: tuple[str, ...]
    """`warning.*` codes; nothing needs to be done."""
    review: tuple[str, ...]
    """`review.*` codes; not empty means that an officer decides before anything happens."""

    def octets(self) -> bytes:
        """Return the payload as RFC 8785 JSON.

        A mapping writes texts, truth values, whole numbers within ±(2^53-1), and lists and objects of them whose names
        are ASCII: then sorting by code point is RFC 8785's order by UTF-16 unit, and nothing is left to check.
        """
        return orjson.dumps(self.payload, option=_RFC_8785)

    def __repr__(self) -> str:
        """Show the reference only: payload and national ID belong in no log and no traceback."""
        return f"Conformed(source_ref={self.source_ref!r}, op={self.op!r})"


Conform = Callable[[bytes, date], Conformed]
"""Turns one record's octets, as a `Piece` holds them, into its canonical form; takes the day in Africa/Cairo, after
which nothing may have happened.

Raises Refused, with a code, a field in the agency's own terms where there is one, and the rule.
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample submission of an agency."""

    file: str
    octets: bytes
    expected: bytes | None
    """Canonical JSON of a valid sample, one line for each record; None for an invalid one."""
    codes: tuple[str, ...]
    """Of a valid sample the remarks that it must give; of an invalid one the codes of its refusals."""


@dataclass(frozen=True, slots=True)
class Binding:
    """One agency's side of one contract."""

    agency: str
    contract: Contract
    title_en: str
    title_ar: str
    owner: str
    transport: tuple[str, ...]
    files: FileRules | None
    """How its files come; None when it sends none."""
    format: Literal["json", "xml", "csv"]
    media_types: tuple[str, ...]
    """Accepted media types; the first is the usual one."""
    encoding: Literal["utf-8", "windows-1256"]
    max_record_bytes: int
    max_document_bytes: int
    """Limit of a JSON document, which is read as a whole; the other formats are streams without one."""
    source_document: tuple[str, bytes]
    """Name and octets of the agency's own schema, to be published as it is."""
    source_schema: Schema | None
    """The same as JSON Schema, where the format has one (JSON, CSV)."""
    samples: tuple[Sample, ...]
    source: Source
    mapping: CompiledMapping
    governorates: Mapping[str, bool]
    conform: Conform
    """See `conforming`."""

    def splitter(self, max_record_bytes: int, media_type: str | None = None) -> Splitter:
        """Return a new splitter for one submission.

        Args:
            max_record_bytes: the gateway's limit; the smaller of it and the binding's holds.
            media_type: one of `media_types`, without parameters; None takes the first.

        Raises:
            ValueError: for a media type that the binding does not name.
        """
        if media_type is not None and media_type not in self.media_types:
            raise ValueError("the binding does not name this media type")
        framing = FRAMINGS[media_type or self.media_types[0]]
        return self.source.splitter(
            framing, min(max_record_bytes, self.max_record_bytes), self.max_document_bytes
        )


def conforming(
    source: Source,
    mapping: CompiledMapping,
    contract: Contract,
    agency: str,
    governorates: Mapping[str, bool],
) -> Conform:
    """Return the whole way of one record, with all that it needs at hand: looking it up cost a fortieth of it."""
    read, apply, judge = source.read, mapping.apply, contract.judge

    def conform(octets: bytes, today: date) -> Conformed:
        # 1. Parse strictly and hold it against the agency's own schema.
        node = read(octets)
        # 2. Map: names, dates and numbers become canonical, each value by its own rule, as the closed schema asks.
        notes: list[str] = []
        payload = apply(node, notes)
        try:
            # 3. The contract decides: conditions across fields, national ID.
            number, about = judge(payload, _iso(today), agency, governorates, notes)
            # 4. What is logged in clear contains no national ID.
            texts: dict[str, str] = payload  # type: ignore[assignment]  # these four are texts in every contract
            source_ref, prior_ref = texts["source_ref"], texts.get("prior_ref")
            if occurs_in(source_ref):
                raise _personal("/source_ref")
            if prior_ref is not None and occurs_in(prior_ref):
                raise _personal("/prior_ref")
        except Refused as refused:
            raise mapping.in_source_terms(refused) from None
        # 5. Collect what the gateway needs to know.
        return Conformed(
            payload,
            source_ref,
            texts["op"],  # type: ignore[arg-type]  # the schema enumerates it
            prior_ref,
            number,
            about,
            texts["occurred_on"],
            _only("warning.", notes) if notes else (),
            _only("review.", notes) if notes else (),
        )

    return conform


def _personal(pointer: str) -> Refused:
    return Refused("record.ref.personal", pointer, "a reference without a national ID in it")


def _only(prefix: str, notes: list[str]) -> tuple[str, ...]:
    return tuple(sorted({note for note in notes if note.startswith(prefix)}))
