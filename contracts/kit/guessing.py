"""Guess what the fields of a sample are, and which field of a contract each belongs to; say when unsure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from contracts import schema_lint
from contracts.codes import CodeList
from contracts.contract import Contract
from contracts.kit.values import Field, ascii_digits, date_form, either_way, is_identity, truth_call
from contracts.schemas import Schema

_MAX_WORDS = 12
"""Distinct values up to which a field is taken for one of fixed words."""

_LITTLE = {"of", "the", "no", "code", "on", "date", "day", "a", "it", "is", "was", "or", "and", "which"}
_ARABIC_NAME = re.compile("[\u0600-\u06ff\ufb50-\ufdff\ufe70-\ufefc .'\u200f-]{5,}")
_TOKEN = re.compile("[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[\u0621-\u064a]+")
_SPELLING = str.maketrans("أإآىةؤئ", "ااايهوي")

_SYNONYMS = {
    "source_ref": "ref reference notification serial مرجع مسلسل اخطار بلاغ",
    "op": "op action operation movement اجراء حركه عمليه",
    "prior_ref": "prior previous replaces amends original سابق اصلي",
    "occurred_on": "event occurred effective واقعه حدث",
    "reported_on": "reported registered notified issued ابلاغ قيد اصدار اخطار",
    "note_ar": "note remark remarks notes comment ملاحظات ملاحظه",
    "person.nid": "nid national id identity ssn قومي رقم بطاقه",
    "person.name": "name fullname اسم",
    "person.mother_name": "mother mothername ام والده",
    "person.birth_date": "birth birthdate dob born ميلاد",
    "person.sex": "sex gender نوع جنس",
    "death_date": "death died deceased وفاه",
    "death_time": "time hour ساعه",
    "place.gov": "governorate gov محافظه",
    "residence.gov": "governorate gov محافظه",
    "residence.text": "address street عنوان شارع",
    "residence.district": "district قسم مركز",
    "office_code": "office مكتب",
    "registry_no": "registry register entry قيد سجل",
}
_WORDS = {
    "M": "m male man 1 ذكر",
    "F": "f female woman 2 انثي",
    "assert": "a n new add insert entry جديد اضافه قيد",
    "correct": "c u update correct correction amend تعديل تصحيح",
    "void": "v d x delete cancel cancellation void الغاء حذف",
    "EGYPT": "eg egypt inside مصر داخل",
    "ABROAD": "abroad outside خارج",
}


@dataclass(frozen=True, slots=True)
class Target:
    """One field of a contract that a mapping can write."""

    name: str
    """Dotted."""
    node: Schema
    kind: str
    """nid, name, date, words, truth, number or text."""
    required: bool


@dataclass(frozen=True, slots=True)
class Guess:
    """A line of a mapping."""

    target: Target
    field: Field
    call: str
    """What follows `from` in the mapping, as YAML."""
    sure: bool
    why: str


def targets_of(contract: Contract) -> list[Target]:
    """Return the fields of a contract that a mapping can write, names as a whole."""
    return list(_targets(contract.schema, contract.schema, "", required=True))


def guesses(
    fields: list[Field], contract: Contract, codes: Mapping[str, CodeList]
) -> tuple[list[Guess], list[tuple[Target, Field]]]:
    """Return the lines that can be guessed, and the pairs whose words could not be told apart.

    Each field goes to the target that its name and its values fit best, and no target is written twice.
    """
    event = _tokens(contract.name.partition(".")[0])
    ranked = sorted(
        ((_score(field, target, event), -order, field, target)
         for field in fields for order, target in enumerate(targets_of(contract))),
        key=lambda one: one[:2], reverse=True,
    )  # fmt: skip
    found: dict[str, Guess] = {}
    used: set[tuple[str, ...]] = set()
    unclear: list[tuple[Target, Field]] = []
    for score, _, field, target in ranked:
        if score <= 0 or target.name in found or field.path in used:
            continue
        used.add(field.path)
        guess = _guess(target, field, codes)
        if guess is None:
            unclear.append((target, field))
        else:
            found[target.name] = guess
    _second_use(found, targets_of(contract))
    return [found[target.name] for target in targets_of(contract) if target.name in found], unclear


def _second_use(found: dict[str, Guess], targets: list[Target]) -> None:
    """Let one day serve twice: the day of the event is mostly the contract's own date, such as the day of death."""
    days = {target.name: target for target in targets if target.kind == "date" and target.required}
    own = [name for name in days if "." not in name and name != "reported_on"]
    first = next((found[name] for name in own if name in found), None)
    for name in own:
        if first is not None and name not in found:
            why = f"the same day as {first.target.name}"
            found[name] = Guess(days[name], first.field, first.call, sure=False, why=why)


def _targets(schema: Schema, node: Schema, prefix: str, *, required: bool) -> Iterator[Target]:
    listed = node.get("required")
    for name, member in schema_lint.properties(schema, node).items():
        field = schema_lint.resolve(schema, "/" + (prefix + name).replace(".", "/"))
        if field is None or field.get("type") == "array" or not isinstance(member, dict):
            continue
        needed = required and isinstance(listed, list) and name in listed
        kind = _kind(member, field)
        if kind == "object":
            yield from _targets(schema, field, f"{prefix}{name}.", required=needed)
        else:
            yield Target(prefix + name, {**field, **member}, kind, needed)


