"""What a well-written value becomes, as one expression: the usual case of the functions in `functions`.

Where an expression gives something, the functions give the same and have nothing to remark. Where it gives None, the
value is ill-written, empty or new; then the functions themselves decide, and they alone refuse.
"""

from collections.abc import Sequence
from unicodedata import is_normalized

from contracts import nid, text
from contracts.errors import Refused
from contracts.functions import Recalling, Step, Value
from contracts.program import Expression, Program


def shortcut(program: Program, calls: Sequence[str], steps: Sequence[Step], value: str) -> Expression | None:
    """Return the expression for a variable that holds a text; None when the functions have no usual case.

    Args:
        program: where it will stand.
        calls: functions as the mapping names them, without a lookup.
        steps: the same, ready to run, and behind them the lookup if there is one.
        value: name of the variable.
    """
    if len(steps) > len(calls) > 0 and isinstance(steps[-1], Recalling):
        known = _words(steps[:-1], steps[-1])
        return program.expression("{}({})", program.constant(known.get), value)
    return _of_names(program, tuple(calls), value) or _chained(program, calls, steps, value)


def _words(before: Sequence[Step], lookup: Recalling) -> dict[str, Value]:
    """Return the words of a lookup that get through the functions before it, and what each becomes."""
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
        if value and code is not None and not notes:
            found[word] = code
    return found


def _of_names(program: Program, calls: tuple[str, ...], value: str) -> Expression | None:
    """Return the expression of functions that look at each character."""
    if calls == ("digits_ascii",):
        return program.expression("{0} if {0}.isascii() and {0} else None", value)
    if calls == ("nid",):
        return program.expression("{0} if {1}({0}) else None", value, program.constant(nid.SHAPE.fullmatch))
    if calls == ("text",):
        # Whatever `text.clean` refuses or removes is a character that cannot be printed.
        normal = program.constant(is_normalized)
        return program.expression(
            '{0}.isprintable() and {1}("NFC", {0}) and {0}.strip() or None', value, normal
        )
    if calls == ("arabic_name",):
        return program.expression(
            "{0} if {1}({0}) else None", value, program.constant(text.PLAIN_NAME.fullmatch)
        )
    if calls == ("arabic_name", "split_name"):
        known, usual = (program.constant(one) for one in (text.known_words.issuperset, text.split_plain))
        return program.expression(
            '{{"full": {0}, "parts": {1}}} if {2}({1} := {0}.split(" ")) else {3}({0}, {1})',
            value, program.variable(), known, usual,
        )  # fmt: skip
    return None


def _chained(program: Program, calls: Sequence[str], steps: Sequence[Step], value: str) -> Expression | None:
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
    return (
        expression
        if steps and isinstance(steps[-1], Recalling)
        else program.expression("{} or None", expression)
    )
