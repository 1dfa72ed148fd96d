"""Everything that ships keeps its word: every example, every sample, every code, every national ID."""

import json
import re
from datetime import datetime

import jsonschema
import orjson
import pytest
import rfc8785

import contracts
from contracts import nid
from contracts.folder import PARTS, SHIPPED

SHIPPED_CATALOGUE = contracts.load()
CONTRACTS = [pytest.param(contract, id=name) for name, contract in SHIPPED_CATALOGUE.contracts.items()]
FILES = [path for part in PARTS for path in sorted((SHIPPED / part).rglob("*")) if path.is_file()]


def test_every_example_and_sample_gives_what_is_written_beside_it(catalogue):
    assert [str(problem) for problem in contracts.check(catalogue)] == []


def test_there_is_something_to_check(catalogue):
    assert set(catalogue.bindings) >= {
        ("moh", "death.v1"),
        ("cso", "death.v1"),
        ("cso", "eligibility-gained.v1"),
        ("nea", "disposition.v1"),
    }
    for binding in catalogue.bindings.values():
        assert sum("/valid/" in sample.file for sample in binding.samples) >= 2
        assert sum("/invalid/" in sample.file for sample in binding.samples) >= 7
    for contract in catalogue.contracts.values():
        assert sum(example.why is None for example in contract.examples) >= 2
        assert sum(example.why is not None for example in contract.examples) >= 5


def test_what_a_sample_corrects_or_voids_stands_before_it_in_the_same_sample(catalogue):
    """So that a sample can be handed over to a gateway as it is."""
    chained = 0
    for sample in (sample for binding in catalogue.bindings.values() for sample in binding.samples):
        stands = set()
        for record in map(orjson.loads, (sample.expected or b"").splitlines()):
            prior = record.get("prior_ref")
            assert prior is None or prior in stands, f"{sample.file}: {prior}"
            stands -= {prior} if record["op"] == "void" else set()
            stands |= {record["source_ref"]} if record["op"] != "void" else set()
            chained += prior is not None
    assert chained > 20


# That a record is an object is asked before its schema, and by it.
REFUSED_BY_SCHEMA = ("record.schema", "record.date.cal", "record.json.object")


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_second_validator_agrees_on_every_example(contract):
    """Where two implementations differ, the schema is at fault; consumers use whichever they have."""
    checker = jsonschema.FormatChecker(formats=["date", "uuid"])
    checker.checks("date-time", raises=ValueError)(lambda written: bool(datetime.fromisoformat(written)))
    validator = jsonschema.Draft202012Validator(contract.schema, format_checker=checker)
    for example in contract.examples:
        record = json.loads(example.octets)
        second = validator.is_valid(record)
        assert contract.checker.is_valid(record) == second, example.file
        refused_by_schema = (example.why or "").startswith(REFUSED_BY_SCHEMA)
        assert second == (not refused_by_schema), example.file


@pytest.mark.parametrize("contract", CONTRACTS)
def test_the_readers_schema_accepts_what_a_later_minor_adds(contract):
    reader = jsonschema.Draft202012Validator(contract.reader_schema)
    for example in contract.examples:
        if example.why is None:
            record = json.loads(example.octets)
            assert reader.is_valid(record | {"added_later": {"anything": 1}}), example.file
            assert not reader.is_valid({key: value for key, value in record.items() if key != "source_ref"})


def test_expected_results_are_rfc_8785_lines(catalogue):
    for binding in catalogue.bindings.values():
        for sample in binding.samples:
            for line in (sample.expected or b"").splitlines():
                assert line == rfc8785.dumps(orjson.loads(line)), sample.file


def test_every_field_is_described_in_both_languages(catalogue):
    for contract in catalogue.contracts.values():
        for name, field in contract.schema["properties"].items():
            assert field.get("description"), name
            assert re.search("[\u0621-\u064a]", field.get("x-description-ar", "")), f"{contract.name} {name}"


def test_the_contracts_carry_what_the_gateway_asks_them(catalogue):
    death, disposition = catalogue.contract("death.v1"), catalogue.contract("disposition.v1")
    assert (death.freeze, death.subject, death.about, death.logged) == ("pass", "/person/nid", None, ())
    assert (disposition.subject, disposition.about) == (None, "/event_id")
    assert disposition.logged == ("outcome", "code")
    assert catalogue.contract("eligibility-gained.v1").freeze == "hold"
    assert death.title_ar == "وفاة"


def test_a_disposition_is_about_the_record_it_answers(catalogue):
    binding = catalogue.binding("nea", "disposition.v1")
    sample = next(sample for sample in binding.samples if sample.file.endswith("valid/one.json"))
    conformed = binding.conform(sample.octets, contracts.checking.SAMPLES_DAY)
    assert conformed.about == "0b4d2f8e-5a61-8c3d-9e2f-1a2b3c4d5e6f"
    assert conformed.nid is None


def test_no_national_id_outside_the_reserved_range():
    nobody = "20001010100009"
    accepted = nid.governorate_verdicts(SHIPPED_CATALOGUE.code_lists["governorates"].codes, "production")
    for path in FILES:
        for number in re.findall(r"(?=([23][0-9]{13}))", path.read_bytes().decode("utf-8", "replace")):
            reserved = not nid.birth_date(number) or not accepted.get(number[7:9])
            assert reserved or number == nobody, path


def test_every_code_that_can_be_given_is_explained_in_both_languages():
    sources = "".join(path.read_text() for path in SHIPPED.glob("*.py"))
    rules = "".join(path.read_text() for path in SHIPPED.rglob("*.odcs.yaml"))
    code = r"(?:record|review|warning)\.[a-z_]+(?:\.[a-z_]+)*"
    given = {*re.findall(f'"({code})"', sources), *re.findall(f"code: ({code})", rules)}
    assert given == set(contracts.CODES)
    for text in contracts.CODES.values():
        assert all((text.en, text.ar, text.remedy_en, text.remedy_ar))
        assert re.search("[\u0621-\u064a]", text.ar)
        assert re.search("[\u0621-\u064a]", text.remedy_ar)
