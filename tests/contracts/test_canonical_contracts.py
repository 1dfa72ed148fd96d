"""Every contract is whole: each field explained, each constraint broken by an example, each word in its list."""

import json
import re
from collections.abc import Iterator

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import contracts
from contracts.errors import Refused
from contracts.rules import compile_rule
from contracts.schema_lint import CLASSIFICATIONS, pointers_to

CATALOGUE = contracts.load()
ALL = [pytest.param(contract, id=name) for name, contract in CATALOGUE.contracts.items()]
FREEZE = {
    "voter-snapshot.v1": "hold",
    "eligibility-gained.v1": "hold",
    "civil-status-change.v1": "hold",
    "residence-change.v1": "hold",
    "death.v1": "pass",
    "capacity-status.v1": "hold",
    "deprivation.v1": "hold",
    "restoration.v1": "hold",
    "service-status.v1": "hold",
    "register-order.v1": "pass",
    "judicial-roster.v1": "exempt",
    "disposition.v1": "exempt",
    "verification.v1": "exempt",
    "reconciliation.v1": "exempt",
}
ASSERTING = {
    "required", "additionalProperties", "type", "pattern", "enum", "const", "minLength", "maxLength", "minimum",
    "maximum", "minItems", "maxItems", "uniqueItems", "anyOf", "oneOf", "not", "format",
}  # fmt: skip


def fields(node: object) -> Iterator[tuple[str, dict[str, object]]]:
    """Give every field that a schema declares; conditions, which repeat names, are left out."""
    if not isinstance(node, dict):
        return
    for name, field in node.get("properties", {}).items():
        yield name, field
        yield from fields(field)
    yield from fields(node.get("items"))
    for definition in node.get("$defs", {}).values():
        yield from fields(definition)


def constraints(node: dict[str, object], at: str = "") -> Iterator[str]:
    """Give the place of every keyword that can refuse a record, except the tests of conditions."""
    for keyword, value in node.items():
        here = f"{at}/{keyword}"
        if keyword in ASSERTING and not (keyword == "required" and not value):
            yield here
        if keyword in {"properties", "$defs"}:
            for name, inner in value.items():
                yield from constraints(inner, f"{here}/{name}")
        if keyword == "allOf":
            for index, inner in enumerate(value):
                yield from constraints(inner, f"{here}/{index}")
        if keyword in {"items", "then", "else"}:
            yield from constraints(value, here)


def broken(contract: contracts.Contract) -> set[str]:
    """Return the place of every keyword that some example breaks."""
    validator = jsonschema_rs.Draft202012Validator(contract.schema, validate_formats=True)
    return {
        "".join(f"/{step}" for step in failure.schema_path)
        for example in contract.examples
        for failure in validator.iter_errors(json.loads(example.octets))
    }


def test_there_are_fourteen_and_each_says_what_a_freeze_does_to_it():
    assert {name: contract.freeze for name, contract in CATALOGUE.contracts.items()} == FREEZE


@pytest.mark.parametrize("contract", ALL)
def test_every_constraint_is_broken_by_an_example(contract):
    # What is shared by contracts (names, dates, references) is broken in one of them.
    shared = {
        place for other in CATALOGUE.contracts.values() for place in broken(other) if "/$defs/" in place
    }
    shown = broken(contract) | shared
    assert [place for place in constraints(contract.schema) if place not in shown] == []


def test_a_shared_type_means_the_same_in_every_contract():
    seen: dict[str, object] = {}
    for contract in CATALOGUE.contracts.values():
        for name, definition in contract.schema["$defs"].items():
            assert seen.setdefault(name, definition) == definition, f"{contract.name} {name}"


@pytest.mark.parametrize("contract", ALL)
def test_every_rule_is_broken_by_an_example(contract):
    for rule in contract.rules:
        check = compile_rule(rule)
        broke = 0
        for example in contract.examples:
            record = json.loads(example.octets)
            if rule.code.split(".")[0] == "record" and example.why != rule.code:
                continue
            if contract.checker.is_valid(record):
                try:
                    check(record, "2026-07-01", example.sender)
                except Refused:
                    broke += 1
        assert broke, rule.says


