"""Canonical JSON (RFC 8785): one octet string for one value, so that a hash means the value."""

from collections.abc import Iterable

import orjson

_MAX_INTEGER = 2**53 - 1  # RFC 8785 §3.2.2.3 via RFC 7493 §2.2: beyond it readers disagree
_MAX_DEPTH = 64  # far above any contract; below every parser's own limit


def canonical(value: object) -> bytes:
    """Encode strings, integers, booleans, None, lists and dicts of them as RFC 8785 says.

    Fractions have no place in a record and are refused.

    Raises:
        ValueError: a float, an integer beyond 2^53-1, a key that is no string, a lone surrogate, a type that
            JSON does not have, or more than 64 levels.
    """
    try:
        ascii_keys = _check(value, _MAX_DEPTH)
        ordered = value if ascii_keys else _by_utf16(value)
        # orjson sorts by code point, which is UTF-16 order only as long as keys are ASCII.
        return orjson.dumps(ordered, option=orjson.OPT_SORT_KEYS if ascii_keys else None)
    except TypeError as error:
        raise ValueError("canonical JSON: a key that is not a string, or a lone surrogate") from error


def _check(value: object, depth: int) -> bool:
    """Refuse what canonical JSON cannot say; tell whether every key is ASCII."""
    kind = type(value)  # exact types: a subclass may encode differently from what it compares as
    if kind is str or kind is bool or value is None:
        return True
    if isinstance(value, int) and kind is int:
        if not -_MAX_INTEGER <= value <= _MAX_INTEGER:
            raise ValueError("canonical JSON: an integer beyond 2^53-1")
        return True
    if depth == 0:
        raise ValueError("canonical JSON: nested too deeply")
    if isinstance(value, list) and kind is list:
        return _check_all(value, depth - 1)
    if isinstance(value, dict) and kind is dict:
        return _check_all(value.values(), depth - 1) and "".join(value).isascii()
    raise ValueError(f"canonical JSON: no place for {kind.__name__}")


def _check_all(values: Iterable[object], depth: int) -> bool:
    ascii_keys = True
    for value in values:
        if type(value) is not str:  # most are, and nothing about a string needs a call
            ascii_keys &= _check(value, depth)
    return ascii_keys


def _by_utf16(value: object) -> object:
    """The same value with the members of every object in the order of RFC 8785 §3.2.3."""
    if isinstance(value, list):
        return [_by_utf16(item) for item in value]
    if isinstance(value, dict):
        try:
            names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        except UnicodeEncodeError as error:
            raise ValueError("canonical JSON: a key with a lone surrogate") from error
        return {name: _by_utf16(value[name]) for name in names}
    return value
