"""`isnad contract try`: an agency sees what would become of its own file, and nobody else sees a national ID."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from contracts.folder import SHIPPED
from contracts.kit.screen import masked, visible
from gateway.cli.contract import contract

MOH = SHIPPED / "agencies/moh/death/v1"
CSO = SHIPPED / "agencies/cso/death/v1"
ROWS = SHIPPED / "agencies/cso/eligibility-gained/v1"
DAY = ("--day", "2026-07-01")


def attempt(file: Path | str, agency: str, name: str, *more: str, octets: bytes | None = None) -> Result:
    words = ["try", str(file), "--agency", agency, "--contract", name, "--lang", "en", *DAY, *more]
    return CliRunner().invoke(contract, words, input=octets)


def nids(file: Path) -> set[str]:
    """Return the national IDs that the expected results of a sample hold."""
    return {json.loads(line)["person"]["nid"] for line in file.read_text().splitlines()}


def test_an_accepted_record_is_shown_before_and_after():
    done = attempt(MOH / "samples/valid/arabic_digits.json", "moh", "death.v1")
    assert done.exit_code == 0, done.output
    assert "1  ✓ accepted" in done.output
    assert "death.date: ٠٢/٠٦/٢٠٢٦  →  death_date: 2026-06-02" in done.output
    assert "(fixed)  →  assurance: NOTIFIED" in done.output
    assert (
        "1 records: 1 accepted, 0 of them for an officer's review, 0 refused. Nothing was sent."
        in done.output
    )


def test_a_refused_record_says_why_where_and_what_to_do():
    done = attempt(CSO / "samples/invalid/bidi.xml", "cso", "death.v1")
    assert done.exit_code == 1
    assert "1  ✗ refused  record.text.bidi  d:Remark" in done.output
    assert "→ Remove direction embeddings" in done.output


def test_the_answer_is_in_arabic_when_asked():
    done = attempt(CSO / "samples/invalid/bidi.xml", "cso", "death.v1", "--lang", "ar")
    assert "مرفوض" in done.output
    assert "لم يُرسل شيء" in done.output


def test_remarks_are_explained():
    done = attempt(MOH / "samples/valid/decorated_name.json", "moh", "death.v1")
    assert "! warning.text.sanitised: " in done.output


def test_each_record_of_a_file_is_judged_by_itself():
    done = attempt(ROWS / "samples/invalid/one_of_three.csv", "cso", "eligibility-gained.v1", "--json")
    lines = [json.loads(line) for line in done.output.splitlines()]
    assert [line["accepted"] for line in lines] == [True, False, True]
    assert lines[1]["refusal"]["code"] == "record.code.unknown"
    assert lines[1]["values"] == [{"place": "GOV", "before": "20", "target": "", "after": ""}]


@pytest.mark.parametrize(
    ("folder", "agency", "name", "stem"),
    [(MOH, "moh", "death.v1", "arabic_digits.json"), (CSO, "cso", "death.v1", "chain.xml"),
     (ROWS, "cso", "eligibility-gained.v1", "day.csv")],
)  # fmt: skip
@pytest.mark.parametrize("way", [(), ("--json",)])
def test_no_national_id_is_shown_unless_asked(folder, agency, name, stem, way):
    expected = nids(folder / "expected" / (stem.partition(".")[0] + ".json"))
    assert expected
    done = attempt(folder / "samples/valid" / stem, agency, name, *way)
    plain = done.output.translate(str.maketrans("٠١٢٣٤٥٦٧٨٩", "0123456789"))
    assert not [number for number in expected if number[:11] in plain]
    shown = attempt(folder / "samples/valid" / stem, agency, name, *way, "--show")
    assert all(number in shown.output for number in expected)


def test_a_number_that_is_no_national_id_yet_is_hidden_where_one_belongs(tmp_path):
    record = json.loads((MOH / "samples/valid/one.json").read_text())
    record["deceased"]["national_id"] = "2-9001-0141"
    file = tmp_path / "own.json"
    file.write_text(json.dumps(record))
    done = attempt(file, "moh", "death.v1")
    assert "record.nid.format" in done.output
    assert "9001" not in done.output


def test_what_cannot_be_read_is_shown_masked_and_short(tmp_path):
    file = tmp_path / "own.json"
    file.write_text('{"deceased": {"national_id": 29001014112345, "x": "' + "y" * 5000 + '"}')
    done = attempt(file, "moh", "death.v1")
    assert done.exit_code == 1
    assert "2900101" not in done.output
    assert len(done.output) < 2000


def test_a_number_that_the_agencys_own_schema_refuses_is_hidden_whole(tmp_path):
    record = json.loads((MOH / "samples/valid/one.json").read_text())
    record["deceased"]["national_id"] = "2900/1014/1123" * 4
    file = tmp_path / "own.json"
    file.write_text(json.dumps(record))
    done = attempt(file, "moh", "death.v1")
    assert "record.schema.length" in done.output
    assert "1014" not in done.output
    assert "1123" not in done.output


def test_a_file_cannot_command_the_terminal(tmp_path):
    record = json.loads((MOH / "samples/valid/one.json").read_text())
    record["remarks"] = "\x1b[2J\u202eabc"
    file = tmp_path / "own.json"
    file.write_text(json.dumps(record))
    done = attempt(file, "moh", "death.v1")
    assert "\x1b" not in done.output
    assert "\u202e" not in done.output
    assert "<U+001B>" in done.output


def test_canonical_records_are_the_expected_results_byte_for_byte():
    done = attempt(ROWS / "samples/valid/day.csv", "cso", "eligibility-gained.v1", "--canonical", "--show")
    assert done.stdout_bytes == (ROWS / "expected/day.json").read_bytes()


def test_canonical_records_need_leave_to_show_national_ids():
    done = attempt(ROWS / "samples/valid/day.csv", "cso", "eligibility-gained.v1", "--canonical")
    assert done.exit_code == 2
    assert "add --show" in done.output


def test_lines_of_json_are_told_by_the_name_of_the_file(tmp_path):
    line = json.dumps(json.loads((MOH / "samples/valid/one.json").read_text()))
    file = tmp_path / "own.ndjson"
    file.write_text(line + "\n" + line + "\n")
    assert "2 records: 2 accepted" in attempt(file, "moh", "death.v1").output


def test_a_binding_of_the_agencys_own_folder_is_tried(tmp_path):
    shutil.copytree(MOH, tmp_path / "agencies/clinic/death/v1")
    binding = tmp_path / "agencies/clinic/death/v1/binding.yaml"
    binding.write_text(binding.read_text().replace("agency: moh", "agency: clinic"))
    done = attempt(MOH / "samples/valid/one.json", "clinic", "death.v1", "--at", str(tmp_path))
    assert done.exit_code == 0, done.output


def test_a_binding_that_does_not_exist_is_said_to_be_missing():
    done = attempt(MOH / "samples/valid/one.json", "moh", "birth.v1")
    assert done.exit_code == 2
    assert "moh has no binding of birth.v1" in done.output


def test_a_broken_binding_leads_to_the_check(tmp_path):
    shutil.copytree(MOH, tmp_path / "agencies/moh/death/v1")
    (tmp_path / "agencies/moh/death/v1/mapping.yaml").write_text("fields: [")
    done = attempt(MOH / "samples/valid/one.json", "moh", "death.v1", "--at", str(tmp_path))
    assert done.exit_code == 1
    assert "Run isnad contract check first." in done.output


def test_the_limit_ends_an_endless_file():
    line = json.dumps(json.loads((MOH / "samples/valid/one.json").read_text())).encode() + b"\n"
    source = "import sys\nwhile True: sys.stdout.buffer.write(" + repr(line) + ")"
    with subprocess.Popen(
        [sys.executable, "-c", source], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as endless:
        assert endless.stdout is not None
        fd = endless.stdout.fileno()
        fifo = f"/dev/fd/{fd}"
        done = attempt(fifo, "moh", "death.v1", "--limit", "5", "--json")
        endless.kill()
    # One array is a document with an end; endless lines are not one, so it is refused at its limit and not held.
    assert len(done.output.splitlines()) == 1
    assert "record.document.size" in done.output


def test_a_huge_file_takes_little_memory(tmp_path):
    rows = (ROWS / "samples/valid/one.csv").read_bytes().splitlines(keepends=True)
    file = tmp_path / "huge.csv"
    with file.open("wb") as out:
        out.write(rows[0])
        for _ in range(100):
            out.write(rows[1] * 1000)
    assert file.stat().st_size > 15_000_000
    words = [
        "try",
        file,
        "--agency",
        "cso",
        "--contract",
        "eligibility-gained.v1",
        *DAY,
        "--limit",
        "6000",
        "--json",
    ]
    code = (
        "import pathlib, re, sys\nfrom gateway.cli.contract import contract\n"
        "try: contract(sys.argv[1:])\n"
        # Not ru_maxrss, which begins with what the process that started this one had.
        "finally: print(re.search(r'VmHWM:\\s+([0-9]+)', pathlib.Path('/proc/self/status').read_text())[1],"
        " file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        capture_output=True,
        check=False,
        text=True,
        env=dict(os.environ),
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 6_000
    assert int(done.stderr.split()[-1]) < 200_000  # KiB: the interpreter, the catalogue, and one chunk


@given(
    st.from_regex(r"[23][0-9]{2}(0[1-9]|1[0-2])(0[1-9]|1[0-9]|2[0-8])[0-9]{7}", fullmatch=True),
    st.sampled_from(["", " ", "-", "\u200f"]),
)
def test_masking_hides_every_national_id_in_any_digits(number, filling):
    for digits in ("0123456789", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹"):
        written = filling.join(number).translate(str.maketrans("0123456789", digits))
        shown = masked(f"x {written} y")
        assert sum(character in digits for character in shown) <= 2


@given(st.text())
def test_nothing_unseen_is_left_in_what_is_shown(text):
    assert visible(text).isprintable() or not text.isprintable()
    assert not set(visible(text)) & set("\x00\x07\x1b\u202e\u2066\u200b\u200f\n\r")
