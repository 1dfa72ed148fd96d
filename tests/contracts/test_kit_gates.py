"""`isnad contract check`: each gate finds what it is there for, names file, line, field and rule, and nothing else."""

import json
import re
import shutil
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.arabic import WITHOUT_ISOLATES, is_arabic

import contracts
from contracts.folder import SHIPPED
from contracts.kit import identities, lines, xsd, xsd_mutants
from contracts.kit.gates import examine
from contracts.kit.place import places
from contracts.kit.words import ADVICE
from contracts.xml_source import element, record_parser
from gateway.cli.contract import contract

MOH = "agencies/moh/death/v1"
CSO = "agencies/cso/death/v1"
ROWS = "agencies/cso/eligibility-gained/v1"
DEATH = "canonical/death/v1"


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """What an agency's own people have: a folder with their bindings, and nothing else."""
    for part in (MOH, CSO, ROWS):
        shutil.copytree(SHIPPED / part, tmp_path / part)
    return tmp_path


@pytest.fixture
def author(tmp_path: Path) -> Path:
    """What the author of a contract has."""
    shutil.copytree(SHIPPED / DEATH, tmp_path / DEATH)
    return tmp_path


def found(path: Path) -> list[str]:
    (place,) = places([path])
    problems = examine(place).problems
    for problem in problems:
        assert is_arabic(problem.message_ar), problem
    return [f"{problem} {lines.line_of(problem, place.files)}" for problem in problems]


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def edit(path: Path, change) -> None:
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value, ensure_ascii=False))


def run(*words: object) -> Result:
    return CliRunner().invoke(contract, [str(word) for word in words])


# -- The whole, and its parts


def test_everything_that_ships_passes_within_thirty_seconds():
    began = time.perf_counter()
    done = run("check", "--lang", "en")
    assert done.exit_code == 0, done.output
    assert done.output.startswith("Valid: ")
    assert time.perf_counter() - began < 30


def test_an_agencys_own_folder_is_checked_with_nothing_beside_it(desk):
    done = run("check", desk, "--lang", "en")
    assert done.exit_code == 0, done.output
    assert done.output.startswith("Valid: 0 contracts, 3 bindings, 0 examples,")


def test_a_broken_folder_of_another_agency_does_not_disturb(desk):
    (desk / MOH / "mapping.yaml").write_text("fields: [")
    assert run("check", desk / "agencies/cso").exit_code == 0
    done = run("check", desk, "--lang", "en")
    assert done.exit_code == 1
    assert done.output.count("mapping.yaml") == 1


def test_a_gateway_refuses_the_whole_catalogue_and_the_kit_says_which_folder(desk):
    (desk / MOH / "mapping.yaml").write_text("fields: [")
    for part in ("_codes", "canonical"):
        shutil.copytree(SHIPPED / part, desk / part, dirs_exist_ok=True)
    with pytest.raises(contracts.Invalid) as caught:
        contracts.load(desk)
    assert {problem.file for problem in caught.value.problems} == {f"{MOH}/mapping.yaml"}


def test_what_is_wrong_elsewhere_is_counted_and_not_taken_for_success(tmp_path):
    for part in ("_codes", "canonical", MOH):
        shutil.copytree(SHIPPED / part, tmp_path / part)
    rewrite(tmp_path / DEATH / "contract.odcs.yaml", "kind: DataContract", "kind: Contract")
    done = run("check", tmp_path / "agencies", "--lang", "en")
    assert done.exit_code == 1, done.output


def test_a_path_in_no_catalogue_is_said_to_be(tmp_path):
    done = run("check", tmp_path)
    assert done.exit_code == 2
    assert "is in no catalogue" in done.output


def test_both_languages_say_what_to_write_instead(desk):
    rewrite(desk / MOH / "mapping.yaml", "fn: [nid]", "fn: [nod]")
    for language, remedy in (
        ("en", ADVICE["catalogue.mapping"].remedy_en),
        ("ar", ADVICE["catalogue.mapping"].remedy_ar),
    ):
        done = run("check", desk / MOH, "--lang", language)
        assert done.exit_code == 1
        assert remedy in done.output.translate(WITHOUT_ISOLATES)


