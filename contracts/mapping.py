"""`mapping.yaml`, compiled once into one function: from what an agency wrote to the canonical record.

Every source is a tree of names (JSON members, CSV columns, XML elements and attributes), so one engine serves
all three. Every path is held against the source schema and every target against the canonical schema when the
catalogue is loaded: a mapping that reads or writes something unknown never runs. What it writes keeps the contract's
schema, which is asked about a record only as far as its answer is not certain before (`holding`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from contracts import shapes
from contracts.binding_documents import MappingDocument
from contracts.codes import CodeList
from contracts.errors import Refused, Unfit
from contracts.fields import Fields, Reader, Write, Written, places_of
from contracts.holding import Holding, Shapes
from contracts.program import Program
from contracts.schemas import Checker
from contracts.source import Source

Node = dict[str, object]


@dataclass(frozen=True, slots=True)
class CompiledMapping:
    """A mapping, ready to run."""

    apply: Callable[[Node, list[str]], Node]
    """Return the canonical payload, which keeps the contract's schema, of a tree that the source's `read` has
    returned; the list receives `review.*` and `warning.*` codes.

    Raises Refused, whose field is a place in the source.
    """
    sources: Mapping[str, str]
    """Canonical JSON pointer → the place in the source that it comes from, as the mapping writes it."""

    def in_source_terms(self, refused: Refused) -> Refused:
        """Return a refusal about a canonical pointer with the place in the source, where there is one."""
        return _in_source_terms(self.sources, refused)


def compile_mapping(
    document: MappingDocument, source: Source, codes: Mapping[str, CodeList], checker: Checker
) -> CompiledMapping:
    """Compile `document`, whose paths lead into `source`; `checker` is of the contract's schema.

    Raises:
        Unfit: with the field and what is wrong with it.
    """
    program = Program("source", "notes")
    holding = Holding(program, shapes.read(checker.schema, document.fields))
    fields = Fields(program, Reader(program, source), holding, codes)
    root: Node = {}
    sources: dict[str, str] = {}
    for target, field in document.fields.items():
        try:
            write = fields.compiled(target, field)
        except Unfit as problem:
            raise problem.within(f"fields.{target}") from None
        _plant(root, target, write)
        if field.from_ is not None:
            sources["/" + target.replace(".", "/")] = ", ".join(places_of(field))
    _refuse_personal_references(document)
    payload, _ = _write_object(program, root)
    holding.hold(payload, Shapes(checker, partial(_in_source_terms, sources)))
    program.line("return {}", payload)
    return CompiledMapping(program.function(), sources)


def _in_source_terms(sources: Mapping[str, str], refused: Refused) -> Refused:
    """Return a refusal with what `sources`, by JSON pointer, say of the place or of what it stands in."""
    pointer = refused.field
    while pointer:
        if pointer in sources:
            return refused.at(sources[pointer])
        pointer = pointer.rpartition("/")[0]
    return refused


def _plant(root: Node, target: str, write: Write) -> None:
    *folders, name = target.split(".")
    node = root
    for folder in folders:
        inner = node.setdefault(folder, {})
        if not isinstance(inner, dict):
            raise Unfit(
                f"fields.{target}: {folder} is already mapped as a whole",
                f"fields.{target}: الحقل {folder} مكتوب كاملًا قبل ذلك",
            )
        node = inner
    if name in node:
        raise Unfit(
            f"fields.{target}: is already mapped in parts", f"fields.{target}: الحقل مكتوب مجزأً قبل ذلك"
        )
    node[name] = write


def _write_object(program: Program, node: Node) -> Written:
    """Write the lines that build one object of the payload."""
    always, sometimes = program.expression(""), list[tuple[str, str, bool]]()
    for name, inner in node.items():
        value, certain = _write_object(program, inner) if isinstance(inner, dict) else inner()  # type: ignore[operator]
        if certain:
            always = program.expression("{}{}: {}, ", always, program.constant(name), value)
        else:
            sometimes.append((program.constant(name), value, isinstance(inner, dict)))
    built = program.variable()
    program.line("{} = {{{}}}", built, always)  # at once: made bigger member by member it costs twice as much
    for name, value, whole in sometimes:
        program.line("if {}:" if whole else "if {} is not None:", value)
        program.line("{}[{}] = {}", built, name, value, depth=1)
    return built, bool(always)


def _refuse_personal_references(document: MappingDocument) -> None:
    """Refuse to derive a reference from a national ID: 10^10 candidates are enumerated in minutes."""
    identities = {
        place for field in document.fields.values() if "nid" in field.fn for place in places_of(field)
    }
    for target, field in document.fields.items():
        if "nid" not in field.fn and identities & set(places_of(field)):
            raise Unfit(
                f"fields.{target}: a national ID is mapped to a national ID and to nothing else",
                f"fields.{target}: الرقم القومي يُكتب في حقل رقم قومي ولا يُكتب في غيره",
            )
