"""The messages of an agency that sends SOAP: WSDL 1.1 and XSD around the agency's own schemas, which stay as they are.

Only what is said, not where: types, messages and operations. Binding and address are the endpoint's to add.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lxml import etree

from contracts.binding import Binding
from contracts.documents import MappingDocument
from gateway.publication.source import Library

_XS = "http://www.w3.org/2001/XMLSchema"
_WSDL = "http://schemas.xmlsoap.org/wsdl/"
ANSWER = "urn:isnad:soap:answer:1"
"""Namespace of what every operation answers."""
MAX_RECORDS = 256
"""In one message; more go in several."""

Element = etree._Element  # noqa: SLF001  lxml has no public name for it


def soap_documents(library: Library, agency: str) -> dict[str, bytes]:
    """Return WSDL and XSD of an agency's SOAP bindings by file name; nothing when it has none."""
    bindings = [one for one in library.sent_by(agency) if "soap" in one.transport and one.format == "xml"]
    if not bindings:
        return {}
    files = {"answer.xsd": _octets(_answer())}
    for binding in bindings:
        name = binding.contract.name
        files[f"{name}.source.xsd"] = binding.source_document[1]
        files[f"{name}.xsd"] = _octets(_request(binding, library.mappings[agency, name]))
    files[f"{agency}.wsdl"] = _octets(_wsdl(agency, bindings))
    return files


def namespace(contract: str) -> str:
    """Return the namespace of the messages of a contract."""
    return f"urn:isnad:soap:{contract}"


def _request(binding: Binding, mapping: MappingDocument) -> Element:
    """Return the schema of `submit`: the agency's own records, one after the other."""
    prefix, own, local = _record(mapping)
    name = binding.contract.name
    schema = etree.Element(
        _q(_XS, "schema"),
        {"targetNamespace": namespace(name), "elementFormDefault": "qualified"},
        nsmap={"xs": _XS, prefix: own},
    )
    imported = etree.SubElement(schema, _q(_XS, "import"))
    imported.set("namespace", own)
    imported.set("schemaLocation", f"{name}.source.xsd")
    whole = _sequence(schema, "submit", binding.title_en, binding.title_ar)
    record = etree.SubElement(whole, _q(_XS, "element"))
    record.set("ref", f"{prefix}:{local}")
    record.set("maxOccurs", str(MAX_RECORDS))
    return schema


def _record(mapping: MappingDocument) -> tuple[str, str, str]:
    """Return prefix, namespace and local name of the element that is a record."""
    path = mapping.record.xpath or ""
    prefix, colon, local = path.rpartition("/")[2].rpartition(":")
    if not colon:
        raise ValueError("a record that is sent in SOAP has a namespace")
    return prefix, mapping.record.ns[prefix], local


_OUTCOME = (
    ("position", "positiveInteger", "1"),
    ("outcome", "string", "1"),
    ("id", "string", "0"),
    ("code", "string", "0"),
    ("field", "string", "0"),
    ("rule", "string", "0"),
    ("title_ar", "string", "0"),
    ("title_en", "string", "0"),
    ("receipt", "string", "0"),
)
_FAULT = (
    ("code", "string", "1"),
    ("field", "string", "0"),
    ("rule", "string", "0"),
    ("title_ar", "string", "1"),
    ("title_en", "string", "1"),
    ("remedy_ar", "string", "1"),
    ("remedy_en", "string", "1"),
    ("retry_after_s", "nonNegativeInteger", "0"),
)


def _answer() -> Element:
    """Return the schema of `answer`, an outcome for each record, and of `problem`, the detail of a fault."""
    schema = etree.Element(
        _q(_XS, "schema"),
        {"targetNamespace": ANSWER, "elementFormDefault": "qualified"},
        nsmap={"xs": _XS},
    )
    whole = _sequence(schema, "answer", "An outcome for each record, in order", "نتيجة لكل سجل بالترتيب")
    _fields(whole, [("submission", "string", "1")])
    outcome = etree.SubElement(whole, _q(_XS, "element"), name="outcome", maxOccurs=str(MAX_RECORDS))
    _fields(_inner_sequence(outcome), _OUTCOME)
    problem = _sequence(schema, "problem", "Why nothing was taken", "سبب عدم قبول التقديم")
    _fields(problem, _FAULT)
    return schema


def _sequence(schema: Element, name: str, *documented: str) -> Element:
    """Declare a global element and return the sequence in it."""
    declared = etree.SubElement(schema, _q(_XS, "element"), name=name)
    note = etree.SubElement(declared, _q(_XS, "annotation"))
    for text, language in zip(documented, ("en", "ar"), strict=True):
        words = etree.SubElement(note, _q(_XS, "documentation"))
        words.set("{http://www.w3.org/XML/1998/namespace}lang", language)
        words.text = text
    return _inner_sequence(declared)


def _inner_sequence(declared: Element) -> Element:
    return etree.SubElement(etree.SubElement(declared, _q(_XS, "complexType")), _q(_XS, "sequence"))


def _fields(sequence: Element, fields: Sequence[tuple[str, str, str]]) -> None:
    for name, kind, least in fields:
        etree.SubElement(sequence, _q(_XS, "element"), name=name, type=f"xs:{kind}", minOccurs=least)


def _wsdl(agency: str, bindings: Sequence[Binding]) -> Element:
    target = f"urn:isnad:soap:{agency}"
    prefixes = {f"c{number}": namespace(one.contract.name) for number, one in enumerate(bindings, 1)}
    definitions = etree.Element(
        _q(_WSDL, "definitions"),
        {"targetNamespace": target, "name": f"isnad-{agency}"},
        nsmap={"wsdl": _WSDL, "xs": _XS, "tns": target, "a": ANSWER, **prefixes},
    )
    types = etree.SubElement(etree.SubElement(definitions, _q(_WSDL, "types")), _q(_XS, "schema"))
    for space, place in _imports(bindings):
        etree.SubElement(types, _q(_XS, "import"), namespace=space, schemaLocation=place)
    _message(definitions, "answer", "a:answer")
    _message(definitions, "problem", "a:problem")
    for prefix, binding in zip(prefixes, bindings, strict=True):
        _message(definitions, f"submit.{binding.contract.name}", f"{prefix}:submit")
    port = etree.SubElement(definitions, _q(_WSDL, "portType"), name="Isnad")
    for binding in bindings:
        operation = etree.SubElement(port, _q(_WSDL, "operation"), name=f"submit.{binding.contract.name}")
        documentation = etree.SubElement(operation, _q(_WSDL, "documentation"))
        documentation.text = f"{binding.title_en} · {binding.title_ar}"
        etree.SubElement(operation, _q(_WSDL, "input"), message=f"tns:submit.{binding.contract.name}")
        etree.SubElement(operation, _q(_WSDL, "output"), message="tns:answer")
        etree.SubElement(operation, _q(_WSDL, "fault"), name="problem", message="tns:problem")
    return definitions


def _imports(bindings: Sequence[Binding]) -> Iterator[tuple[str, str]]:
    yield ANSWER, "answer.xsd"
    for binding in bindings:
        yield namespace(binding.contract.name), f"{binding.contract.name}.xsd"


def _message(definitions: Element, name: str, element: str) -> None:
    message = etree.SubElement(definitions, _q(_WSDL, "message"), name=name)
    etree.SubElement(message, _q(_WSDL, "part"), name="body", element=element)


def _q(space: str, local: str) -> str:
    return f"{{{space}}}{local}"


def _octets(root: Element) -> bytes:
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)
