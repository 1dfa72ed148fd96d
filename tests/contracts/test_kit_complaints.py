"""What is wrong with a command line is said in the language that is asked for, also by click itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import isnad
from gateway.cli._arabic import arabic

TRY = ["contract", "try", "README.md", "--agency", "moh", "--contract", "death.v1"]
WRONG = {
    "no such command": ["contract", "chek"],
    "no such command, and two like it": ["contract", "try-check"],
    "no such option": ["contract", "check", "--langg", "ar"],
    "an option that is missing": ["contract", "try", "README.md"],
    "an argument that is missing": ["contract", "new", "--agency", "moh"],
    "a value that is missing": ["contract", "try", "README.md", "--agency"],
    "a value for a flag": [*TRY, "--show=1"],
    "an argument too many": [*TRY, "another"],
    "two arguments too many": [*TRY, "another", "third"],
    "a value that is no choice": [*TRY, "--profile", "x"],
    "a value that is no number": [*TRY, "--limit", "x"],
    "a number out of range": [*TRY, "--limit", "0"],
    "a value that is no date": [*TRY, "--day", "x"],
    "a file that is not there": ["contract", "try", "nowhere.csv"],
    "a path that is not there": ["contract", "check", "nowhere"],
    "a folder that is a file": [*TRY, "--at", "README.md"],
    "a file that is a folder": ["contract", "new", "docs"],
    "a folder that is not there": [*TRY, "--at", "nowhere"],
    "a name that is none": ["contract", "new", "README.md", "--agency", "X"],
    "what the kit itself finds": ["contract", "try", "README.md", "--agency", "moh", "--contract", "x.v1"],
}


def said(arguments: list[str], **environment: str) -> Result:
    return CliRunner().invoke(isnad, arguments, env={"LANG": "C.UTF-8", **environment})


@pytest.mark.parametrize("name", WRONG)
def test_an_arabic_reader_is_told_in_arabic(name: str) -> None:
    result = said(WRONG[name], LANG="ar_EG.UTF-8")
    assert result.exit_code == 2
    complaint = result.stderr.splitlines()[-1]
    around = re.sub("\u2066[^\u2069]*\u2069", "", result.stderr)
    assert "خطأ: " in result.stderr
    assert "\u2066\u2066" not in result.stderr
    assert re.search("[\u0621-\u064a]{3}", complaint)
    assert not re.search("[A-Za-z]{2}", around), around


@pytest.mark.parametrize("name", WRONG)
def test_everybody_else_is_told_as_click_tells_it(name: str) -> None:
    result = said(WRONG[name])
    assert result.exit_code == 2
    assert "Error: " in result.stderr
    assert not re.search("[\u0621-\u064a]", result.stderr)


def test_the_option_counts_more_than_the_environment_even_where_the_rest_is_wrong() -> None:
    assert "خطأ: " in said(["contract", "try", "--lang", "ar"]).stderr
    assert "خطأ: " in said(["contract", "try", "--lang=ar"]).stderr
    assert "Error: " in said(["contract", "try", "--lang", "en"], LANG="ar_EG.UTF-8").stderr


def test_no_command_at_all_shows_the_help() -> None:
    assert "Commands:" in said(["contract"], LANG="ar_EG.UTF-8").stderr


def test_what_is_not_known_stays_as_it_is() -> None:
    assert arabic("something of another program") == "something of another program"


def test_what_a_draft_lacks_is_said_in_arabic_and_words_that_are_not_stay_in_their_order(
    tmp_path: Path,
) -> None:
    sample = tmp_path / "deaths.csv"
    sample.write_text("رقم البلاغ,الاسم\nM-1,محمد أحمد علي\n")
    asked = [
        "contract",
        "new",
        str(sample),
        "--agency",
        "moh",
        "--contract",
        "death.v1",
        "--at",
        str(tmp_path),
    ]
    told = said([*asked, "--lang", "ar"]).stdout
    assert "لا شيء يعطي \u2066death_date\u2069 وهو واجب في العقد: تاريخ الوفاة" in told
    assert "\u2066NOTIFIED, REGISTERED\u2069" in told
    assert "ولا تجتاز الفحص بعد: لا شيء يكتب الحقل" in told
    assert "requires" not in told