@pytest.mark.parametrize("contract", ALL)
def test_every_field_is_explained_classified_and_exemplified(contract):
    for name, field in fields(contract.schema):
        assert field["description"], name
        assert re.search("[\u0621-\u064a]", field["x-description-ar"]), name
        assert field["x-classification"] in CLASSIFICATIONS, name
        whole = {**field, "$defs": contract.schema["$defs"]}
        validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
        assert all(validator.is_valid(example) for example in field["examples"]), name
        assert field["examples"], name


@pytest.mark.parametrize("contract", ALL)
def test_a_contract_is_at_least_as_sensitive_as_its_fields(contract):
    ranks = [CLASSIFICATIONS.index(field["x-classification"]) for _, field in fields(contract.schema)]
    assert CLASSIFICATIONS.index(contract.classification) >= max(ranks)


@pytest.mark.parametrize("contract", ALL)
def test_every_contract_says_in_arabic_and_english_who_why_how_soon_and_by_which_law(contract):
    arabic = [contract.title_ar, contract.description_ar]
    arabic += [contract.usage_ar, contract.limitations_ar, *contract.roles_ar, *contract.service_levels_ar]
    arabic += [basis.ar for basis in contract.legal_basis] + [rule.says_ar for rule in contract.rules]
    assert all(re.search("[\u0621-\u064a]", text) for text in arabic)
    assert all((contract.title_en, contract.description, contract.usage, contract.service_levels))
    assert "counsel" in contract.limitations
    assert contract.owner == "nea"
    assert {role.access for role in contract.roles} == {"read", "write"}
    assert not any(basis.verified for basis in contract.legal_basis)  # until counsel has seen them


def conditions(node: object) -> Iterator[dict[str, object]]:
    """Give what each condition of a schema asks."""
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for value in inner:
        yield from conditions(value)
    if isinstance(node, dict):
        yield from (node[branch] for branch in ("then", "else") if branch in node)


@pytest.mark.parametrize("contract", ALL)
def test_what_a_condition_asks_is_told_in_both_languages(contract):
    for branch in conditions(contract.schema):
        told = branch if "$comment" in branch else branch["properties"]["person"]
        assert told["$comment"]
        assert re.search("[\u0621-\u064a]", told["x-comment-ar"])


def test_every_valid_example_of_a_correction_or_void_names_what_it_is_about():
    kinds = {
        (name, json.loads(example.octets)["op"])
        for name, contract in CATALOGUE.contracts.items()
        for example in contract.examples
        if example.why is None
    }
    assert {name for name, op in kinds if op == "assert"} == set(FREEZE)
    assert {name for name, op in kinds if op != "assert"} == set(FREEZE)


# -- code lists


@pytest.mark.parametrize(
    ("contract", "field", "codes"),
    [
        ("disposition.v1", "outcome", "outcomes"),
        ("disposition.v1", "code", "reasons"),
        ("service-status.v1", "force", "forces"),
    ],
)
def test_an_enumeration_is_its_whole_list(contract, field, codes):
    node = CATALOGUE.contract(contract).schema["properties"][field]
    assert (node["x-codes"], set(node["enum"])) == (codes, CATALOGUE.code_lists[codes].codes)


def test_governorates_and_courts_are_the_same_in_schemas_and_lists():
    definitions = CATALOGUE.contract("deprivation.v1").schema["$defs"]
    courts = definitions["decision"]["properties"]["court_code"]["enum"]
    assert set(courts) == CATALOGUE.code_lists["courts"].codes
    governorates = CATALOGUE.contract("death.v1").schema["$defs"]["gov"]["enum"]
    assert set(governorates) == CATALOGUE.code_lists["governorates"].codes
    kept = {row["gov"] for row in CATALOGUE.code_lists["courts"].rows} - {""}
    assert kept == CATALOGUE.code_lists["governorates"].codes - {"88"}


