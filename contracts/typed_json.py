"""Read the usual JSON record and hold it against its schema at once, twice as fast as one after the other.

Only for schemas of texts, words and truth values in closed objects, which most agencies' are. What it does not take is
not wrong yet: then the exact reader parses and validates, and it alone refuses.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import msgspec
import orjson

from contracts import strict_json
from contracts.schemas import Schema, asking

Read = Callable[[bytes], dict[str, object]]
"""Returns the record that octets hold; raises Refused."""


class _Unfit(Exception):  # noqa: N818 - never leaves this module
    """A schema asks something that is not translated here."""


def typed_reader(schema: Schema, exactly: Read) -> Read:
    """Return a reader of a closed schema that asks `exactly`, the exact one, where it is not certain itself."""
    try:
        decode = msgspec.json.Decoder(_object(schema)).decode
    except _Unfit:
        return exactly

    def read(octets: bytes) -> dict[str, object]:
        try:
            record: dict[str, object] = decode(octets)
            again = orjson.dumps(record)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, orjson.JSONEncodeError):
            return exactly(octets)
        # Members that the schema does not know, and all but the last of one name, are dropped without a word.
        return record if again == octets or strict_json.has_all(octets, again) else exactly(octets)

    return read


def _object(schema: Schema) -> Any:
    asked = _asked(schema, {"type", "properties", "required", "additionalProperties"})
    properties, required = asked.get("properties"), asked.get("required", [])
    if asked.get("type") != "object" or asked.get("additionalProperties") is not False:
        raise _Unfit
    if (
        not isinstance(properties, dict)
        or not isinstance(required, list)
        or set(required) - properties.keys()
    ):
        raise _Unfit
    members = {name: _member(inner) for name, inner in properties.items()}
    fields = {name: kind if name in required else NotRequired[kind] for name, kind in members.items()}
    return TypedDict("Record", fields)  # type: ignore[operator]  # made from data


def _member(schema: Schema) -> Any:
    if schema.get("type") == "object":
        return _object(schema)
    if schema.get("type") == "boolean":
        _asked(schema, {"type"})
        return bool
    if "enum" in schema:
        return _word(_asked(schema, {"type", "enum"}))
    asked = _asked(schema, {"type", "minLength", "maxLength"})
    if asked.get("type") != "string":
        raise _Unfit
    shortest, longest = asked.get("minLength"), asked.get("maxLength")
    return Annotated[str, msgspec.Meta(min_length=shortest, max_length=longest)]  # type: ignore[call-overload]  # numbers


def _word(asked: Schema) -> Any:
    words = asked["enum"]
    if asked.get("type", "string") != "string" or not isinstance(words, list):
        raise _Unfit
    if not words or not all(isinstance(word, str) for word in words):
        raise _Unfit
    return Literal[tuple(words)]


def _asked(schema: Schema, known: set[str]) -> Schema:
    """Return the keywords that accept and refuse, which must be known ones."""
    asked = asking(schema)
    if not asked.keys() <= known:
        raise _Unfit
    return asked
