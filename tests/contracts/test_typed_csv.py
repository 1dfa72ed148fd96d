"""Rows that are read and held against their columns at once: never otherwise than one after the other."""

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import contracts
from contracts.schemas import compile_schema
from contracts.source import csv_source
from contracts.typed_csv import typed_reader

CATALOGUE = contracts.load()
SOURCES = [source for source, binding in CATALOGUE.bindings.items() if binding.format == "csv"]
CELLS = st.one_of(
    st.sampled_from(["", " ", "A", "1", "x", '"', '""', '"a;b"', "\r", "\n", "\0", "\u0661", "\U0001f600"]),
    st.text(max_size=3),
    st.text("\u0645", min_size=1, max_size=310),
)


def left(_octets):
    """Stand for the exact reader, to see what is left to it."""


@cache
def reader_of(source):
    binding = CATALOGUE.bindings[source]
    schema = binding.source_schema
    by_type = typed_reader(schema["properties"], set(schema["required"]), (";", "utf-8"), left)
    return by_type, list(schema["properties"]), compile_schema(schema).is_valid


def sample_rows(source):
    """Return rows that keep the columns of a source, in UTF-8."""
    binding = CATALOGUE.bindings[source]
    for sample in binding.samples:
        if sample.expected:
            splitter = binding.splitter(binding.max_record_bytes)
            for piece in [*splitter.feed(sample.octets), *splitter.close()]:
                row = binding.source.read(piece.octets)
                if not any(sign in cell for cell in row.values() for sign in ';"\r\n'):
                    yield [row.get(name, "") for name in binding.source_schema["properties"]]


ROWS = {source: list(sample_rows(source)) for source in SOURCES}


@pytest.mark.parametrize("source", SOURCES)
def test_every_agency_that_sends_rows_is_read_by_type(source):
    read, names, _ = reader_of(source)
    assert ROWS[source]
    for cells in ROWS[source]:
        expected = {name: cell for name, cell in zip(names, cells, strict=True) if cell}
        assert read(";".join(cells).encode()) == expected


@given(data=st.data())
@settings(max_examples=800)
def test_a_row_read_by_type_is_cut_as_csv_says_and_keeps_its_columns(data):
    source = data.draw(st.sampled_from(SOURCES))
    read, names, is_valid = reader_of(source)
    cells = list(data.draw(st.sampled_from(ROWS[source])))
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(0, len(cells) - 1))
        match data.draw(st.sampled_from(["replace", "replace", "remove", "add"])):
            case "replace":
                cells[at] = data.draw(CELLS)
            case "remove" if len(cells) > 1:
                del cells[at]
            case "add":
                cells.insert(at, data.draw(CELLS))
    found = read(";".join(cells).encode())
    if found is not None:
        assert found == {name: cell for name, cell in zip(names, cells, strict=True) if cell}
        assert is_valid(found)


COLUMNS = {
    "A": {"type": "string", "maxLength": 3},
    "B": {"type": "string", "maxLength": 1, "pattern": "^[12]$"},
}


def test_cells_that_are_not_required_may_be_empty():
    read = typed_reader(COLUMNS, {"A"}, (";", "windows-1256"), left)
    assert read("مصر;1".encode("windows-1256")) == {"A": "مصر", "B": "1"}
    assert read(b"a;") == {"A": "a"}


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b";1",
        b"a",
        b"a;1;",
        b"aaaa;1",
        b"a;3",
        b"a;11",
        b'"a";1',
        b"a\r;1",
        b"a\n;1",
        b"\xff;1",
        b"a;1\n",
    ],
)
def test_what_is_not_certain_is_left_to_the_exact_reader(octets):
    assert typed_reader(COLUMNS, {"A"}, (";", "utf-8"), left)(octets) is None


@pytest.mark.parametrize("pattern", ["^[a--b]$", "^.$", "^[^a]$", "^[0-9]{2}$", "^a$", "[12]"])
def test_a_pattern_that_could_be_read_otherwise_has_no_reader_by_type(pattern):
    columns = {"A": {"type": "string", "maxLength": 9, "pattern": pattern}}
    assert typed_reader(columns, {"A"}, (";", "utf-8"), left) is left


def test_a_limit_of_any_size_can_be_loaded():
    table = (
        f"column,required,max_length,pattern,description,description_ar\nA,yes,{10**12},,a,a\nB,no,3,,b,b\n"
    )
    source = csv_source(table.encode(), ";", "utf-8")
    assert source.read(b"a;b") == {"A": "a", "B": "b"}
    assert source.read(b"a" * 9000 + b";b") == {"A": "a" * 9000, "B": "b"}
