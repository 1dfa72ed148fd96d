"""Signing a SOAP envelope in the one form that `wsse` verifies."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

from lxml import etree

from crypto.origin.envelope import SOAP, WSSE, WSU
from crypto.origin.wsse import BASE64, X509_V3
from crypto.origin.xml_signature import DS, ECDSA_SHA256, EXC_C14N, RSA_SHA256

LIFE = timedelta(minutes=5)
_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_METHODS = {"rsa": RSA_SHA256, "ecdsa": ECDSA_SHA256}

_Element = etree._Element  # noqa: SLF001  lxml has no public name for it


class EnvelopeKey(Protocol):
    """A key that signs envelopes, wherever it is kept."""

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message under SHA-256: PKCS #1 v1.5, or r ‖ s of 32 bytes each (P-256)."""


@dataclass(frozen=True, slots=True)
class EnvelopeSigner:
    """A key and the certificate (DER) that names its holder."""

    certificate: bytes
    kind: Literal["rsa", "ecdsa"]
    key: EnvelopeKey


def sign(envelope: bytes, signer: EnvelopeSigner, now: datetime) -> bytes:
    """Return the envelope with a Security header that signs its Body and the time.

    Raises:
        ValueError: it is no SOAP envelope, or has a Security header already.
    """
    root = etree.fromstring(envelope, etree.XMLParser(resolve_entities=False, no_network=True))
    space = root.tag[1:].partition("}")[0]
    body = root.find(f"{{{space}}}Body")
    if space not in SOAP or body is None or root.find(f".//{{{WSSE}}}Security") is not None:
        raise ValueError("an envelope without a Security header is signed")
    header = root.find(f"{{{space}}}Header")
    if header is None:
        header = etree.Element(f"{{{space}}}Header")
        root.insert(0, header)
    # 1. Timestamp and token, with names that no other message has.
    security = etree.SubElement(header, f"{{{WSSE}}}Security", nsmap={"wsse": WSSE, "wsu": WSU})
    security.set(f"{{{space}}}mustUnderstand", "1")
    timestamp = etree.SubElement(security, f"{{{WSU}}}Timestamp")
    for name, moment in (("Created", now), ("Expires", now + LIFE)):
        text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        etree.SubElement(timestamp, f"{{{WSU}}}{name}").text = text
    kinds = {"ValueType": X509_V3, "EncodingType": BASE64}
    token = etree.SubElement(security, f"{{{WSSE}}}BinarySecurityToken", kinds)
    token.text = base64.b64encode(signer.certificate).decode()
    for name, node in (("body", body), ("time", timestamp), ("token", token)):
        node.set(f"{{{WSU}}}Id", f"{name}-{os.urandom(8).hex()}")
    # 2. What is signed.
    signature = etree.SubElement(security, f"{{{DS}}}Signature", nsmap={"ds": DS})
    info = etree.SubElement(signature, f"{{{DS}}}SignedInfo")
    etree.SubElement(info, f"{{{DS}}}CanonicalizationMethod", Algorithm=EXC_C14N)
    etree.SubElement(info, f"{{{DS}}}SignatureMethod", Algorithm=_METHODS[signer.kind])
    for node in (timestamp, body):
        _reference(info, node)
    # 3. The signature, and which certificate it is under.
    value = etree.SubElement(signature, f"{{{DS}}}SignatureValue")
    value.text = base64.b64encode(signer.key.sign(_canonical(info))).decode()
    named = etree.SubElement(
        etree.SubElement(signature, f"{{{DS}}}KeyInfo"), f"{{{WSSE}}}SecurityTokenReference"
    )
    uri = f"#{token.get(f'{{{WSU}}}Id')}"
    etree.SubElement(named, f"{{{WSSE}}}Reference", URI=uri, ValueType=X509_V3)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _reference(info: _Element, node: _Element) -> None:
    reference = etree.SubElement(info, f"{{{DS}}}Reference", URI=f"#{node.get(f'{{{WSU}}}Id')}")
    transforms = etree.SubElement(reference, f"{{{DS}}}Transforms")
    etree.SubElement(transforms, f"{{{DS}}}Transform", Algorithm=EXC_C14N)
    etree.SubElement(reference, f"{{{DS}}}DigestMethod", Algorithm=_SHA256)
    digest = etree.SubElement(reference, f"{{{DS}}}DigestValue")
    digest.text = base64.b64encode(hashlib.sha256(_canonical(node)).digest()).decode()


def _canonical(node: _Element) -> bytes:
    return etree.tostring(node, method="c14n", exclusive=True, with_comments=False, with_tail=False)