def test_a_pattern_of_an_xsd_that_refuses_nothing_is_found(desk):
    rewrite(desk / CSO / "source.xsd", "<xs:maxLength", '<xs:pattern value=".*"/><xs:maxLength')
    said = "pattern: a record that breaks this is accepted"
    assert any("source.xsd" in line and said in line for line in found(desk / CSO)), found(desk / CSO)


SENT_AS_XML = [source for source, binding in contracts.load().bindings.items() if binding.format == "xml"]


@pytest.mark.parametrize("source", SENT_AS_XML, ids=" ".join)
def test_every_constraint_of_an_xsd_is_tried_on_a_sample(source):
    binding = contracts.load().binding(*source)
    octets = binding.source_document[1]
    declarations = list(xsd.declared(octets))
    records = []
    for sample in binding.samples:
        if sample.expected:
            splitter = binding.splitter(binding.max_record_bytes)
            records += [
                element(piece.octets, record_parser())
                for piece in [*splitter.feed(sample.octets), *splitter.close()]
            ]
    # With a schema that accepts everything every constraint survives that is tried at all.
    tried = set(xsd_mutants.survivors(declarations, records, lambda _record: True))
    reached = {path for path, _ in tried}
    assert {one.path for one in declarations} - reached == set()
    assert ("", "elements") in tried
    assert {constraint for _, constraint in tried} >= {"required", "attributes", "maxLength"}


def test_in_arabic_the_particulars_are_arabic_too(desk):
    rewrite(desk / MOH / "expected/one.json", "HO-1203", "HO-1204")
    (desk / MOH / "samples/invalid/fraction.why").write_text("record.size")
    (desk / MOH / "samples/invalid/future.why").write_text("record.nothing")
    told = run("check", desk / MOH, "--lang", "ar").output.translate(WITHOUT_ISOLATES)
    assert "تتحول إلى غير نتيجتها المتوقعة: السجل 1، /office_code" in told
    assert "تعطي record.json.number، والمنتظر record.size" in told
    assert "لا يوجد كود record.nothing" in told
    assert not re.search("[a-z]+ [a-z]+ [a-z]+", re.sub("→.*", "", told)), told


def test_what_is_wrong_with_a_binding_is_arabic_too(desk):
    rewrite(desk / MOH / "binding.yaml", "[application/json, application/x-ndjson]", "[text/csv]")
    rewrite(desk / MOH / "binding.yaml", "encoding: utf-8", "encoding: windows-1256")
    rewrite(desk / MOH / "mapping.yaml", "office_code:", "office:")
    told = run("check", desk / MOH, "--lang", "ar").output.translate(WITHOUT_ISOLATES)
    assert "النوع text/csv لا يصلح للصيغة json" in told
    assert "ترميز JSON دائمًا UTF-8" in told
    assert "لا يوجد حقل بهذا الاسم في العقد" in told
    assert "لا شيء يكتب الحقل office_code، والعقد يوجبه" in told
    (desk / MOH / "notes.txt").write_text("nothing")
    told += run("check", desk / MOH, "--lang", "ar").output.translate(WITHOUT_ISOLATES)
    assert "ليس هذا مكان الملف" in told
    (desk / MOH / "notes.txt").unlink()
    rewrite(desk / MOH / "binding.yaml", "owner:", "owned_by:")
    (desk / MOH / "mapping.yaml").unlink()
    told += run("check", desk / MOH, "--lang", "ar").output.translate(WITHOUT_ISOLATES)
    assert "مفتاح غير معروف" in told
    assert "مفتاح لازم غير موجود" in told
    assert "الملف غير موجود" in told
    assert not re.search("[a-z]+ [a-z]+ [a-z]+", re.sub("→.*", "", told)), told


def test_the_ending_of_a_sample_says_how_it_holds_its_records(desk):
    rewrite(
        desk / MOH / "binding.yaml",
        "[application/json, application/x-ndjson]",
        "[application/x-ndjson, application/json]",
    )
    assert found(desk / MOH) == []
    rewrite(desk / MOH / "binding.yaml", "[application/x-ndjson, application/json]", "[application/x-ndjson]")
    assert any("samples/valid/one.json" in line for line in found(desk / MOH))


