"""Read one JSON record so that no two programs could read it differently (RFC 8259 §4, RFC 7493 §2).

Duplicate names, fractions, exponents, integers beyond ±(2^53-1), lone surrogates, invalid UTF-8 and NaN are
refused. The common libraries accept duplicate names in silence, and a Python callback for each object costs
more than the rest of the parse; so the parsed value is written out again and the colons are counted.
"""

import json
from collections.abc import Container

import msgspec
import orjson

from contracts.errors import Refused

_OBJECT = "one JSON object for each record"
_SYNTAX = "one JSON text, as RFC 8259 defines it"
_DUPLICATE = "each name at most once in an object"
_NUMBER = "whole numbers between -(2^53-1) and 2^53-1; identifiers are strings"
_DEPTH = "no more than 254 levels"
_LARGEST = 2**53 - 1


class _Fraction(Exception):  # noqa: N818 - never leaves this module
    """A number with a fraction or an exponent was met."""


def _refuse_fraction(_literal: str) -> float:
    raise _Fraction


_decode = msgspec.json.Decoder(float_hook=_refuse_fraction).decode


def parse(octets: bytes, names: Container[str] = ()) -> dict[str, object]:
    """Return the object that `octets` (UTF-8) hold.

    Args:
        octets: one JSON text; the caller has limited its length.
        names: names that the schema knows; only these are ever told back in a refusal.

    Raises:
        Refused: `record.encoding` or one of the `record.json.*` codes.
    """
    try:
        value = _decode(octets)
        again = orjson.dumps(value, option=orjson.OPT_STRICT_INTEGER)
    except UnicodeDecodeError:
        raise Refused("record.encoding", "", "UTF-8") from None
    except RecursionError:
        raise Refused("record.json.depth", "", _DEPTH) from None
    except (
        _Fraction,
        msgspec.ValidationError,
    ):  # without a type to decode into, only a number is ever invalid
        raise Refused("record.json.number", "", _NUMBER) from None
    except msgspec.DecodeError:
        raise Refused("record.json.syntax", "", _SYNTAX) from None
    except orjson.JSONEncodeError:
        raise _unwritable(value) from None
    if type(value) is not dict:
        raise Refused("record.json.object", "", _OBJECT)
    if not has_all(octets, again):
        _refuse_duplicates(octets, names)
    return value


def has_all(octets: bytes, again: bytes) -> bool:
    """Whether it is certain that no member of the JSON text `octets` is missing in `again`, made of its value."""
    # A member that was dropped took at least its own colon with it, and only the escape \u003a could put one back:
    # equal counts without that escape prove that every member is still there.
    return octets.count(b":") == again.count(b":") and not (b"\\" in octets and b"\\u003" in octets)


def _unwritable(value: object) -> Refused:
    """Say why orjson would not write `value`: it holds an integer too large, or it is too deep."""
    levels = [value]
    while levels:
        if any(type(item) is int and abs(item) > _LARGEST for item in levels):
            return Refused("record.json.number", "", _NUMBER)
        levels = [inner for item in levels for inner in _children(item)]
    return Refused("record.json.depth", "", _DEPTH)


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list) else []


def _refuse_duplicates(octets: bytes, names: Container[str]) -> None:
    """Parse again, slowly and exactly, and refuse when an object has a name twice."""

    def once(members: list[tuple[str, object]]) -> None:
        seen: set[str] = set()
        for name, _ in members:
            if name in seen:
                raise Refused("record.json.duplicate_key", name if name in names else "", _DUPLICATE)
            seen.add(name)

    json.loads(octets, object_pairs_hook=once)
