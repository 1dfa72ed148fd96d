"""A canonical record in an agency's own words: the agency's mapping, read backwards.

So an agency whose binding is a folder of data is spoken for without code, here as at the gateway.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from operator import itemgetter

from contracts import folder
from contracts.binding import Binding
from contracts.binding_documents import Field_, MappingDocument
from contracts.catalogue import Catalogue
from contracts.documents import Scalar
from contracts.folder import Files, yaml_model

Value = str | int | bool
Payload = Mapping[str, Value]
"""A canonical record, its fields by their dotted names; a name of a person is its full text."""
Form = dict[str, Value]
"""A record in its sender's words, by the paths of the mapping."""

_TEXTS = frozenset({"trim", "digits_ascii", "nid", "text", "arabic_name", "split_name"})
"""Functions that leave a well-written text as it is."""
_NUMERIC = frozenset({"digits_ascii", "nid", "int", "date", "datetime_utc"})
_DATES_KEPT = 65_536


@dataclass(frozen=True, slots=True)
class Slot:
    """One canonical field and the place of the source that it is written to."""

    target: str
    path: str
    back: Callable[[Value], Value | None]
    """From canonical to written; None when the agency has no word for it."""
    values: tuple[Scalar, ...]
    """Canonical values that the agency has words for; empty when it is free."""
    functions: frozenset[str]
    date_form: str
    """`%d/%m/%Y` and the like; empty when it is no date."""
    required: bool
    refuses_unknown: bool

    @property
    def numeric(self) -> bool:
        """Whether its digits may be Arabic ones."""
        return not self.functions.isdisjoint(_NUMERIC)


@dataclass(frozen=True, slots=True)
class Voice:
    """How one agency writes the records of one contract."""

    binding: Binding
    document: MappingDocument
    slots: tuple[Slot, ...]
    constants: Mapping[str, Scalar]
    plan: Callable[[tuple[str, ...]], _Plan]
    """How a record with these fields is written."""
    targets: frozenset[str]
    """The fields that the agency has a place for."""

    def values(self, target: str) -> tuple[Scalar, ...]:
        """Return the canonical values that the agency can give a field; () when it writes it freely or never."""
        if target in self.constants:
            return (self.constants[target],)
        return next((slot.values for slot in self.slots if slot.target == target), ())

    def writes(self, target: str) -> bool:
        """Whether the agency has a place for a field."""
        return target in self.targets

    def said(self, payload: Payload) -> Payload:
        """Return what reaches a recipient of a record: the fields that the agency has a place for."""
        if not self.constants and payload.keys() <= self.targets:
            return payload
        told = {target: value for target, value in payload.items() if target in self.targets}
        return {**told, **self.constants}

    def form(self, payload: Payload) -> Form | None:
        """Return the record in the agency's words; None when the agency has no words for it.

        What the agency has no place for is left out.
        """
        for target, only in self.constants.items():
            if payload.get(target, only) != only:
                return None
        plan = self.plan(tuple(payload))
        values = list(plan.take(payload))
        for at, back in plan.backs:
            value = back(values[at])
            if value is None:
                return None
            values[at] = value
        for at, other in plan.same:
            if values[at] != values[other]:
                return None
        return dict(zip(plan.paths, values, strict=True))


@dataclass(frozen=True, slots=True)
class _Plan:
    """How records that have the same fields are written: where each value goes, and on what way."""

    take: Callable[[Payload], tuple[Value, ...]]
    """Gives the values of the fields that the agency has a place for."""
    paths: tuple[str, ...]
    """Where they go, one by one; two may go to the same place."""
    backs: tuple[tuple[int, Callable[[Value], Value | None]], ...]
    """The values that change on their way, by their place."""
    same: tuple[tuple[int, int], ...]
    """Values that go to one place, and have to be the same."""