def test_the_environment_chooses_the_language(desk):
    rewrite(desk / MOH / "mapping.yaml", "fn: [nid]", "fn: [nod]")
    done = CliRunner(env={"LANG": "ar_EG.UTF-8"}).invoke(contract, ["check", str(desk / MOH)])
    assert "لا توجد دالة باسم nod" in done.output.translate(WITHOUT_ISOLATES)


def test_programs_read_the_same_as_json(desk):
    rewrite(desk / MOH / "mapping.yaml", "fn: [nid]", "fn: [nod]")
    said = json.loads(run("check", desk / MOH, "--json").output)
    (problem,) = said["problems"]
    assert not said["valid"]
    assert (problem["file"], problem["rule"]) == (f"{MOH}/mapping.yaml", "catalogue.mapping")
    assert problem["remedy"]
    assert problem["remedy_ar"]


def test_every_rule_that_can_be_broken_has_its_advice():
    sources = "".join(path.read_text() for path in [*SHIPPED.glob("*.py"), *(SHIPPED / "kit").glob("*.py")])
    for rule in {
        word
        for word in sources.split('"')
        if word.split(".")[0] in {"catalogue", "check", "kit"} and word.count(".") == 1
    }:
        assert rule in ADVICE, rule


# -- Lines


def test_the_line_is_that_of_the_field(desk):
    rewrite(
        desk / MOH / "mapping.yaml",
        "assurance:            {const: NOTIFIED}",
        "assurance:            {const: NOTED}",
    )
    (said,) = [line for line in found(desk / MOH) if "kit.lookup" in line]
    number = 1 + next(
        n for n, line in enumerate((desk / MOH / "mapping.yaml").read_text().splitlines()) if "NOTED" in line
    )
    assert said.endswith(f"writes NOTED [kit.lookup] {number}")


def test_the_line_in_a_contract_is_found_inside_its_custom_properties(author):
    rewrite(author / DEATH / "contract.odcs.yaml", "order: [/death_date,", "order: [/died,")
    (said,) = [line for line in found(author / DEATH) if "no field /died" in line]
    wanted = [
        n
        for n, line in enumerate((author / DEATH / "contract.odcs.yaml").read_text().splitlines(), 1)
        if "/died" in line
    ]
    assert abs(int(said.rpartition(" ")[2]) - wanted[0]) <= 1


# -- Samples


def test_a_sample_that_maps_to_something_else_is_named(desk):
    path = desk / MOH / "expected/one.json"
    path.write_bytes(path.read_bytes().replace(b"NOTIFIED", b"REGISTERED"))
    (said,) = found(desk / MOH)
    assert (
        "samples/valid/one.json: maps to something else than its expected result: record 1, /assurance"
        in said
    )


def test_a_sample_that_gives_another_code_is_named_with_both(desk):
    why = next((desk / CSO / "samples/invalid").glob("bidi.why"))
    why.write_text("record.text.control\n")
    (said,) = found(desk / CSO)
    assert "gives record.text.bidi, not record.text.control" in said


def test_a_code_that_does_not_exist_is_named(desk):
    (desk / CSO / "samples/invalid/bidi.why").write_text("record.text.bidy\n")
    assert any("there is no code record.text.bidy" in line for line in found(desk / CSO))


# -- What a binding leaves out


def test_a_field_that_is_sent_and_not_read_must_be_approved(desk):
    (said,) = _without(desk / MOH / "binding.yaml", "unused")
    assert "office.governorate is sent and not read" in said


def _without(binding: Path, key: str) -> list[str]:
    binding.write_text(
        "".join(line for line in binding.read_text().splitlines(keepends=True) if not line.startswith(key))
    )
    return found(binding.parent)


def test_an_approval_of_a_field_that_is_read_is_refused(desk):
    (desk / CSO / "binding.yaml").write_text(
        (desk / CSO / "binding.yaml").read_text() + "unused: [Person/@nid]\n"
    )
    assert any("Person/@nid is no field that is left unread" in line for line in found(desk / CSO))


def test_elements_and_attributes_of_an_xsd_count_as_sent(desk):
    rewrite(desk / CSO / "mapping.yaml", 'person.mother_name:  {from: "d:Person/d:MotherName"', "#")
    assert any("Person/MotherName is sent and not read" in line for line in found(desk / CSO))


def test_columns_count_as_sent(desk):
    rewrite(desk / ROWS / "mapping.yaml", "  residence.post:", "  #residence.post:")
    assert any("POST is sent and not read" in line for line in found(desk / ROWS))


