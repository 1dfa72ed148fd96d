"""A catalogue that an agency wrote, or somebody damaged, is refused as a whole, with place and reason."""

import json
import os
import re
import time
from pathlib import Path

import pytest
from support.arabic import is_arabic

import contracts
from contracts import schema_lint
from contracts.errors import Invalid
from contracts.xml_source import XmlSchema

MOH = "agencies/moh/death/v1"
CSO = "agencies/cso/death/v1"
ROWS = "agencies/cso/eligibility-gained/v1"
DEATH = "canonical/death/v1"


def problems(folder: Path) -> list[str]:
    with pytest.raises(Invalid) as caught:
        contracts.load(folder)
    for problem in caught.value.problems:
        assert is_arabic(problem.message_ar), problem.message_ar
    return [str(problem) for problem in caught.value.problems]


def rewrite(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_an_undamaged_copy_loads_and_has_the_same_digest(whole_folder, catalogue):
    assert contracts.load(whole_folder).digest == catalogue.digest
    assert re.fullmatch("[0-9a-f]{64}", catalogue.digest)


def test_the_digest_sees_every_octet_and_every_name(folder):
    catalogue = contracts.load(folder)
    sample = folder / MOH / "samples/valid/one.json"
    sample.write_bytes(sample.read_bytes() + b" ")
    changed = contracts.load(folder).digest
    sample.rename(sample.with_name("first.json"))
    (folder / MOH / "expected/one.json").rename(folder / MOH / "expected/first.json")
    assert len({catalogue.digest, changed, contracts.load(folder).digest}) == 3


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        (f"{DEATH}/contract.odcs.yaml", "name: death.v1", "name: deaths.v1", "must be death.v1"),
        (f"{DEATH}/contract.odcs.yaml", "status: active", "status: active\nowner: x", "owner"),
        (f"{DEATH}/contract.odcs.yaml", "status: active", "status: active\nstatus: draft", "occurs twice"),
        (f"{DEATH}/contract.odcs.yaml", "status: active", "status: &a active", "status: &a active"),
        (f"{DEATH}/contract.odcs.yaml", "kind: DataContract", "kind: !!python/name:os.system", "YAML"),
        (f"{DEATH}/contract.odcs.yaml", "value: pass", "value: sometimes", "freeze"),
        (f"{DEATH}/contract.odcs.yaml", "/person/nid", "/person/id", "no field /person/id"),
        (f"{DEATH}/contract.odcs.yaml", "order: [/death_date,", "order: [/died,", "no field /died"),
        (f"{DEATH}/contract.odcs.yaml", "not_future: /occurred_on", "always: /occurred_on", "always"),
        (
            "canonical/disposition/v1/contract.odcs.yaml",
            "[outcome, code]",
            "[outcome, event_ref]",
            "event_ref must be an enumerated",
        ),
        (
            "canonical/disposition/v1/contract.odcs.yaml",
            "[outcome, code]",
            "[outcome, count]",
            "every event of the log has already",
        ),
        (
            "canonical/disposition/v1/contract.odcs.yaml",
            "value: /event_id",
            "value: /event_ref",
            "format uuid",
        ),
        (f"{DEATH}/schema.json", "#/$defs/ref", "https://example.org/x.json", "references stay inside"),
        (f"{DEATH}/schema.json", "#/$defs/ref", "#/$defs/gone", "schema.json"),
        (f"{DEATH}/schema.json", '"additionalProperties": false', '"additionalProperties": true', "closed"),
        (f"{DEATH}/schema.json", '"title": "Death"', '"title": "Death", "title": "x"', "at most once"),
        (f"{MOH}/binding.yaml", "agency: moh", "agency: moj", "must be agency moh"),
        (f"{MOH}/binding.yaml", "application/json", "text/csv", "text/csv does not hold json"),
        (f"{MOH}/binding.yaml", "utf-8", "windows-1256", "JSON is always UTF-8"),
        (f"{MOH}/binding.yaml", "16384", "99999999", "max_record_bytes"),
        (f"{MOH}/binding.yaml", "format: json", "format: ../../x", "format"),
        (f"{MOH}/mapping.yaml", "fn: [nid]", "fn: [nid, eval]", "no function 'eval'"),
        (f"{MOH}/mapping.yaml", "from: deceased.national_id", "from: deceased.id", "no field 'deceased.id'"),
        (f"{MOH}/mapping.yaml", "person.nid:", "person.id:", "person.id: the contract has no such field"),
        (f"{MOH}/mapping.yaml", "  office_code:", "  #office_code:", "nothing gives office_code"),
        (f"{MOH}/mapping.yaml", "governorates/ar", "cities/ar", "no code list 'cities'"),
        (f"{MOH}/mapping.yaml", "governorates/ar", "governorates/fr", "no column 'fr'"),
        (f"{MOH}/mapping.yaml", "lookup: governorates/ar", "lookup: ../../etc/passwd", "no code list '..'"),
        (f"{MOH}/mapping.yaml", "{const: NOTIFIED}", "{const: NOTIFIED, from: action}", "exactly one of"),
        (
            f"{MOH}/mapping.yaml",
            "{from: amends, fn: [trim]}",
            "{from: [amends, action]}",
            "list of places needs",
        ),
        (
            f"{MOH}/mapping.yaml",
            "{from: notification_no, fn: [trim], required: true}",
            "{from: [deceased.national_id, death.date], fn: [hash_ref]}",
            "to nothing else",
        ),
        (f"{MOH}/source.schema.json", '"maxLength": 64', '"minLength": 64', "add maxLength"),
        (f"{CSO}/mapping.yaml", "d:Person/@nid", "document('x')/@nid", "a path is child names"),
        (f"{CSO}/mapping.yaml", "d:Person/@nid", "//@nid", "a path is child names"),
        (f"{CSO}/mapping.yaml", "d:Person/@nid", "d:Person[1]/@nid", "a path is child names"),
        (f"{CSO}/mapping.yaml", "d:Person/@nid", "../d:Person/@nid", "a path is child names"),
        (f"{CSO}/mapping.yaml", "d:Person/@nid", "e:Person/@nid", "prefix 'e' is not declared"),
        (f"{CSO}/mapping.yaml", "d:Person/@nid", "d:Person/@id", "declares no 'id'"),
        (f"{CSO}/mapping.yaml", "xpath: /d:Deaths/d:Death", "xpath: //d:Death", "xpath"),
        (
            f"{CSO}/source.xsd",
            "<xs:simpleType",
            '<xs:import schemaLocation="http://x/"/><xs:simpleType',
            "xs:import",
        ),
        (
            f"{CSO}/source.xsd",
            "<xs:simpleType",
            '<xs:include schemaLocation="/etc/x"/><xs:simpleType',
            "xs:include",
        ),
        (f"{CSO}/source.xsd", '<xs:maxLength value="300"/>', '<xs:pattern value="(a+)+"/>', "itself repeats"),
        (f"{CSO}/source.xsd", "<xs:schema", '<!DOCTYPE x [<!ENTITY a "b">]><xs:schema', "document type"),
        (f"{CSO}/source.xsd", 'type="Text"', 'type="Txet"', "not a valid XML Schema"),
        (f"{ROWS}/columns.csv", "REF,yes,40", "REF,perhaps,40", "yes or no"),
        (f"{ROWS}/columns.csv", "ACTION,yes", "REF,yes", "line 3"),
        (f"{ROWS}/columns.csv", "^[ACV]$", "(a*)*", "patterns begin with"),
        ("_codes/governorates.csv", "02,", "01,", "a code occurs twice"),
        ("_codes/governorates.csv", "Giza", "Gizah", "lists.yaml: governorates: changed since version 1.0.0"),
        ("_codes/lists.yaml", "governorates:", "cities:", "lists.yaml says nothing of this list"),
        ("_codes/lists.yaml", "governorates:", "cities:", "_codes/cities.csv: is missing"),
        ("_codes/agencies.csv", "moh,", "health,", "is not in the list agencies"),
        (f"{DEATH}/schema.json", '"x-codes": "governorates"', '"x-codes": "cities"', "no code list 'cities'"),
        (f"{DEATH}/schema.json", '        "88"', '        "99"', "not in the list governorates: 99"),
        (
            f"{DEATH}/schema.json",
            '"x-classification": "internal"',
            '"x-classification": "open"',
            "one of internal",
        ),
        (f"{DEATH}/contract.odcs.yaml", "verified: false", "verified: perhaps", "legalBasis.0.verified"),
        (f"{DEATH}/contract.odcs.yaml", "roles:", "servers:", "roles"),
        (
            f"{DEATH}/contract.odcs.yaml",
            "team: {name: nea,",
            "team: {name: army,",
            "team.name: is not in the",
        ),
        (
            f"{DEATH}/contract.odcs.yaml",
            "  - {role: moh, access: write,",
            "  - {role: moj, access: write, description: x}\n  - {role: moh, access: write,",
            "one text for each of roles",
        ),
        (
            f"{DEATH}/contract.odcs.yaml",
            "  - {property: latency,",
            "  - {property: frequency, value: 1, description: x}\n  - {property: latency,",
            "one text for each of slaProperties",
        ),
        (f"{DEATH}/contract.odcs.yaml", "within: [/death_date", "within: [/died", "no field /died"),
        ("_codes/governorates.csv", "code,", "kode,", "first column must be"),
        ("_codes/governorates.csv", "الجيزة", "القاهرة", "one word for two codes"),
    ],
)
def test_what_does_not_fit_is_named_with_its_file(folder, file, old, new, expected):
    if (old, new) == ("status: active", "status: &a active"):
        rewrite(folder, file, old, new)
        rewrite(folder, file, "domain: voter-register", "domain: *a")
        expected = "anchors and aliases are not allowed"
    else:
        rewrite(folder, file, old, new)
    found = problems(folder)
    assert any(expected in problem for problem in found), found
    assert all(problem.startswith(("canonical/", "agencies/", "_codes/")) for problem in found)


