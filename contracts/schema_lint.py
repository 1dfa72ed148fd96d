"""Which JSON Schemas may describe a record.

Only keywords that mean the same in draft-07 and 2020-12, references inside the document and without a cycle,
closed objects, texts with an end, patterns that mean the same to every engine and cannot run away: a schema
written by an agency can neither reach the network nor slow the gateway down.
"""

import re
from collections.abc import Iterable, Iterator

from contracts.errors import Unfit

_VALUE_KEYWORDS = {
    "$schema", "$id", "$comment", "x-comment-ar", "$ref", "title", "description", "x-description-ar",
    "x-classification", "x-codes", "examples", "type",
    "enum", "const", "pattern", "format", "minLength", "maxLength", "minimum", "maximum", "minItems",
    "maxItems", "uniqueItems", "required", "additionalProperties",
}  # fmt: skip
_SCHEMA_KEYWORDS = {"items", "not", "if", "then", "else"}
_LIST_KEYWORDS = {"allOf", "anyOf", "oneOf"}
_MAP_KEYWORDS = {"properties", "$defs"}
CLASSIFICATIONS = ("internal", "confidential", "restricted")
"""Of fields, rising: about the exchange and nobody; about a person; what the law protects beyond that."""
_FORMATS = {"date", "date-time", "uuid"}
_NOT_PORTABLE = re.compile(r"\\[dDwWsSbBAZzpP]|\(\?")
_MAX_REPEAT = 1000

Found = tuple[str, str, str]
"""Pointer into the schema, and what is wrong there, in English and Arabic."""


def problems(schema: object) -> list[Found]:
    """Return everything in `schema` that a record's schema may not contain; empty when it is acceptable."""
    if not isinstance(schema, dict):
        return [("", "must be a JSON object", "يجب أن يكون كائن JSON")]
    found = list(_walk(schema, "", asserts=True))
    definitions = schema.get("$defs", {})
    if not found and isinstance(definitions, dict):
        found = [("/$defs/" + name, "refers to itself", "يشير إلى نفسه") for name in _cyclic(definitions)]
    return found


def unfit(found: list[Found]) -> Unfit:
    """Return everything that was found in one."""
    return Unfit(
        "; ".join(f"{at}: {what}" for at, what, _ in found),
        "؛ ".join(f"{at}: {what_ar}" for at, _, what_ar in found),
    )


def names(schema: object) -> frozenset[str]:
    """Return every name of a field that `schema` declares."""
    if isinstance(schema, dict):
        own = schema.get("properties")
        inner = frozenset(own) if isinstance(own, dict) else frozenset[str]()
        return inner.union(*map(names, schema.values()))
    return frozenset().union(*map(names, schema)) if isinstance(schema, list) else frozenset()


def properties(schema: dict[str, object], node: object) -> dict[str, object]:
    """Return the fields of one object of an acceptable `schema`, following references; {} otherwise."""
    if isinstance(node, dict) and isinstance(node.get("$ref"), str):
        definitions = schema.get("$defs")
        name = node["$ref"].removeprefix("#/$defs/")
        return properties(schema, definitions.get(name)) if isinstance(definitions, dict) else {}
    members = node.get("properties") if isinstance(node, dict) else None
    return members if isinstance(members, dict) else {}


def resolve(schema: dict[str, object], pointer: str) -> dict[str, object] | None:
    """Return the subschema of the field at a JSON pointer of plain names; None when there is none."""
    return at(schema, pointer.split("/")[1:])


def at(schema: dict[str, object], names: Iterable[str]) -> dict[str, object] | None:
    """Return the subschema of the field behind these names, one inside the other; None when there is none."""
    node: object = schema
    for name in names:
        node = properties(schema, node).get(name)
    if isinstance(node, dict) and "$ref" in node:
        definitions = schema.get("$defs")
        node = (
            definitions.get(str(node["$ref"]).removeprefix("#/$defs/"))
            if isinstance(definitions, dict)
            else None
        )
    return node if isinstance(node, dict) else None


def pointers_to(schema: dict[str, object], reference: str) -> list[str]:
    """Return the JSON pointers of the fields, outside lists, that are a given definition of `schema`."""
    found: list[str] = []
    pending = [("/" + name, node) for name, node in properties(schema, schema).items()]
    for pointer, node in pending:  # grows while it is walked; acceptable schemas have no cycle
        if isinstance(node, dict) and node.get("$ref") == reference:
            found.append(pointer)
        pending += [(f"{pointer}/{name}", inner) for name, inner in properties(schema, node).items()]
    return found


def _walk(node: object, at: str, *, asserts: bool) -> Iterator[Found]:
    """Walk one subschema; `asserts` is False under if, then, not and allOf, which only add conditions."""
    if not isinstance(node, dict):
        yield (
            at,
            "must be a schema object; `true` and `false` are not used",
            "يجب أن يكون كائن مخطط؛ ولا يُكتب true ولا false",
        )
        return
    for keyword, value in node.items():
        here = f"{at}/{keyword}"
        if keyword in _SCHEMA_KEYWORDS:
            yield from _walk(value, here, asserts=asserts and keyword == "items")
        elif keyword in _LIST_KEYWORDS and isinstance(value, list):
            for index, inner in enumerate(value):
                yield from _walk(inner, f"{here}/{index}", asserts=False)
        elif keyword in _MAP_KEYWORDS and isinstance(value, dict):
            for name, inner in value.items():
                yield from _walk(inner, f"{here}/{name}", asserts=asserts)
        elif keyword not in _VALUE_KEYWORDS:
            yield (
                here,
                f"the keyword {keyword!r} is not in the allowed list",
                f"الكلمة {keyword} ليست في القائمة المسموحة",
            )
    yield from _own(node, at)
    if asserts:
        yield from _closed(node, at)


