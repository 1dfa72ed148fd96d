"""One record through its binding: what comes out, what is refused, and what is never said."""

import json
import shutil
import string
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import contracts
from contracts import nid
from contracts.documents import Rule
from contracts.errors import Refused
from contracts.rules import anniversary, compile_rule

DAY = date(2026, 7, 1)
CATALOGUE = contracts.load()
MOH = CATALOGUE.binding("moh", "death.v1")
RECORD = json.loads(next(s for s in MOH.samples if s.file.endswith("valid/one.json")).octets)
SECRETS = ["25803144100131", "محمد", "فاطمة", "1958", "14/03"]


def conform(record: object, day: date = DAY) -> contracts.Conformed:
    return MOH.conform(json.dumps(record, ensure_ascii=False).encode(), day)


def refusal(record: object, day: date = DAY) -> Refused:
    with pytest.raises(Refused) as caught:
        conform(record, day)
    return caught.value


def changed(**changes: object) -> dict[str, object]:
    record = json.loads(json.dumps(RECORD))
    for path, value in changes.items():
        *folders, name = path.split("__")
        node = record
        for folder in folders:
            node = node[folder]
        if value is None:
            node.pop(name, None)
        else:
            node[name] = value
    return record


def test_the_gateway_gets_what_it_needs_beside_the_payload():
    conformed = conform(changed(action="AMEND", amends="MOH-1"))
    assert (conformed.source_ref, conformed.op, conformed.prior_ref) == (
        RECORD["notification_no"],
        "correct",
        "MOH-1",
    )
    assert (conformed.nid, conformed.about, conformed.occurred_on) == ("25803144100131", None, "2026-06-02")
    assert (conformed.warnings, conformed.review) == ((), ())


def test_remarks_and_reviews_are_told_apart():
    conformed = conform(changed(deceased__name="مُحمد علی", deceased__gender="أنثى"))
    assert conformed.warnings == ("warning.text.sanitised",)
    assert conformed.review == ("review.nid.sex", "review.text.alphabet")


def test_a_conformed_record_cannot_be_changed():
    conformed = conform(RECORD)
    with pytest.raises(AttributeError):
        conformed.source_ref = "other"


@pytest.mark.parametrize("secret", SECRETS)
def test_nothing_personal_shows_in_a_repr(secret):
    piece = contracts.Piece(1, json.dumps(RECORD, ensure_ascii=False).encode())
    assert secret not in repr(conform(RECORD)) + repr(piece)


@pytest.mark.parametrize(
    ("record", "field"),
    [
        (changed(deceased__national_id="1"), "deceased.national_id"),
        (changed(deceased__national_id="25813144100131"), "deceased.national_id"),
        (changed(notified_on="01/06/2026"), "death.date"),
        (changed(death__governorate="لندن"), "death.governorate"),
        (changed(office__code="a b"), "office.code"),
        (changed(deceased__name="ا"), "deceased.name"),
        (changed(deceased__gender=7), "/deceased/gender"),
        (changed(death__date=None), "/death/date"),
        (changed(death__date=""), "death.date"),
        (changed(notification_no="25803144100131"), "notification_no"),
        (changed(action="AMEND", amends="X-25803144100131"), "amends"),
    ],
)
def test_a_refusal_names_the_field_as_the_agency_knows_it(record, field):
    assert refusal(record).field == field


def test_a_refusal_never_repeats_a_name_that_the_sender_invented():
    refused = refusal(RECORD | {"25803144100131": "محمد"})
    assert (refused.code, refused.field) == ("record.schema.unexpected", "")
    refused = refusal(changed(deceased__محمد="x"))
    assert (refused.code, refused.field) == ("record.schema.unexpected", "/deceased")


def test_today_is_the_last_day_on_which_something_happened():
    record = changed(death__date="02/06/2026", notified_on="02/06/2026")
    assert conform(record, date(2026, 6, 2)).occurred_on == "2026-06-02"
    assert refusal(record, date(2026, 6, 1)).code == "record.date.future"


