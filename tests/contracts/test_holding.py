"""A mapping asks its contract's schema as little as it can, and writes and refuses as if it asked all of it."""

from copy import deepcopy
from functools import cache

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import contracts
from contracts import folder, schema_lint, shapes
from contracts.binding_documents import MappingDocument
from contracts.errors import Refused
from contracts.fields import places_of
from contracts.framing import CsvSplitter
from contracts.mapping import compile_mapping
from contracts.schemas import compile_schema
from contracts.source import Source

CATALOGUE = contracts.load()
DEATH = CATALOGUE.contract("death.v1").schema
ASKS_NOTHING = compile_schema({})
"""A mapping of this contract is certain of nothing, and all that it writes is taken."""


def told(mapping, record):
    """Return the payload, or the code and place of the refusal."""
    try:
        return mapping.apply(record, [])
    except Refused as refused:
        return refused.code, refused.field


def told_by_all(free, checker, mapping, record):
    """Return the same, by the whole schema."""
    found = told(free, record)
    if isinstance(found, tuple) or checker.is_valid(found):
        return found
    refused = mapping.in_source_terms(checker.refusal(found))
    return refused.code, refused.field


# -- every mapping that is shipped

FILES = folder.read(folder.SHIPPED)


@cache
def both(agency, contract):
    binding = CATALOGUE.binding(agency, contract)
    place = f"agencies/{agency}/{contract.replace('.v', '/v')}/mapping.yaml"
    document = MappingDocument.model_validate(folder.yaml_document(FILES[place]), strict=False)
    checker = binding.contract.checker
    lists = CATALOGUE.code_lists
    return (
        compile_mapping(document, binding.source, lists, checker),
        compile_mapping(document, binding.source, lists, ASKS_NOTHING),
        checker,
        [binding.source.read(octets) for octets in octets_of(binding)],
    )


def octets_of(binding):
    for sample in binding.samples:
        if sample.expected:
            splitter = binding.splitter(
                binding.max_record_bytes, "application/x-ndjson" if sample.file.endswith("ndjson") else None
            )
            yield from (piece.octets for piece in [*splitter.feed(sample.octets), *splitter.close()])


def places(node, at=()):
    for name, inner in node.items():
        if isinstance(inner, dict):
            yield from places(inner, (*at, name))
        elif isinstance(inner, str):
            yield (*at, name)


def required(schema, before, name):
    """Whether the agency's schema lets no record through without this."""
    holder = schema_lint.at(schema, before) if schema and before else schema
    return holder is not None and name in holder.get("required", [])


def kinds(value):
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {type(value)}.union(*map(kinds, inner))


TEXTS = st.text(max_size=12) | st.sampled_from(
    [
        "م", "محمد أحمد عبد الرحمن حسن", "محمد " * 9 + "حسن", "م" * 61, "م" * 250, "محمدـ حسن", "Mohamed",
        "25803144100131", "٢٥٨٠٣١٤٤١٠٠١٣١", "2580314410013", "01/01/1750", "1750-01-01", "02/06/2026", "2026-06-02",
        "2150-01-01", "14:35", "25:00", "٢٠:٠٠", "X" * 65, "A-1", "A 1", " A-1 ", "CANCEL", "1", "01", "نعم", "0",
    ]
)  # fmt: skip


@given(data=st.data())
@settings(max_examples=1500)
def test_a_shipped_mapping_writes_and_refuses_as_if_all_of_the_schema_were_asked(data):
    sender = data.draw(st.sampled_from(sorted(CATALOGUE.bindings)))
    mapping, free, checker, records = both(*sender)
    schema = CATALOGUE.binding(*sender).source_schema
    record = deepcopy(data.draw(st.sampled_from(records)))
    for _ in range(data.draw(st.integers(0, 4))):
        *before, name = data.draw(st.sampled_from(sorted(places(record))))
        holder = record
        for step in before:
            holder = holder[step]
        if data.draw(st.booleans()):
            holder[name] = data.draw(TEXTS)
        elif len(holder) > 1 and not required(schema, before, name):
            del holder[name]
    for _ in range(2):  # dates, words and the shape are known the second time
        found = told(mapping, deepcopy(record))
        assert found == told_by_all(free, checker, mapping, deepcopy(record))
        assert isinstance(found, tuple) or kinds(found) <= {str, bool, int, dict, list}


