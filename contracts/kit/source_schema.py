"""The agency's own schema, drafted from sample records: names as they are, lengths with room to grow."""

import csv
import io
import json
from collections.abc import Iterable, Sequence

from lxml import etree

from contracts.kit.reading import Record, Sample

_ROOMS = (10, 20, 40, 100, 200, 500, 1000, 4000)
"""Lengths that a text field may be given: the first that is twice what was seen."""

_XSD = "http://www.w3.org/2001/XMLSchema"


def columns_csv(records: Sequence[Record]) -> bytes:
    """Return `columns.csv` for rows of which the first names every column."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["column", "required", "max_length", "pattern", "description", "description_ar"])
    for name in records[0]:
        held = [record[name] for record in records[1:] if name in record]
        always = "yes" if len(held) == len(records) - 1 else "no"
        writer.writerow([name, always, _room(held), "", name, name])
    return out.getvalue().encode()


def json_schema(records: Iterable[Record]) -> bytes:
    """Return `source.schema.json`, closed, for JSON objects."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **_of(list(records))}
    return (json.dumps(schema, ensure_ascii=False, indent=2) + "\n").encode()


def _of(values: list[object]) -> dict[str, object]:
    """Return the schema of the values that were seen in one place; mixed ones are taken for texts."""
    kinds = {type(value) for value in values}
    if kinds == {dict}:
        return _of_objects([value for value in values if isinstance(value, dict)])
    if kinds == {list}:
        inner = [item for value in values if isinstance(value, list) for item in value]
        return {"type": "array", "maxItems": 100, "items": _of(inner)}
    if kinds == {bool}:
        return {"type": "boolean"}
    if kinds == {int}:
        return {"type": "integer", "minimum": 0, "maximum": 10**12}
    return {"type": "string", "maxLength": _room(values)}


def _of_objects(objects: list[Record]) -> dict[str, object]:
    names = dict.fromkeys(name for one in objects for name in one)
    return {
        "type": "object",
        "properties": {name: _of([one[name] for one in objects if name in one]) for name in names},
        "required": [name for name in names if all(name in one for one in objects)],
        "additionalProperties": False,
    }


def xsd(sample: Sample) -> bytes:
    """Return `source.xsd` with the record as its only global element."""
    record = etree.QName(sample.path[-1])
    prefixes: dict[str | None, str] = {"xs": _XSD}
    if record.namespace:
        prefixes[None] = record.namespace
    root = etree.Element(f"{{{_XSD}}}schema", nsmap=prefixes, elementFormDefault="qualified")  # type: ignore[arg-type]  # lxml-stubs knows no default namespace
    if record.namespace:
        root.set("targetNamespace", record.namespace)
    _declare(root, record.localname, list(sample.records), optional=False)
    etree.indent(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8") + b"\n"


def _declare(parent: etree._Element, name: str, values: list[object], *, optional: bool) -> None:
    """Add the element `name`, in which `values` were seen; children come in the order of their first record."""
    node = etree.SubElement(parent, f"{{{_XSD}}}element", name=name)
    if optional:
        node.set("minOccurs", "0")
    objects = [value for value in values if isinstance(value, dict)]
    if not objects:
        _restrict(node, values)
        return
    kind = etree.SubElement(node, f"{{{_XSD}}}complexType")
    names = _in_order(objects)
    children = [inner for inner in names if not inner.startswith("@")]
    if children:
        sequence = etree.SubElement(kind, f"{{{_XSD}}}sequence")
        for inner in children:
            held = [one[inner] for one in objects if inner in one]
            _declare(sequence, inner, held, optional=len(held) < len(objects))
    for inner in names:
        if inner.startswith("@"):
            held = [one[inner] for one in objects if inner in one]
            attribute = etree.SubElement(kind, f"{{{_XSD}}}attribute", name=inner[1:])
            if len(held) == len(objects):
                attribute.set("use", "required")
            _restrict(attribute, held)


def _in_order(objects: list[Record]) -> list[str]:
    """Return every name, in an order that all records keep as far as they agree on one."""
    order: list[str] = []
    for one in objects:
        at = 0
        for name in one:
            if name in order:
                at = order.index(name) + 1
            else:
                order.insert(at, name)
                at += 1
    return order


def _restrict(node: etree._Element, values: list[object]) -> None:
    kind = etree.SubElement(node, f"{{{_XSD}}}simpleType")
    facets = etree.SubElement(kind, f"{{{_XSD}}}restriction", base="xs:string")
    etree.SubElement(facets, f"{{{_XSD}}}maxLength", value=str(_room(values)))


def _room(values: Iterable[object]) -> int:
    longest = max((len(value) for value in values if isinstance(value, str)), default=0)
    return next((room for room in _ROOMS if room >= 2 * longest), 16_000)
