"""Where a process can be killed: before and after each step of a procedure, as its source numbers them.

A step begins with a comment, `# Step N.` or `# N.`; one that is added is found without touching a test.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from textwrap import dedent

STEP = re.compile(r"\s*# (?:Steps? )?([0-9]+)(?:\.| to )")


@dataclass(frozen=True)
class Point:
    """A line of a function that is about to run, or the function's return when `line` is 0.

    `given` names a variable of the function: a run counts unless it is there and false. The thread that gets
    there waits for `pause_s` before the end: what it has passed on to other threads by then, they finish.
    """

    file: str
    function: str
    line: int
    given: str
    pause_s: float
    name: str

    def __str__(self) -> str:
        return self.name


def points(procedure: Callable[..., object], given: str = "", pause_s: float = 0.0) -> list[Point]:
    """Return the points before each step of a procedure, and the one after the last.

    After a step is before the next one.
    """
    source, first = inspect.getsourcelines(procedure)
    file, function = inspect.getsourcefile(procedure) or "", procedure.__name__
    late = ", a moment later" if pause_s else ""
    tree = ast.parse(dedent("".join(source)))
    starts = sorted(node.lineno for node in ast.walk(tree) if isinstance(node, ast.stmt))
    found = []
    for number, text in enumerate(source, 1):
        step = STEP.match(text)
        if step:
            line = next(start for start in starts if start > number) + first - 1
            found.append(Point(file, function, line, given, pause_s, f"{function} before {step[1]}{late}"))
    if not found:
        raise ValueError(f"{function} numbers no steps")
    return [*found, Point(file, function, 0, given, pause_s, f"{function} at its end{late}")]
