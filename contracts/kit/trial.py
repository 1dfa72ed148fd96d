"""Try an agency's own file: each record before and after, accepted or why not; nothing is sent, little is held."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date

import orjson

from contracts import schema_lint
from contracts.binding import Binding, Conformed
from contracts.errors import Refused
from contracts.framing import Piece
from contracts.kit.screen import hidden, masked, without_digits
from contracts.mapping import Node

_MAX_SHOWN = 400
"""Characters of a record that cannot be taken apart that are shown."""

Mask = Callable[[str, str], str]
"""From a place in the source and a text to what may be shown of it."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One value before and after; a text is "" where there is none."""

    place: str
    """In the agency's own terms; "" for what the mapping adds by itself."""
    before: str
    target: str
    """Dotted name in the contract; "" for a record that is refused."""
    after: str


@dataclass(frozen=True, slots=True)
class Trial:
    """What would become of one record."""

    position: int
    refusal: Refused | None
    pairs: tuple[Pair, ...]
    """Of a refused record, what its refusal is about."""
    remarks: tuple[str, ...]
    """`warning.*` and `review.*` codes."""
    line: bytes
    """Canonical JSON and a newline, unmasked; empty for a refused record."""


def trials(
    binding: Binding, chunks: Iterable[bytes], media_type: str | None, day: date, *, show: bool
) -> Iterator[Trial]:
    """Give what would become of each record of a submission, as it is read.

    Args:
        binding: how the agency writes the contract.
        chunks: the octets of the submission, in order.
        media_type: one of the binding's; None takes the first.
        day: what counts as today.
        show: whether national IDs stand in clear in the pairs.

    Raises:
        ValueError: for a media type that the binding does not name.
    """
    splitter = binding.splitter(binding.max_record_bytes, media_type)
    mask = _in_clear if show else _masker(binding)
    for chunk in chunks:
        for piece in splitter.feed(chunk):
            yield _trial(binding, piece, day, mask)
            if piece.ends_submission:
                return  # nothing after it can be told apart, however much there is
    for piece in splitter.close():
        yield _trial(binding, piece, day, mask)


def _trial(binding: Binding, piece: Piece, day: date, mask: Mask) -> Trial:
    if piece.refusal is not None:
        return Trial(piece.position, piece.refusal, (), (), b"")
    try:
        conformed = binding.conform(piece.octets, day)
    except Refused as refused:
        return Trial(piece.position, refused, _blamed(binding, piece, refused, mask), (), b"")
    return Trial(
        piece.position,
        None,
        tuple(_pairs(binding, binding.source.read(piece.octets), conformed, mask)),
        (*conformed.warnings, *conformed.review),
        conformed.octets() + b"\n",
    )


def _pairs(binding: Binding, source: Node, conformed: Conformed, mask: Mask) -> Iterator[Pair]:
    for pointer, value in _leaves(conformed.payload, ""):
        place = _place_of(binding, pointer)
        yield Pair(
            place,
            mask(place, _read(binding, source, place)),
            pointer[1:].replace("/", "."),
            mask(place, _text(value)),
        )


def _place_of(binding: Binding, pointer: str) -> str:
    """Return the place that a canonical value comes from; a name's parts come from where the name does."""
    while pointer and pointer not in binding.mapping.sources:
        pointer = pointer.rpartition("/")[0]
    return binding.mapping.sources.get(pointer, "")


def _blamed(binding: Binding, piece: Piece, refused: Refused, mask: Mask) -> tuple[Pair, ...]:
    """Return what a refusal is about: the value at its place, or the record where it names none."""
    try:
        source = binding.source.read(piece.octets)
        before = _read(binding, source, refused.field)
    except Refused:
        before = ""
    if not before:
        written = piece.octets.decode("utf-8" if binding.format == "xml" else binding.encoding, "replace")
        shown = written[:_MAX_SHOWN]
        return (Pair("", shown if mask is _in_clear else without_digits(shown), "", ""),)
    return (Pair(refused.field, mask(refused.field, before), "", ""),)


def _read(binding: Binding, source: Node, place: str) -> str:
    """Return what stands in the source at one place, or at several divided by commas; "" for nothing."""
    found = []
    for path in place.split(", ") if place else []:
        try:
            names = binding.source.steps(path)
        except ValueError:
            return ""  # a refusal in terms of the contract, which this source has no place for
        node: object = source
        for name in names:
            node = node.get(name) if isinstance(node, dict) else None
        if node is not None:
            found.append(_text(node))
    return ", ".join(found)


def _leaves(value: object, pointer: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{pointer}/{name}")
    else:
        yield pointer, value


def _text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _masker(binding: Binding) -> Mask:
    """Return the mask of a binding: a place of a national ID hides all its digits, however it is written."""
    identities = {
        binding.mapping.sources[pointer]
        for pointer in schema_lint.pointers_to(binding.contract.schema, "#/$defs/nid")
        if pointer in binding.mapping.sources
    }
    return lambda place, text: hidden(text) if place in identities else masked(text)


def _in_clear(_place: str, text: str) -> str:
    return text
