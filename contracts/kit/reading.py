"""Read a sample file of unknown make: its format, encoding, delimiter and records, or what is wrong with it."""

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from lxml import etree

from contracts.errors import CODES, Refused, Unfit
from contracts.strict_json import parse
from contracts.xml_source import element, record_parser

Encoding = Literal["utf-8", "windows-1256"]
Record = dict[str, object]
"""A tree of names: JSON members, CSV columns, XML children and `@attributes`."""

MAX_BYTES = 4 * 1024 * 1024
"""Largest sample that is read; a few hundred records say as much as a million."""

_MAX_RECORDS = 500
_DELIMITERS = (";", ",", "\t", "|")
_ARABIC = re.compile("[\u0600-\u06ff]")
_NOT_LETTERS = re.compile("[\u0600-\u060b\u060d-\u061a\u0080-\u009f]")


@dataclass(frozen=True, slots=True)
class Sample:
    """What a sample file holds."""

    format: Literal["json", "ndjson", "csv", "xml"]
    encoding: Encoding
    records: tuple[Record, ...]
    delimiter: str = ","
    path: tuple[str, ...] = ()
    """Of XML, the qualified names (`{namespace}local`) from the root to the record."""


def read(octets: bytes) -> Sample:
    """Return what `octets` hold.

    Raises:
        Unfit: with what is wrong, for the person who chose the file; no value of it is repeated.
    """
    if len(octets) > MAX_BYTES:
        raise Unfit(
            f"is larger than {MAX_BYTES} bytes; take the first few hundred records of it",
            f"أكبر من {MAX_BYTES} بايت؛ خذ أول بضع مئات من سجلاته",
        )
    if octets.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unfit("is UTF-16; save it as UTF-8", "بترميز UTF-16؛ احفظه بترميز UTF-8")
    encoding, text = _decoded(octets)
    first = text.lstrip("\ufeff \t\r\n")[:1]
    if not first:
        raise Unfit("is empty", "فارغ")
    if first == "<":
        return _xml(octets, encoding)
    if first in "[{":
        return _json(octets)
    return _csv(text.removeprefix("\ufeff"), encoding)


def _decoded(octets: bytes) -> tuple[Encoding, str]:
    try:
        return "utf-8", octets.decode("utf-8")
    except UnicodeDecodeError:
        text = octets.decode("windows-1256")
    if b"\0" in octets or not _ARABIC.search(text):
        raise Unfit(
            "is neither UTF-8 nor Arabic in Windows-1256", "ليس بترميز UTF-8 ولا عربية بترميز Windows-1256"
        )
    return "windows-1256", text


# -- JSON


def _json(octets: bytes) -> Sample:
    body = octets.removeprefix(b"\xef\xbb\xbf").strip()
    lines = [line for line in body.splitlines() if line.strip()]
    try:
        if body.startswith(b"{") and len(lines) > 1 and lines[0].rstrip().endswith(b"}"):
            return Sample("ndjson", "utf-8", tuple(parse(line) for line in lines[:_MAX_RECORDS]))
        if body.startswith(b"{"):
            return Sample("json", "utf-8", (parse(body),))
        # The strict reader takes one object; an array is given to it as the member of one.
        held = parse(b'{"records":' + body + b"}")["records"]
    except Refused as refused:
        raise Unfit(
            f"is not acceptable JSON: {refused.rule}", f"ليس JSON مقبولًا: {CODES[refused.code].ar}"
        ) from None
    records = held if isinstance(held, list) else []
    if not records or not all(isinstance(record, dict) for record in records):
        raise Unfit("is no array of JSON objects", "ليس قائمة من كائنات JSON")
    return Sample("json", "utf-8", tuple(records[:_MAX_RECORDS]))


# -- CSV