def test_a_missing_file_is_named(folder):
    for file in (
        f"{DEATH}/schema.json",
        f"{MOH}/mapping.yaml",
        f"{CSO}/source.xsd",
        "_codes/governorates.csv",
    ):
        path = folder / file
        held = path.read_bytes()
        path.unlink()
        assert any(
            problem.startswith(f"{file}: is missing") or "without it" in problem
            for problem in problems(folder)
        )
        path.write_bytes(held)


@pytest.mark.parametrize(
    "name", ["agencies/moh/death/v1/run.py", "canonical/death/v1/x", "agencies/MOH/x/v1/binding.yaml"]
)
def test_a_file_that_has_no_business_there_is_refused(folder, name):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("x")
    assert any("does not belong here" in problem for problem in problems(folder))


def test_links_and_special_files_are_refused(folder):
    (folder / MOH / "samples/valid/passwd.json").symlink_to("/etc/passwd")
    (folder / "agencies/other").symlink_to("/etc")
    os.mkfifo(folder / MOH / "samples/valid/pipe.json")
    found = problems(folder)
    assert sum("is a link or a special file" in problem for problem in found) == 3


def test_a_huge_file_is_refused_without_being_read(folder):
    with (folder / MOH / "samples/valid/huge.json").open("wb") as file:
        file.truncate(10 * 1024**3)
    assert any("larger than" in problem for problem in problems(folder))


