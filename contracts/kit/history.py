"""Inside a major version a contract only gains optional fields; what was published once cannot change unnoticed.

`canonical/<name>/v<major>/history/<version>.schema.json` is the schema as it was published. The file of the
version in force holds it still; those before it bound what the next may change.
"""

import re
from collections.abc import Iterator

from contracts.contract import Contract
from contracts.errors import Problem, Refused
from contracts.folder import Files
from contracts.schemas import Schema
from contracts.strict_json import parse

_ANNOTATIONS = {
    "$schema", "$id", "$comment", "x-comment-ar", "title", "description", "x-description-ar", "x-classification",
    "x-codes", "examples",
}  # fmt: skip
_VERSION = re.compile(r"^## ([0-9]+\.[0-9]+\.[0-9]+)\b", re.MULTILINE)
Change = tuple[str, str, str]
"""Pointer into the schema, and what is different there, in English and Arabic."""


def problems(folder: str, files: Files, contract: Contract) -> Iterator[Problem]:
    """Give what the contract in `folder` breaks of what it promised in an earlier minor version."""
    log = files.get(f"{folder}/CHANGELOG.md", b"").decode("utf-8", "replace")
    listed = _VERSION.findall(log)
    if contract.version not in listed:
        yield Problem(
            f"{folder}/CHANGELOG.md",
            "",
            "kit.history",
            f"says nothing of version {contract.version}",
            f"لا يذكر الإصدار {contract.version}",
        )
    kept = {
        file.rpartition("/")[2].removesuffix(".schema.json"): file
        for file in files
        if file.startswith(f"{folder}/history/")
    }
    for version in listed:
        if _order(version) < _order(contract.version) and version not in kept:
            yield Problem(
                f"{folder}/history/{version}.schema.json", "", "kit.history", "is missing", "غير موجود"
            )
    for version, file in kept.items():
        yield from _held(folder, file, version, files[file], contract)


def _held(folder: str, file: str, version: str, octets: bytes, contract: Contract) -> Iterator[Problem]:
    try:
        earlier = parse(octets)
    except Refused as refused:
        yield Problem(file, "", "kit.history", f"is not acceptable JSON: {refused.rule}", "ليس JSON مقبولًا")
        return
    if _order(version) > _order(contract.version):
        yield Problem(
            file,
            "",
            "kit.history",
            f"is of a later version than {contract.version}",
            f"إصداره أحدث من {contract.version}",
        )
    elif version == contract.version and _asserted(earlier) != _asserted(contract.schema):
        yield Problem(
            f"{folder}/schema.json",
            "",
            "kit.history",
            f"is not what was published as {version}; raise the version",
            f"ليس ما نُشر بالإصدار {version}؛ ارفع رقم الإصدار",
        )
    else:
        for at, what, what_ar in changes(_asserted(earlier), _asserted(contract.schema)):
            said = f"{what} since {version}", f"{what_ar} منذ الإصدار {version}"
            yield Problem(f"{folder}/schema.json", at, "kit.history", *said)


def changes(old: object, new: object, at: str = "") -> Iterator[Change]:
    """Give every difference that breaks a writer or a reader of the old schema; annotations are gone already."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        if old != new:
            yield at, "has changed", "تغيّر"
        return
    for keyword in sorted({*old, *new}):
        here, was, now = f"{at}/{keyword}", old.get(keyword), new.get(keyword)
        if keyword == "properties" and isinstance(was, dict):
            yield from _fields(was, now if isinstance(now, dict) else {}, here)
        elif keyword == "$defs" and isinstance(was, dict) and isinstance(now, dict):
            for name in sorted(was.keys() & now.keys()):  # a new one is used by new fields only
                yield from changes(was[name], now[name], f"{here}/{name}")
        elif keyword == "$defs":
            continue
        elif keyword == "required":
            yield from _required(was, now, here)
        elif was is None:
            yield here, "is new", "جديد"
        else:
            yield from changes(was, now, here)


def _fields(was: Schema, now: Schema, at: str) -> Iterator[Change]:
    for name, field in was.items():
        if name in now:
            yield from changes(field, now[name], f"{at}/{name}")
        else:
            yield f"{at}/{name}", "is gone", "لم يعد موجودًا"


def _required(was: object, now: object, at: str) -> Iterator[Change]:
    before, after = (set(names) if isinstance(names, list) else set[str]() for names in (was, now))
    for name in sorted(before ^ after):
        if name in before:
            yield at, f"{name} is no longer required", f"لم يعد {name} واجبًا"
        else:
            yield at, f"{name} is newly required", f"أصبح {name} واجبًا"


def _asserted(node: object) -> object:
    """Return a schema without what only describes it."""
    if isinstance(node, list):
        return [_asserted(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    return {
        key: {name: _asserted(inner) for name, inner in value.items()}
        if key in {"properties", "$defs"} and isinstance(value, dict)
        else _asserted(value)
        for key, value in node.items()
        if key not in _ANNOTATIONS
    }


def _order(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
