"""The fields of a mapping as lines of its program: from a place in the source to a value of the payload."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import partial
from typing import NamedTuple

from contracts import functions, schema_lint
from contracts.binding_documents import Field_
from contracts.codes import CodeList
from contracts.errors import Refused, Unfit
from contracts.holding import Holding
from contracts.leaves import Leaf
from contracts.program import Program
from contracts.shortcuts import shortcut
from contracts.source import Source

Written = tuple[str, bool]
"""Name of a variable, and whether it certainly holds something when the program gets there."""
Write = Callable[[], Written]
"""Writes the lines of one field into the program."""


class Place(NamedTuple):
    """Where a value stands."""

    scope: str
    """Variable of an object of the source."""
    name: str
    """Constant of a name in it."""
    text: bool
    """Whether nothing but a text can stand there."""
    certain: bool
    """Whether something stands there in every record that the agency's schema takes."""


_NOTHING: dict[str, object] = {}


class Reader:
    """Writes the part of a program that opens each inner object of the source, once."""

    def __init__(self, program: Program, source: Source) -> None:
        self._program = program
        self._source = source
        self._scopes: dict[tuple[str, ...], str] = {(): "source"}

    def place(self, path: str) -> Place:
        """Return the place of `path`; raise ValueError when the source has no such."""
        *folders, name = steps = self._source.steps(path)
        scope, constant = self._scope(tuple(folders)), self._program.constant(name)
        return Place(scope, constant, self._is_text(steps), self._is_required(steps))

    def _is_text(self, steps: tuple[str, ...]) -> bool:
        schema = self._source.schema
        asked = schema_lint.at(schema, steps) if schema else None
        if asked is None:
            return False
        words = asked.get("enum")
        return asked.get("type") == "string" or (
            isinstance(words, list) and all(isinstance(word, str) for word in words)
        )

    def _is_required(self, steps: tuple[str, ...]) -> bool:
        """Whether the schema requires each object on the way, and what stands at its end."""
        node = self._source.schema
        for at, step in enumerate(steps, start=1):
            required = node.get("required") if node else None
            if not isinstance(required, list) or step not in required:
                return False
            node = schema_lint.at(self._source.schema, steps[:at]) if self._source.schema else None
        return True

    def _scope(self, folders: tuple[str, ...]) -> str:
        if folders not in self._scopes:
            program, outer = self._program, self._scope(folders[:-1])
            scope = self._scopes[folders] = program.variable()
            if self._is_required(folders):
                program.line("{} = {}[{}]", scope, outer, program.constant(folders[-1]))
            else:
                program.line("{} = {}.get({})", scope, outer, program.constant(folders[-1]))
                program.line("if type({}) is not dict:", scope)
                program.line("{} = {}", scope, program.constant(_NOTHING), depth=1)
        return self._scopes[folders]


