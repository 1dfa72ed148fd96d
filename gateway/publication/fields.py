"""The fields of a canonical record as a reader sees them: one line each, inner objects opened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from contracts.contract import Contract
from contracts.schemas import Schema
from gateway.publication.html import value
from gateway.publication.voice import Text

Node: TypeAlias = "Mapping[str, object]"

_NOTHING: Schema = {}
_UNSEEN = "^[^\x00"
"""How the patterns begin that keep control and invisible characters out of a text."""


@dataclass(frozen=True, slots=True)
class FieldLine:
    """One field."""

    path: str
    """Dotted; `[]` stands for each item of a list."""
    depth: int
    required: bool
    """Within the object that it stands in; conditions may demand more."""
    text: Text
    classification: str
    limits: tuple[Text, ...]
    """What its value must be, conditions aside."""
    values: tuple[str, ...]
    """All it may be, where they are enumerated."""
    codes: str
    """The code list that the values are taken from, or empty."""
    example: object


def field_lines(contract: Contract) -> list[FieldLine]:
    """Return the fields of a contract, in its schema's order."""
    return list(_fields(contract.schema, contract.schema, "", 0))


def _fields(schema: Schema, node: Node, at: str, depth: int) -> Iterator[FieldLine]:
    required = node.get("required")
    always = required if isinstance(required, list) else []
    for name, field in _members(node).items():
        yield from _field(schema, field, f"{at}{name}", depth, required=name in always)


def _field(schema: Schema, written: Node, path: str, depth: int, *, required: bool) -> Iterator[FieldLine]:
    node = resolved(schema, written)
    examples = node.get("examples")
    values = node.get("enum", [node["const"]] if "const" in node else [])
    yield FieldLine(
        path=path,
        depth=depth,
        required=required,
        text=Text(_text(node, "description"), _text(node, "x-description-ar")),
        classification=_text(node, "x-classification"),
        limits=tuple(_limits(node)),
        values=tuple(map(value, values)) if isinstance(values, list) else (),
        codes=_text(node, "x-codes"),
        example=examples[0] if isinstance(examples, list) and examples else None,
    )
    yield from _fields(schema, node, f"{path}.", depth + 1)
    items = node.get("items")
    if isinstance(items, dict):
        inner = resolved(schema, items)
        if _members(inner) or _text(inner, "description"):
            yield from _field(schema, items, f"{path}[]", depth + 1, required=False)


def resolved(schema: Schema, node: Node) -> Node:
    """Return a subschema with what it refers to; its own words go before those of the definition."""
    reference = node.get("$ref")
    if not isinstance(reference, str):
        return node
    definitions = schema.get("$defs", _NOTHING)
    found = definitions.get(reference.removeprefix("#/$defs/")) if isinstance(definitions, dict) else None
    return {**found, **node} if isinstance(found, dict) else node


def _members(node: Node) -> dict[str, Node]:
    members = node.get("properties")
    return members if isinstance(members, dict) else {}


def _text(node: Node, keyword: str) -> str:
    return str(node.get(keyword, ""))


_KINDS = {
    "object": Text("an object", "كائن"),
    "array": Text("a list", "قائمة"),
    "string": Text("text", "نص"),
    "integer": Text("a whole number", "عدد صحيح"),
    "boolean": Text("true or false", "true أو false"),
}
_FORMATS = {
    "date": Text("a date, YYYY-MM-DD", "تاريخ بالصيغة YYYY-MM-DD"),
    "date-time": Text("an instant in UTC, RFC 3339", "لحظة بتوقيت UTC وفق RFC 3339"),
    "uuid": Text("a UUID", "معرّف UUID"),
}
_BOUNDS = (
    ("minLength", "maxLength", Text("{} characters", "طول {}")),
    ("minimum", "maximum", Text("{}", "{}")),
    ("minItems", "maxItems", Text("{} items", "عدد العناصر {}")),
)


def _limits(node: Node) -> Iterator[Text]:
    form = str(node.get("format", ""))
    if form in _FORMATS:
        yield _FORMATS[form]
        return
    if "enum" not in node and "const" not in node:
        yield _KINDS.get(str(node.get("type")), Text("", ""))
    pattern = str(node.get("pattern", ""))
    for least, most, said in _BOUNDS:
        # A pattern that repeats a fixed number of times says the length itself.
        if most in node and not (most == "maxLength" and "{" in pattern):
            english, arabic = _between(node.get(least), node[most])
            yield Text(said.en.format(english), said.ar.format(arabic))
    if node.get("uniqueItems"):
        yield Text("no item twice", "لا يتكرر عنصر")
    if pattern.startswith(_UNSEEN):
        yield Text("no control or invisible characters", "بلا محارف تحكم أو محارف غير مرئية")
    elif pattern:
        yield Text(pattern, pattern)


def _between(least: object, most: object) -> tuple[str, str]:
    if least is None:
        return f"at most {most}", f"لا يزيد على {most}"
    if least == most:
        return str(most), str(most)
    return f"{least} to {most}", f"من {least} إلى {most}"
