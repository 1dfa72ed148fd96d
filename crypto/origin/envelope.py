"""A SOAP envelope as WS-Security meets it: parsed without surprises, its elements found by their place."""

from __future__ import annotations

import re

from lxml import etree

from crypto.origin.proof import OriginError
from crypto.origin.xml_signature import Element, elements

SOAP = ("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope")
_OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
WSSE, WSU = f"{_OASIS}wssecurity-secext-1.0.xsd", f"{_OASIS}wssecurity-utility-1.0.xsd"
_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,255}")
_INSTRUCTIONS = etree.XPath("boolean(//processing-instruction())")


def parsed(envelope: bytes) -> Element:
    """Return the root of a document in UTF-8 without document type and processing instructions.

    Raises:
        OriginError: (`malformed`) it is no such document.
    """
    if b"<!DOCTYPE" in envelope:
        raise OriginError("malformed")
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        root = etree.fromstring(envelope, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise OriginError("malformed") from error
    if _INSTRUCTIONS(root):
        raise OriginError("malformed")
    return root


def header_and_body(root: Element) -> tuple[Element, Element]:
    """Return the two parts that an envelope with a Security header has.

    Raises:
        OriginError: (`malformed`) it has others, or is none.
    """
    for space in SOAP:
        if root.tag == f"{{{space}}}Envelope":
            parts = elements(root)
            if [part.tag for part in parts] == [f"{{{space}}}Header", f"{{{space}}}Body"]:
                return parts[0], parts[1]
    raise OriginError("malformed")


def only(parent: Element, name: str) -> Element:
    """Return the one child of this name.

    Raises:
        OriginError: there is none (`malformed`), or more than one (`ambiguous`).
    """
    found = [child for child in elements(parent) if child.tag == name]
    if len(found) != 1:
        raise OriginError("ambiguous" if found else "malformed")
    return found[0]


def id_of(node: Element) -> str:
    """Return an element's ID: one `wsu:Id`, or the `Id` that node-soap and XML Encryption write.

    Raises:
        OriginError: (`not_covered`) it has none that could be referred to.
    """
    named = [name for name in (node.get(f"{{{WSU}}}Id"), node.get("Id")) if name is not None]
    if len(named) != 1 or not _ID.fullmatch(named[0]):
        raise OriginError("not_covered")
    return named[0]