def test_most_mappings_are_known_by_the_shape_of_what_they_write():
    known = 0
    for (_, contract), binding in CATALOGUE.bindings.items():
        targets = {pointer[1:].replace("/", ".") for pointer in binding.mapping.sources}
        known += shapes.read(CATALOGUE.contract(contract).schema, targets).deciding is not None
    assert known > 0.9 * len(CATALOGUE.bindings)


# -- any schema

DOCUMENT = MappingDocument.model_validate(
    {
        "fields": {
            "op": {
                "from": "op",
                "lookup": {"NEW": "assert", "FIX": "correct", "ODD": "odd"},
                "required": True,
            },
            "flag": {"from": "flag", "fn": ["bool_map:y/n"]},
            "day": {"from": "day", "fn": ["date:%d/%m/%Y"]},
            "same_day": {"from": "day", "fn": ["date:%d/%m/%Y"]},
            "ref": {"from": "ref", "fn": ["trim"]},
            "sort": {"const": "A"},
            "person.nid": {"from": "nid", "fn": ["nid"]},
            "person.name": {"from": "name", "fn": ["arabic_name", "split_name"]},
            "person.age": {"from": "age", "fn": ["int"]},
            "kind": {"from": "kind", "fn": ["trim", "default:B"]},
            "joined": {"from": ["ref", "kind"], "fn": ["concat:-"]},
        }
    },
    strict=False,
)
SOURCE = Source(orjson.loads, CsvSplitter, lambda path: (path,), None)
FIELDS = {
    "op": ["NEW", "FIX", "ODD", "?"],
    "flag": ["y", "n"],
    "day": ["01/02/2026", "03/04/1750", "30/02/2026"],
    "ref": ["A-1", " B ", "c" * 9, "ض"],
    "nid": ["25803144100131", "35803144100131", "٢٥٨٠٣١٤٤١٠٠١٣١"],
    "name": ["محمد حسن", "م", "محمد حسن علي عمر", "عبد الله", "Mohamed"],
    "age": ["7", "٧", "120", "20000"],
    "kind": ["A", "B", "C", " "],
}
RECORDS = st.fixed_dictionaries(
    {"op": st.sampled_from(FIELDS["op"])},
    optional={name: st.sampled_from(words) for name, words in FIELDS.items() if name != "op"},
)


def either(*schemas):
    return st.sampled_from(schemas)


NAME = {
    "type": "object",
    "properties": {
        "full": {"type": "string", "minLength": 3, "maxLength": 40, "pattern": "^[^a-z]+$"},
        "parts": {"type": "array", "maxItems": 3, "items": {"type": "string", "maxLength": 30}},
    },
    "required": ["full", "parts"],
    "additionalProperties": False,
}
LEAVES = {
    "op": either(
        {"enum": ["assert", "correct"]}, {"enum": ["assert", "odd"]}, {"const": "assert"}, {"type": "string"}
    ),
    "flag": either({"type": "boolean"}, {"enum": [True, 1]}, {"const": False}),
    "day": either({"type": "string", "format": "date"}, {"$ref": "#/$defs/day"}, {"enum": ["2026-02-01"]}),
    "same_day": either({"type": "string"}, {"$ref": "#/$defs/day", "pattern": "^2.+$"}),
    "ref": either({"type": "string", "maxLength": 4}, {"pattern": "^[A-Z-]+$"}, {"$ref": "#/$defs/day"}),
    "sort": either({"const": "A"}, {"enum": ["B"]}, {"enum": ["A", "B"]}),
    "kind": either({"enum": ["A", "B"]}, {"type": "string"}, {"enum": ["B", 1]}),
    "joined": either({"type": "string", "maxLength": 5}, {"pattern": "^A"}),
}
INNER = {
    "nid": either(
        {"type": "string", "pattern": "^[23][0-9]{13}$", "maxLength": 14},
        {"type": "string", "pattern": "^2[0-9]{13}$"},
    ),
    "name": either(NAME, {"$ref": "#/$defs/name"}, {"type": "object"}),
    "age": either({"type": "integer", "maximum": 99}, {"type": "integer", "maximum": 99999}),
}
NAMES = st.lists(st.sampled_from([*LEAVES, "person"]), max_size=2, unique=True)
SAID = st.one_of(
    st.builds(lambda names: {"required": names}, NAMES),
    st.fixed_dictionaries(
        {
            "properties": st.fixed_dictionaries(
                {}, optional={**LEAVES, "person": st.just({"required": ["nid"]})}
            )
        }
    ),
    st.just(
        {"properties": {"person": {"properties": {"name": {"properties": {"full": {"const": "محمد حسن"}}}}}}}
    ),
    st.just({"properties": {"person": {"const": {"age": 7}}}}),
    st.just({"additionalProperties": False, "properties": {"op": {}, "sort": {}, "person": {}, "kind": {}}}),
    st.just({"$ref": "#/$defs/whole"}),
)
CONDITIONS = st.recursive(
    SAID,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"if": inner, "then": inner}, optional={"else": inner}),
        st.builds(lambda one: {"not": one}, inner),
        st.dictionaries(either("allOf", "anyOf", "oneOf"), st.lists(inner, min_size=1, max_size=2), max_size=1),
    ),
    max_leaves=5,
)  # fmt: skip


