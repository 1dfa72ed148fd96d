"""`mapping.yaml`, compiled once into nested functions: from what an agency wrote to the canonical record.

Every source is a tree of names (JSON members, CSV columns, XML elements and attributes), so one engine serves
all three. Every path is held against the source schema and every target against the canonical schema when the
catalogue is loaded: a mapping that reads or writes something unknown never runs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from contracts import functions
from contracts.codes import CodeList
from contracts.documents import Field_, MappingDocument
from contracts.errors import Refused

Node = dict[str, object]
Scopes = list[Node]
"""The source record, then the objects inside it that the mapping reads: each is opened once."""
Produce = Callable[[Scopes, list[str]], object]
Steps = Callable[[str], tuple[str, ...]]
"""From a path as it is written to the names on the way; raises ValueError with what is wrong."""
Place = tuple[int, str]
"""Index of a scope, and a name in it."""

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
    """Gives every path of a mapping its place, opening each inner object once."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._scopes: dict[tuple[str, ...], int] = {(): 0}
        self._opens: list[Place] = []

    def place(self, path: str) -> Place:
        """Return the place of `path`; raise ValueError when the source has no such."""
        *folders, name = self._steps(path)
        return self._scope(tuple(folders)), name

    def _scope(self, folders: tuple[str, ...]) -> int:
        if folders not in self._scopes:
            self._opens.append((self._scope(folders[:-1]), folders[-1]))
            self._scopes[folders] = len(self._opens)
        return self._scopes[folders]

    def open(self) -> Callable[[Node], Scopes]:
        """Return the function that opens a source record, once all places are known."""
        opens = tuple(self._opens)

        def scopes_of(source: Node) -> Scopes:
            scopes = [source]
            for scope, name in opens:
                inner = scopes[scope].get(name)
                scopes.append(inner if type(inner) is dict else _NOTHING)
            return scopes

        return scopes_of


def compile_mapping(
    document: MappingDocument, steps: Steps, codes: Mapping[str, CodeList]
) -> CompiledMapping:
    """Compile `document`.

    Raises:
        ValueError: with the field and what is wrong with it.
    """
    root: Node = {}
    sources: dict[str, str] = {}
    reader = _Reader(steps)
    for target, field in document.fields.items():
        try:
            produce = _compile_field(field, reader, codes)
        except ValueError as problem:
            raise ValueError(f"fields.{target}: {problem}") from None
        _plant(root, target, produce)
        if field.from_ is not None:
            sources["/" + target.replace(".", "/")] = ", ".join(_places(field))
    _refuse_personal_references(document)
    build, scopes_of = _compile_object(root), reader.open()

    def apply(source: Node, notes: list[str]) -> Node:
        built = build(scopes_of(source), notes)
        return built if type(built) is dict else {}

    return CompiledMapping(apply, sources)


def _places(field: Field_) -> list[str]:
    if field.from_ is None:
        return []
    return [field.from_] if isinstance(field.from_, str) else field.from_


def _plant(root: Node, target: str, produce: Produce) -> None:
    *folders, name = target.split(".")
    node = root
    for folder in folders:
        inner = node.setdefault(folder, {})
        if not isinstance(inner, dict):
            raise ValueError(f"fields.{target}: {folder} is already mapped as a whole")  # noqa: TRY004 - a document's fault
        node = inner
    if name in node:
        raise ValueError(f"fields.{target}: is already mapped in parts")
    node[name] = produce


def _compile_object(node: Node) -> Produce:
    members: list[tuple[str, Produce]] = []
    for name, inner in node.items():
        members.append((name, _compile_object(inner) if isinstance(inner, dict) else inner))  # type: ignore[arg-type]

    def build(scopes: Scopes, notes: list[str]) -> object:
        built = {}
        for name, produce in members:
            value = produce(scopes, notes)
            if value is not None:
                built[name] = value
        return built or None

    return build


def _compile_field(field: Field_, reader: _Reader, codes: Mapping[str, CodeList]) -> Produce:
    if field.from_ is None:
        const = field.const
        return lambda _scopes, _notes: const
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
    if isinstance(field.from_, list):
        return _joined(places, steps, names, absent)
    return _leaf(places[0], steps, names, absent)


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


def _leaf(place: Place, steps: list[functions.Step], names: str, absent: Callable[[], object]) -> Produce:
    """Return the function of a field that comes from one place; one step, the usual case, has its own."""
    scope, name = place

    def produce_one(scopes: Scopes, notes: list[str]) -> object:
        value = scopes[scope].get(name)
        if value is None or value == "":
            return absent()
        try:
            value = step(value, notes)
        except Refused as refused:
            raise refused.at(names) from None
        return absent() if value is None or value == "" else value

    def produce(scopes: Scopes, notes: list[str]) -> object:
        value = scopes[scope].get(name)
        if value is None or value == "":
            return absent()
        return _run(steps, value, notes, names, absent)

    if len(steps) == 1:
        (step,) = steps
        return produce_one
    return produce


def _joined(
    places: list[Place], steps: list[functions.Step], names: str, absent: Callable[[], object]
) -> Produce:
    """Return the function of a field that comes from several places."""

    def produce(scopes: Scopes, notes: list[str]) -> object:
        values = [scopes[scope].get(name) for scope, name in places]
        if all(value is None or value == "" for value in values):
            return absent()
        return _run(steps, values, notes, names, absent)

    return produce


def _run(
    steps: list[functions.Step], value: object, notes: list[str], names: str, absent: Callable[[], object]
) -> object:
    try:
        for step in steps:
            value = step(value, notes)
            if value is None or value == "":
                return absent()
    except Refused as refused:
        raise refused.at(names) from None
    return value


def _refuse_personal_references(document: MappingDocument) -> None:
    """Refuse to derive a reference from a national ID: 10^10 candidates are enumerated in minutes."""
    identities = {
        place for field in document.fields.values() if "nid" in field.fn for place in _places(field)
    }
    for target, field in document.fields.items():
        if "nid" not in field.fn and identities & set(_places(field)):
            raise ValueError(f"fields.{target}: a national ID is mapped to a national ID and to nothing else")
