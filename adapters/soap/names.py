"""The namespaces of SOAP, WSDL and XSD, and those that are the gateway's own."""

from __future__ import annotations

from lxml import etree

Element = etree._Element  # noqa: SLF001  lxml has no public name for it

SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
WSDL = "http://schemas.xmlsoap.org/wsdl/"
WSDL_SOAP11 = "http://schemas.xmlsoap.org/wsdl/soap/"
WSDL_SOAP12 = "http://schemas.xmlsoap.org/wsdl/soap12/"
HTTP_TRANSPORT = "http://schemas.xmlsoap.org/soap/http"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
XOP = "http://www.w3.org/2004/08/xop/include"
XENC = "http://www.w3.org/2001/04/xmlenc#"
XS = "http://www.w3.org/2001/XMLSchema"
XMLMIME = "http://www.w3.org/2005/05/xmlmime"
XML = "http://www.w3.org/XML/1998/namespace"

ANSWER = "urn:isnad:soap:answer:1"
"""What every operation answers."""
ERROR = "urn:isnad:error"
"""Of the subcodes of faults: their local names are the codes of `docs/errors.md`."""


def messages_of(contract: str) -> str:
    """Return the namespace of a contract's messages."""
    return f"urn:isnad:soap:{contract}"


def action_of(contract: str, operation: str) -> str:
    """Return the SOAP action of an operation."""
    return f"{messages_of(contract)}:{operation}"


def q(space: str, local: str) -> str:
    """Return a qualified name as lxml writes it."""
    return f"{{{space}}}{local}"
