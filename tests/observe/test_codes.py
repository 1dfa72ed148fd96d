"""Every code that can be met is explained in both languages, and the page about them is current."""

import ast
import re
from pathlib import Path
from typing import get_args

import pytest
import yaml
from click.testing import CliRunner

import crypto.errors
import crypto.origin.proof
import crypto.pki
from gateway import codes, observe
from gateway.cli.errors import errors
from gateway.codes import CODES
from gateway.errors import Fate

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path for room in ("gateway", "adapters", "contracts") for path in (ROOT / room).rglob("*.py")
)
CHECKS = get_args(crypto.errors.Check)
RAISERS = {
    "Rejected": Fate.REJECTED,
    "Unavailable": Fate.UNAVAILABLE,
    "Tampered": Fate.TAMPERED,
    "Refusal": None,
    "Refused": None,
}


def calls():
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                yield path.relative_to(ROOT), node


def called(node):
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def raised():
    """Every code that is written where an error is made."""
    for path, node in calls():
        if called(node) in RAISERS and node.args and isinstance(node.args[0], ast.Constant):
            code = node.args[0].value
            # What crypto raises is only the check's name; the gateway calls it `tampered.<check>`.
            yield path, node.lineno, called(node), f"tampered.{code}" if code in CHECKS else code


def test_every_code_that_the_source_raises_is_explained_under_its_fate():
    found = list(raised())
    assert len(found) > 50
    assert [where for where in found if where[3] not in CODES] == []
    assert [where for where in found if RAISERS[where[2]] not in (None, CODES[where[3]].fate)] == []


@pytest.mark.parametrize(
    ("prefix", "words"),
    [
        ("tampered", CHECKS),
        ("identity", get_args(crypto.pki.Reason)),
        ("origin", get_args(crypto.origin.proof.Reason)),
    ],
)
def test_every_reason_that_crypto_gives_is_explained(prefix, words):
    assert len(words) > 5
    assert [word for word in words if f"{prefix}.{word}" not in CODES] == []


def test_codes_are_dotted_words_in_alphabetical_order():
    own = list(yaml.safe_load((ROOT / "gateway/codes.yaml").read_text()))
    assert own == sorted(own)
    assert all(re.fullmatch(r"[a-z]+(\.[a-z_]+)+", code) for code in CODES)


def test_every_text_is_in_the_language_it_is_said_to_be_in():
    for code, meaning in CODES.items():
        assert re.search(r"[\u0621-\u064a]", meaning.ar), code
        assert re.search(r"[\u0621-\u064a]", meaning.remedy_ar), code
        assert not re.search(r"[\u0600-\u06ff]", meaning.en + meaning.remedy_en), code


def test_the_page_about_errors_is_current():
    assert (ROOT / "docs/errors.md").read_text() == codes.page(), "run: isnad errors --page > docs/errors.md"


def test_the_page_has_a_heading_for_every_code():
    headings = re.findall(r"^### (\S+)$", codes.page(), re.MULTILINE)
    assert headings == list(CODES)


def test_a_code_is_explained_on_the_command_line():
    answer = CliRunner().invoke(errors, ["agreement.expired"])
    assert answer.exit_code == 0
    assert CODES["agreement.expired"].remedy_ar in answer.output
    assert CliRunner().invoke(errors, ["agreement.expried"]).exit_code == 1
    assert all(code in CliRunner().invoke(errors).output for code in CODES)


LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}


def logged():
    """Every line that the source logs: event, and the names of its fields."""
    for path, node in calls():
        if isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS and node.args:
            name = getattr(node.func.value, "id", "")
            if name in ("log", "logger", "_log"):
                fields = {keyword.arg for keyword in node.keywords} - {"exc_info", None}
                yield f"{path}:{node.lineno}", node.args[0], fields


def test_every_event_is_a_constant_noun_and_participle():
    found = list(logged())
    assert len(found) > 5
    wrong = [
        where
        for where, event, _ in found
        if not (isinstance(event, ast.Constant) and observe.EVENT.fullmatch(event.value))
    ]
    assert wrong == []


def test_every_field_that_the_source_logs_is_on_the_list():
    assert [
        (where, fields - observe.FIELDS) for where, _, fields in logged() if fields - observe.FIELDS
    ] == []
