"""What is certain about a field before any record has come: only what its schema takes without exception."""

import json
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

import contracts
from contracts import functions, schema_lint, text
from contracts.leaves import Leaf, Names, leaf_of

CATALOGUE = contracts.load()
SCHEMA = CATALOGUE.contract("death.v1").schema


def of(pointer: str) -> dict[str, object]:
    return deepcopy(schema_lint.resolve(SCHEMA, pointer))


def leaf(asked: dict[str, object]) -> Leaf:
    return leaf_of(SCHEMA, asked)


DATE, NUMBER, NAME = of("/occurred_on"), of("/person/nid"), of("/person/name")
FULL, PARTS = ("properties", "full"), ("properties", "parts")
PART = (*PARTS, "items")
_ABSENT = object()


def changed(schema, path, keyword, value):
    """Return a schema with another value of one keyword, or without it."""
    made = deepcopy(schema)
    place = made
    for step in path:
        place = place[step]
    place[keyword] = value
    if value is _ABSENT:
        del place[keyword]
    return made


def test_dates_numbers_and_names_of_the_contracts_are_certain():
    assert leaf(DATE).takes_days
    assert leaf(NUMBER).takes_numbers
    assert leaf(NAME).takes_names == Names(shortest=3, longest=60, most_words=8)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("pattern", "^20[0-9]{2}-[0-9]{2}-[0-9]{2}$"),
        ("pattern", "^(1[89]|20)[0-9]{2}-[0-9]{2}-[0-2][0-9]$"),
        ("maxLength", 9),
        ("minLength", 11),
        ("format", "uuid"),
        ("enum", list(functions.DAYS[:-1])),
        ("const", functions.DAYS[0]),
        ("type", "integer"),
        ("not", {"const": "2000-02-29"}),
    ],
)
def test_days_are_not_certain_where_one_is_refused(keyword, value):
    assert not leaf(changed(DATE, (), keyword, value)).takes_days


def test_every_day_that_is_remembered_is_among_the_days():
    steps = functions.named("date:%d/%m/%Y")
    for written in ("31/12/1899", "01/01/1900", "29/02/2000", "31/12/2099", "01/01/2100"):
        steps(written, [])
    assert "31/12/1899" not in steps.known
    assert "01/01/2100" not in steps.known
    assert steps.known["29/02/2000"] == "2000-02-29"
    assert set(steps.known.values()) <= set(functions.DAYS)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("pattern", "^[23][0-9]{12}[13579]$"),
        ("pattern", "^[2][0-9]{13}$"),
        ("pattern", _ABSENT),
        ("maxLength", 13),
        ("maxLength", _ABSENT),
        ("minLength", 15),
        ("format", "date"),
        ("enum", ["25803144100131"]),
        ("const", "25803144100131"),
        ("type", "integer"),
        ("not", {"const": "25803144100131"}),
        ("allOf", [{"pattern": "^2.+$"}]),
    ],
)
def test_numbers_are_not_certain_where_anything_else_is_asked(keyword, value):
    assert not leaf(changed(NUMBER, (), keyword, value)).takes_numbers


@pytest.mark.parametrize(
    ("path", "keyword", "value"),
    [
        ((), "type", "array"),
        ((), "required", ["full", "parts", "latin"]),
        ((), "properties", {"full": NAME["properties"]["full"]}),
        ((), "allOf", [{"properties": {"full": {"pattern": "^م.+$"}}}]),
        ((), "enum", []),
        (FULL, "type", "integer"),
        (FULL, "pattern", "^[\u0621-\u064a]+$"),
        (FULL, "pattern", "^[\u0621-\u0649 ]+$"),
        (FULL, "pattern", "^[\u0621-\u064a ]{3}$"),
        (FULL, "pattern", "^[\u0621-\u064a ]+[\u0621-\u064a]$"),
        (FULL, "pattern", "^[\u0621-\u064a ]$"),
        (FULL, "pattern", "^(?:[^a]+|[^b]+)[^c]+$"),
        (FULL, "format", "date"),
        (FULL, "const", "محمد أحمد"),
        (FULL, "not", {"const": "محمد أحمد"}),
        (PARTS, "type", "object"),
        (PARTS, "minItems", 2),
        (PARTS, "uniqueItems", True),
        (PARTS, "enum", [["محمد"]]),
        (PARTS, "items", _ABSENT),
        (PART, "minLength", 2),
        (PART, "pattern", "^[\u0621-\u064a]+$"),
        (PART, "enum", ["محمد"]),
        (PART, "type", "boolean"),
    ],
)
def test_names_are_not_certain_where_anything_else_is_asked(path, keyword, value):
    assert leaf(changed(NAME, path, keyword, value)).takes_names is None


