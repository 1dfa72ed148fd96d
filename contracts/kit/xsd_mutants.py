"""Break a valid XML record in every way that its XSD forbids; a constraint that lets the broken one pass is dead."""

from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy

from lxml import etree

from contracts.kit.xsd import XSD, Declared

_LARGEST = 100_000
"""A text beyond this length does not fit into a record, so its upper bound is not tried."""
_STRANGE = ("", "!", " ", "ü", "_", "0", "A", "\u0627")
"""Characters of kinds that patterns tell apart; one of them breaks any pattern worth having."""
_NOT_OF_TYPE = {
    "date": "2026-02-30",
    "dateTime": "2026-02-30T00:00:00",
    "boolean": "maybe",
    "time": "25:00:00",
}
_TEXTS = frozenset({"string", "token", "normalizedString", "anySimpleType", ""})

_Valid = Callable[[etree._Element], bool]  # noqa: SLF001 - lxml names its node type no other way


def survivors(
    declarations: Iterable[Declared], records: list[etree._Element], is_valid: _Valid
) -> Iterator[tuple[str, str]]:
    """Give path and constraint of everything that accepts a record which breaks it.

    Args:
        declarations: what the XSD declares.
        records: valid records; what none of them has is not tried.
        is_valid: whether the XSD accepts a record.
    """
    for one in declarations:
        holder = next((record for record in records if _find(record, one.steps) is not None), None)
        if holder is None:
            continue
        for constraint, broken in _broken(one, holder):
            # Of several tries one has to be refused: a single strange character may well be allowed.
            if broken and all(map(is_valid, broken)):
                yield one.path, constraint


def _broken(one: Declared, record: etree._Element) -> Iterator[tuple[str, list[etree._Element]]]:
    """Give each constraint of a declaration with the records that try to break it."""
    if one.steps and one.required:
        yield "required", [_with(record, one.steps, None)]
    if not one.holds_value:
        yield "elements", [_strange_child(record, one.steps)]
    if not one.steps or not one.steps[-1].startswith("@"):
        yield "attributes", [_with(record, (*one.steps, "@unexpected"), "1")]
    value = _find(record, one.steps)
    if not one.holds_value or not isinstance(value, str):
        return
    if one.base not in _TEXTS:
        yield one.base, [_with(record, one.steps, _NOT_OF_TYPE.get(one.base, "x"))]
    for facet, tries in _facets(one, value):
        yield facet, [_with(record, one.steps, text) for text in tries]


def _facets(one: Declared, value: str) -> Iterator[tuple[str, list[str]]]:
    """Give each facet of a simple type with texts that break it; enumerations count as one."""
    facets = {} if one.simple is None else {node.tag: str(node.get("value")) for node in one.simple}
    for tag, asked in facets.items():
        name = str(tag).removeprefix(XSD)
        if name == "enumeration":
            yield name, [value + "_"]
        elif name == "pattern":
            halves = (0, len(value) // 2)
            yield (
                name,
                [*[value[:at] + sign + value[at + 1 :] for sign in _STRANGE for at in halves], value * 2],
            )
        elif name == "maxLength" and int(asked) <= _LARGEST:
            yield name, [(value or "x") * (int(asked) + 1)]
        elif name == "minLength" and int(asked) > 0:
            yield name, [value[: int(asked) - 1]]
        elif name == "length":
            yield name, [value + (value or "x")[-1]]
        elif name == "minInclusive":
            yield name, [str(int(asked) - 1)]
        elif name == "maxInclusive":
            yield name, [str(int(asked) + 1)]


def _find(record: etree._Element, steps: tuple[str, ...]) -> etree._Element | str | None:
    """Return what stands at `steps`: an element, or the text of an attribute or of an element without others."""
    node = record
    for step in steps:
        if step.startswith("@"):
            found = node.get(step[1:])
            return None if found is None else str(found)
        child = _child(node, step)
        if child is None:
            return None
        node = child
    return node if len(node) or not steps else node.text or ""


def _child(node: etree._Element, name: str) -> etree._Element | None:
    return next((child for child in node if etree.QName(child).localname == name), None)


def _with(record: etree._Element, steps: tuple[str, ...], value: str | None) -> etree._Element:
    """Return the record with another text at `steps`; None takes the element or attribute out."""
    changed = deepcopy(record)
    node, last = changed, steps[-1]
    for step in steps[:-1]:
        node = _at(node, step)
    if last.startswith("@"):
        if value is None:
            del node.attrib[last[1:]]
        else:
            node.set(last[1:], value)
    elif value is None:
        node.remove(_at(node, last))
    else:
        _at(node, last).text = value
    return changed


def _strange_child(record: etree._Element, steps: tuple[str, ...]) -> etree._Element:
    changed = deepcopy(record)
    node = changed
    for step in steps:
        node = _at(node, step)
    etree.SubElement(node, etree.QName(etree.QName(changed).namespace, "Unexpected"))
    return changed


def _at(node: etree._Element, name: str) -> etree._Element:
    child = _child(node, name)
    if child is None:
        raise LookupError(name)
    return child
