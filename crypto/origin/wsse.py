"""WS-Security 1.1 with the X.509 token profile: who signed the Body of a SOAP envelope, and what exactly was signed.

One form only, the one that CXF, WCF and node-soap write when told to: one Security header with a Timestamp, a
BinarySecurityToken and one Signature (XML Signature 1.1) over the Timestamp and the Body, each named by its `wsu:Id`
and brought to exclusive canonical form. Everything else that XML Signature can do is refused, not evaluated.

The octets that were hashed are what `verify` returns. Whoever acts on a message parses those and nothing else, so
there is no second element that could be read in place of the one that was signed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from lxml import etree

from crypto.origin.proof import OriginError, OriginKey, dss_signature

SOAP = ("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope")
_OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
WSSE, WSU = f"{_OASIS}wssecurity-secext-1.0.xsd", f"{_OASIS}wssecurity-utility-1.0.xsd"
X509_V3, BASE64 = f"{_OASIS}x509-token-profile-1.0#X509v3", f"{_OASIS}soap-message-security-1.0#Base64Binary"
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
MAX_AGE_S, SKEW_S = 300, 60
TOKEN_MAX_CHARS = 16 * 1024
PREFIXES_MAX = 32
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z")
_PREFIX = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}|#default")
_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,255}")

_Element = etree._Element  # noqa: SLF001  lxml has no public name for it
Signer = Callable[[bytes], tuple[str, OriginKey]]
"""Returns key id and key of the holder of a certificate (DER); raises `OriginError` when it is not to be trusted."""

# Whatever a reader could take for an ID, in any namespace and letter case.
_IDS = etree.XPath("//@*[translate(local-name(), 'ID', 'id') = 'id']")
_SIGNATURES = etree.XPath("count(//ds:Signature)", namespaces={"ds": DS})
_INSTRUCTIONS = etree.XPath("boolean(//processing-instruction())")


@dataclass(frozen=True, slots=True)
class SignedBody:
    """What was proven: that the holder of the sender's key `key_id` signed this Body just now.

    `body` is the Body element in the canonical form that was hashed. `mark` is the SHA-256 of what was signed, the
    same however often the message is sent and however its signature is written: 32 bytes.
    """

    key_id: str
    body: bytes
    mark: bytes

    def __repr__(self) -> str:
        return f"SignedBody({self.key_id!r})"


def verify(envelope: bytes, signer: Signer, now_s: float) -> SignedBody:
    """Return what a signed envelope proves. The order is that of what is cheap before what is not.

    Raises:
        OriginError: it proves nothing; the reason says why.
    """
    root = _parsed(envelope)
    # 1. Everything stands in one place: Envelope(Header, Body), Header(… one Security …), Security(three children).
    header, body = _two(root)
    security = _only(header, f"{{{WSSE}}}Security")
    timestamp = _only(security, f"{{{WSU}}}Timestamp")
    token = _only(security, f"{{{WSSE}}}BinarySecurityToken")
    signature = _only(security, f"{{{DS}}}Signature")
    if len(security) != len((timestamp, token, signature)):
        raise OriginError("malformed")
    if _SIGNATURES(root) != 1:
        raise OriginError("ambiguous")
    # 2. No two things in the document have the same ID, so a name means one element.
    names = [str(name) for name in _strings(_IDS(root))]
    if len(set(names)) != len(names):
        raise OriginError("ambiguous")
    # 3. What is signed is the Body that is read and the Timestamp beside it; naming the token is allowed.
    info, value, key_info = _children(signature, "SignedInfo", "SignatureValue", "KeyInfo")
    method, references = _signed_info(info)
    targets = {_id(body): body, _id(timestamp): timestamp, _id(token): token}
    if not {_id(body), _id(timestamp)} <= references.keys() <= targets.keys():
        raise OriginError("not_covered")
    # 4. The key is named by the token and by nothing else.
    if _reference_of(key_info) != _id(token):
        raise OriginError("malformed")
    # 5. It was made just now.
    _check_fresh(timestamp, now_s)
    # 6. The certificate is the sender's, and the algorithm its key's.
    key_id, key = signer(_certificate(token))
    # 7. What was hashed is what is there.
    canonical = dict[str, bytes]()
    for name, (prefixes, algorithm, expected) in references.items():
        canonical[name] = _canonical(targets[name], prefixes)
        if not hmac.compare_digest(DIGESTS[algorithm](canonical[name]).digest(), expected):
            raise OriginError("wrong_digest")
    # 8. The signature holds.
    signed = _canonical(info, _prefixes(info[0]))
    _verify_with(key, method, _octets(value.text), signed)
    return SignedBody(key_id, canonical[_id(body)], hashlib.sha256(signed).digest())


def _parsed(envelope: bytes) -> _Element:
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


def _two(root: _Element) -> tuple[_Element, _Element]:
    for space in SOAP:
        if root.tag == f"{{{space}}}Envelope":
            parts = _elements(root)
            if [part.tag for part in parts] == [f"{{{space}}}Header", f"{{{space}}}Body"]:
                return parts[0], parts[1]
    raise OriginError("malformed")


def _elements(node: _Element) -> list[_Element]:
    """Return the child elements; text between them says nothing and is allowed to be white space only."""
    found = [child for child in node if isinstance(child.tag, str)]
    texts = [node.text, *(child.tail for child in node)]
    if any(text and text.strip() for text in texts):
        raise OriginError("malformed")
    return found


def _only(parent: _Element, name: str) -> _Element:
    found = [child for child in _elements(parent) if child.tag == name]
    if len(found) != 1:
        raise OriginError("ambiguous" if found else "malformed")
    return found[0]


def _children(parent: _Element, *names: str) -> list[_Element]:
    """Return the children, which are these of XML Signature, in this order, and nothing else."""
    found = _elements(parent)
    if [child.tag for child in found] != [f"{{{DS}}}{name}" for name in names]:
        raise OriginError("malformed")
    return found


def _id(node: _Element) -> str:
    """Return an element's ID: one `wsu:Id`, or the `Id` that node-soap writes."""
    named = [name for name in (node.get(f"{{{WSU}}}Id"), node.get("Id")) if name is not None]
    if len(named) != 1 or not _ID.fullmatch(named[0]):
        raise OriginError("not_covered")
    return named[0]