def test_every_legal_item_is_a_kind_of_bar_with_a_period_or_an_end_of_its_own():
    items = {row["code"]: row for row in CATALOGUE.code_lists["legal_items"].rows}
    bars = CATALOGUE.code_lists["bar_kinds"].codes
    assert set(items) == {"A1", "A2", *(f"B{number}" for number in range(1, 9))}
    assert bars == {*items, "NATURALISED_LT5Y"}
    for code, row in items.items():
        assert (row["period_years"], row["start_rule"]) == (
            ("", "WHILE_IN_FORCE") if code.startswith("A") else ("6", "FINAL_DATE")
        )
        assert row["verified"] == "no"
        assert row["reference"]
    deprivation = CATALOGUE.contract("deprivation.v1").schema["properties"]["legal_item"]["enum"]
    assert set(deprivation) == {code for code in items if code.startswith("B")}


def test_bars_are_opened_by_contracts_and_closed_by_kinds_of_restoration():
    kinds = {*CATALOGUE.contract("restoration.v1").schema["properties"]["kind"]["enum"], "END"}
    for row in CATALOGUE.code_lists["bar_kinds"].rows:
        assert row["opened_by"] in CATALOGUE.contracts
        assert set(row["closed_by"].split()) <= kinds


def test_every_list_has_a_version_a_source_and_names_in_both_languages():
    for name, codes in CATALOGUE.code_lists.items():
        assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", codes.about.version), name
        assert re.search("[\u0621-\u064a]", codes.about.title_ar), name
        assert len(codes.by("ar")) == len(codes.rows), name
        assert all(row["en"] for row in codes.rows), name


def test_only_agencies_of_the_list_are_named_by_rules():
    known = CATALOGUE.code_lists["agencies"].codes
    for contract in CATALOGUE.contracts.values():
        for rule in contract.rules:
            named = (rule.sender[2] if rule.sender else []) + (rule.only[1] if rule.only else [])
            assert set(named) <= known, contract.name


# -- every national ID of a record, and not only its subject


def example(contract: str, name: str) -> dict[str, object]:
    found = CATALOGUE.contract(contract).examples
    return json.loads(next(one.octets for one in found if one.file.endswith(f"valid/{name}.json")))


def examined(contract: str, record: dict[str, object], governorates: dict[str, bool]) -> list[str]:
    notes: list[str] = []
    CATALOGUE.contract(contract).hold(record, "2026-07-01", None, governorates, notes)
    return notes


GOVERNORATES = dict(CATALOGUE.binding("moh", "death.v1").governorates)


@pytest.mark.parametrize("field", ["nid_old", "nid_new"])
def test_a_merged_number_of_an_unknown_governorate_is_for_an_officer(field):
    record = example("civil-status-change.v1", "merged")
    notes = examined("civil-status-change.v1", record, {**GOVERNORATES, "41": True})
    assert notes == []
    place = {**GOVERNORATES}
    del place["41"]
    assert "review.nid.governorate" in examined("civil-status-change.v1", record, place)
    record[field] = "25803149900131"
    if field == "nid_old":
        assert "review.nid.governorate" in examined("civil-status-change.v1", record, GOVERNORATES)
    else:
        with pytest.raises(Refused, match=r"record\.rule\.same"):
            examined("civil-status-change.v1", record, GOVERNORATES)


def test_the_subject_is_examined_first():
    schema = CATALOGUE.contract("civil-status-change.v1").schema
    assert set(pointers_to(schema, "#/$defs/nid")) == {"/person/nid", "/nid_old", "/nid_new"}
    record = example("civil-status-change.v1", "merged")
    record["person"]["nid"] = record["nid_new"] = "20001010100009"
    record["nid_old"] = "20001010100017"
    with pytest.raises(Refused) as caught:
        examined("civil-status-change.v1", record, GOVERNORATES)
    assert (caught.value.code, caught.value.field) == ("record.nid.profile", "/person/nid")


@given(st.lists(st.integers(0, 3), min_size=6, max_size=6), st.integers(0, 18))
def test_a_reconciliation_passes_exactly_when_it_adds_up(parts, received):
    names = ["applied", "duplicate", "rejected", "held", "pending", "voided"]
    counted = {"sent": received, "received": received, **dict(zip(names, parts, strict=True))}
    record = {**example("reconciliation.v1", "nothing_happened"), **counted}
    if sum(parts) == received:
        assert examined("reconciliation.v1", record, GOVERNORATES) == []
    else:
        with pytest.raises(Refused, match=r"record\.rule\.sum"):
            examined("reconciliation.v1", record, GOVERNORATES)
