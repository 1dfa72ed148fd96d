"""XML Encryption 1.1 in a signed SOAP envelope (WS-Security 1.1 §9): back to the envelope that its sender signed.

One form only: the sender signs, then encrypts what the Body holds and, better, the Signature too, under one fresh
key, which one EncryptedKey in the Security header carries for the gateway. The signature is over what was said, so
it proves that to others, who cannot decrypt; it is verified afterwards, over the octets that this returns.

What is wrong with the form is said before the key is asked for. From there on everything that can fail fails in the
same way and after the same work, so nobody can learn anything of the key by sending what is not for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from xml.sax.saxutils import quoteattr

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from lxml import etree

from crypto.origin.envelope import WSSE, header_and_body, id_of, only, parsed
from crypto.origin.proof import OriginError
from crypto.origin.xml_signature import DS, Element, algorithm, elements, octets

XENC, XENC11 = "http://www.w3.org/2001/04/xmlenc#", "http://www.w3.org/2009/xmlenc11#"
RSA_OAEP = f"{XENC11}rsa-oaep"
SHA256, MGF1_SHA256 = f"{XENC}sha256", f"{XENC11}mgf1sha256"
CONTENT, ELEMENT = f"{XENC}Content", f"{XENC}Element"
KEY_BYTES = {f"{XENC11}aes128-gcm": 16, f"{XENC11}aes256-gcm": 32}
IV_BYTES, TAG_BYTES = 12, 16  # XML Encryption 1.1 §5.2.4: IV ‖ ciphertext ‖ tag
TRANSPORT_MAX_BYTES = 512
"""What RSA of 4,096 bits makes of a key."""
PART_MAX = 2
"""The Body, and the Signature."""

Unwrap = Callable[[bytes], bytes | None]
"""Returns what was encrypted for the gateway by RSA-OAEP with SHA-256 and MGF1 with SHA-256; None when nothing was."""

_PARTS = etree.XPath("//e:EncryptedData", namespaces={"e": XENC})
_KEYS = etree.XPath("count(//e:EncryptedKey)", namespaces={"e": XENC})


def decrypt(envelope: bytes, unwrap: Unwrap) -> bytes:
    """Return an envelope as it was before its sender encrypted it; what it says is not verified yet.

    Raises:
        OriginError: it is not in the one form (`malformed`, `ambiguous`, `not_covered`, `wrong_algorithm`), or it
            is not for the gateway's key (`undecryptable`).
    """
    root = parsed(envelope)
    # 1. One key, in the Security header, before what was done first: what comes last stands first (WSS 1.1 §6).
    header, body = header_and_body(root)
    security = only(header, f"{{{WSSE}}}Security")
    transport = only(security, f"{{{XENC}}}EncryptedKey")
    signature = _signature(security)
    if _KEYS(root) != 1:
        raise OriginError("ambiguous")
    if security.index(transport) > security.index(signature):
        raise OriginError("malformed")
    # 2. It is for what the Body holds and for nothing else, but the Signature may be hidden too.
    parts = [only(body, f"{{{XENC}}}EncryptedData")]
    if len(elements(body)) != 1:
        raise OriginError("malformed")
    if signature.tag == parts[0].tag:
        parts.append(signature)
    if len(_elements(_PARTS(root))) != len(parts):
        raise OriginError("ambiguous")
    if sorted(map(id_of, parts)) != sorted(_referred(transport)):
        raise OriginError("not_covered")
    # 3. The algorithms are those that are allowed, and one length of key for all parts.
    wrapped = _transported(transport)
    ciphertexts = [_ciphertext(part, CONTENT if part is parts[0] else ELEMENT) for part in parts]
    lengths = {_key_bytes(part) for part in parts}
    if len(lengths) != 1:
        raise OriginError("wrong_algorithm")
    (key_bytes,) = lengths
    # 4. What carries no key is decrypted with one that fits nothing, as late and in the same way as all else fails.
    key = unwrap(wrapped)
    cipher = AESGCM(key if key is not None and len(key) == key_bytes else os.urandom(key_bytes))
    try:
        plain = [cipher.decrypt(text[:IV_BYTES], text[IV_BYTES:], None) for text in ciphertexts]
    except InvalidTag as error:
        raise OriginError("undecryptable") from error
    # 5. Put in the place of the ciphertexts, and nowhere else.
    for part, content in zip(parts, plain, strict=True):
        _check_balanced(part, content)
    _remove(transport, "")
    return _replaced(root, dict(zip(parts, plain, strict=True)))


def _signature(security: Element) -> Element:
    """Return the Signature, or what hides it."""
    names = (f"{{{DS}}}Signature", f"{{{XENC}}}EncryptedData")
    found = [child for child in elements(security) if child.tag in names]
    if len(found) != 1:
        raise OriginError("ambiguous" if found else "malformed")
    return found[0]


def _referred(transport: Element) -> list[str]:
    """Return the IDs of what an EncryptedKey is for (XML Encryption 1.1 §3.6)."""
    references = elements(only(transport, f"{{{XENC}}}ReferenceList"))
    if not 1 <= len(references) <= PART_MAX:
        raise OriginError("malformed")
    for reference in references:
        if reference.tag != f"{{{XENC}}}DataReference" or not reference.get("URI", "").startswith("#"):
            raise OriginError("malformed")
    return [reference.get("URI", "")[1:] for reference in references]


def _transported(transport: Element) -> bytes:
    """Return the encrypted key. Which of its certificates a sender took is not asked: there is one key."""
    method = only(transport, f"{{{XENC}}}EncryptionMethod")
    options = {str(child.tag): algorithm(child) for child in elements(method)}
    # Without these, SHA-1 is meant (§5.5.2); OAEPparams would be a label, and there is none.
    if algorithm(method) != RSA_OAEP or options != {
        f"{{{DS}}}DigestMethod": SHA256,
        f"{{{XENC11}}}MGF": MGF1_SHA256,
    }:
        raise OriginError("wrong_algorithm")
    found = _cipher_value(transport)
    if len(found) > TRANSPORT_MAX_BYTES:
        raise OriginError("malformed")
    return found


def _key_bytes(part: Element) -> int:
    method = only(part, f"{{{XENC}}}EncryptionMethod")
    if len(method) or algorithm(method) not in KEY_BYTES:
        raise OriginError("wrong_algorithm")
    return KEY_BYTES[algorithm(method)]


def _ciphertext(part: Element, kind: str) -> bytes:
    found = _cipher_value(part)
    if part.get("Type") != kind or len(found) < IV_BYTES + TAG_BYTES:
        raise OriginError("malformed")
    return found


def _cipher_value(holder: Element) -> bytes:
    """Return the ciphertext, which stands there: a CipherReference would have it fetched."""
    value = only(only(holder, f"{{{XENC}}}CipherData"), f"{{{XENC}}}CipherValue")
    if len(value):
        raise OriginError("malformed")
    return octets(value.text)


def _check_balanced(part: Element, content: bytes) -> None:
    """Refuse what would end the element that it stands in. It may use the prefixes that are declared around it."""
    declared = "".join(
        f" xmlns{':' + prefix if prefix else ''}={quoteattr(space)}" for prefix, space in part.nsmap.items()
    )
    try:
        parsed(f"<content{declared}>".encode() + content + b"</content>")
    except OriginError as error:
        raise OriginError("undecryptable") from error


def _replaced(root: Element, contents: dict[Element, bytes]) -> bytes:
    """Return the document with elements replaced by octets, which stay as they were signed.

    Put into the tree they might be given other prefixes, and the digest over them would not hold.
    """
    marks = {part: os.urandom(16).hex() for part in contents}
    for part, mark in marks.items():
        _remove(part, mark)
    text = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    for part, mark in marks.items():
        text = text.replace(mark.encode(), contents[part])
    return text


def _remove(node: Element, instead: str) -> None:
    """Remove an element and leave a text in its place."""
    parent, before = node.getparent(), node.getprevious()
    if parent is None:
        raise OriginError("malformed")
    left = instead + (node.tail or "")
    if before is None:
        parent.text = (parent.text or "") + left
    else:
        before.tail = (before.tail or "") + left
    parent.remove(node)


def _elements(found: object) -> list[object]:
    return found if isinstance(found, list) else []
