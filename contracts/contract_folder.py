"""Read, check and compile a contract's folder `canonical/<name>/v<major>/`."""

from collections.abc import Iterator, Mapping

from contracts import schema_lint
from contracts.codes import CodeList
from contracts.contract import Contract, Example
from contracts.documents import ContractProperties, OdcsDocument, Rule
from contracts.errors import CODES, Problem, Refused, Unfit
from contracts.folder import MISSING_AR, Complain, Files, model, yaml_model
from contracts.judging import compile_judge
from contracts.schemas import Checker, Schema, compile_schema, reader_schema
from contracts.strict_json import parse

Codes = Mapping[str, CodeList]

_COMMON = ("source_ref", "op", "occurred_on")
"""Every canonical record has the sender's reference, what is done with it, and when it happened."""
_EVENT_FIELDS = frozenset({"v", "kind", "time", "about", "first", "count", "disposition"})
"""What an entry about a record says already, beside the contract's `logged` fields."""


def load(folder: str, files: Files, codes: Codes, problems: list[Problem]) -> Contract | None:
    """Load the contract in `folder` (`canonical/death/v1`).

    Problems are added to the list, and then None is returned.
    """
    before = len(problems)
    name = folder.removeprefix("canonical/").replace("/", ".")

    def complain(file: str, where: str, rule: str, message: str, message_ar: str, /) -> None:
        problems.append(Problem(f"{folder}/{file}", where, rule, message, message_ar))

    odcs = yaml_model(OdcsDocument, files, folder, "contract.odcs.yaml", complain)
    properties = _properties(odcs, complain) if odcs else None
    schema = _schema(files.get(f"{folder}/schema.json"), complain)
    if odcs is None or properties is None or schema is None:
        return None
    if odcs.name != name:
        message, message_ar = (
            f"must be {name}, as the folder is called",
            f"يجب أن يكون {name}، وهو اسم المجلد",
        )
        complain("contract.odcs.yaml", "name", "catalogue.name", message, message_ar)
    for where, *said in _unfit(schema, properties):
        complain("contract.odcs.yaml", where, "catalogue.pointer", *said)
    for where, *said in _unknown_codes(schema, "", codes):
        complain("schema.json", where, "catalogue.codes", *said)
    for where, rule, *said in _incomplete(odcs, properties, codes):
        complain("contract.odcs.yaml", where, rule, *said)
    checker = _compiled(schema, complain)
    if len(problems) > before or checker is None:
        return None
    return Contract(
        name=name,
        version=odcs.version,
        status=odcs.status,
        title_en=properties.title_en,
        title_ar=properties.title_ar,
        description=odcs.description.purpose,
        description_ar=properties.description_ar,
        usage=odcs.description.usage,
        usage_ar=properties.usage_ar,
        limitations=odcs.description.limitations,
        limitations_ar=properties.limitations_ar,
        owner=odcs.team.name,
        classification=properties.classification,
        legal_basis=tuple(properties.legal_basis),
        roles=tuple(odcs.roles),
        roles_ar=tuple(properties.roles_ar),
        service_levels=tuple(odcs.sla_properties),
        service_levels_ar=tuple(properties.service_levels_ar),
        freeze=properties.freeze,
        schema=schema,
        reader_schema=reader_schema(schema),
        subject=properties.subject,
        about=properties.about,
        logged=tuple(properties.logged),
        examples=_examples(folder, files),
        rules=tuple(properties.rules),
        checker=checker,
        judge=compile_judge(
            properties.rules,
            _numbers(schema, properties.subject),
            properties.subject,
            properties.about,
        ),
    )


def _properties(odcs: OdcsDocument, complain: Complain) -> ContractProperties | None:
    values = {custom.property: custom.value for custom in odcs.custom_properties}
    return model(ContractProperties, values, "contract.odcs.yaml", "customProperties.", complain)


def _incomplete(
    odcs: OdcsDocument, properties: ContractProperties, codes: Codes
) -> Iterator[tuple[str, str, str, str]]:
    """Give place, rule and message, in both languages, of unknown agencies and of what is not said in Arabic."""
    agencies = codes["agencies"].codes if "agencies" in codes else frozenset[str]()
    named = [("team.name", odcs.team.name)]
    named += [(f"roles.{number}.role", role.role) for number, role in enumerate(odcs.roles)]
    for where, agency in named:
        if agency not in agencies:
            yield where, "catalogue.codes", "is not in the list agencies", "ليس في القائمة agencies"
    if len(properties.roles_ar) != len(odcs.roles):
        yield (
            "customProperties.rolesAr",
            "catalogue.arabic",
            "has one text for each of roles, in their order",
            "فيه نص لكل واحد من roles، بترتيبها",
        )
    if len(properties.service_levels_ar) != len(odcs.sla_properties):
        yield (
            "customProperties.serviceLevelsAr",
            "catalogue.arabic",
            "has one text for each of slaProperties, in their order",
            "فيه نص لكل واحد من slaProperties، بترتيبها",
        )


def _schema(octets: bytes | None, complain: Complain) -> Schema | None:
    if octets is None:
        complain("schema.json", "", "catalogue.missing", "is missing", MISSING_AR)
        return None
    try:
        schema = parse(octets)
    except Refused as refused:
        message_ar = f"ليس JSON مقبولًا: {CODES[refused.code].ar}"
        complain(
            "schema.json",
            refused.field,
            "catalogue.json",
            f"is not acceptable JSON: {refused.rule}",
            message_ar,
        )
        return None
    found = schema_lint.problems(schema)
    for where, *said in found:
        complain("schema.json", where, "catalogue.schema", *said)
    return None if found else schema