def _plan(slots: Sequence[Slot], fields: tuple[str, ...]) -> _Plan:
    used = [slot for slot in slots if slot.target in fields]
    paths = tuple(slot.path for slot in used)
    return _Plan(
        _values([slot.target for slot in used]),
        paths,
        tuple((at, slot.back) for at, slot in enumerate(used) if slot.back is not _as_it_is),
        tuple((at, first) for at, path in enumerate(paths) if (first := paths.index(path)) != at),
    )


def _values(targets: Sequence[str]) -> Callable[[Payload], tuple[Value, ...]]:
    if len(targets) > 1:
        return itemgetter(*targets)
    return lambda payload: tuple(payload[target] for target in targets)  # of one, `itemgetter` gives no tuple


def voice(catalogue: Catalogue, agency: str, contract: str) -> Voice:
    """Return how an agency of the shipped catalogue writes a contract.

    Raises:
        KeyError: it does not.
        ValueError: its mapping cannot be read backwards.
    """
    binding = catalogue.binding(agency, contract)
    event, _, major = contract.rpartition(".")
    place = f"agencies/{agency}/{event}/{major}"
    document = yaml_model(MappingDocument, _files(), place, "mapping.yaml", _complain)
    if document is None:
        raise ValueError(f"{place}/mapping.yaml cannot be read")
    slots, constants = [], {}
    for target, field in document.fields.items():
        if field.const is not None:
            constants[target] = field.const
        else:
            slots.append(_slot(target, field, catalogue))
    targets = frozenset(slot.target for slot in slots)
    return Voice(binding, document, tuple(slots), constants, cache(partial(_plan, slots)), targets)


@cache
def _files() -> Files:
    return folder.read(folder.SHIPPED)


def _complain(file: str, where: str, rule: str, message: str, _message_ar: str, /) -> None:
    raise ValueError(f"{file} {where}: {message} [{rule}]")


def _slot(target: str, field: Field_, catalogue: Catalogue) -> Slot:
    if field.from_ is None or isinstance(field.from_, list):
        raise ValueError(f"fields.{target}: several places cannot be written backwards")
    names = frozenset(call.partition(":")[0] for call in field.fn)
    back, date_form = _backwards(field.fn), _argument(field.fn, "date")
    values: tuple[Scalar, ...] = ()
    if field.lookup is not None:
        words = _words(field.lookup, catalogue)
        values, back = tuple(words), words.get
    return Slot(
        target, field.from_, back, values, names, date_form, field.required,
        field.lookup is not None and field.on_unknown == "refuse",
    )  # fmt: skip


def _words(lookup: str | dict[str, Scalar], catalogue: Catalogue) -> dict[Value, Value]:
    """Return the first word for each code."""
    if isinstance(lookup, dict):
        table: Mapping[str, Scalar] = lookup
    else:
        name, _, column = lookup.partition("/")
        table = catalogue.code_lists[name].by(column or "code")
    words: dict[Value, Value] = {}
    for word, code in table.items():
        words.setdefault(code, word)
    return words


def _as_it_is(value: Value) -> Value:
    return value


def _backwards(calls: list[str]) -> Callable[[Value], Value | None]:
    shaping = [call for call in calls if call not in _TEXTS]
    if not shaping:
        return _as_it_is
    if len(shaping) > 1:
        raise ValueError(f"{', '.join(shaping)} together cannot be written backwards")
    name, _, argument = shaping[0].partition(":")
    if name == "date":
        return _dates(argument or "%Y-%m-%d")
    if name == "bool_map":
        yes, _, no = argument.partition("/")
        return {True: yes, False: no}.get  # type: ignore[return-value]
    if name in {"upper", "default"}:
        return _as_it_is
    if name == "int":
        return str
    raise ValueError(f"{name} cannot be written backwards")


def _dates(form: str) -> Callable[[Value], Value]:
    @lru_cache(maxsize=_DATES_KEPT)
    def written(iso: Value) -> Value:
        year, month, day = str(iso).split("-")
        return form.replace("%Y", year).replace("%m", month).replace("%d", day)

    return written


def _argument(calls: list[str], name: str) -> str:
    for call in calls:
        called, _, argument = call.partition(":")
        if called == name:
            return argument or "%Y-%m-%d"
    return ""
