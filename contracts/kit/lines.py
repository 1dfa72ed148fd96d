"""From the place that a problem names to the line of the file where a person has to look."""

import re

import yaml

from contracts.errors import Problem
from contracts.folder import Files

_SAID = re.compile(r"\bline ([0-9]+)")
_MAX_BYTES = 256 * 1024
"""Beyond this a file is not searched: finding a line must not take longer than finding the problem."""


def line_of(problem: Problem, files: Files) -> int | None:
    """Return the line, from 1, that `problem` is about; None when its file as a whole is."""
    said = _SAID.search(f"{problem.where} {problem.message}")
    if said:
        return int(said[1])
    octets = files.get(problem.file, b"")
    if not problem.where or len(octets) > _MAX_BYTES or not problem.file.endswith((".yaml", ".json")):
        return None
    try:
        root = yaml.compose(octets.decode("utf-8"), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError):
        return None
    return _descend(root, _steps(problem)) if root is not None else None


def _steps(problem: Problem) -> list[str]:
    """Return the names on the way: a JSON pointer, or a dotted path of which `fields` has dotted names."""
    if problem.where.startswith("/"):
        return [step.replace("~1", "/").replace("~0", "~") for step in problem.where.split("/")[1:]]
    if problem.where.startswith("fields."):
        return ["fields", problem.where.removeprefix("fields.")]
    return problem.where.split(".")


def _descend(node: yaml.Node, steps: list[str]) -> int:
    """Return the line of the deepest node on the way that exists."""
    line = node.start_mark.line + 1
    for index, step in enumerate(steps):
        found = _child(node, step, ".".join(steps[index:]))
        if found is None:
            return line
        line, node = found
    return line


def _child(node: yaml.Node, step: str, rest: str) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == step or (rest and rest.startswith(f"{key.value}.") and "." in key.value):
                return key.start_mark.line + 1, value
        # ODCS keeps what it has no place for in a list of named properties.
        custom = next((value for key, value in node.value if key.value == "customProperties"), None)
        return _child(custom, step, "") if custom is not None else None
    if isinstance(node, yaml.SequenceNode):
        if step.isdecimal() and int(step) < len(node.value):
            item = node.value[int(step)]
            return item.start_mark.line + 1, item
        return next((found for item in node.value if (found := _named(item, step))), None)
    return None


def _named(item: yaml.Node, name: str) -> tuple[int, yaml.Node] | None:
    """Return the value of one custom property, when it is the one called `name`."""
    if not isinstance(item, yaml.MappingNode):
        return None
    members = {key.value: value for key, value in item.value}
    if "value" not in members or getattr(members.get("property"), "value", None) != name:
        return None
    return item.start_mark.line + 1, members["value"]