def _csv(text: str, encoding: Encoding) -> Sample:
    delimiter = max(_DELIMITERS, key=lambda one: _columns(text, one))
    if _columns(text, delimiter) < 2:  # noqa: PLR2004 - one column is no table
        raise Unfit(
            "is neither XML nor JSON, and no CSV with two columns or more under one header",
            "ليس XML ولا JSON، ولا CSV فيه عمودان أو أكثر تحت رأس واحد",
        )
    rows = _rows(text, delimiter)
    header = rows[0]
    if len(set(header)) != len(header) or not all(header):
        raise Unfit("has a header with an empty or repeated name", "في رأسه اسم فارغ أو مكرر")
    records: tuple[Record, ...] = tuple(
        {name: cell for name, cell in zip(header, row, strict=True) if cell}
        for row in rows[1:]
        if len(row) == len(header)
    )
    if not records:
        raise Unfit("has a header and no row that fits it", "له رأس وليس فيه صف يناسبه")
    # Every column is known from the first record on, whatever that row leaves empty.
    empty: Record = dict.fromkeys(header, "")
    return Sample("csv", encoding, (empty, *records), delimiter)


def _rows(text: str, delimiter: str) -> list[list[str]]:
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        return [row for row, _ in zip(reader, range(_MAX_RECORDS), strict=False) if row]
    except csv.Error:
        return []


def _columns(text: str, delimiter: str) -> int:
    """Return how many columns the header has, when most rows have as many; else 0."""
    rows = _rows(text, delimiter)
    if not rows:
        return 0
    usual, many = Counter(map(len, rows)).most_common(1)[0]
    return usual if usual == len(rows[0]) and many * 2 > len(rows) else 0


# -- XML


def _xml(octets: bytes, encoding: Encoding) -> Sample:
    body = octets
    if encoding != "utf-8":
        body = re.sub(rb"^\s*<\?xml[^>]*\?>", b"", octets).decode(encoding).encode()
    try:
        root = element(body, record_parser())
    except Refused as refused:
        raise Unfit(
            f"is not acceptable XML: {refused.rule}", f"ليس XML مقبولًا: {CODES[refused.code].ar}"
        ) from None
    path, found = _repeated(root)
    own = etree.QName(path[-1]).namespace
    names = [name for record in found for node in record.iter() for name in (node.tag, *node.attrib)]
    if any(etree.QName(name).namespace not in {own, None} for name in names):
        raise Unfit(
            "mixes XML namespaces in one record; a record's schema has one",
            "في سجل واحد منه أكثر من نطاق أسماء؛ ولمخطط السجل نطاق واحد",
        )
    if any(etree.QName(node).namespace != own for record in found for node in record.iter()):
        raise Unfit(
            "has elements outside the namespace of their record; write its schema by hand",
            "فيه عناصر خارج نطاق أسماء سجلها؛ اكتب مخططه بيدك",
        )
    return Sample("xml", encoding, tuple(_tree(node) for node in found[:_MAX_RECORDS]), path=path)


def _repeated(root: etree._Element) -> tuple[tuple[str, ...], list[etree._Element]]:
    """Return the path to the records and the records: the first elements, from outside, that stand in a row."""
    path, node = [str(root.tag)], root
    while True:
        inner = list(node)
        names = {str(child.tag) for child in inner}
        if len(names) == 1 and (len(inner) > 1 or any(len(child) for child in inner)):
            path.append(names.pop())
            # One child that holds nothing but one child is an envelope; one with many names is the record.
            if len(inner) > 1 or len({str(leaf.tag) for leaf in inner[0]}) != 1:
                return tuple(path), inner
            node = inner[0]
        elif len(path) > 1:
            return tuple(path), [node]
        else:
            raise Unfit(
                "has no element with records of one name inside", "ليس فيه عنصر بداخله سجلات باسم واحد"
            )


def _tree(node: etree._Element) -> Record:
    record: Record = {"@" + str(name): value for name, value in node.attrib.items()}
    for child in node:
        name = etree.QName(child).localname
        if name in record:
            raise Unfit(
                "has an element twice in one record; send each at most once",
                "يتكرر فيه عنصر في سجل واحد؛ يُرسل كل عنصر مرة واحدة",
            )
        bare = not (child.text or "").strip()
        record[name] = _tree(child) if len(child) or (child.attrib and bare) else child.text or ""
        if child.attrib and not isinstance(record[name], dict):
            raise Unfit(
                "has an element with both text and attributes; write the schema by hand for it",
                "فيه عنصر له نص وخصائص معًا؛ اكتب مخططه بيدك",
            )
    return record