def _compiled(schema: Schema, complain: Complain) -> Checker | None:
    try:
        return compile_schema(schema)
    except Unfit as problem:
        complain("schema.json", "", "catalogue.schema", str(problem), problem.ar)
        return None


def _unfit(schema: Schema, properties: ContractProperties) -> list[tuple[str, str, str]]:
    """Return what the contract's properties say about fields that the schema does not have, in both languages."""
    required = schema.get("required")
    always = required if isinstance(required, list) else []
    found = [
        ("schema.json", f"every contract requires {name}", f"كل عقد يوجب الحقل {name}")
        for name in _COMMON
        if name not in always
    ]
    for name in (*_COMMON, "prior_ref"):
        node = schema_lint.resolve(schema, "/" + name)
        if node is not None and node.get("type") != "string":
            found.append(("schema.json", f"{name} is a text in every contract", f"الحقل {name} نص في كل عقد"))
    pointers = [("subject", properties.subject), ("about", properties.about)]
    for index, rule in enumerate(properties.rules):
        pointers += [(f"rules.{index}", pointer) for pointer in _pointers(rule)]
    for where, pointer in pointers:
        if pointer is not None and schema_lint.resolve(schema, pointer) is None:
            found.append((where, f"the schema has no field {pointer}", f"لا يوجد في المخطط حقل {pointer}"))
    if properties.about and (schema_lint.resolve(schema, properties.about) or {}).get("format") != "uuid":
        found.append(
            (
                "about",
                "must be a field of format uuid: it stands in clear in the log",
                "يجب أن يكون حقلًا صيغته uuid: فهو مكشوف في السجل العام",
            )
        )
    for name in properties.logged:
        node = schema_lint.resolve(schema, "/" + name)
        if node is None or not ({"enum", "const"} & node.keys()):
            found.append(
                (
                    "logged",
                    f"{name} must be an enumerated field: it stands in clear in the log",
                    f"يجب أن تكون قيم الحقل {name} معدودة: فهو مكشوف في السجل العام",
                )
            )
        if name in _EVENT_FIELDS:
            found.append(
                (
                    "logged",
                    f"{name} is a field that every event of the log has already",
                    f"الحقل {name} موجود في كل قيد من السجل العام",
                )
            )
    return found


def _pointers(rule: Rule) -> list[str]:
    found: list[str | None] = [
        *(rule.order or ()),
        rule.not_future,
        rule.sender and rule.sender[0],
        rule.only and rule.only[0],
        *(rule.same or ()),
        *(rule.differ or ()),
        rule.present,
        rule.when and rule.when[0],
    ]
    if rule.years is not None:
        found += [rule.years[0], rule.years[3]]
    if rule.within is not None:
        found += [rule.within[0], rule.within[2]]
    if rule.sum is not None:
        found += [rule.sum[0], *rule.sum[1]]
    return [pointer for pointer in found if pointer]


def _unknown_codes(node: object, at: str, codes: Codes) -> Iterator[tuple[str, str, str]]:
    """Walk a schema and give what it enumerates beyond the code list that it names."""
    if isinstance(node, list):
        for index, inner in enumerate(node):
            yield from _unknown_codes(inner, f"{at}/{index}", codes)
    if not isinstance(node, dict):
        return
    listed, named = node.get("enum"), node.get("x-codes")
    if isinstance(named, str) and named not in codes:
        yield at, f"there is no code list {named!r}", f"لا توجد قائمة أكواد باسم {named}"
    elif isinstance(named, str) and isinstance(listed, list):
        beyond = [str(value) for value in listed if value not in codes[named].codes]
        if beyond:
            yield (
                at,
                f"enumerates what is not in the list {named}: {', '.join(beyond)}",
                f"يعدّد ما ليس في القائمة {named}: {'، '.join(beyond)}",
            )
    for key, inner in node.items():
        yield from _unknown_codes(inner, f"{at}/{key}", codes)


def _examples(folder: str, files: Files) -> tuple[Example, ...]:
    found = []
    mine = f"{folder}/examples/"
    for file, octets in files.items():
        if not (file.startswith(mine) and file.endswith(".json")):
            continue
        stem = file.removesuffix(".json")
        valid = file.startswith(f"{folder}/examples/valid/")
        why = None if valid else _words(files, f"{stem}.why")
        # The code, and after `from` the agency, where the rule asks who sends.
        code = None if why is None else " ".join(why[:1])
        sender = why[2] if why and why[1:2] == ["from"] and len(why) > 2 else None  # noqa: PLR2004 - three words
        found.append(Example(file, octets, code, sender, tuple(_words(files, f"{stem}.codes"))))
    return tuple(found)


def _words(files: Files, file: str) -> list[str]:
    return files.get(file, b"").decode("utf-8", "replace").split()


def _numbers(schema: Schema, subject: str | None) -> list[str]:
    """Return the pointers of every national ID that a record can hold outside lists; the subject's is first."""
    numbers = schema_lint.pointers_to(schema, "#/$defs/nid")
    return sorted(numbers, key=lambda pointer: pointer != subject)