_Reference = tuple[list[str], str, bytes]
"""Inclusive prefixes, digest algorithm and digest."""


def _signed_info(info: _Element) -> tuple[str, dict[str, _Reference]]:
    """Return the signature algorithm, and the references by ID."""
    children = _elements(info)
    if [child.tag for child in children[:2]] != [
        f"{{{DS}}}CanonicalizationMethod",
        f"{{{DS}}}SignatureMethod",
    ]:
        raise OriginError("malformed")
    if _algorithm(children[0]) != EXC_C14N or len(children[1]):
        raise OriginError("wrong_algorithm")
    _prefixes(children[0])
    references: dict[str, _Reference] = {}
    for node in children[2:]:
        if node.tag != f"{{{DS}}}Reference" or not node.get("URI", "").startswith("#"):
            raise OriginError("malformed")
        transforms, method, digest = _children(node, "Transforms", "DigestMethod", "DigestValue")
        steps = _children(transforms, *["Transform"] * len(transforms))
        # Without this an XPath or XSLT transform would choose what is hashed.
        if [_algorithm(step) for step in steps] not in _TRANSFORMS or any(map(len, steps[:-1])):
            raise OriginError("wrong_algorithm")
        if _algorithm(method) not in DIGESTS:
            raise OriginError("wrong_algorithm")
        name = node.get("URI", "")[1:]
        if name in references:
            raise OriginError("ambiguous")
        references[name] = (_prefixes(steps[-1]), _algorithm(method), _octets(digest.text))
    return _algorithm(children[1]), references


def _algorithm(node: _Element) -> str:
    return node.get("Algorithm", "")


def _prefixes(method: _Element) -> list[str]:
    """Return the InclusiveNamespaces PrefixList of a canonicalization (Exclusive XML Canonicalization §4)."""
    found = _elements(method)
    if not found:
        return []
    prefixes = found[0].get("PrefixList", "").split()
    if len(found) > 1 or found[0].tag != f"{{{EXC_C14N}}}InclusiveNamespaces" or len(found[0]):
        raise OriginError("wrong_algorithm")
    if len(prefixes) > PREFIXES_MAX or not all(_PREFIX.fullmatch(prefix) for prefix in prefixes):
        raise OriginError("malformed")
    return prefixes


def _reference_of(key_info: _Element) -> str:
    """Return the ID of the token that a KeyInfo names (X.509 Token Profile 1.1 §3.2.1: a direct reference)."""
    holder = _elements(key_info)
    if len(holder) != 1 or holder[0].tag != f"{{{WSSE}}}SecurityTokenReference":
        raise OriginError("malformed")
    named = _elements(holder[0])
    if (
        len(named) != 1
        or named[0].tag != f"{{{WSSE}}}Reference"
        or not named[0].get("URI", "").startswith("#")
    ):
        raise OriginError("malformed")
    if named[0].get("ValueType", X509_V3) != X509_V3:
        raise OriginError("malformed")
    return named[0].get("URI", "")[1:]


def _check_fresh(timestamp: _Element, now_s: float) -> None:
    children = _elements(timestamp)
    if [child.tag for child in children] != [f"{{{WSU}}}Created", f"{{{WSU}}}Expires"]:
        raise OriginError("malformed")
    created, expires = (_instant(child.text or "") for child in children)
    if not now_s - MAX_AGE_S <= created <= now_s + SKEW_S or expires <= now_s or expires < created:
        raise OriginError("not_fresh")


def _instant(text: str) -> float:
    if not _INSTANT.fullmatch(text.strip()):
        raise OriginError("malformed")
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except ValueError as error:
        raise OriginError("malformed") from error


def _certificate(token: _Element) -> bytes:
    if token.get("ValueType") != X509_V3 or token.get("EncodingType", BASE64) != BASE64 or len(token):
        raise OriginError("malformed")
    text = token.text or ""
    if len(text) > TOKEN_MAX_CHARS:
        raise OriginError("malformed")
    return _octets(text)


def _octets(text: str | None) -> bytes:
    try:
        return base64.b64decode("".join((text or "").split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise OriginError("malformed") from error


def _canonical(node: _Element, prefixes: list[str]) -> bytes:
    if prefixes:
        # lxml canonicalizes a copy, in which a prefix that only the surroundings declare is not known any more;
        # as text the element carries all declarations in scope with it.
        node = etree.fromstring(etree.tostring(node, with_tail=False))
    return etree.tostring(
        node,
        method="c14n",
        exclusive=True,
        with_comments=False,
        with_tail=False,
        inclusive_ns_prefixes=["" if prefix == "#default" else prefix for prefix in prefixes] or None,
    )


def _verify_with(key: OriginKey, method: str, signature: bytes, signed: bytes) -> None:
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


def _strings(found: object) -> list[object]:
    return found if isinstance(found, list) else []
