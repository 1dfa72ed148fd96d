"""What a schema demands only sometimes, in words: `if`, `then`, `else`, `anyOf` and `not` of a contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from contracts.contract import Contract
from gateway.publication.html import value
from gateway.publication.voice import Text

Node: TypeAlias = "Mapping[str, object]"

_NONE: Node = {}
_IS = {True: Text("{} is {}", "{} قيمته {}"), False: Text("{} is not {}", "{} قيمته غير {}")}
_IS_ONE_OF = {
    True: Text("{} is one of {}", "{} قيمته من {}"),
    False: Text("{} is none of {}", "{} قيمته ليست من {}"),
}
_IS_THERE = {True: Text("{} is there", "{} مذكور"), False: Text("{} is not there", "{} غير مذكور")}
_REQUIRED = Text("{} is required", "{} واجب")
_ABSENT = Text("{} is absent", "{} لا يُذكر")


@dataclass(frozen=True, slots=True)
class Condition:
    """One demand, and the contract's own sentence about it, if it has one."""

    when: tuple[Text, ...]
    then: tuple[Text, ...]
    comment: Text | None


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
    if then or comment:
        yield Condition(when, then, comment)
    yield from _walk(node, at, when)


def _demands(node: Node, at: str) -> Iterator[Text]:
    for name in _names(node):
        yield _said(_REQUIRED, f"{at}{name}")
    for name in _names(_node(node.get("not", _NONE))):
        yield _said(_ABSENT, f"{at}{name}")
    choices = [" + ".join(f"`{at}{name}`" for name in _names(part)) for part in _parts(node, "anyOf")]
    if all(choices) and choices:
        yield Text(f"one of these is there: {'; '.join(choices)}", f"يُذكر أحد ما يلي: {'؛ '.join(choices)}")
    for name, inner in _members(node).items():
        yield from _tests_of(inner, f"{at}{name}")
        yield from _demands(inner, f"{at}{name}.")


def _tests(node: Node, at: str, *, holds: bool = True) -> Iterator[Text]:
    """Give what an `if` asks, or its contrary: values of fields, or that they are there."""
    asked = set(_members(node))
    for name in _names(node):
        if name not in asked:
            yield _said(_IS_THERE[holds], f"{at}{name}")
    for name, inner in _members(node).items():
        yield from _tests_of(inner, f"{at}{name}", holds=holds)
        yield from _tests(inner, f"{at}{name}.", holds=holds)


def _tests_of(node: Node, path: str, *, holds: bool = True) -> Iterator[Text]:
    if "const" in node:
        yield _said(_IS[holds], path, value(node["const"]))
    values = node.get("enum")
    if isinstance(values, list):
        yield _said(_IS_ONE_OF[holds], path, *map(value, values))


def _otherwise(asked: Node, at: str) -> Iterator[Text]:
    """Give the contrary of what an `if` asks."""
    asks = tuple(_tests(asked, at))
    if len(asks) == 1:
        yield from _tests(asked, at, holds=False)
    elif asks:
        yield Text(
            f"not ({' and '.join(one.en for one in asks)})", f"ليس ({' مع '.join(one.ar for one in asks)})"
        )


def _said(template: Text, path: str, *values: str) -> Text:
    """Fill in a path and values, each between backticks, which a page turns into code."""
    quoted = [f"`{value}`" for value in values]
    return Text(
        template.en.format(f"`{path}`", ", ".join(quoted)), template.ar.format(f"`{path}`", "، ".join(quoted))
    )


def _comment(node: Node) -> Text | None:
    if "$comment" not in node:
        return None
    return Text(str(node["$comment"]), str(node.get("x-comment-ar", "")))


def _node(found: object) -> Node:
    return found if isinstance(found, dict) else _NONE


def _parts(node: Node, keyword: str) -> list[Node]:
    parts = node.get(keyword)
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def _members(node: Node) -> dict[str, Node]:
    members = node.get("properties")
    return members if isinstance(members, dict) else {}


def _names(node: Node) -> list[str]:
    names = node.get("required")
    return [str(name) for name in names] if isinstance(names, list) else []
