"""Read one XML record without DTD, entities and network, and hold it against the agency's XSD.

Which XSDs are acceptable at all is said in `xsd_lint`.
"""

import re
from typing import NoReturn

from lxml import etree

from contracts.errors import CODES, Refused, Unfit
from contracts.xsd_lint import refuse_unfit

_ELEMENT = re.compile(rb"<[A-Za-z_]")
_SYNTAX = "one well-formed XML element, nested at most 256 levels"

_CODES = {
    "SCHEMAV_CVC_COMPLEX_TYPE_4": ("record.schema.required", "a required attribute must be present"),
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_1": ("record.schema.unexpected", "only the attributes of the schema"),
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_2": ("record.schema.unexpected", "only the attributes of the schema"),
    "SCHEMAV_CVC_COMPLEX_TYPE_2_3": ("record.schema.unexpected", "no text between the elements"),
    "SCHEMAV_CVC_PATTERN_VALID": ("record.schema.pattern", "must match the pattern of the schema"),
    "SCHEMAV_CVC_ENUMERATION_VALID": ("record.schema.enum", "must be one of the words of the schema"),
    "SCHEMAV_CVC_MINLENGTH_VALID": ("record.schema.length", "not shorter than the schema says"),
    "SCHEMAV_CVC_MAXLENGTH_VALID": ("record.schema.length", "not longer than the schema says"),
    "SCHEMAV_CVC_LENGTH_VALID": ("record.schema.length", "as long as the schema says"),
    "SCHEMAV_CVC_MININCLUSIVE_VALID": ("record.schema.range", "not less than the schema says"),
    "SCHEMAV_CVC_MAXINCLUSIVE_VALID": ("record.schema.range", "not more than the schema says"),
}


def record_parser() -> etree.XMLParser:
    """Return a parser for one record: octets are read as UTF-8 whatever their declaration says."""
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


def element(octets: bytes, parser: etree.XMLParser) -> etree._Element:
    """Parse one record's element.

    Raises:
        Refused: `record.xml.doctype` or `record.xml.syntax`.
    """
    # It stands before the element if anywhere, so a text that begins with the element has none.
    if not _ELEMENT.match(octets) and b"<!DOCTYPE" in octets:
        raise Refused("record.xml.doctype", "", "no document type declaration")
    try:
        return etree.fromstring(octets, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise Refused("record.xml.syntax", "", _SYNTAX) from None


Node = dict[str, object]


def tree(record: etree._Element) -> Node:
    """Return the names of a record: `@a` its attributes, `e` its children, `e/@a` their attributes.

    Raises:
        Refused: `record.xml.repeated` when a name occurs twice; to take the first would lose the second.
    """
    node: Node = {f"@{name}": value for name, value in record.items()}  # type: ignore[str-bytes-safe]  # texts
    _add_children(record, node)
    return node


def _add_children(parent: etree._Element, node: Node) -> None:
    for child in parent:
        name = child.tag
        if name in node:
            raise Refused("record.xml.repeated", "", "each element of a record at most once")
        if len(child):
            inner: Node = {}
            _add_children(child, inner)
            node[name] = inner
        else:
            node[name] = child.text
        for attribute, value in child.items():
            node[f"{name}/@{attribute}"] = value  # type: ignore[str-bytes-safe]  # texts


class XmlSchema:
    """A compiled, self-contained XSD whose global element is the record."""

    def __init__(self, octets: bytes) -> None:
        """Compile; raise ValueError with a message for the person who edits the file."""
        try:
            self.root = root = element(octets, record_parser())
            refuse_unfit(root)
            self._schema = etree.XMLSchema(root)
        except Refused as problem:
            raise Unfit(
                f"is not acceptable XML: {problem.rule}", f"ليس XML مقبولًا: {CODES[problem.code].ar}"
            ) from None
        except etree.XMLSchemaParseError:
            raise Unfit("is not a valid XML Schema", "ليس مخطط XSD صحيحًا") from None
        self.names = frozenset(str(node.get("name")) for node in root.iter() if node.get("name"))

    def validate(self, record: etree._Element) -> None:
        """Return when `record` is valid.

        Raises:
            Refused: a `record.schema.*` code, with the path of known element names.
        """
        try:
            valid = self._schema.validate(record)
        except (
            etree.XMLSchemaValidateError
        ):  # libxml2 gave up on a pattern: what cannot be decided is refused
            raise Refused("record.schema.pattern", "", "must match the patterns of the schema") from None
        if not valid:
            self._refuse(record)

    def _refuse(self, record: etree._Element) -> NoReturn:
        failure = self._schema.error_log[0]  # type: ignore[index]  # lxml-stubs does not know the list
        field = self._path(record, failure.path)
        if failure.type_name == "SCHEMAV_ELEMENT_CONTENT":
            if "Missing child" in failure.message:
                raise Refused("record.schema.required", field, "a required element inside it must be present")
            raise Refused("record.schema.unexpected", field, "only the elements of the schema, in its order")
        code, rule = _CODES.get(failure.type_name, ("record.schema.type", "must have the type of the schema"))
        raise Refused(code, field, rule)

    def _path(self, record: etree._Element, path: str | None) -> str:
        """Return the path of local names down to the failing element, ending before any invented name."""
        # The path has the prefixes of the record. One that means two things in it may lead nowhere: then the
        # record as a whole is named.
        prefixes = {prefix: uri for node in record.iter() for prefix, uri in node.nsmap.items() if prefix}
        found = record.getroottree().xpath(path, namespaces=prefixes) if path else [record]
        node = found[0] if isinstance(found, list) and found else record
        if not isinstance(node, etree._Element):  # noqa: SLF001 - lxml names its node type no other way
            return ""
        names = [etree.QName(step).localname for step in [*reversed(list(node.iterancestors())), node]]
        known = []
        for name in names:
            if name not in self.names:
                break
            known.append(name)
        return "".join("/" + name for name in known)
