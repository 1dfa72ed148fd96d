"""JSON that is read and held against its schema at once: never otherwise than one after the other."""

import json
from functools import cache

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import contracts
from contracts import strict_json
from contracts.schemas import compile_schema
from contracts.typed_json import typed_reader

CATALOGUE = contracts.load()


def left(_octets):
    """Stand for the exact reader, to see what is left to it."""


READERS = [
    source
    for source, binding in CATALOGUE.bindings.items()
    if binding.format == "json" and typed_reader(binding.source_schema, left) is not left
]


def test_most_agencies_that_send_json_are_read_by_type():
    assert len(READERS) > 10


def records(binding):
    for sample in binding.samples:
        if sample.expected:
            splitter = binding.splitter(
                binding.max_record_bytes, "application/x-ndjson" if sample.file.endswith("ndjson") else None
            )
            yield from (piece.octets for piece in [*splitter.feed(sample.octets), *splitter.close()])


def places(node, at=()):
    yield at
    for name, inner in node.items() if isinstance(node, dict) else ():
        yield from places(inner, (*at, name))


@cache
def readers_of(source):
    schema = CATALOGUE.bindings[source].source_schema
    return (
        typed_reader(schema, left),
        compile_schema(schema).is_valid,
        list(records(CATALOGUE.bindings[source])),
    )


@given(data=st.data())
@settings(max_examples=800)
def test_what_is_read_by_type_is_what_is_read_exactly(data):
    read, is_valid, sent = readers_of(data.draw(st.sampled_from(READERS)))
    record = orjson.loads(data.draw(st.sampled_from(sent)))
    *before, name = data.draw(st.sampled_from([place for place in places(record) if place]))
    holder = record
    for step in before:
        holder = holder[step]
    value = data.draw(
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.floats(allow_nan=False),
            st.text(max_size=3),
            st.text("ا:", min_size=60, max_size=520),
            st.just({}),
            st.just([]),
            st.just("\\u003a"),
        )
    )
    match data.draw(st.sampled_from(["replace", "remove", "add", "leave"])):
        case "replace":
            holder[name] = value
        case "remove":
            del holder[name]
        case "add":
            holder[data.draw(st.text(max_size=4))] = value
    octets = json.dumps(
        record, ensure_ascii=data.draw(st.booleans()), indent=data.draw(st.sampled_from([None, 1]))
    ).encode()
    if data.draw(st.booleans()):
        octets = octets.replace(
            b'"' + str(name).encode() + b'":', b'"%s":"a:b","%s":' % (name.encode(), name.encode()), 1
        )
    found = read(octets)
    if found is not None:
        assert found == strict_json.parse(octets)
        assert is_valid(found)


@pytest.mark.parametrize(
    "octets",
    [
        b'{"a":"x","a":"y"}',
        b'{"a":"x","b":"y"}',
        b'{"a":"x","b":{"c":":"}}',
        b'{"a":"x\\u003a","b":1}',
        b'{"a":1}',
        b"{}",
        b"[]",
        b'{"a":"\xff"}',
        b'{"a":"\\ud800"}',
        pytest.param(b'{"a":"x","b":' + b'{"c":' * 5000 + b"1" + b"}" * 5001, id="deep"),
    ],
)
def test_what_type_alone_would_lose_is_left_to_the_exact_reader(octets):
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string", "maxLength": 9}},
        "required": ["a"],
        "additionalProperties": False,
    }
    read = typed_reader(schema, left)
    assert read(b'{"a":"x"}') == read(b'{ "a" : "x" }') == {"a": "x"}
    assert read(octets) is None


@pytest.mark.parametrize(
    "member",
    [
        {"type": "string", "maxLength": 9, "pattern": "^a$"},
        {"type": "integer"},
        {"enum": ["a", 1]},
        {"enum": []},
        {"$ref": "#/$defs/a"},
        {"type": "array", "items": {"type": "string"}},
        {"type": ["string", "null"]},
        {"type": "object"},
        {"type": "string", "format": "date"},
    ],
)
def test_a_schema_that_asks_more_has_no_reader_by_type(member):
    schema = {"type": "object", "properties": {"a": member}, "additionalProperties": False}
    assert typed_reader(schema, left) is left
