"""Whoever asks for Arabic reads Arabic: every message of the kit, in every place that can give one."""

import ast
import json
import re

import pytest
from click.testing import CliRunner
from support.arabic import english_in, is_arabic

import contracts
from contracts.checking import media_type_of
from contracts.errors import CODES
from contracts.folder import SHIPPED
from contracts.kit.reading import MAX_BYTES
from contracts.kit.words import ADVICE
from gateway.cli.contract import contract

SOURCES = [*SHIPPED.glob("*.py"), *(SHIPPED / "kit").glob("*.py")]
PLACES = {"Problem": 5, "Unfit": 2, "complain": 5}
"""What says that something is wrong, and how much it has to say: the last is Arabic."""
ARABIC = re.compile("[\u0621-\u064a]")


def run(*arguments):
    return CliRunner().invoke(contract, [*map(str, arguments), "--lang", "ar"])


def texts(node):
    """The fixed words of every text in a program, but of what it says of itself."""
    about = {id(inner.value) for inner in ast.walk(node) if isinstance(inner, ast.Expr)}
    for inner in ast.walk(node):
        if id(inner) in about:
            continue
        if isinstance(inner, ast.JoinedStr):
            yield " {} ".join(part.value for part in inner.values if isinstance(part, ast.Constant))
        elif isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_every_place_that_complains_says_it_in_arabic_too(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in PLACES:
            whole = any(isinstance(argument, ast.Starred) for argument in node.args)
            assert whole or len(node.args) == PLACES[node.func.id], f"{path.name}:{node.lineno}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_no_arabic_text_of_the_kit_has_english_prose_in_it(path):
    if path.stem == "guessing":
        return  # words of columns that agencies use, in whatever language
    found = [text for text in texts(ast.parse(path.read_text())) if ARABIC.search(text) and english_in(text)]
    assert found == []


@pytest.mark.parametrize("rule", ADVICE)
def test_what_a_rule_means_and_what_to_do_is_arabic(rule):
    assert is_arabic(ADVICE[rule].ar)
    assert is_arabic(ADVICE[rule].remedy_ar)


SAMPLES = [
    (binding, sample)
    for binding in contracts.load().bindings.values()
    for sample in binding.samples
    if sample.expected is None
]


@pytest.mark.parametrize(
    ("binding", "sample"), SAMPLES, ids=[sample.file.removeprefix("agencies/") for _, sample in SAMPLES]
)
def test_why_a_record_is_refused_is_told_in_arabic(binding, sample):
    done = run("try", SHIPPED / sample.file, "--agency", binding.agency, "--contract", binding.contract.name,
               "--day", "2026-07-01")  # fmt: skip
    assert media_type_of(binding, sample.file)
    lines = done.output.splitlines()
    for number, line in enumerate(lines):
        if line.lstrip().startswith("→"):
            assert is_arabic(line), line
            assert is_arabic(lines[number - 1]), lines[number - 1]
    assert any(code in done.output for code in sample.codes)


def test_programs_get_the_rule_in_both_languages():
    file = SHIPPED / "agencies/moh/death/v1/samples/invalid/fraction.json"
    told = json.loads(run("try", file, "--agency", "moh", "--contract", "death.v1", "--json").output)
    assert told["refusal"]["rule"]
    assert is_arabic(told["refusal"]["rule_ar"])


@pytest.mark.parametrize("code", CODES)
def test_what_a_code_means_is_arabic(code):
    assert is_arabic(CODES[code].ar), code
    assert is_arabic(CODES[code].remedy_ar), code


@pytest.mark.parametrize(
    "octets",
    [b"", b"\xff\xfe<\0", b"\x89PNG\0", b"[1]", b'{"a": 1.5}', b"<a>", b"<a/>", b"a;b\n", b"a;a\n1;2\n", b"one\n",
     b"<a><b><c/><c/></b><b><c/></b></a>",
     b'<a xmlns:p="urn:p"><b><p:c/><d/></b><b/></a>', b"a;b\n" * (MAX_BYTES // 4 + 1)],
    ids=range(13),
)  # fmt: skip
def test_a_file_that_nothing_can_be_drafted_from_is_told_so_in_arabic(octets, tmp_path):
    file = tmp_path / "sample.dat"
    file.write_bytes(octets)
    done = run("new", file, "--agency", "moh", "--contract", "death.v1", "--at", tmp_path)
    assert done.exit_code == 1
    assert is_arabic(done.output.removeprefix("Error: ")), done.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["new", "{file}", "--agency", "moh", "--contract", "nothing.v1"], "لا يوجد عقد باسم"),
        (["try", "{file}", "--agency", "moh", "--contract", "nothing.v1"], "مواصفة للعقد"),
        (["try", "{file}", "--agency", "moh", "--contract", "death.v1", "--canonical"], "أضف"),
        (["check", "{file}"], "ليس في كتالوج"),
    ],
)
def test_what_cannot_be_done_is_told_in_arabic(arguments, said, tmp_path):
    file = tmp_path / "sample.csv"
    file.write_text("a;b\n1;2\n")
    done = run(*[argument.format(file=file) for argument in arguments])
    told = next(line for line in done.output.splitlines() if line.startswith("Error: "))
    assert said in told
    assert is_arabic(told.removeprefix("Error: "))


def test_an_identifier_in_an_arabic_sentence_keeps_its_signs_about_it(tmp_path):
    file = tmp_path / "sample.csv"
    file.write_text("a;b\n1;2\n")
    done = run("try", file, "--agency", "moh", "--contract", "nothing.v1")
    assert "\u2066nothing.v1\u2069" in done.output
