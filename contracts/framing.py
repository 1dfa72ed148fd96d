"""Cut a submission, as it arrives in chunks of any size, into records: NDJSON, CSV and whole JSON documents.

A splitter keeps at most one record (NDJSON, CSV) or one bounded document (JSON) in memory. It never raises
and never loses what stood before a mistake: a record that cannot be read is a piece with a refusal, and where
nothing after it can be told apart any more, that piece ends the submission. XML is in `xml_framing`.
"""

import json
import re
from typing import Protocol

import msgspec

from contracts.errors import Refused

_SPACE = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"


class Piece(msgspec.Struct, frozen=True):
    """One record of a submission."""

    position: int
    """1-based place in the submission."""
    octets: bytes
    """The record exactly as it stood there; for XML its exclusive C14N; empty when `refusal` is set."""
    refusal: Refused | None = None
    """Why this record was not kept; its position is set."""
    ends_submission: bool = False
    """Nothing after this piece can be read: the caller tells the sender so, and may stop feeding."""

    def __repr__(self) -> str:
        return f"Piece({self.position!r}, refusal={self.refusal!r})"


class Splitter(Protocol):
    """Takes a submission's octets in order and gives its records in order."""

    def feed(self, data: bytes) -> list[Piece]:
        """Take the next octets and return the records that are complete now; [] after the end."""
        ...

    def close(self) -> list[Piece]:
        """Say that the submission is complete and return what is left; called once, after the last feed."""
        ...


def refused(code: str, rule: str, position: int, *, ends: bool = False, field: str = "") -> Piece:
    """Return the piece that stands for a record which cannot be read."""
    return Piece(position, b"", Refused(code, field, rule, position), ends)


def too_large(position: int, limit: int, *, ends: bool = False) -> Piece:
    """Return the piece that stands for a record of more than `limit` bytes."""
    return refused("record.size", f"at most {limit} bytes", position, ends=ends)


class NdjsonSplitter:
    """One record a line; blank lines are skipped; a line that is too long refuses itself."""

    def __init__(self, max_record_bytes: int) -> None:
        self._limit = max_record_bytes
        self._open = b""
        self._skipping = False
        self._position = 0

    def feed(self, data: bytes) -> list[Piece]:
        """See `Splitter`."""
        *lines, rest = data.split(b"\n")
        pieces: list[Piece] = []
        if lines:
            first, self._open = self._open + lines[0], b""
            for line in lines[1:] if self._skipping else [first, *lines[1:]]:
                pieces += self._line(line)
            self._skipping = False
        if not self._skipping:
            self._open += rest
            pieces += self._overflow()
        return pieces

    def close(self) -> list[Piece]:
        """See `Splitter`."""
        line, self._open = self._open, b""
        return self._line(line)

    def _overflow(self) -> list[Piece]:
        if len(self._open) <= self._limit + 1:  # one more for the \r that may precede the newline
            return []
        self._open = b""
        self._skipping = True
        self._position += 1
        return [too_large(self._position, self._limit)]

    def _line(self, line: bytes) -> list[Piece]:
        record = line.strip(_SPACE)
        if not record:
            return []
        self._position += 1
        if len(record) > self._limit:
            return [too_large(self._position, self._limit)]
        return [Piece(self._position, record)]


class JsonSplitter:
    """One JSON document: a record, or an array of records; read as a whole, up to a limit."""

    def __init__(self, max_record_bytes: int, max_document_bytes: int) -> None:
        self._limit = max_record_bytes
        self._document_limit = max_document_bytes
        self._held = bytearray()
        self._ended = False

    def feed(self, data: bytes) -> list[Piece]:
        """See `Splitter`."""
        if self._ended:
            return []
        self._held += data
        if len(self._held) <= self._document_limit:
            return []
        self._held.clear()
        self._ended = True
        return [refused("record.document.size", f"at most {self._document_limit} bytes", 1, ends=True)]

    def close(self) -> list[Piece]:
        """See `Splitter`; a document that breaks in the middle gives the records before the break."""
        if self._ended:
            return []
        document = bytes(self._held).strip(_SPACE)
        self._held.clear()
        if not document.startswith(b"["):
            return [self._piece(1, document)]
        try:
            elements = _ELEMENTS.decode(document)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._before_the_break(document)
        return [self._piece(place, bytes(raw).strip(_SPACE)) for place, raw in enumerate(elements, start=1)]

    def _piece(self, position: int, octets: bytes) -> Piece:
        if len(octets) > self._limit:
            return too_large(position, self._limit)
        return Piece(position, octets)

    def _before_the_break(self, document: bytes) -> list[Piece]:
        """Return the complete elements, and a refusal at the first position that cannot be read."""
        text = document.decode("utf-8", errors="surrogateescape")
        decoder, pieces, at = json.JSONDecoder(), list[Piece](), 1
        while True:
            start = _after_space(text, at)
            try:
                _, end = decoder.raw_decode(text, start)
                octets = text[start:end].encode("utf-8")
            except (ValueError, RecursionError):
                break
            at = _after_space(text, end) + 1
            if text[at - 1 : at] not in {",", "]"}:
                break
            pieces.append(self._piece(len(pieces) + 1, octets))
        rule = "one JSON array of records, complete and closed"
        return [*pieces, refused("record.json.syntax", rule, len(pieces) + 1, ends=True)]


