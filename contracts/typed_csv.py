"""Read the usual row and hold it against its columns at once, by one regular expression.

Only for columns whose patterns are one sign of a few, which agencies' are. What the expression does not take (a quoted
cell, a cell too long, another number of cells) is not wrong yet: then the exact reader cuts and validates, and it alone
refuses.
"""

import re
from collections.abc import Callable

from contracts.program import Program
from contracts.schemas import Schema

Node = dict[str, object]
Read = Callable[[bytes], Node]
"""Returns the cells of a row that are not empty, by column; raises Refused."""

_LONGEST = 8192
"""Characters of a row that is read here: far below the limit that csv has for one cell."""
_ONE_SIGN = re.compile(r"\^(\[(?:[0-9A-Za-z]+|[0-9]-[0-9])\])\$")
"""Patterns that JSON Schema's engines and Python read alike."""


class _Unfit(Exception):  # noqa: N818 - never leaves this module
    """The columns ask something that is not translated here."""


def typed_reader(columns: dict[str, Schema], required: set[str], how: tuple[str, str], exactly: Read) -> Read:
    """Return a reader of rows that asks `exactly`, the exact one, where it is not certain itself.

    Args:
        columns: name of each column and the schema of its cells, in order.
        required: columns whose cells are not empty.
        how: delimiter and encoding.
        exactly: the exact reader.
    """
    delimiter, encoding = how
    try:
        cells = [_cell(column, delimiter, empty=name not in required) for name, column in columns.items()]
    except _Unfit:
        return exactly
    match = re.compile(re.escape(delimiter).join(cells)).fullmatch
    names = _names(columns, required)

    def read(octets: bytes) -> Node:
        try:
            row = octets.decode(encoding)
        except UnicodeDecodeError:
            return exactly(octets)
        found = match(row) if len(row) <= _LONGEST else None
        return exactly(octets) if found is None else names(found.groups())

    return read


def _cell(column: Schema, delimiter: str, *, empty: bool) -> str:
    """Return the group of a cell that needs no quotation marks."""
    longest, pattern = column.get("maxLength"), column.get("pattern")
    if column.get("type") != "string" or type(longest) is not int or longest < 1:
        raise _Unfit
    if pattern is None:
        return f'([^"\r\n{re.escape(delimiter)}]{{{0 if empty else 1},{min(longest, _LONGEST)}}}+)'
    sign = _ONE_SIGN.fullmatch(str(pattern))
    if sign is None:
        raise _Unfit
    return f"({sign[1]}{'?' if empty else ''})"


def _names(columns: dict[str, Schema], required: set[str]) -> Callable[[tuple[str, ...]], Node]:
    """Return the function from the groups of the expression to the cells that are not empty."""
    program = Program("source")
    cells = [(program.constant(name), program.variable(), name in required) for name in columns]
    row, unpacked = program.variable(), program.expression("")
    for _, cell, _ in cells:
        unpacked = program.expression("{}{}, ", unpacked, cell)
    program.line("{}= source", unpacked)
    program.line("{} = {{}}", row)
    for name, cell, certain in cells:
        if not certain:
            program.line("if {}:", cell)
        program.line("{}[{}] = {}", row, name, cell, depth=0 if certain else 1)
    program.line("return {}", row)
    return program.function()
