"""The part of a mapping's program that holds what it writes to the contract's schema.

The schema is asked about a field where the answer is not certain beforehand (`leaves`), and about the whole payload
where a field may not be what it asks or its answer about the payload's shape is not known yet (`shapes`).
"""

from collections.abc import Callable

from contracts.errors import Refused
from contracts.leaves import Leaf
from contracts.program import Program
from contracts.schemas import Checker
from contracts.shapes import Asked

Shape = tuple[object, ...]

_SHAPES_KEPT = 1024
"""Mappings have a dozen optional fields, and few of the ways to leave them out occur."""


class Shapes:
    """The shapes that a schema was seen to take, of payloads of one mapping.

    Args:
        checker: of the schema.
        in_source_terms: makes a refusal about a payload one about its source.
    """

    def __init__(self, checker: Checker, in_source_terms: Callable[[Refused], Refused]) -> None:
        self._checker = checker
        self._in_source_terms = in_source_terms
        self.known: set[Shape] = set()

    def hold(self, payload: dict[str, object], shape: Shape | None) -> None:
        """Hold a payload to the whole schema.

        Args:
            payload: canonical record.
            shape: its shape, when all its fields are what the schema asks of them; None when one may not be.

        Raises:
            Refused: `record.schema.*` or `record.date.calendar`; the field is one of the source where there is one.
        """
        if not self._checker.is_valid(payload):
            raise self._in_source_terms(self._checker.refusal(payload))
        if shape is not None and len(self.known) < _SHAPES_KEPT:
            self.known.add(shape)


class Holding:
    """Writes the lines.

    Args:
        program: of the mapping, before anything else is written into it.
        asked: what the schema asks of its payloads.
    """

    def __init__(self, program: Program, asked: Asked) -> None:
        self._program = program
        self._asked = asked
        self._doubt = program.variable()
        self._shape = program.expression("")
        program.line("{} = False", self._doubt)

    def leaf(self, target: str) -> Leaf:
        """Return what the schema asks of a field."""
        return self._asked.leaves[target]

    def ask(self, leaf: Leaf, value: str, depth: int = 0) -> None:
        """Ask the schema about the value of a variable."""
        program = self._program
        program.line("if not {}({}):", program.constant(leaf.takes), value, depth=depth)
        program.line("{} = True", self._doubt, depth=depth + 1)

    def shape(self, target: str, value: str, *, always: bool) -> None:
        """Make a field part of the payload's shape, if it tells anything about it."""
        if target in (self._asked.deciding or ()):
            self._shape = self._program.expression("{}{}, ", self._shape, value)
        elif not always:
            self._shape = self._program.expression("{}{} is None, ", self._shape, value)

    def hold(self, payload: str, shapes: Shapes) -> None:
        """Hold the whole payload to the schema, unless its answer is known."""
        program, hold = self._program, self._program.constant(shapes.hold)
        if self._asked.deciding is None:
            program.line("{}({}, None)", hold, payload)
            return
        shape, known = program.variable(), program.constant(shapes.known)
        program.line("{} = ({})", shape, self._shape)
        program.line("if {} or {} not in {}:", self._doubt, shape, known)
        program.line("{}({}, None if {} else {})", hold, payload, self._doubt, shape, depth=1)
