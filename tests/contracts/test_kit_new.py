"""`isnad contract new`: a draft that loads, says what it could not tell, and never copies a living person."""

import csv
import io
import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from contracts.folder import SHIPPED
from contracts.kit import reading
from gateway.cli.contract import contract

AGENCIES = SHIPPED / "agencies"
REAL = "2900101" + "01" + "12345"
"""The shape of a living person's: put together here so that no file holds it."""

ROWS = [
    ["رقم البلاغ", "الرقم القومي", "الاسم", "اسم الأم", "تاريخ الميلاد", "النوع", "تاريخ الوفاة", "تاريخ القيد",
     "المحافظة", "كود المكتب", "هاتف"],
    ["A-1", "25803144100131", "محمد أحمد حسن", "فاطمة محمود السيد", "14/03/1958", "ذكر", "22/06/2026", "23/06/2026",
     "القاهرة", "HO-1", "0225551234"],
    ["A-2", "26007154200224", "منى سعيد علي", "هدى خالد محمود", "15/07/1960", "أنثى", "21/06/2026", "23/06/2026",
     "الجيزة", "HO-2", ""],
]  # fmt: skip


def table(delimiter: str = ";", encoding: str = "utf-8", nid: str | None = None) -> bytes:
    out = io.StringIO()
    rows = [list(row) for row in ROWS]
    if nid:
        rows[1][1] = nid
    csv.writer(out, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode(encoding)


def new(root: Path, octets: bytes, name: str = "death.v1", *more: str) -> Result:
    sample = root / "their file.dat"
    sample.write_bytes(octets)
    words = [
        "new",
        str(sample),
        "--agency",
        "clinic",
        "--contract",
        name,
        "--at",
        str(root),
        "--lang",
        "en",
        *more,
    ]
    return CliRunner().invoke(contract, words)


def mapping(root: Path) -> dict[str, dict]:
    return yaml.safe_load((root / "agencies/clinic/death/v1/mapping.yaml").read_text())["fields"]


def binding(root: Path) -> dict[str, object]:
    return yaml.safe_load((root / "agencies/clinic/death/v1/binding.yaml").read_text())


def settle(root: Path, *lines: str) -> None:
    """Do what the draft asks a person for."""
    file = root / "agencies/clinic/death/v1/mapping.yaml"
    file.write_text(file.read_text() + "".join(f"  {line}\n" for line in lines))


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "windows-1256"])
def test_a_table_is_read_whatever_its_delimiter_and_encoding(tmp_path, delimiter, encoding):
    done = new(tmp_path, table(delimiter, encoding))
    assert done.exit_code == 0, done.output
    assert binding(tmp_path)["encoding"] == ("windows-1256" if encoding == "windows-1256" else "utf-8")
    fields = mapping(tmp_path)
    assert fields["person.nid"] == {"from": "الرقم القومي", "fn": ["nid"]}
    assert fields["person.name"]["from"] == "الاسم"
    assert fields["person.mother_name"]["from"] == "اسم الأم"
    assert fields["death_date"] == {"from": "تاريخ الوفاة", "fn": ["date:%d/%m/%Y"], "required": True}
    assert fields["person.birth_date"]["from"] == "تاريخ الميلاد"
    assert fields["person.sex"]["lookup"] == {"ذكر": "M", "أنثى": "F"}
    assert fields["place.gov"]["lookup"] == "governorates/ar"


def test_what_could_not_be_guessed_is_said_in_the_answer_and_in_the_file(tmp_path):
    done = new(tmp_path, table())
    assert "Nothing gives assurance, which the contract requires: NOTIFIED, REGISTERED" in done.output
    assert "هاتف is not read" in done.output
    written = (tmp_path / "agencies/clinic/death/v1/mapping.yaml").read_text()
    assert "#   assurance: NOTIFIED, REGISTERED" in written
    assert "TODO" not in written


def test_the_draft_passes_once_its_questions_are_answered(tmp_path):
    new(tmp_path, table())
    settle(tmp_path, "op: {const: assert}", "assurance: {const: NOTIFIED}", "place.kind: {const: EGYPT}")
    file = tmp_path / "agencies/clinic/death/v1/binding.yaml"
    file.write_text(file.read_text().replace("# unused:", "unused:"))
    folder = tmp_path / "agencies/clinic/death/v1"
    sample = folder / "samples/valid/sample.csv"
    tried = CliRunner().invoke(contract, ["try", str(sample), "--agency", "clinic", "--contract", "death.v1", "--at",
                                          str(tmp_path), "--day", "2026-07-01", "--canonical", "--show"])  # fmt: skip
    assert tried.exit_code == 0, tried.output
    (folder / "expected").mkdir()
    (folder / "expected/sample.json").write_bytes(tried.stdout_bytes)
    (folder / "expected/sample.codes").write_text("warning.nid.check_digit\n")
    done = CliRunner().invoke(contract, ["check", str(tmp_path), "--lang", "en"])
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("sample", "name", "ready"),
    [
        (
            "moh/death/v1/samples/valid/one.json",
            "death.v1",
            {"person.nid", "death_date", "reported_on", "source_ref"},
        ),
        (
            "cso/death/v1/samples/valid/chain.xml",
            "death.v1",
            {"person.nid", "death_date", "op", "place.kind"},
        ),
    ],
)
def test_samples_of_every_format_give_a_draft_that_finds_the_main_fields(tmp_path, sample, name, ready):
    done = new(tmp_path, (AGENCIES / sample).read_bytes(), name)
    assert done.exit_code == 0, done.output
    assert ready <= set(mapping(tmp_path))
    checked = CliRunner().invoke(contract, ["check", str(tmp_path), "--json"])
    # What is left to do is only what the contract asks and the sample does not say.
    assert {problem["rule"] for problem in json.loads(checked.output)["problems"]} <= {"catalogue.target"}


