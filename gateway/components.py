"""A JSON Schema as a component of a larger document, whose root is not the schema's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

Schema: TypeAlias = "dict[str, object]"

_OWN_ROOT = {"$schema", "$id", "$defs"}


def lifted(name: str, schema: Mapping[str, object], at: str = "#/components/schemas/") -> dict[str, Schema]:
    """Return a schema and its definitions as components `<name>` and `<name>.<definition>`, referring to each other.

    A reference `#/$defs/…` is resolved against the document that it stands in, so it would lead nowhere there.
    """
    definitions = schema.get("$defs")
    parts = {
        f"{name}.{inner}": _referring(node, f"{at}{name}.")
        for inner, node in (definitions.items() if isinstance(definitions, dict) else ())
    }
    root = {key: value for key, value in schema.items() if key not in _OWN_ROOT}
    return {name: _referring(root, f"{at}{name}."), **parts}


def _referring(schema: Mapping[str, object], start: str) -> Schema:
    """Return a subschema whose references lead to `start` and the name of the definition."""
    return {key: _moved(key, value, start) for key, value in schema.items()}


def _moved(key: str, value: object, start: str) -> object:
    if key == "$ref" and isinstance(value, str):
        return start + value.removeprefix("#/$defs/")
    if isinstance(value, list):
        return [_moved("", inner, start) for inner in value]
    return _referring(value, start) if isinstance(value, dict) else value
