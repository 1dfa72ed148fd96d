"""No two programs could read an accepted record differently."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contracts.errors import Refused
from contracts.strict_json import parse

WHOLE = st.integers(-(2**53) + 1, 2**53 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS = st.none() | st.booleans() | WHOLE | TEXT
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(TEXT, TREES, max_size=5)
PAIRS = st.lists(st.tuples(st.sampled_from(["a", "b", ":", "\\", "é", "a:b"]), SCALARS), max_size=5)


def refusal(octets: bytes, names=()) -> Refused:
    with pytest.raises(Refused) as caught:
        parse(octets, names)
    return caught.value


@given(OBJECTS, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_what_the_standard_library_writes_is_read_back(value, ascii_only, indent):
    assert parse(json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()) == value


@given(pairs=PAIRS, ascii_only=st.booleans())
@example(pairs=[("a", ":"), ("a", "")], ascii_only=False)
@example(pairs=[("a", "\u003a"), ("a", "::")], ascii_only=True)
def test_a_name_given_twice_is_always_found_and_never_invented(pairs, ascii_only):
    members = [f"{json.dumps(k, ensure_ascii=ascii_only)}: {json.dumps(v)}" for k, v in pairs]
    octets = ("{" + ", ".join(members) + "}").encode()
    if len({name for name, _ in pairs}) == len(pairs):
        assert parse(octets) == dict(pairs)
    else:
        assert refusal(octets).code == "record.json.duplicate_key"


@pytest.mark.parametrize(
    "octets",
    [
        rb'{"a":1,"a":2}',
        rb'{"a":1,"\u0061":"\u003a"}',
        rb'{"a":{"b":"\u003a\u003A","b":1}}',
        rb'{"x":[{"a":"\\u003a","a":":"}]}',
        rb'{"":1,"":1}',
    ],
)
def test_escapes_do_not_hide_a_second_name(octets):
    assert refusal(octets).code == "record.json.duplicate_key"


def test_colons_that_an_escape_puts_in_are_no_duplicates():
    assert parse(rb'{"a":"\u003a\u003A","b":"\\u003a"}') == {"a": "::", "b": "\\u003a"}


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (b"", "record.json.syntax"),
        (b"{}{}", "record.json.syntax"),
        (b"{'a':1}", "record.json.syntax"),
        (b'{"a":NaN}', "record.json.syntax"),
        (b'{"a":Infinity}', "record.json.syntax"),
        (b'{"a":01}', "record.json.syntax"),
        (b'{"a":"\x01"}', "record.json.syntax"),
        (b'{"a":"\\ud800"}', "record.json.syntax"),
        (b'{"a":"\\udc00"}', "record.json.syntax"),
        (b"\xef\xbb\xbf{}", "record.json.syntax"),
        (b'{"a":"\xff"}', "record.encoding"),
        (b'{"a\xc0\x80":1}', "record.encoding"),
        (b'{"a":"\xed\xa0\x80"}', "record.encoding"),
        (b'{"a":1.5}', "record.json.number"),
        (b'{"a":1e2}', "record.json.number"),
        (b'{"a":[[9007199254740992]]}', "record.json.number"),
        (b'{"a":-9007199254740992}', "record.json.number"),
        (b'{"a":' + b"9" * 5000 + b"}", "record.json.number"),
        (b'{"a":' + b"[" * 300 + b"]" * 300 + b"}", "record.json.depth"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "record.json.depth"),
        (b"[]", "record.json.object"),
        (b'"text"', "record.json.object"),
        (b"null", "record.json.object"),
    ],
)
def test_what_is_not_one_plain_object_is_refused(octets, code):
    assert refusal(octets).code == code


def test_the_largest_whole_numbers_pass():
    assert parse(b'{"a":9007199254740991,"b":-9007199254740991}')["a"] == 2**53 - 1


def test_a_duplicate_is_named_only_when_the_schema_knows_the_name():
    octets = b'{"29601014100123":1,"29601014100123":2}'
    assert refusal(octets, {"nid"}).field == ""
    assert refusal(b'{"nid":1,"nid":2}', {"nid"}).field == "nid"


@given(st.binary(max_size=60))
def test_arbitrary_octets_are_read_or_refused_and_nothing_else(octets):
    try:
        parse(octets)
    except Refused as refused:
        given_code = refused.code
    else:
        given_code = "record.json."
    assert given_code.startswith(("record.json.", "record.encoding"))