def test_a_columns_name_is_taken_as_it_is_written(desk):
    for file in ("columns.csv", "mapping.yaml"):
        rewrite(desk / ROWS / file, "POST", '"d:Post/No"' if file == "mapping.yaml" else "d:Post/No")
    assert not any("kit.unused" in line for line in found(desk / ROWS))


def test_what_an_inner_object_requires_must_be_given(desk):
    rewrite(desk / MOH / "mapping.yaml", "  place.kind:", "  #place.kind:")
    assert any("nothing gives place.kind" in line for line in found(desk / MOH))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("lookup: {ذكر: M, أنثى: F}", "lookup: {ذكر: M, أنثى: W}", "writes W"),
        ("lookup: governorates/ar", "lookup: outcomes/ar", "writes codes of the list outcomes"),
        ("fn: [trim], lookup: {ذكر", 'fn: [trim, "default:X"], lookup: {ذكر', "kit.lookup"),
    ],
)
def test_a_word_that_the_contract_would_refuse_is_found_before_any_record_comes(desk, old, new, said):
    rewrite(desk / MOH / "mapping.yaml", old, new)
    assert any(said in line or "no function" in line for line in found(desk / MOH)), found(desk / MOH)


# -- Mutants


def test_a_pattern_that_refuses_nothing_is_a_dead_constraint(author):
    def loosen(schema):
        schema["$defs"]["ref"] |= {"pattern": "^[^\\x00]*$".replace("\\x00", "\u2603")}

    edit(author / DEATH / "schema.json", loosen)
    assert any(
        "/$defs/ref/pattern: a record that breaks this is accepted [kit.mutant]" in line
        for line in found(author / DEATH)
    )


def test_a_constraint_that_no_example_reaches_is_named(author):
    def add(schema):
        schema["allOf"].append(
            {"if": {"properties": {"death_time": {"const": "99:99"}}, "required": ["death_time"]},
             "then": {"required": ["note_ar"]}}
        )  # fmt: skip

    edit(author / DEATH / "schema.json", add)
    assert any("/then/required: no example shows this at work" in line for line in found(author / DEATH))


def test_a_rule_that_no_example_breaks_is_named(author):
    (author / DEATH / "examples/invalid/registered_by_health.json").unlink()
    (author / DEATH / "examples/invalid/registered_by_health.why").unlink()
    assert any(
        "only the Civil Status Organization registers deaths [kit.rule]" in line
        for line in found(author / DEATH)
    )


def test_the_agencys_own_schema_must_hold_too(desk):
    edit(
        desk / MOH / "source.schema.json",
        lambda schema: schema["properties"]["notification_no"].update(pattern="^[^\u2603]*$"),
    )
    assert any(
        "/properties/notification_no/pattern" in line and "kit.mutant" in line for line in found(desk / MOH)
    )


# -- Descriptions


@pytest.mark.parametrize("key", ["description", "x-description-ar", "x-classification", "examples"])
def test_a_field_without_its_description_is_named(author, key):
    edit(author / DEATH / "schema.json", lambda schema: schema["properties"]["death_time"].pop(key))
    assert any(f"/properties/death_time: lacks {key} [kit.field]" in line for line in found(author / DEATH))


def test_an_english_text_is_no_arabic_description(author):
    edit(
        author / DEATH / "schema.json",
        lambda schema: schema["properties"]["death_time"].update({"x-description-ar": "time"}),
    )
    assert any("lacks x-description-ar" in line for line in found(author / DEATH))


def test_an_example_that_its_field_refuses_is_found(author):
    edit(
        author / DEATH / "schema.json",
        lambda schema: schema["properties"]["death_time"].update(examples=["25:00"]),
    )
    assert any("has an example that it would refuse" in line for line in found(author / DEATH))


# -- Promises of earlier versions


CONTRACTS = sorted(folder.parent.name for folder in (SHIPPED / "canonical").glob("*/v1"))


