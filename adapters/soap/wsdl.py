"""The WSDL 1.1 of one agency's binding of a contract: document/literal wrapped, SOAP 1.1 and 1.2, in one document.

All XSDs stand in `types`, the agency's own as it is, so that a tool needs to fetch nothing else. The same contract
gives the same octets.
"""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from adapters.soap.names import (
    ANSWER,
    HTTP_TRANSPORT,
    WSDL,
    WSDL_SOAP11,
    WSDL_SOAP12,
    Element,
    action_of,
    messages_of,
    q,
)
from adapters.soap.types import OPERATIONS, answer_schema, message_schema
from gateway.doors import Gateway, Published, XmlRecords
from gateway.errors import Rejected
from gateway.moments import now_ms

UNPLACED = "https://isnad.invalid"
"""Where a service is said to be in a WSDL that is read without calling it (RFC 2606 §2)."""

_DOCUMENTATION = {
    "submit": "Hand over records; each is answered for itself · تسليم سجلات، ولكل سجل رد",
    "submitDocument": "Hand over a document of any length, streamed · تسليم مستند بأي طول",
    "receipt": "Read a record's state and receipt · قراءة حالة سجل وإيصاله",
    "ping": "Test: receipted, never delivered · اختبار له إيصال ولا يُسلَّم",
}


def sends(one: Published) -> XmlRecords | None:
    """Return how an agency's records stand in a SOAP message, None when they do not."""
    return one.xml if "soap" in one.transports else None


def service(gateway: Gateway, agency: str, contract: str) -> tuple[Published, XmlRecords]:
    """Return the contract of this name among what an agency may send by SOAP now.

    Raises:
        Rejected: `contract.unknown`, or what is wrong with the agreement, as of `doors.Agreed`.
    """
    for one in gateway.published(agency):
        records = sends(one)
        if one.contract == contract and records is not None:
            return one, records
    gateway.agreed(agency, contract, now_ms())
    raise Rejected("contract.unknown", "an agreement must let you send this contract by SOAP", "contract")


def describe(agency: str, published: Sequence[Published]) -> dict[str, bytes]:
    """Return the documents, by file name, of what one agency may send: a WSDL for each contract."""
    return {
        f"{agency}/{one.contract}.wsdl": wsdl(one, records, UNPLACED)
        for one in published
        if (records := sends(one)) is not None
    }


def wsdl(one: Published, records: XmlRecords, origin: str) -> bytes:
    """Return the WSDL of a contract; `origin` is scheme and authority of the service, without a path."""
    target = messages_of(one.contract)
    definitions = etree.Element(
        q(WSDL, "definitions"),
        {"targetNamespace": target, "name": "Isnad"},
        nsmap={"wsdl": WSDL, "soap": WSDL_SOAP11, "soap12": WSDL_SOAP12, "tns": target, "a": ANSWER},
    )
    _say(definitions, f"{one.title_en} · {one.title_ar}")
    types = etree.SubElement(definitions, q(WSDL, "types"))
    own = etree.fromstring(records.schema, etree.XMLParser(resolve_entities=False, no_network=True))
    types.extend([own, answer_schema(), message_schema(one.contract, records)])
    for operation in OPERATIONS:
        _message(definitions, operation, f"tns:{operation}")
        _message(definitions, f"{operation}Response", f"tns:{operation}Response")
    _message(definitions, "problem", "a:problem")
    port = etree.SubElement(definitions, q(WSDL, "portType"), name="Isnad")
    for operation in OPERATIONS:
        declared = etree.SubElement(port, q(WSDL, "operation"), name=operation)
        _say(declared, _DOCUMENTATION[operation])
        etree.SubElement(declared, q(WSDL, "input"), message=f"tns:{operation}")
        etree.SubElement(declared, q(WSDL, "output"), message=f"tns:{operation}Response")
        etree.SubElement(declared, q(WSDL, "fault"), name="problem", message="tns:problem")
    versions = (("IsnadSoap11", WSDL_SOAP11), ("IsnadSoap12", WSDL_SOAP12))
    for name, version in versions:
        _binding(definitions, name, version, one.contract)
    service = etree.SubElement(definitions, q(WSDL, "service"), name="IsnadService")
    for name, version in versions:
        placed = etree.SubElement(service, q(WSDL, "port"), name=name, binding=f"tns:{name}")
        etree.SubElement(placed, q(version, "address"), location=f"{origin}/soap/v1/{one.contract}")
    return etree.tostring(definitions, encoding="UTF-8", xml_declaration=True, pretty_print=True)


def _binding(definitions: Element, name: str, version: str, contract: str) -> None:
    binding = etree.SubElement(definitions, q(WSDL, "binding"), name=name, type="tns:Isnad")
    etree.SubElement(binding, q(version, "binding"), style="document", transport=HTTP_TRANSPORT)
    for operation in OPERATIONS:
        declared = etree.SubElement(binding, q(WSDL, "operation"), name=operation)
        etree.SubElement(
            declared, q(version, "operation"), soapAction=action_of(contract, operation), style="document"
        )
        for way in ("input", "output"):
            etree.SubElement(etree.SubElement(declared, q(WSDL, way)), q(version, "body"), use="literal")
        fault = etree.SubElement(declared, q(WSDL, "fault"), name="problem")
        etree.SubElement(fault, q(version, "fault"), name="problem", use="literal")


def _message(definitions: Element, name: str, element: str) -> None:
    message = etree.SubElement(definitions, q(WSDL, "message"), name=name)
    etree.SubElement(
        message, q(WSDL, "part"), name="parameters" if name != "problem" else "problem", element=element
    )


def _say(declared: Element, text: str) -> None:
    etree.SubElement(declared, q(WSDL, "documentation")).text = text
