"""`mapping.yaml`, compiled once into one function: from what an agency wrote to the canonical record.

Every source is a tree of names (JSON members, CSV columns, XML elements and attributes), so one engine serves
all three. Every path is held against the source schema and every target against the canonical schema when the
catalogue is loaded: a mapping that reads or writes something unknown never runs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from contracts import functions
from contracts.binding_documents import Field_, MappingDocument
from contracts.codes import CodeList
from contracts.errors import Refused
from contracts.program import Program
from contracts.shortcuts import shortcut

Node = dict[str, object]
Written = tuple[str, bool]
"""Name of a variable, and whether it certainly holds something when the program gets there."""
Write = Callable[[], Written]
"""Writes the lines of one field into the program."""
Steps = Callable[[str], tuple[str, ...]]
"""From a path as it is written to the names on the way; raises ValueError with what is wrong."""
Place = tuple[str, str]
"""Variable of an object of the source, and constant of a name in it."""

_NOTHING: Node = {}


@dataclass(frozen=True, slots=True)
class CompiledMapping:
    """A mapping, ready to run."""

    apply: Callable[[Node, list[str]], Node]
    """Return the canonical payload of a source tree; the list receives `review.*` and `warning.*` codes.

    Raises Refused, whose field is a place in the source.
    """
    sources: Mapping[str, str]
    """Canonical JSON pointer → the place in the source that it comes from, as the mapping writes it."""

    def in_source_terms(self, refused: Refused) -> Refused:
        """Return a refusal about a canonical pointer with the place in the source, where there is one."""
        pointer = refused.field
        while pointer:
            if pointer in self.sources:
                return refused.at(self.sources[pointer])
            pointer = pointer.rpartition("/")[0]
        return refused


class _Reader:
    """Writes the part of a program that opens each inner object of the source, once."""

    def __init__(self, program: Program, steps: Steps) -> None:
        self._program = program
        self._steps = steps
        self._scopes: dict[tuple[str, ...], str] = {(): "source"}

    def place(self, path: str) -> Place:
        """Return the place of `path`; raise ValueError when the source has no such."""
        *folders, name = self._steps(path)
        return self._scope(tuple(folders)), self._program.constant(name)

    def _scope(self, folders: tuple[str, ...]) -> str:
        if folders not in self._scopes:
            program, outer = self._program, self._scope(folders[:-1])
            scope = self._scopes[folders] = program.variable()
            program.line("{} = {}.get({})", scope, outer, program.constant(folders[-1]))
            program.line("if type({}) is not dict:", scope)
            program.line("{} = {}", scope, program.constant(_NOTHING), depth=1)
        return self._scopes[folders]


def compile_mapping(
    document: MappingDocument, steps: Steps, codes: Mapping[str, CodeList]
) -> CompiledMapping:
    """Compile `document`.

    Raises:
        ValueError: with the field and what is wrong with it.
    """
    program = Program("source", "notes")
    reader = _Reader(program, steps)
    root: Node = {}
    sources: dict[str, str] = {}
    for target, field in document.fields.items():
        try:
            write = _compile_field(field, program, reader, codes)
        except ValueError as problem:
            raise ValueError(f"fields.{target}: {problem}") from None
        _plant(root, target, write)
        if field.from_ is not None:
            sources["/" + target.replace(".", "/")] = ", ".join(_places(field))
    _refuse_personal_references(document)
    payload, _ = _write_object(program, root)
    program.line("return {}", payload)
    return CompiledMapping(program.function(), sources)


def _places(field: Field_) -> list[str]:
    if field.from_ is None:
        return []
    return [field.from_] if isinstance(field.from_, str) else field.from_


def _plant(root: Node, target: str, write: Write) -> None:
    *folders, name = target.split(".")
    node = root
    for folder in folders:
        inner = node.setdefault(folder, {})
        if not isinstance(inner, dict):
            raise ValueError(f"fields.{target}: {folder} is already mapped as a whole")  # noqa: TRY004 - a document's fault
        node = inner
    if name in node:
        raise ValueError(f"fields.{target}: is already mapped in parts")
    node[name] = write


def _write_object(program: Program, node: Node) -> Written:
    """Write the lines that build one object of the payload."""
    built, certain = program.variable(), False
    program.line("{} = {{}}", built)
    for name, inner in node.items():
        value, always = _write_object(program, inner) if isinstance(inner, dict) else inner()  # type: ignore[operator]
        if not always:
            program.line("if {}:" if isinstance(inner, dict) else "if {} is not None:", value)
        program.line("{}[{}] = {}", built, program.constant(name), value, depth=0 if always else 1)
        certain = certain or always
    return built, certain


def _compile_field(field: Field_, program: Program, reader: _Reader, codes: Mapping[str, CodeList]) -> Write:
    if field.from_ is None:
        const = program.constant(field.const)
        return lambda: (const, True)
    calls, default = list(field.fn), None
    if calls and calls[-1].startswith("default:"):
        default = calls.pop().partition(":")[2]
    steps = [functions.named(call) for call in calls]
    if isinstance(field.from_, list) != bool(calls and calls[0].partition(":")[0] in functions.OF_LISTS):
        raise ValueError("a list of places needs concat, first_non_empty or hash_ref as its first function")
    if field.lookup is not None:
        steps.append(_compile_lookup(field, codes))
    names = ", ".join(_places(field))
    places = [reader.place(path) for path in _places(field)]
    absent = _absent(names, default, required=field.required)
    run = program.constant(_careful(steps, names, absent, several=isinstance(field.from_, list)))
    always = field.required or default is not None
    if isinstance(field.from_, list):
        return lambda: (_write_joined(program, places, run), always)
    return lambda: (_write_leaf(program, places[0], run, (calls, steps), always=always), always)


def _compile_lookup(field: Field_, codes: Mapping[str, CodeList]) -> functions.Step:
    review = field.on_unknown == "review"
    if isinstance(field.lookup, dict):
        return functions.lookup(field.lookup, ", ".join(field.lookup), review=review)
    name, _, column = str(field.lookup).partition("/")
    if name not in codes:
        raise ValueError(f"there is no code list {name!r}; there are: {', '.join(sorted(codes))}")
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


def _write_leaf(
    program: Program, place: Place, run: str, how: tuple[list[str], list[functions.Step]], *, always: bool
) -> str:
    """Write the lines of a field that comes from one place; return the variable that holds it."""
    read, value = program.variable(), program.variable()
    program.line("{} = {}.get({})", read, *place)
    usual = shortcut(program, *how, read) or program.expression("None")
    program.line("{} = ({}) if type({}) is str else None", value, usual, read)
    if always:
        program.line("if {} is None:", value)
    else:
        program.line("if {} is None and {} is not None:", value, read)
    program.line("{} = {}({}, notes)", value, run, read, depth=1)
    return value


def _write_joined(program: Program, places: list[Place], run: str) -> str:
    """Write the lines of a field that comes from several places; return the variable that holds it."""
    value = program.variable()
    program.line("{} = []", value)
    for scope, name in places:
        program.line("{}.append({}.get({}))", value, scope, name)
    program.line("{0} = {1}({0}, notes)", value, run)
    return value


def _refuse_personal_references(document: MappingDocument) -> None:
    """Refuse to derive a reference from a national ID: 10^10 candidates are enumerated in minutes."""
    identities = {
        place for field in document.fields.values() if "nid" in field.fn for place in _places(field)
    }
    for target, field in document.fields.items():
        if "nid" not in field.fn and identities & set(_places(field)):
            raise ValueError(f"fields.{target}: a national ID is mapped to a national ID and to nothing else")
