"""A submission is cut into the same records however it arrives, and a mistake costs nobody else's record."""

import json
import tracemalloc
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.framing import CsvSplitter, JsonSplitter, NdjsonSplitter, Splitter
from contracts.xml_framing import XmlSplitter

NS = "urn:x"
PATH = (f"{{{NS}}}All", f"{{{NS}}}One")
OPEN = f'<All xmlns="{NS}">'.encode()
HEADER = b"A;B"


def ndjson(limit=40) -> Splitter:
    return NdjsonSplitter(limit)


def document(limit=40, whole=10_000) -> Splitter:
    return JsonSplitter(limit, whole)


def rows(limit=40) -> Splitter:
    return CsvSplitter(limit, HEADER)


def elements(limit=1000) -> Splitter:
    return XmlSplitter(limit, PATH, "utf-8")


def cut(splitter: Splitter, octets: bytes, *places: int):
    """Return position and octets, or the code of the refusal, of every piece."""
    ends = [0, *sorted({place % (len(octets) + 1) for place in places}), len(octets)]
    pieces = [p for start, end in pairwise(ends) for p in splitter.feed(octets[start:end])]
    pieces += splitter.close()
    assert all(piece.refusal is None or piece.refusal.position == piece.position for piece in pieces)
    assert not any(piece.ends_submission for piece in pieces[:-1])
    return [(piece.position, piece.refusal.code if piece.refusal else piece.octets) for piece in pieces]


PLACES = st.lists(st.integers(0, 5000), max_size=8)
RECORDS = st.lists(st.dictionaries(st.sampled_from("ab"), st.text('xم"\\\n {}[],', max_size=6)), max_size=6)


# -- however it arrives


@given(RECORDS, PLACES, st.sampled_from(["\n", "\r\n", "\n\n", " \n\t"]), st.booleans())
def test_ndjson_gives_each_line_as_it_stands(records, places, newline, ended):
    lines = [json.dumps(record, ensure_ascii=False).encode() for record in records]
    octets = newline.encode().join(lines) + (newline.encode() if ended else b"")
    assert cut(ndjson(500), octets, *places) == list(enumerate(lines, start=1))


@given(RECORDS, PLACES, st.sampled_from([None, 2]))
def test_an_array_gives_each_element_as_it_stands(records, places, indent):
    octets = json.dumps(records, ensure_ascii=False, indent=indent).encode()
    found = cut(document(500), octets, *places)
    assert [json.loads(record) for _, record in found] == records
    assert all(record in octets for _, record in found)


@given(st.lists(st.lists(st.text('aم;" \r\n', max_size=5), min_size=2, max_size=2), max_size=5), PLACES)
def test_csv_rows_survive_quotes_newlines_and_any_chunks(table, places):
    quoted = [";".join('"' + cell.replace('"', '""') + '"' for cell in row).encode() for row in table]
    octets = b"\r\n".join([HEADER, *quoted]) + b"\r\n"
    assert cut(rows(500), octets, *places) == list(enumerate(quoted, start=1))


@given(st.lists(st.text("aم<&>\"' ]", max_size=8), max_size=5), PLACES, st.booleans())
def test_xml_elements_come_out_in_canonical_form_wherever_they_are_cut(texts, places, prefixed):
    escaped = [text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for text in texts]
    plain = "".join(f"<One><t>{text}</t></One>\n" for text in escaped)
    octets = (OPEN.decode() + plain + "</All>").encode()
    if prefixed:
        octets = octets.replace(b"<", b"<p:").replace(b"<p:/", b"</p:").replace(b"xmlns=", b"xmlns:p=")
    prefix = "p:" if prefixed else ""
    declared = 'xmlns:p="urn:x"' if prefixed else 'xmlns="urn:x"'
    expected = [
        f"<{prefix}One {declared}><{prefix}t>{text}</{prefix}t></{prefix}One>".encode() for text in escaped
    ]
    assert cut(elements(), octets, *places) == list(enumerate(expected, start=1))


