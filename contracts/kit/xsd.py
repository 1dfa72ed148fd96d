"""What an agency's XSD declares of a record: its elements and attributes, and what each may hold."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lxml import etree

from contracts.xml_source import element, record_parser

XSD = "{http://www.w3.org/2001/XMLSchema}"
_MAX_DEPTH = 12
"""Levels of an XSD that are looked through; a type may contain itself."""

_Types = Mapping[str | None, etree._Element]  # noqa: SLF001 - lxml names its node type no other way


@dataclass(frozen=True, slots=True)
class Declared:
    """One element or attribute inside a record, or the record itself."""

    steps: tuple[str, ...]
    """Names from the record to it, without prefixes; an attribute begins with @; () for the record."""
    required: bool
    holds_value: bool
    """Whether it is text and not only a place for others."""
    simple: etree._Element | None
    """The `xs:restriction` of its simple type, where it has one of its own."""
    base: str
    """The built-in type of what it holds, without prefix; "" when it has none of its own or holds no value."""

    @property
    def path(self) -> str:
        """How a mapping writes it, without prefixes."""
        return "/".join(self.steps)


def declared(octets: bytes) -> Iterator[Declared]:
    """Give everything that the global elements of an acceptable XSD declare, each record before what is in it."""
    root = element(octets, record_parser())
    types: _Types = {node.get("name"): node for node in root if node.get("name")}
    for record in root.findall(XSD + "element"):
        yield from _inside(record, types, (), required=True)


def _inside(
    node: etree._Element, types: _Types, steps: tuple[str, ...], *, required: bool
) -> Iterator[Declared]:
    shape = _complex_type(node, types)
    if shape is None or len(steps) > _MAX_DEPTH:
        yield _leaf(node, types, steps, required=required)
        return
    content = shape.find(XSD + "simpleContent")
    yield Declared(steps, required, content is not None, None, "")
    for inner in shape.iter(XSD + "element", XSD + "attribute"):
        if next(inner.iterancestors(XSD + "complexType"), None) is not shape:
            continue
        name = str(inner.get("name") or inner.get("ref", "")).rpartition(":")[2]
        if inner.tag == XSD + "attribute":
            yield _leaf(inner, types, (*steps, "@" + name), required=inner.get("use") == "required")
        else:
            due = inner.get("minOccurs", "1") != "0" and inner.getparent().tag == XSD + "sequence"  # type: ignore[union-attr]
            found = inner if inner.get("name") else types.get(name, inner)
            yield from _inside(found, types, (*steps, name), required=due)


def _complex_type(node: etree._Element, types: _Types) -> etree._Element | None:
    shape = node.find(XSD + "complexType")
    if shape is None:
        shape = types.get(_local(node.get("type")))
    return shape if shape is not None and shape.tag == XSD + "complexType" else None


def _leaf(node: etree._Element, types: _Types, steps: tuple[str, ...], *, required: bool) -> Declared:
    simple = node.find(XSD + "simpleType")
    if simple is None:
        simple = types.get(_local(node.get("type")))
    if simple is None or simple.tag != XSD + "simpleType":
        return Declared(steps, required, bool(steps), None, _local(node.get("type")))
    restriction = simple.find(XSD + "restriction")
    base = "" if restriction is None else _local(restriction.get("base"))
    return Declared(steps, required, bool(steps), restriction, base)


def _local(name: str | None) -> str:
    return str(name or "").rpartition(":")[2]