@pytest.mark.parametrize(
    ("path", "keyword", "value", "told"),
    [
        (FULL, "minLength", 7, Names(7, 60, 8)),
        (FULL, "minLength", _ABSENT, Names(0, 60, 8)),
        (FULL, "maxLength", 20, Names(3, 20, 8)),
        (FULL, "maxLength", _ABSENT, Names(3, 0, 8)),
        (FULL, "pattern", _ABSENT, Names(3, 60, 8)),
        (FULL, "pattern", "^[^a]*$", Names(3, 60, 8)),
        (PART, "maxLength", 300, Names(3, 200, 8)),
        (PART, "maxLength", _ABSENT, Names(3, 0, 8)),
        (PARTS, "maxItems", 2, Names(3, 60, 2)),
        (PARTS, "maxItems", _ABSENT, Names(3, 60, 0)),
    ],
)
def test_how_long_names_may_be_is_read_from_the_schema(path, keyword, value, told):
    assert leaf(changed(NAME, path, keyword, value)).takes_names == told


WORDS = st.text(text.PLAIN_LETTERS, min_size=1, max_size=70) | st.sampled_from(
    ["عبد", "أبو", "الدين", "آل", "م"]
)


@given(st.lists(WORDS, min_size=1, max_size=10).map(" ".join))
def test_every_name_that_is_certain_is_taken(name):
    told = leaf(NAME).takes_names
    assert text.PLAIN_NAME.fullmatch(name)
    if told.shortest <= len(name) <= told.longest and len(name.split(" ")) <= told.most_words:
        assert leaf(NAME).takes(text.split_name(name))


def test_what_stands_beside_a_reference_counts_as_well():
    narrower = leaf({"$ref": "#/$defs/nid", "pattern": "^2[0-9]{13}$"})
    assert narrower.takes("25803144100131")
    assert not narrower.takes("35803144100131")
    assert not narrower.takes("2580314410013")
    assert not narrower.takes_numbers
    assert leaf({"$ref": "#/$defs/nid", "description": "says nothing"}).takes_numbers


@pytest.mark.parametrize(
    ("asked", "few"),
    [
        ({"type": "string", "enum": ["a", "b"]}, True),
        ({"const": "a"}, True),
        ({"type": "boolean"}, True),
        ({"enum": ["1", 1]}, False),
        ({"const": True}, False),
        ({"type": "string", "maxLength": 1}, False),
        ({"type": "integer", "minimum": 0, "maximum": 1}, False),
        ({"not": {}}, False),
    ],
)
def test_a_field_of_a_few_words_or_of_truth_values_is_known_by_its_value(asked, few):
    assert leaf(asked).few is few


@pytest.mark.parametrize("contract", CATALOGUE.contracts.values(), ids=lambda contract: contract.name)
def test_a_field_asks_what_it_asks_in_its_record(contract):
    """Whatever a valid example holds is taken by the fields at its places."""
    for example in contract.examples:
        if example.why is None:
            for name, value in json.loads(example.octets).items():
                asked = schema_lint.properties(contract.schema, contract.schema)[name]
                assert leaf_of(contract.schema, asked).takes(value), (example.file, name)