def _own(node: dict[str, object], at: str) -> Iterator[Found]:
    reference = node.get("$ref")
    if reference is not None and not (isinstance(reference, str) and reference.startswith("#/$defs/")):
        yield (
            at + "/$ref",
            "references stay inside the document: #/$defs/…",
            "الإشارات داخل المستند وحده: ‎#/$defs/…",
        )
    if node.get("x-classification", "internal") not in CLASSIFICATIONS:
        yield (
            at + "/x-classification",
            f"one of {', '.join(CLASSIFICATIONS)}",
            f"اكتب إحدى الكلمات: {'، '.join(CLASSIFICATIONS)}",
        )
    if node.get("format", "date") not in _FORMATS:
        yield (
            at + "/format",
            f"only {', '.join(sorted(_FORMATS))}",
            f"لا تُقبل إلا الكلمات: {'، '.join(sorted(_FORMATS))}",
        )
    pattern = node.get("pattern")
    if pattern is not None:
        wrong = pattern_problem(pattern)
        if wrong:
            yield at + "/pattern", *wrong


_BOUNDS = {
    "object": (
        {"additionalProperties"},
        "objects are closed: add additionalProperties false",
        "الكائنات مغلقة: أضف additionalProperties بالقيمة false",
    ),
    "string": ({"maxLength"}, "texts have an end: add maxLength", "للنصوص حد: أضف maxLength"),
    "array": (
        {"maxItems", "items"},
        "lists have an end and a kind: add maxItems and items",
        "للقوائم حد ونوع: أضف maxItems ومعها items",
    ),
    "integer": (
        {"minimum", "maximum"},
        "numbers have bounds: add minimum and maximum",
        "للأعداد حدود: أضف minimum ومعها maximum",
    ),
    "boolean": (set[str](), "", ""),
}


def _closed(node: dict[str, object], at: str) -> Iterator[Found]:
    if {"$ref", "enum", "const"} & node.keys():
        return
    bounds = _BOUNDS.get(str(node.get("type")))
    if bounds is None:
        yield (
            at,
            f"must have one type of {', '.join(_BOUNDS)}; fractions and null are not exchanged",
            f"يجب أن يكون له نوع واحد من: {'، '.join(_BOUNDS)}؛ ولا تُتبادل الكسور ولا القيمة null",
        )
    elif not bounds[0] <= node.keys() or node.get("additionalProperties", False) is not False:
        yield at, *bounds[1:]


def pattern_problem(pattern: object) -> tuple[str, str] | None:
    r"""Return what is wrong with a regular expression, in English and Arabic, or None.

    It must be anchored, avoid classes that engines read differently (`\d` and friends), and never repeat a
    group that itself repeats: that is the shape that backtracking engines, which readers may use, die of.
    """
    if not isinstance(pattern, str) or not (pattern.startswith("^") and pattern.endswith("$")):
        return "patterns begin with ^ and end with $", "تبدأ الأنماط بالعلامة ^ وتنتهي بالعلامة $"
    if _NOT_PORTABLE.search(pattern):
        return (
            r"write character classes out, [0-9] and not \d; no look-around, no flags",
            r"اكتب فئات الحروف صراحة: [0-9] وليس \d؛ بلا نظر إلى ما حولها وبلا رايات",
        )
    bare = re.sub(r"\[\^?\]?(?:[^\]\\]|\\.)*\]|\\.", "x", pattern)
    if any(int(count) > _MAX_REPEAT for count in re.findall(r"[0-9]+(?=[,}])", bare)):
        return f"repeats more than {_MAX_REPEAT} times", f"يكرر أكثر من {_MAX_REPEAT} مرة"
    while True:
        inner = re.search(r"\(([^()]*)\)([*+{])?", bare)
        if inner is None:
            return None
        if inner[2] and re.search(r"[*+{]", inner[1]):
            return "repeats a group that itself repeats", "يكرر مجموعة تتكرر هي نفسها"
        kept = "x*" if inner[2] or re.search(r"[*+{]", inner[1]) else "x"
        bare = bare[: inner.start()] + kept + bare[inner.end() - len(inner[2] or "") :]


def _cyclic(definitions: dict[str, object]) -> list[str]:
    """Return the names of definitions from which a chain of references leads back to themselves."""
    uses = {name: set(re.findall(r"'#/\$defs/([^'/]+)'", repr(node))) for name, node in definitions.items()}
    reach = {name: set(direct) for name, direct in uses.items()}
    for _ in uses:
        for reached in reach.values():
            reached |= {further for near in reached for further in uses.get(near, ())}
    return sorted(name for name, reached in reach.items() if name in reached)
