"""What a schema demands only sometimes, in words: `if`, `then`, `else`, `anyOf` and `not` of a contract."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from contracts.contract import Contract
from gateway.publication.voice import Text

Node: TypeAlias = "Mapping[str, object]"

_NONE: Node = {}
_NOT_EN, _NOT_AR = re.compile(r"(` is)"), re.compile(r"^(.)")


@dataclass(frozen=True, slots=True)
class Condition:
    """One demand. `comment` is the contract's own sentence about it, or empty."""

    when: tuple[Text, ...]
    then: tuple[Text, ...]
    comment: Text


def conditions(contract: Contract) -> list[Condition]:
    """Return the conditions of a contract, outer ones first."""
    return list(_walk(contract.schema, "", ()))


def _walk(node: Node, at: str, when: tuple[Text, ...]) -> Iterator[Condition]:
    if "if" in node:
        asked = _node(node["if"])
        for branch, test in (("then", tuple(_tests(asked, at))), ("else", tuple(_otherwise(asked, at)))):
            yield from _demanded(_node(node.get(branch, _NONE)), at, (*when, *test))
    for part in _parts(node, "allOf"):
        if "if" in part:
            yield from _walk(part, at, when)
        else:
            yield from _demanded(part, at, when)
    for name, inner in _members(node).items():
        yield from _walk(inner, f"{at}{name}.", when)


def _demanded(node: Node, at: str, when: tuple[Text, ...]) -> Iterator[Condition]:
    """Give what one branch demands, and then the conditions inside it."""
    then = tuple(_demands(node, at))
    comment = _comment(node)
    if then or comment.en:
        yield Condition(when, then, comment)
    yield from _walk(node, at, when)


def _demands(node: Node, at: str) -> Iterator[Text]:
    for name in _names(node):
        yield _said("{} is required", "{} واجب", f"{at}{name}")
    for name in _names(_node(node.get("not", _NONE))):
        yield _said("{} is absent", "لا يُذكر {}", f"{at}{name}")
    choices = [" + ".join(f"`{at}{name}`" for name in _names(part)) for part in _parts(node, "anyOf")]
    if all(choices) and choices:
        yield Text(f"one of these is there: {'; '.join(choices)}", f"يُذكر أحد ما يلي: {'؛ '.join(choices)}")
    for name, inner in _members(node).items():
        yield from _tests_of(inner, f"{at}{name}")
        yield from _demands(inner, f"{at}{name}.")


def _tests(node: Node, at: str) -> Iterator[Text]:
    """Give what an `if` asks: values of fields, or that they are there."""
    asked = set(_members(node))
    for name in _names(node):
        if name not in asked:
            yield _said("{} is there", "{} مذكور", f"{at}{name}")
    for name, inner in _members(node).items():
        yield from _tests_of(inner, f"{at}{name}")
        yield from _tests(inner, f"{at}{name}.")


def _tests_of(node: Node, path: str) -> Iterator[Text]:
    if "const" in node:
        yield _said("{} is {}", "{} = {}", path, str(node["const"]))
    values = node.get("enum")
    if isinstance(values, list):
        yield _said("{} is one of {}", "{} من بين {}", path, *map(str, values))


def _otherwise(asked: Node, at: str) -> Iterator[Text]:
    """Give the contrary of what an `if` asks."""
    holds = tuple(_tests(asked, at))
    if len(holds) == 1:
        (only,) = holds
        yield Text(_NOT_EN.sub(r"\1 not", only.en, count=1), _NOT_AR.sub(r"ليس \1", only.ar, count=1))
    elif holds:
        yield Text(f"not ({' and '.join(t.en for t in holds)})", f"ليس ({' مع '.join(t.ar for t in holds)})")


def _said(en: str, ar: str, path: str, *values: str) -> Text:
    """Fill in a path and values, each between backticks, which a page turns into code."""
    quoted = [f"`{value}`" for value in values]
    return Text(en.format(f"`{path}`", ", ".join(quoted)), ar.format(f"`{path}`", "، ".join(quoted)))


def _comment(node: Node) -> Text:
    return Text(str(node.get("$comment", "")), str(node.get("x-comment-ar", "")))


def _node(value: object) -> Node:
    return value if isinstance(value, dict) else _NONE


def _parts(node: Node, keyword: str) -> list[Node]:
    parts = node.get(keyword)
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def _members(node: Node) -> dict[str, Node]:
    members = node.get("properties")
    return members if isinstance(members, dict) else {}


def _names(node: Node) -> list[str]:
    names = node.get("required")
    return [str(name) for name in names] if isinstance(names, list) else []
