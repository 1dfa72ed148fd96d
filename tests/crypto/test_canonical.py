import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from crypto.canonical import canonical

TEXT = st.text(st.characters(codec="utf-8"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=30,
)


@given(VALUES)
def test_every_value_is_encoded_as_an_independent_implementation_of_rfc_8785_encodes_it(value):
    assert canonical(value) == rfc8785.dumps(value)


@given(VALUES)
def test_what_was_encoded_reads_back_as_the_same_value(value):
    assert json.loads(canonical(value)) == value


def test_the_sorting_example_of_rfc_8785_comes_out_in_utf16_order():
    # RFC 8785 §3.2.3
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    ordered = list(json.loads(canonical(dict.fromkeys(names))))
    assert ordered == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


def test_a_nested_object_with_arabic_keys_is_sorted_too():
    assert canonical({"a": [{"ي": 1, "ب": 2}]}) == '{"a":[{"ب":2,"ي":1}]}'.encode()


class Shout(str):
    __slots__ = ()


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        float("nan"),
        2**53,
        -(2**53),
        {1: "x"},
        {None: "x"},
        {"a": {2: 3}},
        "\ud800",
        {"\udfff": 1},
        {"x": ["\ud800"]},
        ("tuple",),
        {"set"},
        b"bytes",
        Shout("subclass"),
        [Shout("subclass")],
        [[1, 0.5]],
        {"é": 1, "n": [0.5]},
    ],
)
def test_what_canonical_json_cannot_say_is_refused(value):
    with pytest.raises(ValueError, match="canonical JSON"):
        canonical(value)


def test_nesting_is_refused_beyond_64_levels():
    def nested(levels):
        value = 0
        for _ in range(levels):
            value = [value]
        return value

    assert canonical(nested(64)) == b"[" * 64 + b"0" + b"]" * 64
    with pytest.raises(ValueError, match="deep"):
        canonical(nested(65))