LEAVES = [
    "notification_no",
    "action",
    "amends",
    "office__code",
    "deceased__national_id",
    "deceased__name",
    "deceased__mother_name",
    "deceased__birth_date",
    "deceased__gender",
    "death__date",
    "death__time",
    "death__governorate",
    "notified_on",
    "remarks",
]
SCRAPS = (
    st.text(max_size=30)
    | st.text("0123456789/٠١٢۳-: \u202e\u200fمحمد", max_size=20)
    | st.sampled_from([*SECRETS, "9" * 14, "2.9E+13"])
)
VALUES = SCRAPS | st.integers(-(2**60), 2**60) | st.booleans() | st.lists(SCRAPS, max_size=2) | st.none()


@settings(max_examples=300)
@given(st.sampled_from(LEAVES), VALUES)
def test_any_value_anywhere_conforms_or_is_refused_with_a_known_code_and_without_the_value(path, value):
    try:
        conformed = conform(changed(**{"amends": "MOH-1", path: value}))
    except Refused as refused:
        told = str(refused)
        known = refused.code in contracts.CODES
        leaked = (
            isinstance(value, str) and len(value) > 6 and value in told
        )  # shorter ones occur in any sentence
    else:
        told, leaked = "", False
        known = MOH.contract.checker.is_valid(conformed.payload)
    assert known
    assert not leaked
    assert not any(secret in told for secret in SECRETS)


