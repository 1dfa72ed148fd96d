"""SOAP as an agency's program speaks it, by hand: envelopes, and what the answers say."""

from __future__ import annotations

from dataclasses import dataclass

import httpx
from lxml import etree

from adapters.soap.names import ANSWER, SOAP11, SOAP12

CONTRACT = "deprivation.v1"
MESSAGES = f"urn:isnad:soap:{CONTRACT}"
PATH = f"/soap/v1/{CONTRACT}"


def message(*records: str, operation: str = "submit") -> str:
    """Return what stands in the Body of a call."""
    return f'<m:{operation} xmlns:m="{MESSAGES}">{"".join(records)}</m:{operation}>'


def enveloped(inner: str, *, old: bool = True, header: str = "") -> bytes:
    """Return an envelope, of SOAP 1.1 when `old`, of 1.2 otherwise."""
    head = f"<s:Header>{header}</s:Header>" if header else ""
    space = SOAP11 if old else SOAP12
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="{space}">{head}'
        f"<s:Body>{inner}</s:Body></s:Envelope>"
    ).encode()


def call(
    client: httpx.Client,
    envelope: bytes,
    operation: str = "submit",
    *,
    old: bool = True,
    path: str = PATH,
    **headers: str,
) -> httpx.Response:
    """POST an envelope with the fields that belong to it."""
    kind = "text/xml; charset=utf-8" if old else "application/soap+xml; charset=utf-8"
    fields = {"content-type": kind} | ({"soapaction": f'"{MESSAGES}:{operation}"'} if old else {})
    return client.post(path, content=envelope, headers=fields | headers)


@dataclass(frozen=True)
class Answer:
    """An answer or a fault, as far as tests look."""

    root: etree._Element

    @classmethod
    def of(cls, response: httpx.Response) -> Answer:
        return cls(etree.fromstring(response.content))

    def all(self, name: str) -> list[str]:
        return [found.text or "" for found in self.root.iter(f"{{{ANSWER}}}{name}")]

    def one(self, name: str) -> str:
        (found,) = self.all(name)
        return found
