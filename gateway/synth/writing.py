"""A form as octets, in the format of its binding: JSON lines, rows of CSV, or XML elements.

Which fields a form may have, in which order and with which limits, is read from the agency's own schema.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import orjson
from lxml import etree

from contracts.binding import Binding
from contracts.binding_documents import Csv
from contracts.xml_source import record_parser
from gateway.synth.forms import Form, Value, Voice

_XSD = "{http://www.w3.org/2001/XMLSchema}"
_ENDINGS = {
    "application/x-ndjson": "ndjson",
    "application/json": "json",
    "text/csv": "csv",
    "application/xml": "xml",
    "text/xml": "xml",
}


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes the files of one binding: `head`, records, `tail`."""

    media_type: str
    ending: str
    """Of a file's name."""
    encoding: str
    head: bytes
    tail: bytes
    record: Callable[[Form], bytes]
    fixed: frozenset[str]
    """Paths whose values the agency's schema already restricts to words or patterns."""
    lengths: dict[str, int]
    """Greatest length by path, where the schema gives one."""


def writer(voice: Voice) -> Writer:
    """Return the writer of a binding.

    Raises:
        ValueError: its schema has a shape that this does not write.
    """
    return {"json": _json, "csv": _csv, "xml": _xml}[voice.binding.format](voice)


# -- JSON lines: a bulk of JSON is a stream


def _json(voice: Voice) -> Writer:
    binding = voice.binding
    lines = "application/x-ndjson"
    if lines not in binding.media_types:
        raise ValueError("the binding takes no JSON lines")
    fixed, lengths = _limits(binding)
    return Writer(lines, _ENDINGS[lines], "utf-8", b"", b"", _json_line, fixed, lengths)


def _json_line(form: Form) -> bytes:
    whole: dict[str, Any] = {}
    for path, value in form.items():
        outer, _, inner = path.partition(".")
        if inner:
            whole.setdefault(outer, {})[inner] = value
        else:
            whole[outer] = value
    return orjson.dumps(whole, option=orjson.OPT_APPEND_NEWLINE)


def _limits(binding: Binding) -> tuple[frozenset[str], dict[str, int]]:
    """Return what a JSON Schema says of the paths in it."""
    fixed, lengths = set[str](), dict[str, int]()

    def look(schema: dict[str, Any], before: str) -> None:
        for name, inner in schema.get("properties", {}).items():
            path = before + name
            if inner.get("type") != "string" or {"enum", "const", "pattern", "format"} & inner.keys():
                fixed.add(path)
            if "maxLength" in inner:
                lengths[path] = inner["maxLength"]
            look(inner, f"{path}.")

    look(dict(binding.source_schema or {}), "")
    return frozenset(fixed), lengths


# -- CSV

_QUOTED = re.compile('["\r\n]')


def _csv(voice: Voice) -> Writer:
    binding = voice.binding
    properties = (binding.source_schema or {}).get("properties")
    columns = list(properties) if isinstance(properties, dict) else []
    delimiter = (voice.document.record.csv or Csv()).delimiter
    fixed, lengths = _limits(binding)
    row = partial(_csv_row, delimiter=delimiter, encoding=binding.encoding)
    head, empty = row([*columns]), [""] * len(columns)
    if binding.encoding == "utf-8":
        head = "\ufeff".encode() + head  # as the spreadsheets do that such files come from

    def record(form: Form) -> bytes:
        return row(list(map(form.get, columns, empty)))

    return Writer("text/csv", "csv", binding.encoding, head, b"", record, fixed, lengths)


def _csv_row(values: list[Value], *, delimiter: str, encoding: str) -> bytes:
    plain = delimiter.join(map(str, values))
    if plain.count(delimiter) == len(values) - 1 and not _QUOTED.search(plain):
        return f"{plain}\r\n".encode(encoding)  # what the writer below makes of it, three times faster
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\r\n").writerow(values)
    return text.getvalue().encode(encoding)


# -- XML


@dataclass(slots=True)
class _Element:
    """An element of the record as the XSD declares it; `path` is how a mapping writes it, without prefixes."""

    name: str
    path: str
    attributes: list[tuple[str, str]] = field(default_factory=list)
    """Name and path."""
    children: list[_Element] = field(default_factory=list)


