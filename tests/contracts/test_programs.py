"""The functions that are put together for mappings and contracts: safe whatever stands in them, and never otherwise
than the functions, schemas and rules that they stand for."""

import json
import re
import unicodedata
from functools import cache
from types import CodeType

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import contracts
from contracts import folder, functions
from contracts.binding_documents import MappingDocument
from contracts.errors import Refused
from contracts.framing import CsvSplitter
from contracts.leaves import Leaf
from contracts.mapping import compile_mapping
from contracts.program import Program
from contracts.schemas import compile_schema
from contracts.shortcuts import shortcut
from contracts.source import Source

CATALOGUE = contracts.load()

# -- what is executed

_LITERALS = {None, True, False, (None, None), "NFC", " ", "full", "parts", ("full", "parts")}
_METHODS = {
    "get",
    "append",
    "strip",
    "upper",
    "split",
    "isascii",
    "isprintable",
    "type",
    "dict",
    "str",
    "at",
    "len",
}


def codes():
    for name, binding in CATALOGUE.bindings.items():
        yield name, binding.mapping.apply.__code__
    for name, contract in CATALOGUE.contracts.items():
        yield name, contract.judge.__code__


@pytest.mark.parametrize(("of", "code"), [pytest.param(*one, id=str(one[0])) for one in codes()])
def test_nothing_but_given_names_and_fixed_words_stands_in_a_program(of, code):
    assert not any(isinstance(constant, CodeType) for constant in code.co_consts)
    assert set(code.co_consts) <= _LITERALS
    assert {name for name in code.co_names if not re.fullmatch("c[0-9]+", name)} <= _METHODS
    assert all(re.fullmatch("v[0-9]+|[a-z]+", name) for name in code.co_varnames)


HOSTILE = [
    '"]; raise SystemExit #',
    "'''\nimport os\n",
    "{}",
    "{0.__class__}",
    "c0",
    "v1",
    "notes",
    "\\",
    "\u202e",
    "__import__",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_name_that_looks_like_code_is_a_name(text):
    document = MappingDocument.model_validate(
        {
            "fields": {
                "a": {"from": text, "lookup": {text: text}},
                "b": {"const": text},
                "c": {"from": text, "fn": [f"bool_map:{text}x/{text}y"], "required": True},
            }
        },
        strict=False,
    )
    names = {name: {"type": "string", "maxLength": 99} for name in "abc"}
    checker = compile_schema({"type": "object", "properties": names, "additionalProperties": False})
    source = Source(json.loads, CsvSplitter, lambda path: (path,), None)
    compiled = compile_mapping(document, source, {}, checker)
    with pytest.raises(Refused) as caught:
        compiled.apply({text: text}, [])
    assert caught.value.field == text
    compiled = compile_mapping(
        document.model_copy(update={"fields": {k: v for k, v in document.fields.items() if k != "c"}}),
        source,
        {},
        checker,
    )
    assert compiled.apply({text: text}, []) == {"a": text, "b": text}
    assert set(compiled.apply.__code__.co_consts) <= _LITERALS


@pytest.mark.parametrize("text", [*HOSTILE[:4], *HOSTILE[7:], "c", "v1 ", "c0\n", "source.get"])
def test_a_program_takes_no_other_text_than_its_own(text):
    with pytest.raises(ValueError, match="names and expressions"):
        Program("source").line("{}", text)


# -- the usual case of the functions


def chains():
    files = folder.read(folder.SHIPPED)
    for file, octets in files.items():
        if file.endswith("/mapping.yaml"):
            for field in MappingDocument.model_validate(
                folder.yaml_document(octets), strict=False
            ).fields.values():
                lookup = (
                    json.dumps(field.lookup, ensure_ascii=False) if isinstance(field.lookup, dict) else ""
                )
                if field.from_ is not None:
                    yield tuple(call for call in field.fn if not call.startswith("default:")), lookup


CHAINS = sorted(set(chains()))
_ALPHABET = "اأإبتةىيعدنلهمحسرقو  عبد الله أبو ًـ\u200f\u202e\u00a0\u0301abcXYZ0123456789٠١٢۳/-.:;é\n\t"
TEXTS = st.one_of(
    st.text(_ALPHABET, max_size=30),
    st.text(max_size=20),
    st.sampled_from(
        [
            "محمد عبد الرحمن حسن",
            " محمد",
            "محمد  أحمد",
            "ابن الله الله",
            "30806156100179",
            "٣٠٨٠٦١٥٦١٠٠١٧٩",
            "01",
            "٠١",
            "2026-06-02",
            "02/06/2026",
            "٠٢/٠٦/٢٠٢٦",
            "0",
            "00",
            "7",
            "9999",
            "10000",
            "-1",
            "نعم",
            "لا",
            "true",
            "A",
            " A ",
        ]
    ),
)


@cache
def usual_case(calls, lookup):
    """Return the functions of a chain, and the expression for its usual case as a function."""
    steps = [functions.named(call) for call in calls]
    if lookup:
        steps.append(functions.lookup(json.loads(lookup), "words", review=False))
    program = Program("source")
    usual = shortcut(program, calls, steps, "source", Leaf(lambda _value: True, {}))
    program.line("return {}", usual.expression if usual else program.expression("None"))
    return steps, program.function()


@given(chain=st.sampled_from(CHAINS), text=TEXTS)
@example(chain=(("text",), ""), text="\u0627\u0653")
@settings(max_examples=1500)
def test_the_usual_case_of_a_function_is_the_function(chain, text):
    steps, usual = usual_case(*chain)
    for _ in range(2):  # dates are known the second time
        found = usual(text)
        try:
            value, notes = text, []
            for step in steps:
                value = step(value, notes)
        except Refused:
            assert found is None
        else:
            assert found is None or (found == value and not notes)


def test_the_usual_case_is_usual():
    assert (
        sum(
            usual_case(*chain)[1].__code__.co_code != usual_case(("hash_ref",), "")[1].__code__.co_code
            for chain in CHAINS
        )
        > 20
    )


def test_whatever_a_text_is_cleaned_of_cannot_be_printed():
    for point in range(0x110000):
        sign = chr(point)
        if sign.isprintable():
            assert unicodedata.category(sign) not in {"Cc", "Cf", "Zl", "Zp"}, hex(point)