@dataclass(frozen=True, slots=True)
class Fields:
    """Compiles fields into a program."""

    program: Program
    reader: Reader
    holding: Holding
    codes: Mapping[str, CodeList]
    written: dict[tuple[str, Leaf], Written] = dataclass_field(default_factory=dict)
    """Fields that stand in the program already, by what the mapping says of them and what the schema asks."""

    def compiled(self, target: str, field: Field_) -> Write:
        """Return what writes a field; raise ValueError with what is wrong with it."""
        if field.from_ is None:
            constant = self.program.constant(field.const)  # it is part of every shape
            return lambda: (constant, True)
        calls, default = list(field.fn), None
        if calls and calls[-1].startswith("default:"):
            default = calls.pop().partition(":")[2]
        several = isinstance(field.from_, list)
        if several != bool(calls and calls[0].partition(":")[0] in functions.OF_LISTS):
            raise Unfit(
                "a list of places needs concat, first_non_empty or hash_ref as its first function",
                "قائمة المواضع تبدأ دوالها بواحدة من: concat، first_non_empty، hash_ref",
            )
        steps = [functions.named(call) for call in calls]
        if field.lookup is not None:
            steps.append(_compile_lookup(field, self.codes))
        names = ", ".join(places_of(field))
        places = [self.reader.place(path) for path in places_of(field)]
        absent = _absent(names, default, required=field.required)
        run = self.program.constant(_careful(steps, names, absent, several=several))
        always = field.required or default is not None
        if several:
            write = partial(self._joined, target, places, run, always=always)
        else:
            write = partial(self._leaf, target, places[0], run, (calls, steps), always=always)
        return partial(self._once, target, field, write)

    def _once(self, target: str, field: Field_, write: Write) -> Written:
        """Write a field, unless another one stands in the program already that cannot be anything else."""
        same = field.model_dump_json(), self.holding.leaf(target)
        if same not in self.written:
            self.written[same] = write()
        value, always = self.written[same]
        self.holding.shape(target, value, always=always)
        return value, always

    def _leaf(
        self,
        target: str,
        place: Place,
        run: str,
        how: tuple[list[str], list[functions.Step]],
        *,
        always: bool,
    ) -> Written:
        """Write the lines of a field that comes from one place."""
        program, holding, leaf = self.program, self.holding, self.holding.leaf(target)
        read, value = program.variable(), program.variable()
        program.line("{} = {}[{}]" if place.certain else "{} = {}.get({})", read, place.scope, place.name)
        usual = shortcut(program, *how, read, leaf)
        expression = usual.expression if usual else program.expression("None")
        certain = usual is not None and usual.certain
        depth = 0 if always or place.certain else 1
        if depth:
            program.line("{} = None", value)
            program.line("if {} is not None:", read)
        if not place.text:
            expression = program.expression("({}) if type({}) is str else None", expression, read)
        elif always and not place.certain:
            expression = program.expression("({}) if {} is not None else None", expression, read)
        program.line("{} = {}", value, expression, depth=depth)
        program.line("if {} is None:", value, depth=depth)
        program.line("{} = {}({}, notes)", value, run, read, depth=depth + 1)
        holding.ask(leaf, value, depth=depth + certain)
        return value, always

    def _joined(self, target: str, places: list[Place], run: str, *, always: bool) -> Written:
        """Write the lines of a field that comes from several places."""
        program, value = self.program, self.program.variable()
        program.line("{} = []", value)
        for place in places:
            program.line("{}.append({}.get({}))", value, place.scope, place.name)
        program.line("{0} = {1}({0}, notes)", value, run)
        self.holding.ask(self.holding.leaf(target), value)
        return value, always


def _compile_lookup(field: Field_, codes: Mapping[str, CodeList]) -> functions.Step:
    review = field.on_unknown == "review"
    if isinstance(field.lookup, dict):
        return functions.lookup(field.lookup, ", ".join(field.lookup), review=review)
    name, _, column = str(field.lookup).partition("/")
    if name not in codes:
        raise Unfit(
            f"there is no code list {name!r}; there are: {', '.join(sorted(codes))}",
            f"لا توجد قائمة أكواد باسم {name}، والموجود: {'، '.join(sorted(codes))}",
        )
    return functions.lookup(codes[name].by(column or "code"), name, review=review)


def _absent(names: str, default: str | None, *, required: bool) -> Callable[[], object]:
    """Return what to do when a place is missing or empty."""

    def refuse() -> object:
        raise Refused("record.schema.required", names, "must be present")

    return refuse if required and default is None else lambda: default


def _careful(
    steps: list[functions.Step], names: str, absent: Callable[[], object], *, several: bool
) -> Callable[[object, list[str]], object]:
    """Return the function of a field, from what stands in its place to what becomes of it.

    With `several` places it takes the list of what stands in them.
    """

    def run(value: object, notes: list[str]) -> object:
        if all(map(_is_empty, value)) if several and isinstance(value, list) else _is_empty(value):
            return absent()
        try:
            for step in steps:
                value = step(value, notes)
                if _is_empty(value):
                    return absent()
        except Refused as refused:
            raise refused.at(names) from None
        return value

    return run


def _is_empty(value: object) -> bool:
    return value is None or value == ""


def places_of(field: Field_) -> list[str]:
    """Return the paths that a field comes from, none for a constant."""
    if field.from_ is None:
        return []
    return [field.from_] if isinstance(field.from_, str) else field.from_