def test_lines_of_json_are_told_from_one_document(tmp_path):
    record = json.loads((AGENCIES / "moh/death/v1/samples/valid/one.json").read_text())
    new(tmp_path, b"\n".join(json.dumps(record).encode() for _ in range(3)))
    assert binding(tmp_path)["media_types"] == ["application/x-ndjson", "application/json"]


def test_an_envelope_around_the_records_is_found(tmp_path):
    inner = (AGENCIES / "cso/death/v1/samples/valid/one.xml").read_text().partition("?>")[2] or (
        AGENCIES / "cso/death/v1/samples/valid/one.xml"
    ).read_text()
    done = new(
        tmp_path, f'<e:Envelope xmlns:e="urn:soap"><e:Body>{inner.strip()}</e:Body></e:Envelope>'.encode()
    )
    assert done.exit_code == 0, done.output
    written = yaml.safe_load((tmp_path / "agencies/clinic/death/v1/mapping.yaml").read_text())
    assert written["record"]["xpath"] == "/e1:Envelope/e1:Body/s:Deaths/s:Death"


@pytest.mark.parametrize(
    "written", [REAL, REAL.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")), f"{REAL[:7]} {REAL[7:]}"]
)
def test_a_sample_with_a_living_persons_number_is_not_copied_and_the_reason_is_given(tmp_path, written):
    done = new(tmp_path, table(nid=written))
    assert done.exit_code == 0, done.output
    assert "The sample was not copied: lines 2 may hold national IDs of living people" in done.output
    assert not (tmp_path / "agencies/clinic/death/v1/samples").exists()
    kept = b"".join(path.read_bytes() for path in (tmp_path / "agencies").rglob("*") if path.is_file())
    assert written.encode() not in kept
    assert REAL not in done.output


def test_a_binding_that_exists_is_left_alone(tmp_path):
    new(tmp_path, table())
    before = (tmp_path / "agencies/clinic/death/v1/mapping.yaml").read_bytes()
    done = new(tmp_path, table(","))
    assert done.exit_code == 1
    assert "exists already; nothing was written" in done.output
    assert (tmp_path / "agencies/clinic/death/v1/mapping.yaml").read_bytes() == before


@pytest.mark.parametrize("name", ["../x", "A", "a/b", "a" * 40, "-a"])
def test_an_agencys_name_is_a_folder_and_nothing_else(tmp_path, name):
    (tmp_path / "s.csv").write_bytes(table())
    done = CliRunner().invoke(
        contract, ["new", str(tmp_path / "s.csv"), "--agency", name, "--contract", "death.v1"]
    )
    assert done.exit_code == 2
    assert "small letters" in done.output


def test_a_contract_that_does_not_exist_is_answered_with_those_that_do(tmp_path):
    done = new(tmp_path, table(), "birth.v1")
    assert done.exit_code == 2
    assert "death.v1" in done.output


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (b"", "is empty"),
        ("a;b\n1;2\n".encode("utf-16"), "is UTF-16"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "neither UTF-8 nor Arabic"),
        (b"just some words\n", "is neither XML nor JSON"),
        (b"a;a\n1;2\n", "empty or repeated name"),
        (b"a;b\n", "no row that fits"),
        (b'{"a": 1, "a": 2}', "at most once"),
        (b'{"a": 1.5}', "whole numbers"),
        (b"[1, 2]", "no array of JSON objects"),
        (b"[" * 100_000, "is not acceptable JSON"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a><d>1</d></a>', "no document type"),
        (b"<a><b><c>1</c>", "well-formed"),
        (b"<a>1</a>", "no element with records"),
        (b'<a><r><x k="1">t</x></r><r><x k="1">t</x></r></a>', "both text and attributes"),
        (
            b'<a><r xmlns="urn:1"><x xmlns="urn:2">1</x></r><r xmlns="urn:1"><x>1</x></r></a>',
            "mixes XML namespaces",
        ),
        (b"x" * (reading.MAX_BYTES + 1), "is larger than"),
    ],
)
def test_a_file_that_is_no_sample_is_refused_with_the_reason_and_without_a_trace(tmp_path, octets, said):
    done = new(tmp_path, octets)
    assert done.exit_code == 1, done.output
    assert said in done.output
    assert not (tmp_path / "agencies").exists()


def test_a_name_of_a_field_cannot_write_into_the_mapping(tmp_path):
    hostile = "x\nfields: {op: {const: void}}\n#"
    done = new(tmp_path, json.dumps([{hostile: "1", "national_id": "25803144100131"}] * 2).encode())
    assert done.exit_code == 0, done.output
    assert set(mapping(tmp_path)) == {"person.nid"}
    assert set(yaml.safe_load((tmp_path / "agencies/clinic/death/v1/binding.yaml").read_text())) >= {"agency"}


@given(st.binary(max_size=300) | st.text(alphabet='<>[]{}":,;\n\t ab12ابت=/', max_size=300).map(str.encode))
def test_any_octets_are_read_or_refused_and_never_crash(octets):
    try:
        sample = reading.read(octets)
    except ValueError:
        return
    assert sample.records
