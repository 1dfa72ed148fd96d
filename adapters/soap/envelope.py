"""Reading an envelope: SOAP 1.1 or 1.2 in UTF-8, without DTD, entities or network; and what its Body asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from lxml import etree

from adapters.soap.names import SOAP11, SOAP12, WSSE, XENC, Element, q
from gateway.errors import Rejected

SECURITY = q(WSSE, "Security")
ENCRYPTED = q(XENC, "EncryptedData")
ATTRIBUTE_MAX_CHARS = 4096
"""Longer than any name, number or path; libxml2 itself would take 10 million."""
_LONG_ATTRIBUTE = etree.XPath(f"boolean(//@*[string-length() > {ATTRIBUTE_MAX_CHARS}])")
_MUST_UNDERSTAND = ("1", "true")


class Version(Enum):
    """A version of SOAP, by the namespace of its envelope."""

    V11 = SOAP11
    V12 = SOAP12

    @property
    def media_type(self) -> str:
        """The media type of its messages over HTTP."""
        return "text/xml" if self is Version.V11 else "application/soap+xml"

    def q(self, local: str) -> str:
        """Return a name of its namespace."""
        return q(self.value, local)


@dataclass(frozen=True, slots=True)
class Kind:
    """What `Content-Type` says of a request: the version, the action, and the boundary when it has attachments."""

    version: Version
    action: str
    boundary: str = ""
    start: str = ""


_PARAMETER = re.compile(r';\s*([A-Za-z0-9-]{1,40})\s*=\s*(?:"([^"\\]{0,500})"|([^\s;"]{0,500}))\s*')
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{1,70}")  # RFC 2046 §5.1.1
_OF_MEDIA_TYPE = {version.media_type: version for version in Version}


def kind_of(content_type: str, soap_action: str | None) -> Kind:
    """Return what the header fields of a request say of its message.

    Raises:
        Rejected: `soap.media_type`, `soap.action`.
    """
    media_type, parameters = _parsed(content_type)
    if media_type == "multipart/related":
        # MTOM (SOAP 1.2 Part 5 §4; XOP §4.1): the root part's own type stands in `start-info`.
        if parameters.get("type", "").lower() != "application/xop+xml":
            raise _media_type()
        version = _OF_MEDIA_TYPE.get(parameters.get("start-info", "").partition(";")[0].strip().lower())
        boundary = parameters.get("boundary", "")
        if version is None or not _BOUNDARY.fullmatch(boundary):
            raise _media_type()
        action = parameters.get("action", "")
        start = parameters.get("start", "")
    else:
        version, boundary, start = _OF_MEDIA_TYPE.get(media_type), "", ""
        if version is None or parameters.get("charset", "utf-8").lower() != "utf-8":
            raise _media_type()
        action = parameters.get("action", "")
    if version is Version.V11:
        if soap_action is None:  # SOAP 1.1 §6.1.1
            raise Rejected("soap.action", "a SOAP 1.1 request must have the header field", "SOAPAction")
        action = soap_action.strip().strip('"')
    return Kind(version, action, boundary, start)


def _parsed(content_type: str) -> tuple[str, dict[str, str]]:
    media_type, semicolon, rest = content_type.partition(";")
    rest = semicolon + rest
    parameters: dict[str, str] = {}
    at = 0
    while at < len(rest):
        found = _PARAMETER.match(rest, at)
        if found is None or found[1].lower() in parameters:
            raise _media_type()
        parameters[found[1].lower()] = found[2] if found[2] is not None else found[3]
        at = found.end()
    return media_type.strip().lower(), parameters


def _media_type() -> Rejected:
    rule = "text/xml or application/soap+xml in UTF-8, or multipart/related with application/xop+xml"
    return Rejected("soap.media_type", rule, "Content-Type")


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope whose parts are where they must be. `signed` is whether it has a Security header.

    `encrypted` is whether its Body holds what has to be decrypted first.
    """

    body: Element
    signed: bool
    encrypted: bool


def parse(octets: bytes) -> Element:
    """Return the root of a document.

    Raises:
        Rejected: `soap.envelope`.
    """
    if b"<!DOCTYPE" in octets:
        raise Rejected("soap.envelope", "no document type declaration")
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(octets, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise Rejected("soap.envelope", "well-formed XML in UTF-8, nested at most 256 levels") from None
    if _LONG_ATTRIBUTE(root):
        raise Rejected("soap.envelope", f"attributes of at most {ATTRIBUTE_MAX_CHARS} characters")
    return root


def opened(octets: bytes, version: Version) -> Envelope:
    """Return an envelope of this version.

    Raises:
        Rejected: `soap.envelope`, `soap.version`, `soap.must_understand`.
    """
    root = parse(octets)
    name = etree.QName(root)
    if name.localname != "Envelope":
        raise Rejected("soap.envelope", "the root must be an Envelope")
    if name.namespace != version.value:
        raise Rejected("soap.version", "the envelope must be of the version that Content-Type names")
    parts = [str(child.tag) for child in root]
    if parts not in ([version.q("Body")], [version.q("Header"), version.q("Body")]):
        raise Rejected("soap.envelope", "at most one Header and then one Body")
    blocks = list(root[0]) if len(root) > 1 else []
    for block in blocks:
        must = block.get(version.q("mustUnderstand"), "0").strip() in _MUST_UNDERSTAND
        if must and block.tag != SECURITY:
            raise Rejected("soap.must_understand", "only the header Security is understood", "Header")
    body = root[-1]
    encrypted = len(body) == 1 and body[0].tag == ENCRYPTED
    return Envelope(body, any(block.tag == SECURITY for block in blocks), encrypted)


def sole(body: Element) -> Element:
    """Return the one element of a Body (document/literal wrapped).

    Raises:
        Rejected: `soap.operation`.
    """
    if len(body) != 1:
        raise Rejected("soap.operation", "the Body must hold one element, an operation of the WSDL", "Body")
    return body[0]
