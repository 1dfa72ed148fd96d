"""The one form of an XML Signature (1.1) that is read: references by ID, exclusive canonical form, RSA or ECDSA.

What else XML Signature can say is refused by whoever finds it, so nothing here evaluates XPath or XSLT, fetches
anything or takes a key from a message. Canonical form is libxml2's, cryptography OpenSSL's.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from lxml import etree

from crypto.origin.proof import OriginError, OriginKey, dss_signature

DS = "http://www.w3.org/2000/09/xmldsig#"
EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = f"{DS}enveloped-signature"
"""Takes the signature out of what is hashed. It is in none of the elements here, so this changes nothing."""
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
ECDSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
DIGESTS = {
    "http://www.w3.org/2001/04/xmlenc#sha256": hashlib.sha256,
    "http://www.w3.org/2001/04/xmlenc#sha512": hashlib.sha512,
}
_TRANSFORMS = ([EXC_C14N], [ENVELOPED, EXC_C14N])
PREFIXES_MAX = 32
_PREFIX = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}|#default")

Element = etree._Element  # noqa: SLF001  lxml has no public name for it


Reference = tuple[list[str], str, bytes]
"""Inclusive prefixes, digest algorithm and digest."""


def signed_info(info: Element) -> tuple[str, dict[str, Reference]]:
    """Return the signature algorithm, and the references by ID."""
    found = elements(info)
    if [child.tag for child in found[:2]] != [
        f"{{{DS}}}CanonicalizationMethod",
        f"{{{DS}}}SignatureMethod",
    ]:
        raise OriginError("malformed")
    if algorithm(found[0]) != EXC_C14N or len(found[1]):
        raise OriginError("wrong_algorithm")
    prefixes(found[0])
    references: dict[str, Reference] = {}
    for node in found[2:]:
        if node.tag != f"{{{DS}}}Reference" or not node.get("URI", "").startswith("#"):
            raise OriginError("malformed")
        transforms, method, digest = children(node, "Transforms", "DigestMethod", "DigestValue")
        steps = children(transforms, *["Transform"] * len(transforms))
        # Without this an XPath or XSLT transform would choose what is hashed.
        if [algorithm(step) for step in steps] not in _TRANSFORMS or any(map(len, steps[:-1])):
            raise OriginError("wrong_algorithm")
        if algorithm(method) not in DIGESTS:
            raise OriginError("wrong_algorithm")
        name = node.get("URI", "")[1:]
        if name in references:
            raise OriginError("ambiguous")
        references[name] = (prefixes(steps[-1]), algorithm(method), octets(digest.text))
    return algorithm(found[1]), references


def algorithm(node: Element) -> str:
    """Return the algorithm that an element names."""
    return node.get("Algorithm", "")


def prefixes(method: Element) -> list[str]:
    """Return the InclusiveNamespaces PrefixList of a canonicalization (Exclusive XML Canonicalization §4)."""
    found = elements(method)
    if not found:
        return []
    listed = found[0].get("PrefixList", "").split()
    if len(found) > 1 or found[0].tag != f"{{{EXC_C14N}}}InclusiveNamespaces" or len(found[0]):
        raise OriginError("wrong_algorithm")
    if len(listed) > PREFIXES_MAX or not all(_PREFIX.fullmatch(prefix) for prefix in listed):
        raise OriginError("malformed")
    return listed


def octets(text: str | None) -> bytes:
    """Return what base64 says.

    Raises:
        OriginError: (`malformed`) it says nothing.
    """
    try:
        return base64.b64decode("".join((text or "").split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise OriginError("malformed") from error


def canonical(node: Element, inclusive: list[str]) -> bytes:
    """Return an element's exclusive canonical form without comments; `inclusive` is its PrefixList."""
    if inclusive:
        # lxml canonicalizes a copy, in which a prefix that only the surroundings declare is not known any more;
        # as text the element carries all declarations in scope with it.
        node = etree.fromstring(etree.tostring(node, with_tail=False))
    return etree.tostring(
        node,
        method="c14n",
        exclusive=True,
        with_comments=False,
        with_tail=False,
        inclusive_ns_prefixes=["" if prefix == "#default" else prefix for prefix in inclusive] or None,
    )


def verify_with(key: OriginKey, method: str, signature: bytes, signed: bytes) -> None:
    """Return when a signature holds under a key, by the algorithm that the key is for.

    Raises:
        OriginError: (`wrong_signature`) it does not, or (`wrong_algorithm`) another algorithm is named.
    """
    try:
        match key, method:
            case rsa.RSAPublicKey(), "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256":
                key.verify(signature, signed, padding.PKCS1v15(), SHA256())
            case ec.EllipticCurvePublicKey(), "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256":
                key.verify(dss_signature(signature), signed, ec.ECDSA(SHA256()))
            case _:
                raise OriginError("wrong_algorithm")
    except InvalidSignature as error:
        raise OriginError("wrong_signature") from error


def children(parent: Element, *names: str) -> list[Element]:
    """Return the children, which are these of XML Signature, in this order, and nothing else."""
    found = elements(parent)
    if [child.tag for child in found] != [f"{{{DS}}}{name}" for name in names]:
        raise OriginError("malformed")
    return found


def elements(node: Element) -> list[Element]:
    """Return the child elements; text between them says nothing and is allowed to be white space only."""
    found = [child for child in node if isinstance(child.tag, str)]
    texts = [node.text, *(child.tail for child in node)]
    if any(text and text.strip() for text in texts):
        raise OriginError("malformed")
    return found