@pytest.mark.parametrize("name", CONTRACTS)
def test_what_is_shipped_has_been_published(name, tmp_path):
    place = tmp_path / "canonical" / name / "v1"
    shutil.copytree(SHIPPED / "canonical" / name / "v1", place)
    assert (place / "history/1.0.0.schema.json").is_file()
    field = next(iter(json.loads((place / "schema.json").read_text())["properties"]))
    edit(place / "schema.json", lambda schema: schema["properties"][field].update(maxLength=1))
    assert any("is not what was published as 1.0.0" in line for line in found(place))
    rewrite(place / "contract.odcs.yaml", "version: 1.0.0", "version: 1.1.0")
    rewrite(place / "CHANGELOG.md", "## 1.0.0", "## 1.1.0\n\nMore.\n\n## 1.0.0")
    assert any(
        f"/properties/{field}/maxLength: is new since 1.0.0 [kit.history]" in line for line in found(place)
    )


def raise_version(author: Path, version: str = "1.1.0") -> None:
    rewrite(author / DEATH / "contract.odcs.yaml", "version: 1.0.0", f"version: {version}")
    log = author / DEATH / "CHANGELOG.md"
    log.write_text(log.read_text().replace("## 1.0.0", f"## {version}\n\nMore.\n\n## 1.0.0"))


def test_a_published_schema_cannot_change_under_its_version(author):
    assert found(author / DEATH) == []
    edit(
        author / DEATH / "schema.json", lambda schema: schema["properties"]["death_time"].update(maxLength=6)
    )
    assert any(
        "is not what was published as 1.0.0; raise the version" in line for line in found(author / DEATH)
    )


def test_a_minor_may_add_an_optional_field_and_improve_words(author):
    raise_version(author)

    def add(schema):
        schema["properties"]["hospital"] = schema["properties"]["office_code"] | {"description": "Hospital"}
        schema["properties"]["death_time"]["description"] = "Hour and minute of death"

    edit(author / DEATH / "schema.json", add)
    assert found(author / DEATH) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda schema: schema["required"].append("death_time"), "death_time is newly required since 1.0.0"),
        (lambda schema: schema["required"].remove("office_code"), "office_code is no longer required since 1.0.0"),
        (lambda schema: schema["properties"].pop("death_time"), "/properties/death_time: is gone since 1.0.0"),
        (lambda schema: schema["properties"]["note_ar"].update(maxLength=400), "note_ar/maxLength: has changed"),
        (lambda schema: schema["properties"]["assurance"]["enum"].append("X"), "assurance/enum: has changed"),
        (lambda schema: schema["$defs"]["ref"].update(pattern="^[A-Z]+$"), "/$defs/ref/pattern: has changed"),
        (lambda schema: schema["allOf"].pop(), "/allOf: has changed"),
    ],
)  # fmt: skip
def test_what_would_break_a_writer_or_a_reader_needs_a_new_major(author, change, said):
    raise_version(author)
    edit(author / DEATH / "schema.json", change)
    assert any(said in line for line in found(author / DEATH)), found(author / DEATH)


def test_a_later_minor_answers_for_all_before_it(author):
    raise_version(author, "1.1.0")
    shutil.copy(author / DEATH / "schema.json", author / DEATH / "history/1.1.0.schema.json")
    rewrite(author / DEATH / "contract.odcs.yaml", "version: 1.1.0", "version: 1.2.0")
    log = author / DEATH / "CHANGELOG.md"
    log.write_text(log.read_text().replace("## 1.1.0", "## 1.2.0\n\nMore.\n\n## 1.1.0"))
    edit(author / DEATH / "schema.json", lambda schema: schema["properties"].pop("death_time"))
    said = found(author / DEATH)
    assert any("is gone since 1.0.0" in line for line in said)
    assert any("is gone since 1.1.0" in line for line in said)


def test_an_earlier_version_that_was_not_kept_is_missed(author):
    raise_version(author)
    (author / DEATH / "history/1.0.0.schema.json").unlink()
    assert any("history/1.0.0.schema.json: is missing" in line for line in found(author / DEATH))


def test_a_version_that_the_changelog_does_not_know_is_named(author):
    rewrite(author / DEATH / "contract.odcs.yaml", "version: 1.0.0", "version: 1.1.0")
    assert any("says nothing of version 1.1.0" in line for line in found(author / DEATH))


# -- National IDs

REAL = "2900101" + "01" + "12345"
"""The shape of a living person's: Cairo, 1 January 1990. Put together here so that no file holds it."""
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


