"""What a well-written value becomes, as one expression: the usual case of the functions in `functions`.

Where an expression gives something, the functions give the same and have nothing to remark. Where it gives None, the
value is ill-written, empty or new; then the functions themselves decide, and they alone refuse. Where it is certain,
the contract's schema takes whatever the expression gives, at the place that it is for.
"""

from collections.abc import Sequence
from typing import NamedTuple
from unicodedata import is_normalized

from contracts import nid, text
from contracts.errors import Refused
from contracts.functions import DAYS, Recalling, Step, Value
from contracts.leaves import Leaf
from contracts.program import Expression, Program


class Usual(NamedTuple):
    """The usual case of a field."""

    expression: Expression
    certain: bool
    """Whether the contract's schema takes whatever the expression gives."""


def shortcut(
    program: Program, calls: Sequence[str], steps: Sequence[Step], value: str, leaf: Leaf
) -> Usual | None:
    """Return the expression for a variable that holds a text; None when the functions have no usual case.

    Args:
        program: where it will stand.
        calls: functions as the mapping names them, without a lookup.
        steps: the same, ready to run, and behind them the lookup if there is one.
        value: name of the variable.
        leaf: what the contract asks of the field.
    """
    if len(steps) > len(calls) > 0 and isinstance(steps[-1], Recalling):
        known = _words(steps[:-1], steps[-1], leaf)
        return Usual(program.expression("{}({})", program.constant(known.get), value), certain=True)
    if tuple(calls) == ("arabic_name", "split_name") and len(steps) == len(calls):
        return _of_names(program, value, leaf)
    return _of_texts(program, tuple(calls), value, leaf) or _chained(program, calls, steps, value, leaf)


def _words(before: Sequence[Step], lookup: Recalling, leaf: Leaf) -> dict[str, Value]:
    """Return the words of a lookup that get through the functions before it, and what each becomes that is taken."""
    found: dict[str, Value] = {}
    for word in lookup.known:
        notes: list[str] = []
        value: Value = word
        try:
            for step in before:
                value = step(value, notes)
            code = lookup.known.get(value) if isinstance(value, str) else None
        except Refused:
            continue
        if value and code is not None and not notes and leaf.takes(code):
            found[word] = code
    return found


def _of_texts(program: Program, calls: tuple[str, ...], value: str, leaf: Leaf) -> Usual | None:
    """Return the usual case of functions that look at each character."""
    if calls == ("digits_ascii",):
        return Usual(program.expression("{0} if {0}.isascii() and {0} else None", value), certain=False)
    if calls == ("nid",):
        shaped = program.constant(nid.SHAPE.fullmatch)
        return Usual(program.expression("{0} if {1}({0}) else None", value, shaped), leaf.takes_numbers)
    if calls == ("text",):
        # Whatever `text.clean` refuses or removes is a character that cannot be printed.
        normal = program.constant(is_normalized)
        return Usual(
            program.expression(
                '{0}.isprintable() and {1}("NFC", {0}) and {0}.strip() or None', value, normal
            ),
            certain=False,
        )
    if calls == ("arabic_name",):
        plain = program.constant(text.PLAIN_NAME.fullmatch)
        return Usual(program.expression("{0} if {1}({0}) else None", value, plain), certain=False)
    return None


def _of_names(program: Program, value: str, leaf: Leaf) -> Usual:
    """Return the usual case of names that are divided."""
    known, usual = (program.constant(one) for one in (text.known_words.issuperset, text.split_plain))
    words, taken = program.variable(), leaf.takes_names
    split = program.expression('{} := {}.split(" ")', words, value)
    name = program.expression(
        '{{"full": {0}, "parts": {1}}} if {2}({1}) else {3}({0}, {1})', value, words, known, usual
    )
    if taken is None:
        return Usual(program.expression("({}) if ({}) else None", name, split), certain=False)
    shortest, longest, most = map(program.constant, (taken.shortest, taken.longest, taken.most_words))
    fits = program.expression("{} <= len({}) <= {} and len({}) <= {}", shortest, value, longest, split, most)
    return Usual(program.expression("({}) if {} else None", name, fits), certain=True)


def _chained(
    program: Program, calls: Sequence[str], steps: Sequence[Step], value: str, leaf: Leaf
) -> Usual | None:
    """Return the expression of functions of which each takes what the one before gives."""
    expression = program.expression("{}", value)
    for call, step in zip([*calls, "lookup"], steps, strict=False):
        if isinstance(step, Recalling):
            expression = program.expression("{}({})", program.constant(step.known.get), expression)
        elif call == "trim":
            expression = program.expression("{}.strip()", expression)
        elif call == "upper":
            expression = program.expression("{}.upper()", expression)
        else:
            return None
    last = steps[-1] if steps else None
    if not isinstance(last, Recalling):
        return Usual(program.expression("{} or None", expression), certain=False)
    certain = leaf.takes_days if last.gives is DAYS else all(map(leaf.takes, last.gives))
    return Usual(expression, certain)