@st.composite
def schemas(draw):
    person = {
        "type": "object",
        "properties": draw(st.fixed_dictionaries({}, optional=INNER)),
        "additionalProperties": draw(st.booleans()),
        **draw(either({}, {"required": ["nid"]}, {"anyOf": [{"required": ["nid"]}, {"required": ["age"]}]})),
    }
    return {
        "type": "object",
        "properties": {**draw(st.fixed_dictionaries({}, optional=LEAVES)), "person": person},
        "required": draw(NAMES),
        "additionalProperties": draw(st.sampled_from([True, True, False])),
        "$defs": {
            "day": {"type": "string", "pattern": "^[0-9-]{10}$"},
            "name": NAME,
            "whole": {"properties": {"kind": {"const": "B"}}},
        },
        **draw(either({}) | st.fixed_dictionaries({"allOf": st.lists(CONDITIONS, min_size=1, max_size=2)})),
    }


@given(schema=schemas(), records=st.lists(RECORDS, min_size=1, max_size=8))
@settings(max_examples=600)
def test_a_mapping_writes_and_refuses_as_if_all_of_any_schema_were_asked(schema, records):
    checker = compile_schema(schema)
    mapping = compile_mapping(DOCUMENT, SOURCE, {}, checker)
    free = compile_mapping(DOCUMENT, SOURCE, {}, ASKS_NOTHING)
    for record in records * 2:
        assert told(mapping, record) == told_by_all(free, checker, mapping, record)


LONG = {"type": "string", "minLength": 3, "maxLength": 12}
NAMED = {
    **NAME,
    "properties": {
        "full": LONG,
        "parts": {"type": "array", "maxItems": 3, "items": {**LONG, "minLength": 1}},
    },
}


@pytest.mark.parametrize(
    ("field", "asked", "good", "bad"),
    [
        ({"lookup": {"A": "a", "B": "b"}}, {"enum": ["a"]}, "A", "B"),
        ({"fn": ["trim"], "lookup": {"A": "a", "B": "b"}}, {"enum": ["a"]}, "A", "B"),
        ({"lookup": {"A": "a"}, "on_unknown": "review"}, {"enum": ["a"]}, "A", "B"),
        ({"fn": ["bool_map:y/n"]}, {"const": True}, "y", "n"),
        ({"fn": ["date:%d/%m/%Y"]}, {"pattern": "^20", "type": "string"}, "01/01/2000", "31/12/1999"),
        ({"fn": ["trim", "date:%Y-%m-%d"]}, {"type": "string", "pattern": "^20"}, "2000-01-01", "1999-01-01"),
        ({"fn": ["date:%Y-%m-%d"]}, schema_lint.resolve(DEATH, "/death_date"), "1899-12-31", "1799-12-31"),
        ({"fn": ["int"]}, {"type": "integer", "maximum": 7}, "7", "8"),
        ({"fn": ["int"]}, {"type": "integer", "maximum": 10_000}, "7", "10001"),
        ({"fn": ["nid"]}, {"type": "string", "pattern": "^2[0-9]{13}$"}, "25803144100131", "35803144100131"),
        ({"fn": ["nid"]}, {"type": "string", "pattern": "^2[0-9]{13}$"}, "25803144100131", "٣٥٨٠٣١٤٤١٠٠١٣١"),
        ({"fn": ["arabic_name"]}, LONG, "محمد حسن", "محمد حسن علي عمر"),
        ({"fn": ["arabic_name", "split_name"]}, NAMED, "علي عمر", "علي عبدالرحمن"),
        ({"fn": ["arabic_name", "split_name"]}, NAMED, "علي عمر", "عل"),
        ({"fn": ["arabic_name", "split_name"]}, NAMED, "علي عمر", "علي عم ع ا"),
        ({"fn": ["arabic_name", "split_name"]}, NAMED, "علي عمر", "عبدالرحمن عليـ"),
        ({"fn": ["text"]}, LONG, "abc", "ab"),
        ({"fn": ["trim"]}, LONG, "abc", "abc" * 5),
        ({"fn": ["digits_ascii"]}, {"pattern": "^[0-9]+$"}, "12", "1x"),
        ({"fn": ["digits_ascii"]}, {"pattern": "^[0-9]+$"}, "12", "١x"),
        ({"fn": ["trim", "default:B"]}, {"enum": ["A"]}, "A", ""),
        ({}, LONG, "abc", "ab"),
        ({"from": ["field", "beside"], "fn": ["concat:-"]}, {"maxLength": 4}, "abc", "abcde"),
        ({"from": ["field", "beside"], "fn": ["first_non_empty"]}, {"enum": ["a", "b"]}, "b", "c"),
    ],
)
def test_what_a_field_may_not_be_is_refused_after_records_of_the_same_shape_were_taken(
    field, asked, good, bad
):
    checker = compile_schema({"type": "object", "properties": {"field": asked}, "required": ["field"]})
    document = MappingDocument.model_validate({"fields": {"field": {"from": "field", **field}}}, strict=False)
    mapping = compile_mapping(document, SOURCE, {}, checker)
    for _ in range(2):
        assert checker.is_valid(mapping.apply({"field": good}, []))
    for _ in range(2):
        with pytest.raises(Refused) as caught:
            mapping.apply({"field": bad}, [])
        assert caught.value.field == ", ".join(places_of(document.fields["field"]))
    mapping.apply({"field": good}, [])