_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])
_JSON_SPACE = re.compile("[ \t\r\n]*")


def _after_space(text: str, at: int) -> int:
    found = _JSON_SPACE.match(text, at)
    return found.end() if found else at


class CsvSplitter:
    """One record a row (RFC 4180), after one header row that must hold exactly the agreed columns.

    Works on octets, so the encoding must keep ASCII as it is: UTF-8 and Windows-1256 do.
    """

    def __init__(self, max_record_bytes: int, header: bytes) -> None:
        self._limit = max_record_bytes
        self._header = header
        self._header_read = False
        self._open = bytearray()
        self._quoted = False  # whether the open row ends inside quotation marks
        self._position = 0
        self._skipping = False
        self._ended = False

    def feed(self, data: bytes) -> list[Piece]:
        """See `Splitter`."""
        *lines, rest = data.split(b"\n")
        pieces: list[Piece] = []
        quoted, alone = b'"' in data, False
        for line in lines:
            # Most lines are rows by themselves, and take the short way.
            if not alone or len(line) > self._limit or (quoted and line.count(b'"') % 2):
                pieces += self._line(line + b"\n")
                alone = self._header_read and not (self._open or self._skipping or self._ended)
            elif row := line.removesuffix(b"\r"):
                self._position += 1
                pieces.append(Piece(self._position, row))
        return pieces + self._add(rest)

    def close(self) -> list[Piece]:
        """See `Splitter`."""
        if self._ended or self._skipping:
            return []
        if self._quoted:
            return [self._end("record.csv.quote", "every quotation mark is closed")]
        return self._row()

    def _line(self, line: bytes) -> list[Piece]:
        """Add one physical line; return the row when its quotation marks are closed."""
        if self._skipping:
            self._skipping = False
            return []
        pieces = self._add(line)
        if self._ended or self._quoted:
            return pieces
        if self._skipping:
            self._skipping = False
            return pieces
        return self._row()

    def _add(self, octets: bytes) -> list[Piece]:
        """Add to the open row, and give it up when it is too long."""
        if self._ended or self._skipping:
            return []
        self._open += octets
        self._quoted ^= octets.count(b'"') % 2 == 1
        if len(self._open) <= self._limit + 2:  # two more for the line's end
            return []
        if not self._header_read:
            return [self._wrong_header()]
        if self._quoted:  # the row's end cannot be told from a line's end inside a cell
            return [self._end("record.csv.quote", f"quotation marks closed within {self._limit} bytes")]
        self._open.clear()
        self._skipping = True
        self._position += 1
        return [too_large(self._position, self._limit)]

    def _row(self) -> list[Piece]:
        row = bytes(self._open).removesuffix(b"\n").removesuffix(b"\r")
        self._open.clear()
        if not self._header_read:
            self._header_read = True
            right = row.removeprefix(_BOM).replace(b'"', b"") == self._header
            return [] if right else [self._wrong_header()]
        if not row:
            return []
        self._position += 1
        if len(row) > self._limit:
            return [too_large(self._position, self._limit)]
        return [Piece(self._position, row)]

    def _wrong_header(self) -> Piece:
        return self._end("record.csv.header", "the columns of the binding, in its order")

    def _end(self, code: str, rule: str) -> Piece:
        self._ended = True
        self._open.clear()
        return refused(code, rule, self._position + 1, ends=True)
