"""Conditions across fields, from data: what JSON Schema cannot say about a canonical record."""

from collections.abc import Callable
from datetime import date
from functools import lru_cache, partial

from contracts.documents import Rule
from contracts.errors import Refused
from contracts.program import Expression, Program

Payload = dict[str, object]
Check = Callable[[Payload, str, str | None], None]
"""Takes payload, ISO date of today and the sending agency (None: nobody is asked).

Raises Refused, whose field is a canonical pointer.
"""

_DATES_KEPT = 65536
_NOTHING: Payload = {}


def compile_rule(rule: Rule) -> Check:
    """Return the check for one rule of a contract."""
    program = Program("payload", "today", "sender")
    broken = condition(rule, program, Fields(program))
    write_refusal(program, rule, broken)
    return program.function()


class Fields:
    """Writes the part of a program that reads fields of `payload`, each once."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._objects = {"": "payload"}
        self._values: dict[str, str] = {}

    def at(self, pointer: str) -> str:
        """Return the variable of a JSON pointer of plain names; it holds None where the field is absent."""
        if pointer not in self._values:
            parent, _, name = pointer.rpartition("/")
            holder, value = self._object(parent), self._program.variable()
            self._program.line("{} = {}.get({})", value, holder, self._program.constant(name))
            self._values[pointer] = value
        return self._values[pointer]

    def _object(self, pointer: str) -> str:
        if pointer not in self._objects:
            program, value, found = self._program, self.at(pointer), self._program.variable()
            nothing = program.constant(_NOTHING)
            program.line("{0} = {1} if type({1}) is dict else {2}", found, value, nothing)
            self._objects[pointer] = found
        return self._objects[pointer]


def condition(rule: Rule, program: Program, fields: Fields) -> Expression:
    """Return the expression that is true for a payload which breaks `rule`.

    The program has the parameters `payload`, `today` and `sender`.
    """
    broken = _broken(rule, program, fields)
    if rule.when is None:
        return broken
    pointer, wanted = rule.when
    return program.expression("{} == {} and {}", fields.at(pointer), program.constant(wanted), broken)


def write_refusal(program: Program, rule: Rule, broken: Expression) -> None:
    """Write the lines that refuse a payload for which `broken` is true."""
    refuse = program.constant(partial(Refused, rule.code, _blamed(rule), rule.says))
    program.line("if {}:", broken)
    program.line("raise {}()", refuse, depth=1)


def _broken(rule: Rule, program: Program, fields: Fields) -> Expression:  # noqa: C901, PLR0911 - one for each kind
    at, constant, expression = fields.at, program.constant, program.expression
    if rule.order is not None:
        # ISO 8601 calendar dates of four-digit years sort as text.
        first, second = map(at, rule.order)
        return expression("{0} is not None and {1} is not None and {0} > {1}", first, second)
    if rule.not_future is not None:
        return expression("{0} is not None and {0} > today", at(rule.not_future))
    if rule.sender is not None:
        pointer, values, agencies = rule.sender
        kept = frozenset(values) if isinstance(values, list) else frozenset([values])
        allowed = constant(frozenset(agencies))
        return expression(
            "sender is not None and sender not in {} and {} in {}", allowed, at(pointer), constant(kept)
        )
    if rule.only is not None:
        pointer, agencies = rule.only
        return expression(
            "sender is not None and sender not in {} and {} is not None",
            constant(frozenset(agencies)), at(pointer),
        )  # fmt: skip
    if rule.years is not None:
        start, measure, years, end = rule.years
        missed = expression(
            "{} != {}({}, {})" if measure == "exactly" else "{} < {}({}, {})",
            at(end),
            constant(anniversary),
            at(start),
            constant(years),
        )
        return expression("type({}) is str and type({}) is str and {}", at(start), at(end), missed)
    if rule.within is not None:
        start, days, end = rule.within
        from_day_to_day = (constant(days_between), at(start), at(end), constant(days))
        return expression("type({1}) is str and type({2}) is str and {0}({1}, {2}) > {3}", *from_day_to_day)
    if rule.same is not None:
        first, second = map(at, rule.same)
        return expression("{0} is not None and {1} is not None and {0} != {1}", first, second)
    if rule.differ is not None:
        first, second = map(at, rule.differ)
        return expression("{0} is not None and {0} == {1}", first, second)
    if rule.sum is not None:
        total, parts = rule.sum
        return _sums_otherwise(program, at(total), [at(part) for part in parts])
    if rule.present is not None:
        return expression("{} is None", at(rule.present))
    raise ValueError("a rule has exactly one kind")


def _blamed(rule: Rule) -> str:
    """Return the pointer that a refusal names."""
    if rule.order is not None:
        return rule.order[0]
    if alone := rule.not_future or rule.present:
        return alone
    if rule.sender is not None:
        return rule.sender[0]
    if rule.only is not None:
        return rule.only[0]
    if rule.sum is not None:
        return rule.sum[0]
    *_, last = rule.years or rule.within or rule.same or rule.differ or ("",)
    return last


def _sums_otherwise(program: Program, total: str, parts: list[str]) -> Expression:
    counts = program.variable()
    program.line("{} = []", counts)
    for part in parts:
        program.line("{}.append({})", counts, part)
    adds_up = program.constant(_adds_up)
    return program.expression("{0} is not None and not {1}({0}, {2})", total, adds_up, counts)


def _adds_up(total: object, counts: list[object]) -> bool:
    return total == sum(count for count in counts if isinstance(count, int))


@lru_cache(maxsize=_DATES_KEPT)
def days_between(first: str, second: str) -> int:
    """Return how many days the second ISO date is after the first."""
    return (date.fromisoformat(second) - date.fromisoformat(first)).days


@lru_cache(maxsize=_DATES_KEPT)
def anniversary(day: str, years: int) -> str:
    """Return the ISO date `years` years after the ISO date `day`; 29 February becomes 1 March."""
    begun = date.fromisoformat(day)
    try:
        return begun.replace(year=begun.year + years).isoformat()
    except ValueError:
        return date(begun.year + years, 3, 1).isoformat()
