"""Break a valid record in every way that its schema forbids; a constraint that lets the broken one pass is dead.

For each keyword that asserts something, at the place where it asserts it, one value is changed so that this
keyword alone would refuse it. What no record reaches is proved by an example that must be refused, or not at all.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from contracts import schema_lint
from contracts.schemas import Checker, Schema, compile_schema

Steps = tuple[str | int, ...]
"""Names and indexes from a record to a value inside it."""

_LARGEST = 100_000
"""A text or list beyond this length does not fit into a record, so its upper bound is not tried."""

_STRANGE = ("\u0001", "!", " ", "ü", "_", "0", "A", "\u0627")
"""Characters of kinds that patterns tell apart; one of them breaks any pattern worth having."""


@dataclass(slots=True)
class Proof:
    """What was found of each constraint of one schema, by its JSON pointer."""

    refused: set[str] = field(default_factory=set)
    survived: set[str] = field(default_factory=set)
    """Constraints that a broken record passed."""


class Breaker:
    """Breaks records of one schema."""

    def __init__(self, checker: Checker) -> None:
        self._schema = checker.schema
        self._is_valid = checker.is_valid
        self._alone: dict[str, Callable[[object], bool]] = {}
        self.proof = Proof()

    def break_all(self, records: Iterable[object]) -> None:
        """Try every constraint on the first of the valid `records` that reaches it; the result is in `proof`."""
        for record in records:
            if self._is_valid(record):
                self._walk(self._schema, "", record, (), record)

    def _walk(self, node: object, at: str, value: object, path: Steps, record: object) -> None:
        """Break what `node`, the subschema at pointer `at`, asserts of `value`, which stands at `path`."""
        if not isinstance(node, dict):
            return
        for keyword, asked in node.items():
            here = f"{at}/{keyword}"
            if keyword == "$ref":
                definition = str(asked).removeprefix("#/$defs/")
                self._walk(
                    _member(self._schema, "$defs", definition), f"/$defs/{definition}", value, path, record
                )
            elif keyword in _BREAK and here not in self.proof.refused | self.proof.survived:
                self._try(here, _BREAK[keyword](asked, value, _Around(self, node, here)), path, record)
        self._walk_inside(node, at, value, path, record)
        self._walk_conditions(node, at, value, path, record)

    def _walk_inside(self, node: Schema, at: str, value: object, path: Steps, record: object) -> None:
        if isinstance(value, dict):
            for name, member in schema_lint.properties(self._schema, node).items():
                whole = record if name in value else self._grafted(record, (*path, name), member)
                if whole is not None:
                    inner = value[name] if name in value else _shown(member)
                    self._walk(member, f"{at}/properties/{name}", inner, (*path, name), whole)
        elif isinstance(value, list) and value:
            self._walk(node.get("items"), f"{at}/items", value[0], (*path, 0), record)

    def _grafted(self, record: object, path: Steps, member: object) -> object:
        """Return the record with the example of a field that it lacks, or None when that makes it invalid."""
        shown = _shown(member)
        whole = None if shown is None else _put(record, path, shown)
        return whole if whole is not None and self._is_valid(whole) else None

    def _walk_conditions(self, node: Schema, at: str, value: object, path: Steps, record: object) -> None:
        parts = node.get("allOf")
        for index, part in enumerate(parts) if isinstance(parts, list) else ():
            self._walk(part, f"{at}/allOf/{index}", value, path, record)
        if "if" in node:
            branch = "then" if self.alone(f"{at}/if", node["if"])(value) else "else"
            self._walk(node.get(branch), f"{at}/{branch}", value, path, record)

    def _try(self, here: str, broken: Iterator[object], path: Steps, record: object) -> None:
        passed = [self._is_valid(_put(record, path, value)) for value in broken]
        if passed:
            (self.proof.survived if any(passed) else self.proof.refused).add(here)

    def alone(self, at: str, subschema: object) -> Callable[[object], bool]:
        """Return whether a value satisfies `subschema` by itself; compiled once for its pointer."""
        if at not in self._alone:
            inner = subschema if isinstance(subschema, dict) else {}
            self._alone[at] = compile_schema({"$defs": self._schema.get("$defs", {}), **inner}).is_valid
        return self._alone[at]

    def example_of(self, name: str) -> object:
        """Return a value for the top-level field `name`, as its schema shows one."""
        return _shown(schema_lint.properties(self._schema, self._schema).get(name)) or "x"


@dataclass(frozen=True, slots=True)
class _Around:
    """Where a keyword stands."""

    breaker: Breaker
    node: Schema
    here: str


def constraints(node: object, at: str = "") -> Iterator[str]:
    """Give the pointer of everything that a schema asserts; an `if` asserts nothing."""
    if not isinstance(node, dict):
        return
    for keyword, inner in node.items():
        here = f"{at}/{keyword}"
        if keyword in {"properties", "$defs"} and isinstance(inner, dict):
            for name, member in inner.items():
                yield from constraints(member, f"{here}/{name}")
        elif keyword in {"items", "then", "else"}:
            yield from constraints(inner, here)
        elif keyword == "allOf" and isinstance(inner, list):
            for index, part in enumerate(inner):
                yield from constraints(part, f"{here}/{index}")
        elif (keyword in _BREAK and inner != []) or keyword in {"anyOf", "oneOf"}:
            yield here


# -- One breaker for each keyword: gives values that the keyword, asking `asked`, must refuse.

_Break = Callable[[object, object, _Around], Iterator[object]]


def _type(asked: object, _value: object, _around: _Around) -> Iterator[object]:
    yield "7" if asked in {"integer", "boolean"} else 7


def _enum(_asked: object, value: object, _around: _Around) -> Iterator[object]:
    yield f"{value}_" if isinstance(value, str) else f"not {value}"


def _required(asked: object, value: object, _around: _Around) -> Iterator[object]:
    if isinstance(value, dict) and isinstance(asked, list):
        for name in asked:
            yield {key: inner for key, inner in value.items() if key != name}


def _additional(asked: object, value: object, _around: _Around) -> Iterator[object]:
    if isinstance(value, dict) and asked is False:
        yield {**value, "unexpected_field": 1}


def _pattern(_asked: object, value: object, around: _Around) -> Iterator[object]:
    if not isinstance(value, str):
        return
    matches = around.breaker.alone(around.here, {"type": "string", "pattern": around.node["pattern"]})
    candidates = [
        value[:at] + strange + value[at + 1 :] for strange in _STRANGE for at in (0, len(value) // 2)
    ]
    # A pattern that takes all of them is not worth having: the unbroken value survives and tells.
    yield next((one for one in [*candidates, "", value * 2] if not matches(one)), value)


def _format(asked: object, value: object, _around: _Around) -> Iterator[object]:
    if isinstance(value, str):
        impossible = value[:4] + "-02-30" + value[10:]
        yield impossible if str(asked).startswith("date") else "g" + value[1:]


def _shorter(asked: object, value: object, _around: _Around) -> Iterator[object]:
    if isinstance(value, str | list) and isinstance(asked, int) and asked > 0:
        yield value[: asked - 1]


def _longer(asked: object, value: object, _around: _Around) -> Iterator[object]:
    if not isinstance(asked, int) or asked > _LARGEST:
        return
    if isinstance(value, str):
        yield value + (value[-1:] or "x") * (asked + 1 - len(value))
    elif isinstance(value, list) and value:
        yield value + value[-1:] * (asked + 1 - len(value))


def _twice(asked: object, value: object, _around: _Around) -> Iterator[object]:
    if isinstance(value, list) and value and asked is True:
        yield [*value, value[0]]


def _smaller(asked: object, _value: object, _around: _Around) -> Iterator[object]:
    if isinstance(asked, int):
        yield asked - 1


def _larger(asked: object, _value: object, _around: _Around) -> Iterator[object]:
    if isinstance(asked, int):
        yield asked + 1


def _not(asked: object, value: object, around: _Around) -> Iterator[object]:
    names = asked.get("required") if isinstance(asked, dict) else None
    if isinstance(value, dict) and isinstance(names, list) and isinstance(asked, dict) and len(asked) == 1:
        yield {**{name: around.breaker.example_of(str(name)) for name in names}, **value}


_BREAK: dict[str, _Break] = {
    "type": _type, "enum": _enum, "const": _enum, "required": _required, "additionalProperties": _additional,
    "pattern": _pattern, "format": _format, "minLength": _shorter, "maxLength": _longer, "minItems": _shorter,
    "maxItems": _longer, "uniqueItems": _twice, "minimum": _smaller, "maximum": _larger, "not": _not,
}  # fmt: skip


def _shown(node: object) -> object:
    """Return the first example that a field's schema shows, or None."""
    shown = node.get("examples") if isinstance(node, dict) else None
    return shown[0] if isinstance(shown, list) and shown else None


def _member(node: Schema, keyword: str, name: str) -> object:
    members = node.get(keyword)
    return members.get(name) if isinstance(members, dict) else None


def _put(node: object, path: Steps, value: object) -> object:
    """Return `node` with `value` at `path`; what is not on the way is shared, nothing is changed."""
    if not path:
        return value
    step, *rest = path
    if isinstance(node, dict):
        return {**node, step: _put(node.get(step), tuple(rest), value)}
    if isinstance(node, list) and isinstance(step, int):
        return [*node[:step], _put(node[step], tuple(rest), value), *node[step + 1 :]]
    return node