def test_yaml_cannot_nest_without_end(folder):
    (folder / MOH / "mapping.yaml").write_text("[" * 5000)
    assert any("nested more than" in problem for problem in problems(folder))


def test_every_problem_is_told_at_once_and_nothing_is_loaded(folder):
    rewrite(folder, f"{MOH}/mapping.yaml", "fn: [nid]", "fn: [x]")
    rewrite(folder, f"{CSO}/mapping.yaml", "fn: [nid]", "fn: [y]")
    assert len(problems(folder)) == 2


# -- XSDs


def xsd(body: str) -> bytes:
    start = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="r"><xs:complexType>'
    return f"{start}{body}</xs:complexType></xs:element></xs:schema>".encode()


def with_pattern(pattern: str) -> bytes:
    facet = f'<xs:restriction base="xs:string"><xs:pattern value="{pattern}"/></xs:restriction>'
    return xsd(
        f'<xs:sequence><xs:element name="a"><xs:simpleType>{facet}</xs:simpleType></xs:element></xs:sequence>'
    )


MANY = "".join(f'<xs:element name="a{i}" type="xs:string" minOccurs="0"/>' for i in range(400))


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (with_pattern("[a-z]*[a-z]*!"), "more than one repetition"),
        (with_pattern("(a|b)" * 9), "alternatives"),
        (with_pattern("(a*)*"), "itself repeats"),
        (xsd(f"<xs:sequence>{MANY}</xs:sequence>"), "more than 256 elements"),
        (xsd('<xs:choice maxOccurs="unbounded"><xs:element name="a"/></xs:choice>'), "does not repeat"),
        (xsd('<xs:sequence><xs:element name="a" maxOccurs="1001"/></xs:sequence>'), "unbounded"),
        (xsd('<xs:sequence><xs:group ref="g"/></xs:sequence>'), "xs:group"),
        (xsd("<x/>"), "only elements of XML Schema"),
        (b"<xs:schema", "well-formed"),
        (b'<!DOCTYPE a SYSTEM "/etc/passwd"><a/>', "document type"),
    ],
)
def test_xsds_that_could_take_long_or_reach_out_are_refused_at_once(octets, expected):
    began = time.perf_counter()
    with pytest.raises(ValueError, match=expected):
        XmlSchema(octets)
    assert time.perf_counter() - began < 1