def _kind(member: Schema, field: Schema) -> str:
    reference = member.get("$ref")
    if reference == "#/$defs/nid":
        return "nid"
    if reference == "#/$defs/pname":
        return "name"
    if field.get("format") == "date":
        return "date"
    if "enum" in field:
        return "words"
    return {"object": "object", "boolean": "truth", "integer": "number"}.get(str(field.get("type")), "text")


# -- How well a field fits a target


def _score(field: Field, target: Target, event: set[str]) -> float:
    """Return how well they fit: what the values are decides whether at all, the names decide how well."""
    if not field.values or not _possible(field, target):
        return 0
    # The last name says what it is, those around it only of whom.
    own, around = _tokens(field.path[-1]), _tokens(" ".join(field.path[:-1]))
    leaf = target.name.rpartition(".")[2]
    wanted = _tokens(leaf.replace("_", " ")) | set(_SYNONYMS.get(target.name, "").split())
    described = _tokens(f"{target.node.get('description', '')} {target.node.get('x-description-ar', '')}")
    score = (
        3 * len(own & wanted) + len(own & described) + 2 * len(around & (wanted | event)) / (1 + len(around))
    )
    if target.kind == "nid":
        score += 4
    return score if score >= 1 else 0


def _possible(field: Field, target: Target) -> bool:  # noqa: PLR0911 - one line for each kind
    if target.kind == "nid":
        return is_identity(field)
    if is_identity(field):
        return False
    if target.kind == "date":
        return date_form(field) is not None
    if target.kind == "name":
        return bool(field.texts) and all(_ARABIC_NAME.fullmatch(text) for text in field.texts)
    if target.kind == "words":
        return 0 < len({*field.texts}) <= _MAX_WORDS or "x-codes" in target.node
    if target.kind == "number":
        return all(isinstance(value, int) or str(value).strip().isdecimal() for value in field.values)
    if target.kind == "truth":
        return {*map(type, field.values)} == {bool} or truth_call(field) is not None
    return len(field.texts) == len(field.values) and date_form(field) is None


def _tokens(name: str) -> set[str]:
    """Return the words of a name, in one spelling: nationalId, NATIONAL_ID and الرقم القومي alike."""
    words = {word.lower().translate(_SPELLING) for word in _TOKEN.findall(name)}
    return {word.removeprefix("ال") or word for word in words} - _LITTLE


# -- The line for a pair


def _guess(target: Target, field: Field, codes: Mapping[str, CodeList]) -> Guess | None:
    if target.kind == "words":
        table = _table(target, field, codes)
        return None if table is None else Guess(target, field, table, sure=False, why="by its words")
    form = date_form(field) if target.kind == "date" else None
    if form is not None:
        either = form.startswith("%d") and all(either_way(text) for text in field.texts)
        why = "day or month first cannot be told from these dates" if either else "by its dates"
        return Guess(target, field, f'fn: ["date:{form}"]', sure=not either, why=why)
    if target.kind == "truth":
        return Guess(target, field, truth_call(field) or "", sure=False, why="by its words")
    if target.kind == "number":
        return Guess(target, field, "fn: [int]", sure=True, why="by its numbers")
    plain = {"nid": "fn: [nid]", "name": "fn: [arabic_name, split_name]"}
    digits = "digitsascii_digits" if str(target.node.get("pattern", "")).startswith("^[0-9]") else "trim"
    free = "fn: [text]" if int(str(target.node.get("maxLength", 0))) > 100 else f"fn: [{digits}]"  # noqa: PLR2004 - a sentence
    return Guess(target, field, plain.get(target.kind, free), sure=target.kind == "nid", why="by its name")


def _table(target: Target, field: Field, codes: Mapping[str, CodeList]) -> str | None:
    """Return the lookup of a field of fixed words, or None when a word could mean several things."""
    plain = sorted({text.strip() for text in field.texts})
    words = sorted({*map(ascii_digits, plain)})
    clean = "fn: [trim]" if words == plain else "fn: [trim, digitsascii_digits]"
    listed = target.node.get("enum")
    allowed = [str(code) for code in listed] if isinstance(listed, list) else []
    for name, code_list in codes.items():
        for column in ("code", "ar", "en"):
            known = {row.get(column, ""): row["code"] for row in code_list.rows}
            if all(known.get(word) in allowed for word in words) and len(code_list.rows) > 2:  # noqa: PLR2004 - a list
                return f"{clean}, lookup: {name}" + ("" if column == "code" else f"/{column}")
    table = {word: _meant(word, allowed) for word in words}
    if not all(table.values()):
        return None
    return clean + ", lookup: {" + ", ".join(f'"{word}": "{code}"' for word, code in table.items()) + "}"


def _meant(word: str, allowed: list[str]) -> str | None:
    bare = word.lower().translate(_SPELLING)
    found = [code for code in allowed if bare == code.lower() or bare in _WORDS.get(code, "").split()]
    return found[0] if len(found) == 1 else None
