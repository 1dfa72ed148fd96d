"""WS-Security 1.1 with the X.509 token profile: who signed the Body of a SOAP envelope, and what exactly was signed.

One form only, the one that CXF, WCF and node-soap write when told to: one Security header with a Timestamp, a
BinarySecurityToken and one Signature (XML Signature 1.1) over the Timestamp and the Body, each named by its `wsu:Id`
and brought to exclusive canonical form. Everything else that XML Signature can do is refused, not evaluated.

The octets that were hashed are what `verify` returns. Whoever acts on a message parses those and nothing else, so
there is no second element that could be read in place of the one that was signed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from crypto.origin.envelope import WSSE, WSU, header_and_body, id_of, only, parsed
from crypto.origin.proof import OriginError, OriginKey
from crypto.origin.xml_signature import (
    DIGESTS,
    DS,
    Element,
    canonical,
    children,
    elements,
    octets,
    prefixes,
    signed_info,
    verify_with,
)

_OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
X509_V3, BASE64 = f"{_OASIS}x509-token-profile-1.0#X509v3", f"{_OASIS}soap-message-security-1.0#Base64Binary"
MAX_AGE_S, SKEW_S = 300, 60
TOKEN_MAX_CHARS = 16 * 1024
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z")

Signer = Callable[[bytes], tuple[str, OriginKey]]
"""Returns key id and key of the holder of a certificate (DER); raises `OriginError` when it is not to be trusted."""

# Whatever a reader could take for an ID, in any namespace and letter case.
_IDS = etree.XPath("//@*[translate(local-name(), 'ID', 'id') = 'id']")
_SIGNATURES = etree.XPath("count(//ds:Signature)", namespaces={"ds": DS})


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
    root = parsed(envelope)
    # 1. Everything stands in one place: Envelope(Header, Body), Header(… one Security …), Security(three children).
    header, body = header_and_body(root)
    security = only(header, f"{{{WSSE}}}Security")
    timestamp = only(security, f"{{{WSU}}}Timestamp")
    token = only(security, f"{{{WSSE}}}BinarySecurityToken")
    signature = only(security, f"{{{DS}}}Signature")
    if len(security) != len((timestamp, token, signature)):
        raise OriginError("malformed")
    if _SIGNATURES(root) != 1:
        raise OriginError("ambiguous")
    # 2. No two things in the document have the same ID, so a name means one element.
    names = [str(name) for name in _strings(_IDS(root))]
    if len(set(names)) != len(names):
        raise OriginError("ambiguous")
    # 3. What is signed is the Body that is read and the Timestamp beside it; naming the token is allowed.
    info, value, key_info = children(signature, "SignedInfo", "SignatureValue", "KeyInfo")
    method, references = signed_info(info)
    targets = {id_of(body): body, id_of(timestamp): timestamp, id_of(token): token}
    if not {id_of(body), id_of(timestamp)} <= references.keys() <= targets.keys():
        raise OriginError("not_covered")
    # 4. The key is named by the token and by nothing else.
    if _reference_of(key_info) != id_of(token):
        raise OriginError("malformed")
    # 5. It was made just now.
    _check_fresh(timestamp, now_s)
    # 6. The certificate is the sender's, and the algorithm its key's.
    key_id, key = signer(_certificate(token))
    # 7. What was hashed is what is there.
    hashed = dict[str, bytes]()
    for name, (inclusive, algorithm, expected) in references.items():
        hashed[name] = canonical(targets[name], inclusive)
        if not hmac.compare_digest(DIGESTS[algorithm](hashed[name]).digest(), expected):
            raise OriginError("wrong_digest")
    # 8. The signature holds.
    signed = canonical(info, prefixes(elements(info)[0]))
    verify_with(key, method, octets(value.text), signed)
    return SignedBody(key_id, hashed[id_of(body)], hashlib.sha256(signed).digest())


def _reference_of(key_info: Element) -> str:
    """Return the ID of the token that a KeyInfo names (X.509 Token Profile 1.1 §3.2.1: a direct reference)."""
    holder = elements(key_info)
    if len(holder) != 1 or holder[0].tag != f"{{{WSSE}}}SecurityTokenReference":
        raise OriginError("malformed")
    named = elements(holder[0])
    if (
        len(named) != 1
        or named[0].tag != f"{{{WSSE}}}Reference"
        or not named[0].get("URI", "").startswith("#")
    ):
        raise OriginError("malformed")
    if named[0].get("ValueType", X509_V3) != X509_V3:
        raise OriginError("malformed")
    return named[0].get("URI", "")[1:]


def _check_fresh(timestamp: Element, now_s: float) -> None:
    found = elements(timestamp)
    if [child.tag for child in found] != [f"{{{WSU}}}Created", f"{{{WSU}}}Expires"]:
        raise OriginError("malformed")
    created, expires = (_instant(child.text or "") for child in found)
    if not now_s - MAX_AGE_S <= created <= now_s + SKEW_S or expires <= now_s or expires < created:
        raise OriginError("not_fresh")


def _instant(text: str) -> float:
    if not _INSTANT.fullmatch(text.strip()):
        raise OriginError("malformed")
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except ValueError as error:
        raise OriginError("malformed") from error


def _certificate(token: Element) -> bytes:
    if token.get("ValueType") != X509_V3 or token.get("EncodingType", BASE64) != BASE64 or len(token):
        raise OriginError("malformed")
    text = token.text or ""
    if len(text) > TOKEN_MAX_CHARS:
        raise OriginError("malformed")
    return octets(text)


def _strings(found: object) -> list[object]:
    return found if isinstance(found, list) else []