# -- a mistake costs one record


@given(PLACES)
def test_a_line_that_is_too_long_refuses_itself_only(places):
    octets = b'{"a":1}\n' + b"x" * 200 + b'\n{"b":2}\r\n' + b"y" * 41 + b"\n{}"
    assert cut(ndjson(), octets, *places) == [
        (1, b'{"a":1}'),
        (2, "record.size"),
        (3, b'{"b":2}'),
        (4, "record.size"),
        (5, b"{}"),
    ]


def test_a_line_of_exactly_the_limit_passes():
    assert cut(ndjson(7), b'{"a":1}\r\n{"a":1}') == [(1, b'{"a":1}'), (2, b'{"a":1}')]


@given(PLACES)
def test_a_row_that_is_too_long_refuses_itself_only(places):
    octets = b"A;B\n1;2\n" + b"x" * 100 + b"\n3;4\n"
    assert cut(rows(), octets, *places) == [(1, b"1;2"), (2, "record.size"), (3, b"3;4")]


def test_a_large_element_refuses_itself_only():
    small, large = b"<One><t>a</t></One>", b"<One><t>" + b"x" * 2000 + b"</t></One>"
    found = cut(elements(), OPEN + small + large + small + b"</All>")
    assert [code for _, code in found][1] == "record.size"
    assert [position for position, _ in found] == [1, 2, 3]


def test_a_large_array_element_refuses_itself_only():
    assert cut(document(), b'[{"a":1},"' + b"x" * 100 + b'",{}]') == [
        (1, b'{"a":1}'),
        (2, "record.size"),
        (3, b"{}"),
    ]


# -- where nothing after a mistake can be told apart


@pytest.mark.parametrize(
    ("octets", "good"),
    [
        (b'[{"a":1},{"b":2},{"c":', 2),
        (b'[{"a":1} {"b":2}]', 0),
        (b'[{"a":1},{"b":2},]', 2),
        (b'[{"a":1},{"b":"\xff"},{]', 1),
        (b"[" + b"[" * 9_000, 0),
        (b'[{"a":1}]x', 1),
    ],
)
def test_a_broken_array_gives_the_records_before_the_break(octets, good):
    found = cut(document(), octets)
    assert [position for position, _ in found] == list(range(1, good + 2))
    assert found[-1][1] == "record.json.syntax"


def test_an_element_that_is_not_utf_8_is_left_to_refuse_itself():
    assert cut(document(), b'[{"a":1},{"b":"\xff"},{}]')[1:] == [(2, b'{"b":"\xff"}'), (3, b"{}")]


@given(PLACES)
def test_a_document_beyond_its_limit_is_not_kept(places):
    assert cut(document(whole=50), b" " * 60, *places) == [(1, "record.document.size")]


def test_one_object_is_one_record_and_an_empty_array_is_none():
    assert cut(document(), b' {"a": 1} \n') == [(1, b'{"a": 1}')]
    assert cut(document(), b"[ ]") == []


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"B;A\n1;2\n", [(1, "record.csv.header")]),
        (b"", [(1, "record.csv.header")]),
        (b"x" * 100, [(1, "record.csv.header")]),
        (b'A;B\n1;2\n"3;4\n', [(1, b"1;2"), (2, "record.csv.quote")]),
        (b'A;B\n1;2\n"3;4\n' + b"x" * 100 + b"\n5;6\n", [(1, b"1;2"), (2, "record.csv.quote")]),
        (b'\xef\xbb\xbf"A";"B"\n1;2', [(1, b"1;2")]),
    ],
)
def test_csv_needs_its_header_and_closed_quotes(octets, expected):
    assert cut(rows(), octets) == expected


