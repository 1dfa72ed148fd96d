"""A Python function that is put together once, when a catalogue is loaded, and runs for every record.

Its text consists of templates that stand in this package and of names that are given here, and of nothing else:
whatever comes from a contract or from an agency's mapping (paths, fields, words, rules) is bound to a name as a
value and never becomes text. So no mapping, however it is written, can say what is executed.
"""

import re
from collections.abc import Callable
from typing import Any, LiteralString

_NAME = re.compile(r"[cv][0-9]+|source|payload|notes|today|sender|governorates")
_INDENT = "    "


class Program:
    """One function while it is written."""

    def __init__(self, *parameters: LiteralString) -> None:
        """Begin a function of `parameters`, which lines may name."""
        self._parameters = [_checked(name) for name in parameters]
        self._lines: list[str] = []
        self._constants: dict[str, object] = {}
        self._names: dict[tuple[type, object], str] = {}
        self._variables = 0

    def constant(self, value: object) -> str:
        """Return the name that `value` has in the function."""
        known = (type(value), value if isinstance(value, str) else id(value))
        if known not in self._names:
            name = f"c{len(self._constants)}"
            self._names[known], self._constants[name] = name, value
        return self._names[known]

    def variable(self) -> str:
        """Return a name that is not used yet."""
        self._variables += 1
        return f"v{self._variables}"

    def expression(self, template: LiteralString, *names: str) -> "Expression":
        """Return a template with a name, or another expression, for each `{}`."""
        return Expression(template.format(*[_checked(name) for name in names]))

    def line(self, template: LiteralString, *names: str, depth: int = 0) -> None:
        """Write one line, `depth` levels further in than the function's body."""
        self._lines.append(_INDENT * (depth + 1) + self.expression(template, *names))

    @property
    def text(self) -> str:
        """The function as it stands."""
        return "\n".join([f"def run({', '.join(self._parameters)}):", *self._lines, ""])

    def function(self) -> Callable[..., Any]:
        """Return the function."""
        space: dict[str, Any] = dict(self._constants)
        exec(compile(self.text, "<contracts.program>", "exec"), space)  # noqa: S102 - templates and given names only, see above
        made: Callable[..., Any] = space["run"]
        return made


class Expression(str):
    """Text that `Program.expression` has put together."""

    __slots__ = ()


def _checked(name: str) -> str:
    """Return `name`; raise ValueError for a text that was not given or put together here."""
    if not isinstance(name, Expression) and not _NAME.fullmatch(name):
        raise ValueError("only names and expressions of the program stand in its text")
    return name