@pytest.mark.parametrize(
    "written",
    [
        REAL,
        REAL.translate(ARABIC),
        f"x{REAL}99",
        " ".join([REAL[0], REAL[1:7], REAL[7:9], REAL[9:]]),
        f"{REAL[:7]}-{REAL[7:]}",
        "\u200f".join([REAL[:5], REAL[5:]]),
        "".join(f"\\u{0x660 + int(digit):04x}" for digit in REAL),
        "".join(f"&#{0x30 + int(digit)};" for digit in REAL),
    ],
)
def test_a_living_persons_number_is_found_however_it_is_written(desk, written):
    (desk / MOH / "README.md").write_text(f"one\ntwo {written}\n")
    (said,) = found(desk / MOH)
    assert "README.md: line 2" in said
    assert "[kit.identity] 2" in said
    assert REAL not in said


def test_it_is_found_in_windows_1256_too():
    assert list(identities.real_looking(f"الرقم {REAL}".encode("windows-1256"), frozenset(["01"]))) == [1]


@pytest.mark.parametrize(
    "written", ["29001014112345", "29013010112345", "2900101011234", "20001010100009", "29001017012345"]
)
def test_reserved_impossible_and_short_numbers_are_not_taken_for_real(desk, written):
    (desk / MOH / "README.md").write_text(written)
    assert found(desk / MOH) == []


# -- Hostile folders

OBJECT = '"type": "object"'


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (f"{MOH}/source.schema.json", OBJECT, f'"$ref": "https://example.org/s.json", {OBJECT}', "stay inside"),
        (f"{MOH}/source.schema.json", '"maxLength": 64', '"maxLength": 64, "pattern": "^(a+)+$"', "itself repeats"),
        (f"{CSO}/source.xsd", '<xs:maxLength value="300"/>', '<xs:pattern value="(a|a*)*"/>', "itself repeats"),
        (f"{CSO}/source.xsd", "<xs:simpleType", '<xs:include schemaLocation="/etc/passwd"/><xs:simpleType', "include"),
        (f"{MOH}/mapping.yaml", "from: notification_no", "from: ../../secret", "no field '../../secret'"),
        (f"{MOH}/mapping.yaml", "lookup: governorates/ar", "lookup: ../../../etc/passwd", "no code list '..'"),
        (f"{MOH}/mapping.yaml", "fn: [nid]", "fn: [system]", "no function 'system'"),
        (f"{MOH}/mapping.yaml", "{const: NOTIFIED}", "&a {const: NOTIFIED}\n  note_x: *a", "anchors and aliases"),
        (f"{MOH}/source.schema.json", OBJECT, f'"$defs": {{"a": {{"$ref": "#/$defs/a"}}}}, {OBJECT}', "to itself"),
    ],
)  # fmt: skip
def test_a_hostile_folder_is_refused_at_once_with_the_reason(desk, file, old, new, said):
    rewrite(desk / file, old, new)
    began = time.perf_counter()
    problems = found(desk / "/".join(file.split("/")[:4]))
    assert any(said in problem for problem in problems), problems
    assert time.perf_counter() - began < 5


def test_a_lookup_is_a_table_and_cannot_lead_to_another_one(desk):
    rewrite(desk / MOH / "mapping.yaml", "lookup: {NEW: assert", "lookup: {NEW: {NEW: assert}")
    assert any("fields.op.lookup" in problem for problem in found(desk / MOH))


def test_links_and_huge_files_are_refused_unread(desk):
    (desk / MOH / "samples/valid/passwd.json").symlink_to("/etc/passwd")
    with (desk / MOH / "samples/valid/huge.json").open("wb") as file:
        file.truncate(10 * 1024**3)
    done = run("check", desk)
    assert done.exit_code == 1
    assert "is a link" in done.output
    assert "larger than" in done.output
    assert "Traceback" not in done.output


def test_a_pattern_that_backtracks_in_other_engines_does_not_hold_the_kit(desk):
    edit(desk / MOH / "source.schema.json", lambda schema: schema["properties"]["remarks"].update(
        pattern="^[^!]*[^!]*[^!]*[^!]*[^!]*[^!]*[^!]*$", maxLength=16000))  # fmt: skip
    began = time.perf_counter()
    found(desk / MOH)
    assert time.perf_counter() - began < 5