@pytest.mark.parametrize(
    "binding", CATALOGUE.bindings.values(), ids=lambda b: f"{b.agency}-{b.contract.name}"
)
@settings(max_examples=60)
@given(data=st.data())
def test_a_damaged_record_is_refused_and_never_breaks_anything(binding, data):
    sample = next(sample for sample in binding.samples if "/valid/one." in sample.file)
    splitter = binding.splitter(1 << 16)
    octets = bytearray((splitter.feed(sample.octets) + splitter.close())[0].octets)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(octets) - 1))
        octets[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        binding.conform(bytes(octets), DAY)
    except Refused as refused:
        assert refused.code in contracts.CODES  # noqa: PT017 - passing through is as good


def test_xml_is_refused_with_the_elements_path():
    binding = CATALOGUE.binding("cso", "death.v1")
    sample = next(sample for sample in binding.samples if "/valid/one." in sample.file)
    splitter = binding.splitter(1 << 16)
    octets = (splitter.feed(sample.octets) + splitter.close())[0].octets

    def refused(old: bytes, new: bytes) -> tuple[str, str]:
        with pytest.raises(Refused) as caught:
            binding.conform(octets.replace(old, new), DAY)
        return caught.value.code, caught.value.field

    assert refused(b"<Sex>1<", b"<Sex>9<") == ("record.schema.enum", "/Death/Person/Sex")
    assert refused(b"<Sex>1</Sex>", b"") == ("record.schema.required", "/Death/Person")
    assert refused(b"<Sex>1</Sex>", b"<Cause>x</Cause>") == ("record.schema.unexpected", "/Death/Person")
    assert refused(b"2026-06-02", b"02/06/2026") == ("record.date.format", "d:DiedOn")
    assert refused(b"<Death ", b"<Birth ")[0] == "record.xml.syntax"
    assert refused(b"Death", b"Birth")[0] == "record.xml.root"
    assert refused(b"<Death ", b"<!DOCTYPE x><Death ")[0] == "record.xml.doctype"


def test_an_element_that_the_xsd_lets_repeat_is_not_silently_read_once(folder: Path):
    xsd = folder / "agencies/cso/death/v1/source.xsd"
    xsd.write_text(xsd.read_text().replace('name="Remark"', 'name="Remark" maxOccurs="2"'))
    binding = contracts.load(folder).binding("cso", "death.v1")
    sample = next(sample for sample in binding.samples if "/valid/one." in sample.file)
    octets = sample.octets.replace(b"</Remark>", b"</Remark><Remark>x</Remark>")
    splitter = binding.splitter(1 << 16)
    (piece,) = splitter.feed(octets) + splitter.close()
    with pytest.raises(Refused, match=r"record\.xml\.repeated"):
        binding.conform(piece.octets, DAY)


def test_a_new_agency_is_a_folder_with_names_in_its_own_language(folder: Path):
    new = folder / "agencies/army/death/v1"
    shutil.copytree(folder / "agencies/moh/death/v1", new)
    shutil.rmtree(new / "samples")
    shutil.rmtree(new / "expected")
    for file in ("binding.yaml", "mapping.yaml", "source.schema.json"):
        text = (new / file).read_text().replace("agency: moh", "agency: army")
        (new / file).write_text(text.replace("deceased", "المتوفى").replace("national_id", "الرقم_القومي"))
    record = changed(deceased=None) | {"المتوفى": RECORD["deceased"] | {"الرقم_القومي": "25803144100131"}}
    record["المتوفى"].pop("national_id")
    binding = contracts.load(folder).binding("army", "death.v1")
    octets = json.dumps(record, ensure_ascii=False).encode()
    assert binding.conform(octets, DAY).payload == conform(RECORD).payload
    with pytest.raises(Refused) as caught:
        binding.conform(octets.replace(b"25803144100131", b"1"), DAY)
    assert caught.value.field == "المتوفى.الرقم_القومي"


def test_several_places_defaults_and_unknown_words(folder: Path):
    mapping = folder / "agencies/moh/death/v1/mapping.yaml"
    text = mapping.read_text()
    text = text.replace(
        "{from: remarks, fn: [text]}", '{from: [remarks, office.governorate], fn: ["concat: - ", text]}'
    )
    text = text.replace(
        "office_code:          {from: office.code, fn: [trim]",
        'office_code: {from: amends, fn: [trim, "default:HO-0"]',
    )
    text = text.replace("lookup: {ذكر: M, أنثى: F}", "lookup: {ذكر: M}, on_unknown: review")
    mapping.write_text(text)
    binding = contracts.load(folder).binding("moh", "death.v1")
    conformed = binding.conform(json.dumps(RECORD).encode(), DAY)
    assert conformed.payload["note_ar"] == "وفاة بالمنزل - القاهرة"
    assert conformed.payload["office_code"] == "HO-0"
    with pytest.raises(Refused) as caught:
        binding.conform(json.dumps(changed(deceased__gender="أنثى")).encode(), DAY)
    assert caught.value.code == "record.schema.enum"  # kept for an officer, but not canonical


def test_production_takes_none_of_the_synthetic_numbers():
    binding = contracts.load(profile="production").binding("moh", "death.v1")
    with pytest.raises(Refused, match=r"record\.nid\.profile"):
        binding.conform(json.dumps(RECORD).encode(), DAY)


@pytest.mark.parametrize("media_type", ["application/json", "application/x-ndjson"])
def test_one_binding_is_framed_by_its_media_type_and_the_smaller_limit(media_type):
    splitter = MOH.splitter(100, media_type)
    pieces = splitter.feed(b'{"a":"' + b"x" * 200 + b'"}') + splitter.close()
    assert [piece.refusal.code for piece in pieces] == ["record.size"]


def test_a_media_type_that_was_not_agreed_gets_no_splitter():
    with pytest.raises(ValueError, match="does not name"):
        MOH.splitter(100, "text/csv")


DEATHS = "urn:eg:moi:cso:deaths:1"


@pytest.mark.parametrize(
    ("record", "field"),
    [
        (f'<Death xmlns="{DEATHS}" action="entry" xmlns:x="urn:x"><x:Foo>1</x:Foo></Death>', "/Death"),
        (f'<d:Death xmlns:d="{DEATHS}" action="entry"><d:Reference/></d:Death>', "/Death/Reference"),
        (f'<d:Death xmlns:d="{DEATHS}" action="entry"><d:Foo xmlns:d="urn:x"/></d:Death>', "/Death"),
        (f'<Death xmlns="{DEATHS}" action="entry" xmlns:x="urn:x" x:a="1"/>', "/Death"),
        (f'<Death xmlns="{DEATHS}" action="entry"><Foo xmlns=""/></Death>', "/Death"),
    ],
)
def test_elements_of_any_prefix_are_refused_by_name(record, field):
    binding = contracts.load().binding("cso", "death.v1")
    with pytest.raises(Refused) as caught:
        binding.conform(record.encode(), date(2026, 7, 1))
    assert caught.value.code.startswith("record.schema.")
    assert caught.value.field == field


# -- rules across fields


def broken(rule: dict[str, object], payload: dict[str, object], sender: str | None = "moh") -> str:
    check = compile_rule(
        Rule.model_validate(
            {"code": "record.rule.order", "says": "so", "says_ar": "كذا"} | rule, strict=False
        )
    )
    try:
        check(payload, "2026-07-01", sender)
    except Refused as refused:
        return refused.field
    return ""


@pytest.mark.parametrize(
    ("rule", "payload", "field"),
    [
        ({"order": ["/a", "/b"]}, {"a": "2026-01-02", "b": "2026-01-01"}, "/a"),
        ({"order": ["/a", "/b"]}, {"a": "2026-01-01", "b": "2026-01-01"}, ""),
        ({"order": ["/a/c", "/b"]}, {"a": {"c": "2026-01-02"}, "b": "2026-01-01"}, "/a/c"),
        ({"order": ["/a", "/b"]}, {"a": "2026-01-02"}, ""),
        ({"order": ["/a", "/b"]}, {"b": "2026-01-02"}, ""),
        ({"order": ["/a", "/b"]}, {"a": 1, "b": 0}, "/a"),
        ({"order": ["/a", "/b"]}, {"a": 0, "b": 0}, ""),
        ({"not_future": "/a"}, {"a": "2026-07-02"}, "/a"),
        ({"not_future": "/a"}, {"a": "2026-07-01"}, ""),
        ({"not_future": "/a"}, {}, ""),
        ({"sender": ["/a", "X", ["cso"]]}, {"a": "X"}, "/a"),
        ({"sender": ["/a", "X", ["cso", "moh"]]}, {"a": "X"}, ""),
        ({"sender": ["/a", "X", ["cso"]]}, {"a": "Y"}, ""),
        ({"sender": ["/a", ["X", "Z"], ["cso"]]}, {"a": "Z"}, "/a"),
        ({"sender": ["/a", ["X", "Z"], ["cso"]]}, {"a": "Y"}, ""),
        ({"sender": ["/a", ["X", "Z"], ["cso"]]}, {}, ""),
        ({"only": ["/a", ["cso"]]}, {"a": {"b": 1}}, "/a"),
        ({"only": ["/a", ["cso", "moh"]]}, {"a": {"b": 1}}, ""),
        ({"only": ["/a", ["cso"]]}, {}, ""),
        ({"within": ["/a", 15, "/b"]}, {"a": "2026-02-20", "b": "2026-03-08"}, "/b"),
        ({"within": ["/a", 15, "/b"]}, {"a": "2026-02-20", "b": "2026-03-07"}, ""),
        ({"within": ["/a", 15, "/b"]}, {"a": "2026-02-20"}, ""),
        ({"same": ["/a", "/b"]}, {"a": "1", "b": "2"}, "/b"),
        ({"same": ["/a", "/b"]}, {"a": "1", "b": "1"}, ""),
        ({"same": ["/a", "/b"]}, {"b": "1"}, ""),
        ({"differ": ["/a", "/b"]}, {"a": {"c": "1"}, "b": {"c": "1"}}, "/b"),
        ({"differ": ["/a", "/b"]}, {"a": {"c": "1"}, "b": {"c": "2"}}, ""),
        ({"differ": ["/a", "/b"]}, {"a": "1"}, ""),
        ({"present": "/a/c"}, {"a": {"b": "1"}}, "/a/c"),
        ({"present": "/a/c"}, {"a": {"c": "1"}}, ""),
        ({"sum": ["/a", ["/b", "/c"]]}, {"a": 3, "b": 1, "c": 1}, "/a"),
        ({"sum": ["/a", ["/b", "/c"]]}, {"a": 2, "b": 1, "c": 1}, ""),
        ({"sum": ["/a", ["/b", "/c"]]}, {"a": 1, "b": 1}, ""),
        ({"sum": ["/a", ["/b", "/c"]]}, {"b": 1, "c": 1}, ""),
        ({"not_future": "/a", "when": ["/k", "y"]}, {"a": "2027-01-01", "k": "n"}, ""),
        ({"not_future": "/a", "when": ["/k", "y"]}, {"a": "2027-01-01", "k": "y"}, "/a"),
        ({"years": ["/a", "at_least", 18, "/b"]}, {"a": "2008-02-29", "b": "2026-02-28"}, "/b"),
        ({"years": ["/a", "at_least", 18, "/b"]}, {"a": "2008-02-29", "b": "2026-03-02"}, ""),
        ({"years": ["/a", "exactly", 18, "/b"]}, {"a": "2008-02-29", "b": "2026-03-02"}, "/b"),
        ({"years": ["/a", "exactly", 18, "/b"]}, {"a": "2008-02-29", "b": "2026-03-01"}, ""),
        ({"years": ["/a", "exactly", 18, "/b"]}, {"a": "2008-02-29"}, ""),
    ],
)
def test_a_rule_names_the_field_that_breaks_it(rule, payload, field):
    assert broken(rule, payload) == field


@pytest.mark.parametrize("rule", [{"sender": ["/a", "X", ["cso"]]}, {"only": ["/a", ["cso"]]}])
def test_a_rule_about_senders_is_not_asked_of_an_example(rule):
    assert broken(rule, {"a": "X"}, sender=None) == ""


@pytest.mark.parametrize("kinds", [{}, {"not_future": "/a", "only": ["/a", ["cso"]]}])
def test_a_rule_has_exactly_one_kind(kinds):
    with pytest.raises(ValueError, match="exactly one of"):
        Rule.model_validate({"code": "record.x", "says": "so", "says_ar": "كذا"} | kinds, strict=False)


@given(st.dates(date(1800, 1, 1), date(2099, 12, 31)), st.integers(0, 150))
def test_an_anniversary_is_the_same_day_or_the_first_of_march(day, years):
    found = date.fromisoformat(anniversary(day.isoformat(), years))
    assert found.year == day.year + years
    assert (found.month, found.day) in {(day.month, day.day), (3, 1)}


# -- the check itself can fail


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("agencies/moh/death/v1/expected/one.json", "NOTIFIED", "REGISTERED", "something else"),
        ("agencies/moh/death/v1/samples/valid/one.json", "ذكر", "ذكور", "is refused: record.code.unknown"),
        ("agencies/moh/death/v1/samples/invalid/bidi_name.why", "bidi", "control", "gives record.text.bidi"),
        (
            "agencies/moh/death/v1/samples/invalid/bidi_name.why",
            "record.text.bidi",
            "record.x",
            "there is no code",
        ),
        ("agencies/moh/death/v1/expected/disagreeing.codes", "review.nid.sex\n", "", "gives the codes"),
        (
            "canonical/death/v1/examples/invalid/nobody.json",
            '"sex": "M"',
            '"nid": "25803144100131"',
            "no refusal",
        ),
        ("canonical/death/v1/examples/invalid/nobody.why", "record.schema.combination", "", "no .why"),
        (
            "canonical/death/v1/examples/valid/void.json",
            '"void"',
            '"assert"',
            "gives record.schema.combination",
        ),
    ],
)
def test_a_contradiction_is_found(folder, file, old, new, expected):
    path = folder / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    assert any(expected in str(problem) for problem in contracts.check(contracts.load(folder)))


def test_a_contract_without_an_example_and_a_binding_without_a_sample_are_found(folder):
    shutil.rmtree(folder / "canonical/death/v1/examples/valid")
    shutil.rmtree(folder / "agencies/moh/death/v1/expected")
    found = [str(problem) for problem in contracts.check(contracts.load(folder))]
    assert any("needs a valid example" in problem for problem in found)
    assert any("needs a valid sample" in problem for problem in found)


def test_the_reserved_range_covers_every_governorate():
    codes = CATALOGUE.code_lists["governorates"].codes
    verdicts = nid.governorate_verdicts(codes, "synthetic")
    assert len(codes) == 28
    assert sum(verdicts.values()) == 28
    assert not any(verdicts[code] for code in codes)
    assert all(set(code) <= set(string.digits) and len(code) == 2 for code in verdicts)