def test_a_condition_is_asked_of_each_word_that_it_looks_at():
    condition = {"if": {"properties": {"op": {"const": "fix"}}}, "then": {"required": ["note"]}}
    fields = {"op": {"enum": ["new", "fix"]}, "note": {"type": "string"}}
    mapping = compile_mapping(
        MappingDocument.model_validate(
            {"fields": {"op": {"from": "op"}, "note": {"from": "note"}}}, strict=False
        ),
        SOURCE,
        {},
        compile_schema({"type": "object", "properties": fields, **condition}),
    )
    mapping.apply({"op": "new"}, [])
    mapping.apply({"op": "fix", "note": "a"}, [])
    with pytest.raises(Refused, match="must be present"):
        mapping.apply({"op": "fix"}, [])


# -- what tells a shape

TARGETS = ["op", "note", "person.name", "person.sex"]
WORDS = {"type": "string", "enum": ["a", "b"]}
TEXT = {"type": "string", "maxLength": 9}


def deciding(*conditions, **more):
    schema = {
        "type": "object",
        "properties": {
            "op": WORDS,
            "note": TEXT,
            "person": {"type": "object", "properties": {"name": TEXT, "sex": WORDS}},
        },
        "allOf": list(conditions),
        **more,
    }
    return shapes.read(schema, TARGETS).deciding


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ({"required": ["note"]}, set()),
        ({"if": {"properties": {"op": {"const": "a"}}}, "then": {"required": ["note"]}}, {"op"}),
        ({"not": {"properties": {"person": {"properties": {"sex": {"const": "a"}}}}}}, {"person.sex"}),
        ({"properties": {"elsewhere": {"pattern": "^a$"}}}, set()),
        ({"anyOf": [{"properties": {"person": {"required": ["name"]}}}]}, set()),
        ({"properties": {"note": {"const": "a"}}}, None),
        ({"properties": {"person": {"properties": {"name": {"minLength": 2}}}}}, None),
        ({"properties": {"person": {"const": {"sex": "a"}}}}, None),
        ({"properties": {"person": {"properties": {"name": {"properties": {"full": {}}}}}}}, None),
        ({"additionalProperties": {"maxLength": 2}}, None),
        ({"enum": [{}]}, None),
        ({"$ref": "#/$defs/a"}, {"op"}),
    ],
)
def test_what_a_condition_looks_at_is_part_of_the_shape_or_no_shape_tells(condition, told):
    assert deciding(condition, **{"$defs": {"a": {"properties": {"op": {"const": "a"}}}}}) == told


def test_what_a_field_must_be_in_any_case_is_found_behind_conditions_as_well():
    schema = {"anyOf": [{"properties": {"op": {"const": "a"}}}, {}], "properties": {"op": WORDS}}
    asked = shapes.read(schema, ["op"])
    assert asked.leaves["op"].takes("b")
    assert asked.deciding == {"op"}


def test_a_field_that_the_schema_does_not_have_is_taken_nowhere():
    asked = shapes.read({"type": "object", "properties": {}}, ["op"])
    assert not asked.leaves["op"].takes("a")