def test_the_largest_accepted_xsd_is_quick(folder):
    elements = MANY[: MANY.index('<xs:element name="a255"')]
    began = time.perf_counter()
    XmlSchema(xsd(f"<xs:sequence>{elements}</xs:sequence>"))
    XmlSchema(with_pattern("(a|b|ab)(c|bcd)?[a-z]*!"))
    assert time.perf_counter() - began < 2


# -- schemas


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (True, "JSON object"),
        ({}, "must have one type"),
        ({"type": "number"}, "fractions"),
        ({"type": ["string", "null"]}, "must have one type"),
        ({"type": "string"}, "maxLength"),
        ({"type": "array", "items": {"const": 1}}, "maxItems"),
        ({"type": "array", "maxItems": 1}, "items"),
        ({"type": "integer", "minimum": 0}, "maximum"),
        ({"type": "object", "properties": {"a": {"const": 1}}}, "closed"),
        ({"type": "object", "additionalProperties": False, "properties": {"a": True}}, "not used"),
        ({"const": 1, "patternProperties": {}}, "'patternProperties' is not"),
        ({"const": 1, "$dynamicRef": "#a"}, "'$dynamicRef' is not"),
        ({"const": 1, "format": "regex"}, "only date"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}, "itself"),
        ({"$ref": "file:///etc/passwd"}, "inside the document"),
        ({"allOf": [{"not": {"pattern": "x"}}], "const": 1}, "begin with ^"),
    ],
)
def test_schemas_outside_the_allowed_part_are_refused(schema, expected):
    assert any(expected in message for _, message, _ in schema_lint.problems(schema)), schema_lint.problems(
        schema
    )


@pytest.mark.parametrize(
    "pattern",
    [
        r"^(a+)+$",
        r"^(a|b*)*$",
        r"^((ab){2})+$",
        r"^((a)+b)+$",
        r"^(a{1,9}){2,}$",
        r"^\d$",
        r"^(?=a)$",
        r"a",
        "^a{1001}$",
        7,
    ],
)
def test_patterns_that_could_run_away_or_mean_two_things_are_refused(pattern):
    assert schema_lint.pattern_problem(pattern)


@pytest.mark.parametrize(
    "pattern",
    [r"^[23][0-9]{13}$", r"^(1[89]|20)[0-9]{2}$", r"^([a+*]|\(\+)*$", r"^(ab|c)?(d)+$", r"^[^\]]+(a)b*$"],
)
def test_plain_patterns_pass(pattern):
    assert schema_lint.pattern_problem(pattern) is None


def test_an_accepted_pattern_is_fast_on_hostile_text(folder):
    schema = json.loads((folder / MOH / "source.schema.json").read_text())
    schema["properties"]["remarks"] |= {
        "pattern": "^[a-z]*[a-z]*[a-z]*[a-z]*[a-z]*[a-z]*!$",
        "maxLength": 16000,
    }
    (folder / MOH / "source.schema.json").write_text(json.dumps(schema))
    binding = contracts.load(folder).binding("moh", "death.v1")
    sample = next(sample for sample in binding.samples if sample.file.endswith("valid/one.json"))
    record = json.loads(sample.octets) | {"remarks": "a" * 15000}
    began = time.perf_counter()
    with pytest.raises(contracts.Refused):
        binding.conform(json.dumps(record).encode(), contracts.checking.SAMPLES_DAY)
    assert time.perf_counter() - began < 1
