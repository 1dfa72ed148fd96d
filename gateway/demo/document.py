"""One submission by SOAP: an XML document as an MTOM attachment, as a prosecution's own system would send it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

import httpx
from lxml import etree

from gateway.demo.duplex import Gate
from gateway.errors import Rejected, Unavailable

TIMEOUT_S = 60.0
_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_XOP = "http://www.w3.org/2004/08/xop/include"
_ANSWER = "{urn:isnad:soap:answer:1}"
_EDGE = "isnad-demonstration"


async def submit_document(
    gate: Gate, contract: str, chunks: Iterable[bytes]
) -> AsyncIterator[dict[str, Any]]:
    """Send a document of any length and yield what became of each record, the counts last.

    Raises:
        Rejected: the submission was refused.
        Unavailable: `unavailable.gateway`; the answer is not complete, send the same again.
    """
    space = f"urn:isnad:soap:{contract}"
    headers = {
        "content-type": f'multipart/related; boundary="{_EDGE}"; type="application/xop+xml"; start-info="text/xml"',
        "soapaction": f'"{space}:submitDocument"',
    }
    async with httpx.AsyncClient(verify=gate.tls, timeout=TIMEOUT_S, trust_env=False) as client:
        answer = await client.post(
            f"{gate.url}/soap/v1/{contract}", content=_parts(space, chunks), headers=headers
        )
    root = etree.fromstring(answer.content, etree.XMLParser(resolve_entities=False, no_network=True))
    for outcome in root.iter(f"{_ANSWER}outcome"):
        if len(outcome):  # an element of the same name says what became of it
            yield _told(outcome)
    problem = root.find(f".//{_ANSWER}problem")
    if problem is not None:
        raise Rejected(problem.findtext(f"{_ANSWER}code") or "")
    if root.findtext(f".//{_ANSWER}complete") != "true":
        raise Unavailable("unavailable.gateway", "the answer has no end")
    yield {"summary": {}}


def _told(outcome: etree._Element) -> dict[str, Any]:
    told: dict[str, Any] = {etree.QName(field).localname: field.text or "" for field in outcome}
    return told | {"position": int(told["position"])}


async def _parts(space: str, chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Yield the two parts: the envelope, and beside it the document that it refers to."""
    include = f'<x:Include xmlns:x="{_XOP}" href="cid:document"/>'
    asked = f'<m:submitDocument xmlns:m="{space}"><m:document>{include}</m:document></m:submitDocument>'
    envelope = f'<s:Envelope xmlns:s="{_SOAP}"><s:Body>{asked}</s:Body></s:Envelope>'
    yield f"--{_EDGE}\r\nContent-ID: <envelope>\r\n\r\n{envelope}\r\n".encode()
    yield f"--{_EDGE}\r\nContent-ID: <document>\r\n\r\n".encode()
    for chunk in chunks:
        if chunk:
            yield chunk
    yield f"\r\n--{_EDGE}--\r\n".encode()