@pytest.mark.parametrize(
    ("octets", "codes"),
    [
        (b'<!DOCTYPE All [<!ENTITY a "x">]>' + OPEN + b"</All>", ["record.xml.doctype"]),
        (b'<!DOCTYPE All SYSTEM "file:///etc/passwd">' + OPEN + b"</All>", ["record.xml.doctype"]),
        (b"<!-- " + b"x" * 4000 + b" -->" + OPEN + b"</All>", []),
        (b"<!-- " + b"x" * 4096 + b" -->" + OPEN + b"</All>", ["record.xml.root"]),
        (b"<!-- " + b"x" * 50_000, ["record.xml.root"]),
        (OPEN + b"<One>&a;</One></All>", ["record.xml.syntax"]),
        (OPEN + b"<One>" + b"<t>" * 300, ["record.xml.syntax"]),
        (OPEN + b"<One><t>" + b"x" * 100_000, ["record.size"]),
        (OPEN + b"<One a='" + b"x" * 100_000, ["record.size"]),
        (OPEN + b" " * 100_000, ["record.size"]),
        (OPEN + b"<x/>" * 20_000 + b"</All>", ["record.size"]),
        (OPEN + b"<One/><Two/></All>", ["", "record.xml.root"]),
        (OPEN + b"<One/><Two/><One/></All>", ["", "record.xml.root"]),
        (OPEN + b"<Two><One/></Two></All>", ["record.xml.root"]),
        (OPEN + b"<One><One/></One></All>", ["record.xml.root"]),
        (b"<One xmlns='urn:x'/>", ["record.xml.root"]),
        (b"<All><One/></All>", ["record.xml.root"]),
        (OPEN + b"<One/></All><x/>", ["", "record.xml.syntax"]),
        (OPEN + b"<One/>", ["", "record.xml.syntax"]),
        (OPEN + b"<One>\xff</One></All>", ["record.xml.syntax"]),
        (b"", ["record.xml.syntax"]),
    ],
)
def test_xml_that_is_not_what_was_agreed_ends_the_submission(octets, codes):
    found = cut(elements(), octets, *range(0, len(octets), 997))
    assert [code if isinstance(code, str) else "" for _, code in found] == codes


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_xml_in_another_encoding_hides_nothing(encoding):
    octets = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE All><All xmlns="urn:x"><One/></All>'
    assert [code for _, code in cut(elements(), octets.encode(encoding))] == ["record.xml.syntax"]


def test_nothing_is_read_after_the_end():
    splitter = elements()
    assert splitter.feed(b"<x/>")[-1:] == splitter.feed(b"")[-1:] == []
    assert [piece.refusal.code for piece in splitter.close()] == ["record.xml.root"]


# -- memory


@pytest.mark.parametrize(
    ("splitter", "head", "record"),
    [
        (ndjson(5000), b"", b'{"a":"' + b"x" * 1000 + b'"}\n'),
        (rows(5000), b"A;B\n", b"1;" + b"x" * 1000 + b"\n"),
        (ndjson(5000), b"", b"x" * 1000),
        (rows(5000), b"A;B\n", b"x" * 1000),
    ],
    ids=["ndjson", "csv", "one endless line", "one endless row"],
)
def test_memory_does_not_grow_with_the_submission(splitter, head, record):
    splitter.feed(head)
    chunk = record * 64
    splitter.feed(chunk)
    tracemalloc.start()
    try:
        for _ in range(200):
            splitter.feed(chunk)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(chunk)


def test_the_xml_parser_forgets_what_has_been_read():
    """Its tree is not Python's memory, so the process is asked: 20 MiB of records may not cost 5."""
    splitter, chunk = elements(5000), (b"<One><t>" + b"x" * 1000 + b"</t></One>\n") * 64
    splitter.feed(OPEN + chunk)
    before = resident_bytes()
    given_out = sum(len(splitter.feed(chunk)) for _ in range(300))
    assert given_out == 300 * 64
    assert resident_bytes() - before < 5 * 1024 * 1024


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_a_cell_of_many_lines_is_one_row():
    octets = b"A;B\n" + b'"' + b"\n" * 200_000 + b'";2\n'
    ((position, row),) = cut(rows(300_000), octets)
    assert (position, len(row)) == (1, 200_004)
