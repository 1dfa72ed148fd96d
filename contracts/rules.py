"""Conditions across fields, from data: what JSON Schema cannot say about a canonical record."""

from collections.abc import Callable
from datetime import date

from contracts.documents import Rule, Scalar
from contracts.errors import Refused

Payload = dict[str, object]
Check = Callable[[Payload, str, str | None], None]
"""Takes payload, ISO date of today and the sending agency (None: nobody is asked).

Raises Refused, whose field is a canonical pointer.
"""


def compile_rule(rule: Rule) -> Check:
    """Return the check for one rule of a contract."""
    check = _compile_kind(rule)
    if rule.when is None:
        return check
    read, wanted = reader(rule.when[0]), rule.when[1]

    def conditional(payload: Payload, today: str, sender: str | None) -> None:
        if read(payload) == wanted:
            check(payload, today, sender)

    return conditional


def reader(pointer: str) -> Callable[[Payload], object]:
    """Return the function that reads a JSON pointer of plain names; None when it is absent."""
    names = tuple(pointer.split("/")[1:])
    if len(names) == 1:
        (only,) = names
        return lambda payload: payload.get(only)

    def read(payload: Payload) -> object:
        node: object = payload
        for name in names:
            if type(node) is not dict:
                return None
            node = node.get(name)
        return node

    return read


def _compile_kind(rule: Rule) -> Check:  # noqa: PLR0911 - one line for each kind
    if rule.order is not None:
        return _order(rule, *rule.order)
    if rule.not_future is not None:
        return _not_future(rule, rule.not_future)
    if rule.sender is not None:
        return _sender(rule, *rule.sender)
    if rule.only is not None:
        return _only(rule, *rule.only)
    if rule.years is not None:
        return _years(rule, *rule.years)
    if rule.within is not None:
        return _within(rule, *rule.within)
    if rule.same is not None:
        return _compare(rule, *rule.same, same=True)
    if rule.differ is not None:
        return _compare(rule, *rule.differ, same=False)
    if rule.sum is not None:
        return _sum(rule, *rule.sum)
    raise ValueError("a rule has exactly one kind")


def _order(rule: Rule, first: str, second: str) -> Check:
    read_first, read_second = reader(first), reader(second)

    def check(payload: Payload, _today: str, _sender: str | None) -> None:
        # ISO 8601 calendar dates of four-digit years sort as text.
        earlier = read_first(payload)
        if earlier is None:
            return
        later = read_second(payload)
        if later is not None and earlier > later:  # type: ignore[operator]
            raise Refused(rule.code, first, rule.says)

    return check


def _not_future(rule: Rule, pointer: str) -> Check:
    read = reader(pointer)

    def check(payload: Payload, today: str, _sender: str | None) -> None:
        day = read(payload)
        if day is not None and day > today:  # type: ignore[operator]
            raise Refused(rule.code, pointer, rule.says)

    return check


def _sender(rule: Rule, pointer: str, values: Scalar | list[Scalar], agencies: list[str]) -> Check:
    read, allowed = reader(pointer), frozenset(agencies)
    kept = frozenset(values) if isinstance(values, list) else frozenset([values])

    def check(payload: Payload, _today: str, sender: str | None) -> None:
        if sender is not None and sender not in allowed and read(payload) in kept:
            raise Refused(rule.code, pointer, rule.says)

    return check


def _only(rule: Rule, pointer: str, agencies: list[str]) -> Check:
    read, allowed = reader(pointer), frozenset(agencies)

    def check(payload: Payload, _today: str, sender: str | None) -> None:
        if sender is not None and sender not in allowed and read(payload) is not None:
            raise Refused(rule.code, pointer, rule.says)

    return check


def _within(rule: Rule, start: str, days: int, end: str) -> Check:
    read_start, read_end = reader(start), reader(end)

    def check(payload: Payload, _today: str, _sender: str | None) -> None:
        begun, ended = read_start(payload), read_end(payload)
        if not (isinstance(begun, str) and isinstance(ended, str)):
            return
        if (date.fromisoformat(ended) - date.fromisoformat(begun)).days > days:
            raise Refused(rule.code, end, rule.says)

    return check


def _compare(rule: Rule, first: str, second: str, *, same: bool) -> Check:
    read_first, read_second = reader(first), reader(second)

    def check(payload: Payload, _today: str, _sender: str | None) -> None:
        one, other = read_first(payload), read_second(payload)
        if one is not None and other is not None and (one == other) is not same:
            raise Refused(rule.code, second, rule.says)

    return check


def _sum(rule: Rule, total: str, parts: list[str]) -> Check:
    read_total, read_parts = reader(total), [reader(part) for part in parts]

    def check(payload: Payload, _today: str, _sender: str | None) -> None:
        whole = read_total(payload)
        counts = [read(payload) for read in read_parts]
        if whole is not None and whole != sum(count for count in counts if isinstance(count, int)):
            raise Refused(rule.code, total, rule.says)

    return check


def _years(rule: Rule, start: str, measure: str, years: int, end: str) -> Check:
    read_start, read_end = reader(start), reader(end)

    def check(payload: Payload, _today: str, _sender: str | None) -> None:
        begun, ended = read_start(payload), read_end(payload)
        if not (isinstance(begun, str) and isinstance(ended, str)):
            return
        due = anniversary(begun, years)
        if ended < due or (measure == "exactly" and ended != due):
            raise Refused(rule.code, end, rule.says)

    return check


def anniversary(day: str, years: int) -> str:
    """Return the ISO date `years` years after the ISO date `day`; 29 February becomes 1 March."""
    begun = date.fromisoformat(day)
    try:
        return begun.replace(year=begun.year + years).isoformat()
    except ValueError:
        return date(begun.year + years, 3, 1).isoformat()