def _xml(voice: Voice) -> Writer:
    binding, place = voice.binding, voice.document.record
    if place.xpath is None or len(binding.source_document[1]) == 0:
        raise ValueError("the binding does not say where its records stand")
    steps = [step.rpartition(":") for step in place.xpath[1:].split("/")]
    namespaces = [place.ns.get(prefix, "") for prefix, _, _ in steps]
    if len(set(namespaces)) != 1:
        raise ValueError("the record and what is around it are in several namespaces")
    outer, record = [name for _, _, name in steps[:-1]], steps[-1][2]
    schema = etree.fromstring(binding.source_document[1], record_parser())
    fixed, lengths = set[str](), dict[str, int]()
    root = _declared(schema, record, fixed, lengths)
    opened = "".join(
        f"<{name} xmlns={quoteattr(namespaces[0])}>" if not depth and namespaces[0] else f"<{name}>"
        for depth, name in enumerate(outer)
    )
    closed = "".join(f"</{name}>" for name in reversed(outer))
    slots = {slot.path: _bare(slot.path) for slot in voice.slots}
    encoding = binding.encoding

    @cache
    def template(paths: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
        """Return the element with a place for each value, and the paths in the order of these places."""
        by_bare = {slots[path]: path for path in paths}
        order: list[str] = []
        return _element(root, by_bare, order) + "\n", tuple(order)

    def write(form: Form) -> bytes:
        element, order = template(tuple(form))
        values = [form[path] for path in order]
        together = " ".join(map(str, values))  # looked through at once: hardly any text has such a character
        if "&" in together or "<" in together or ">" in together or '"' in together:
            values = [_escaped(value) for value in values]
        return (element % tuple(values)).encode(encoding)

    return Writer(
        binding.media_types[0],
        "xml",
        encoding,
        f'<?xml version="1.0" encoding="{encoding.upper()}"?>\n{opened}\n'.encode(encoding),
        f"{closed}\n".encode(encoding),
        write,
        frozenset(path for path, bare in slots.items() if bare in fixed),
        {path: lengths[bare] for path, bare in slots.items() if bare in lengths},
    )


def _bare(path: str) -> str:
    """Return a path without prefixes: d:Person/@nid becomes Person/@nid."""
    return "/".join(
        "@" + step[1:].rpartition(":")[2] if step.startswith("@") else step.rpartition(":")[2]
        for step in path.split("/")
    )


def _declared(schema: etree._Element, record: str, fixed: set[str], lengths: dict[str, int]) -> _Element:
    """Return the element that a schema declares globally, with everything in it, in its order."""
    types = {node.get("name"): node for node in schema if node.get("name") and node.tag != _XSD + "element"}

    def build(node: etree._Element, before: str, *, is_root: bool = False) -> _Element:
        name = str(node.get("name"))
        path = "" if is_root else before + name
        made = _Element(name, path)
        inner = f"{path}/" if path else ""
        shape = types.get(node.get("type"))
        complex_type = shape if shape is not None else node.find(_XSD + "complexType")
        if complex_type is None or complex_type.tag == _XSD + "simpleType":
            _note(node, types, path, fixed, lengths)
            return made
        for declared in complex_type.iter(_XSD + "attribute"):
            if not _nearest(declared, complex_type):
                continue
            at = f"{inner}@{declared.get('name')}"
            made.attributes.append((str(declared.get("name")), at))
            _note(declared, types, at, fixed, lengths)
        for declared in complex_type.iter(_XSD + "element"):
            if _nearest(declared, complex_type):
                made.children.append(build(declared, inner))
        return made

    node = next(node for node in schema if node.tag == _XSD + "element" and node.get("name") == record)
    return build(node, "", is_root=True)


def _nearest(declared: etree._Element, complex_type: etree._Element) -> bool:
    """Whether a declaration belongs to this type and not to one inside it."""
    return next(declared.iterancestors(_XSD + "complexType"), None) is complex_type


def _note(
    node: etree._Element,
    types: dict[str | None, etree._Element],
    path: str,
    fixed: set[str],
    lengths: dict[str, int],
) -> None:
    """Note what the simple type of an element or attribute restricts."""
    simple = types.get(node.get("type"))
    if simple is None:
        simple = node.find(_XSD + "simpleType")
    if simple is None:
        if node.get("type") != "xs:string":
            fixed.add(path)
        return
    for facet in simple.iter():
        if facet.tag in {_XSD + "enumeration", _XSD + "pattern", _XSD + "length"}:
            fixed.add(path)
        elif facet.tag == _XSD + "maxLength":
            lengths[path] = int(facet.get("value", "0"))


def _element(declared: _Element, paths: dict[str, str], order: list[str]) -> str:
    """Return an element with %s for each value, or nothing when there is nothing to say in it."""
    attributes = ""
    for name, bare in declared.attributes:
        if bare in paths:
            attributes += f' {name}="%s"'
            order.append(paths[bare])
    if declared.path in paths:
        order.append(paths[declared.path])
        inner = "%s"
    else:
        inner = "".join([_element(child, paths, order) for child in declared.children])
    return f"<{declared.name}{attributes}>{inner}</{declared.name}>" if inner or attributes else ""


def _escaped(value: Value) -> str:
    return escape(str(value), {'"': "&quot;"})
