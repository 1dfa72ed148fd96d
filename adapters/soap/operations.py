"""What an operation's element says, held against the WSDL's own XSD."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from lxml import etree

from adapters.soap.names import XOP, Element, messages_of, q
from adapters.soap.types import OPERATIONS, message_schema
from gateway.doors import XmlRecords
from gateway.errors import Rejected

PARTICIPANT = re.compile(r"[a-z][a-z0-9-]{0,62}\Z")
INCLUDE = q(XOP, "Include")
_NAMES = frozenset({*OPERATIONS, "recipient", "document", "id"})


@dataclass(frozen=True, slots=True)
class Asked:
    """An operation that keeps its schema."""

    operation: str
    element: Element


def asked(element: Element, contract: str, records: XmlRecords, action: str) -> Asked:
    """Return which operation an element is, if `action` names the same one, or none.

    Raises:
        Rejected: `soap.operation`, `soap.action`, `soap.message`.
    """
    name = etree.QName(element)
    if name.namespace != messages_of(contract) or name.localname not in OPERATIONS:
        raise Rejected("soap.operation", "the Body must hold one element, an operation of the WSDL", "Body")
    # Whoever decides by the action in front of the gateway must have decided about the same operation.
    if action not in ("", f"{messages_of(contract)}:{name.localname}"):
        raise Rejected("soap.action", "the action must be that of the operation in the Body", "SOAPAction")
    schema = _schema(contract, records)
    if not schema.validate(_without_attachment(element)):
        failure = schema.error_log[0]  # type: ignore[index]  # lxml-stubs does not know the list
        raise Rejected("soap.message", "must be as the WSDL says", _place(name.localname, failure.path))
    if name.localname == "submit":
        for child in element:
            if child.tag not in (records.path[-1], q(messages_of(contract), "recipient")):
                raise Rejected("soap.message", "records must be the element that the WSDL names", "submit")
    return Asked(name.localname, element)


def recipient(one: Asked, contract: str) -> str:
    """Return the recipient that a submission names, or nothing.

    Raises:
        Rejected: `soap.message`.
    """
    named = (one.element.findtext(q(messages_of(contract), "recipient")) or "").strip()
    if named and not PARTICIPANT.match(named):
        raise Rejected("soap.message", "recipient must be one participant's name", "recipient")
    return named


def records_octets(one: Asked, records: XmlRecords) -> bytes:
    """Return the records of `submit` as the document that the agency would send elsewhere: UTF-8, canonical records."""
    around = [etree.QName(name) for name in records.path[:-1]]
    start = "".join(f'<{name.localname} xmlns="{name.namespace or ""}">' for name in around).encode()
    end = "".join(f"</{name.localname}>" for name in reversed(around)).encode()
    found = one.element.iterchildren(records.path[-1])
    canonical = (
        etree.tostring(record, method="c14n", exclusive=True, with_comments=False, with_tail=False)
        for record in found
    )
    return b"".join([start, *canonical, end])


def document(one: Asked, contract: str) -> bytes | str:
    """Return the document of `submitDocument`: its octets, or the Content-ID of the part that holds them.

    Raises:
        Rejected: `soap.attachment`.
    """
    holder = one.element.find(q(messages_of(contract), "document"))
    if holder is None:
        raise Rejected("soap.message", "must be as the WSDL says", "document")
    if len(holder):
        reference = holder[0].get("href", "") if holder[0].tag == INCLUDE and len(holder) == 1 else ""
        if not reference.startswith("cid:"):
            raise Rejected("soap.attachment", "xop:Include must refer to a part of the message", "document")
        return unquote(reference.removeprefix("cid:"))
    try:
        return base64.b64decode("".join((holder.text or "").split()), validate=True)
    except binascii.Error:
        raise Rejected("soap.message", "must be base64", "document") from None


def _without_attachment(element: Element) -> Element:
    """Return the element as it is before XOP takes its content out: the schema knows base64 and no Include."""
    if element.find(f"*/{INCLUDE}") is None:
        return element
    copy = etree.fromstring(etree.tostring(element))
    for include in copy.findall(f"*/{INCLUDE}"):
        parent = include.getparent()
        if parent is not None:
            parent.remove(include)
    return copy


@lru_cache(maxsize=256)
def _schema(contract: str, records: XmlRecords) -> etree.XMLSchema:
    """Return the compiled schema of a contract's messages, with its records left to the exchange.

    libxml2 compiles one document, and the answers that it imports are not asked for here.
    """
    schema = message_schema(contract, records, open_records=True)
    for node in schema.findall(q("http://www.w3.org/2001/XMLSchema", "import")):
        schema.remove(node)
    for node in [node for node in schema if str(node.get("name", "")).endswith("Response")]:
        schema.remove(node)
    return etree.XMLSchema(schema)


def _place(operation: str, path: str | None) -> str:
    """Return where a message is not as the schema says: a name of the WSDL, never one that the sender invented."""
    last = (path or "").rpartition("/")[2].rpartition(":")[2].partition("[")[0]
    return last if last in _NAMES else operation
