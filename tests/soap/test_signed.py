"""Signed messages: what holds, and every known way of making one say what was not signed."""

from __future__ import annotations

import base64
import copy
import json
import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree
from signed_parts import HeldKey, Signer, certificate, xmlsec1
from soap_parts import Prosecution
from support.sample_records import judgment, reference
from support.soap import MESSAGES, Answer, enveloped, message

from adapters.soap.names import SOAP11
from crypto.errors import Tampered
from crypto.evidence import open_evidence, seal_evidence
from crypto.hpke import PrivateKey, Suite
from crypto.origin.envelope import WSSE, WSU
from crypto.origin.xml_signature import DS, EXC_C14N
from crypto.pki import fingerprint
from gateway.demo.pki import Authority
from gateway.demo.site import isnad

MINUTE = timedelta(minutes=1)
KINDS = pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
VERSIONS = pytest.mark.parametrize("version", ["SOAP 1.1", "SOAP 1.2"])
Node = etree._Element


@KINDS
@VERSIONS
def test_a_signed_record_is_taken_and_the_log_names_the_key(
    prosecution: Prosecution, kind: str, version: str, tmp_path: Path
) -> None:
    old, signer = version == "SOAP 1.1", prosecution.signer(kind)
    envelope = signer.sign(enveloped(message(judgment()), old=old))
    assert xmlsec1(envelope, signer.certificate, tmp_path)
    answer = Answer.of(prosecution.post(envelope, old=old))
    entry = json.loads(json.loads(answer.one("receipt"))["entry"])
    assert entry["origin"]["wsse"] == f"ppo-{kind}"


def test_a_signature_that_is_agreed_on_must_be_there(prosecution: Prosecution) -> None:
    space = "urn:isnad:soap:restoration.v1"
    restoration = (
        f'<m:submit xmlns:m="{space}"><Restoration xmlns="urn:eg:ppo:restorations:1" kind="جديد"/></m:submit>'
    )
    before = prosecution.auditor.size("ppo")
    fields = {"content-type": "text/xml", "soapaction": '""'}
    unsigned = prosecution.http.post(
        "/soap/v1/restoration.v1", content=enveloped(restoration), headers=fields
    )
    assert Answer.of(unsigned).one("code") == "agreement.origin_signature_required"
    assert prosecution.refused(before) == ["agreement.origin_signature_required"]
    signed = prosecution.signer().sign(enveloped(restoration))
    taken = prosecution.http.post("/soap/v1/restoration.v1", content=signed, headers=fields)
    assert Answer.of(taken).one("refused") == "1"  # as a record, not as a submission


def test_a_signed_message_is_taken_once(prosecution: Prosecution, tmp_path: Path) -> None:
    signer = prosecution.signer()
    envelope = signer.sign(enveloped(message(judgment())))
    assert Answer.of(prosecution.post(envelope)).one("accepted") == "1"
    before = prosecution.auditor.size("ppo")
    assert Answer.of(prosecution.post(envelope)).one("code") == "origin.replayed"
    # Not under another writing of the same signature, either.
    reflowed = envelope.replace(b"<ds:SignatureValue>", b"<ds:SignatureValue>\n")
    assert Answer.of(prosecution.post(reflowed)).one("code") == "origin.replayed"
    assert xmlsec1(reflowed, signer.certificate, tmp_path)
    assert prosecution.refused(before) == ["origin.replayed"] * 2


def test_an_agency_signs_again_to_send_again(prosecution: Prosecution) -> None:
    record = judgment()
    first, second = (prosecution.signer().sign(enveloped(message(record))) for _ in range(2))
    assert Answer.of(prosecution.post(first)).one("accepted") == "1"
    assert Answer.of(prosecution.post(second)).one("duplicate") == "1"


# Attacks: each takes a signed message apart and returns what an attacker would send.


class Taken:
    """A signed message in parts."""

    def __init__(self, prosecution: Prosecution, kind: str = "ecdsa") -> None:
        self.prosecution = prosecution
        self.signer = prosecution.signer(kind)
        self.root = etree.fromstring(self.signer.sign(enveloped(message(judgment()))))
        self.header, self.body = self.root
        self.security = self.header[0]
        self.timestamp, self.token, self.signature = self.security

    @property
    def info(self) -> Node:
        return self.signature[0]

    def evil_body(self) -> Node:
        """Return a Body with another record than the one that was signed."""
        return etree.fromstring(enveloped(message(judgment())))[0]

    def sent(self) -> bytes:
        return etree.tostring(self.root)

    def resigned(self) -> bytes:
        return self.signer.resigned(self.root)


def wrapped_in_header(taken: Taken) -> bytes:
    """The signed Body is moved into a header block that nobody reads, and another takes its place."""
    evil = taken.evil_body()
    taken.root.replace(taken.body, evil)
    etree.SubElement(taken.header, "{urn:x}Wrapper").append(taken.body)
    return taken.sent()


def wrapped_with_the_same_id(taken: Taken) -> bytes:
    evil = taken.evil_body()
    evil.set(f"{{{WSU}}}Id", taken.body.get(f"{{{WSU}}}Id"))
    taken.root.replace(taken.body, evil)
    etree.SubElement(taken.header, "{urn:x}Wrapper").append(taken.body)
    return taken.sent()


def wrapped_in_security(taken: Taken) -> bytes:
    taken.root.replace(taken.body, taken.evil_body())
    taken.security.append(taken.body)
    return taken.sent()


def wrapped_in_signature_object(taken: Taken) -> bytes:
    taken.root.replace(taken.body, taken.evil_body())
    etree.SubElement(taken.signature, f"{{{DS}}}Object").append(taken.body)
    return taken.sent()


def wrapped_in_new_body(taken: Taken) -> bytes:
    evil = taken.evil_body()
    taken.root.replace(taken.body, evil)
    evil.append(taken.body)
    return taken.sent()


def two_bodies(taken: Taken) -> bytes:
    taken.root.append(taken.evil_body())
    return taken.sent()


def body_before_header(taken: Taken) -> bytes:
    taken.root.insert(0, taken.evil_body())
    return taken.sent()


def two_security_headers(taken: Taken) -> bytes:
    taken.header.append(copy.deepcopy(taken.security))
    return taken.sent()


def timestamp_wrapped(taken: Taken) -> bytes:
    """An old signed Timestamp is put aside and a fresh one shown."""
    old = taken.timestamp
    fresh = copy.deepcopy(old)
    fresh.set(f"{{{WSU}}}Id", "fresh")
    taken.security.replace(old, fresh)
    etree.SubElement(taken.header, "{urn:x}Wrapper").append(old)
    return taken.sent()


def plain_id_collision(taken: Taken) -> bytes:
    """Another element carries the Body's name in an attribute that other readers take for an ID."""
    etree.SubElement(taken.header, "{urn:x}Other").set("Id", taken.body.get(f"{{{WSU}}}Id"))
    return taken.sent()


def xml_id_collision(taken: Taken) -> bytes:
    other = etree.SubElement(taken.header, "{urn:x}Other")
    other.set("{http://www.w3.org/XML/1998/namespace}id", taken.body.get(f"{{{WSU}}}Id"))
    return taken.sent()


def whole_document_reference(taken: Taken) -> bytes:
    taken.info[2].set("URI", "")
    return taken.sent()


def external_reference(taken: Taken) -> bytes:
    taken.info[2].set("URI", "http://127.0.0.1:1/body.xml")
    return taken.sent()


def xpointer_reference(taken: Taken) -> bytes:
    taken.info[2].set("URI", f"#xpointer(id('{taken.body.get(f'{{{WSU}}}Id')}'))")
    return taken.sent()


def transform(taken: Taken, algorithm: str, inner: str = "") -> bytes:
    transforms = taken.info[3].find(f"{{{DS}}}Transforms")
    added = etree.SubElement(transforms, f"{{{DS}}}Transform", Algorithm=algorithm)
    if inner:
        added.append(etree.fromstring(inner))
    return taken.resigned()


def xpath_transform(taken: Taken) -> bytes:
    inner = f'<d:XPath xmlns:d="{DS}">not(ancestor-or-self::*[local-name()="Months"])</d:XPath>'
    return transform(taken, "http://www.w3.org/TR/1999/REC-xpath-19991116", inner)


def xpath_filter(taken: Taken) -> bytes:
    inner = '<x:XPath xmlns:x="http://www.w3.org/2002/06/xmldsig-filter2" Filter="intersect">//*</x:XPath>'
    return transform(taken, "http://www.w3.org/2002/06/xmldsig-filter2", inner)


def xslt_transform(taken: Taken) -> bytes:
    inner = '<t:stylesheet xmlns:t="http://www.w3.org/1999/XSL/Transform" version="1.0"/>'
    return transform(taken, "http://www.w3.org/TR/1999/REC-xslt-19991116", inner)


def enveloped_transform(taken: Taken) -> bytes:
    return transform(taken, f"{DS}enveloped-signature")


def algorithm(place: str, value: str) -> Callable[[Taken], bytes]:
    def attack(taken: Taken) -> bytes:
        for found in taken.info.iter(f"{{{DS}}}{place}"):
            found.set("Algorithm", value)
        return taken.resigned()

    return attack


def output_length(taken: Taken) -> bytes:
    """A signature of which only no bits are compared (CVE-2009-0217)."""
    taken.info[1].set("Algorithm", f"{DS}hmac-sha1")
    etree.SubElement(taken.info[1], f"{{{DS}}}HMACOutputLength").text = "0"
    return taken.sent()


def only_the_timestamp_is_signed(taken: Taken) -> bytes:
    taken.info.remove(taken.info[3])
    return taken.resigned()


def only_the_body_is_signed(taken: Taken) -> bytes:
    taken.info.remove(taken.info[2])
    return taken.resigned()


def nothing_is_signed(taken: Taken) -> bytes:
    for found in taken.info[2:]:
        taken.info.remove(found)
    return taken.resigned()


def manifest(taken: Taken) -> bytes:
    """References in a Manifest are not checked by everyone."""
    held = etree.SubElement(etree.SubElement(taken.signature, f"{{{DS}}}Object"), f"{{{DS}}}Manifest")
    held.append(taken.info[3])
    return taken.resigned()


def key_info(replacement: str) -> Callable[[Taken], bytes]:
    def attack(taken: Taken) -> bytes:
        held = taken.signature[2]
        for child in list(held):
            held.remove(child)
        held.append(etree.fromstring(replacement))
        return taken.sent()

    return attack


def key_of_the_attacker(taken: Taken) -> bytes:
    """The attacker signs with a key of its own and brings the certificate along."""
    key = ec.generate_private_key(ec.SECP256R1())
    signer = Signer(HeldKey(key), certificate(taken.prosecution.site.authority, key))
    return signer.sign(enveloped(message(judgment())))


def two_tokens(taken: Taken) -> bytes:
    taken.security.insert(0, copy.deepcopy(taken.token))
    return taken.sent()


def two_key_infos(taken: Taken) -> bytes:
    taken.signature.append(copy.deepcopy(taken.signature[2]))
    return taken.sent()


def changed_body(taken: Taken) -> bytes:
    return taken.sent().replace(b"<Months>12</Months>", b"<Months>13</Months>")


def changed_signature(taken: Taken) -> bytes:
    other = Taken(taken.prosecution)
    taken.signature[1].text = other.signature[1].text
    return taken.sent()


def other_certificate(how: dict[str, object]) -> Callable[[Taken], bytes]:
    return lambda taken: taken.prosecution.signer(**how).sign(enveloped(message(judgment())))


def foreign_authority(taken: Taken) -> bytes:
    held = taken.prosecution.keys["ecdsa"]
    return Signer(held, certificate(Authority("Elsewhere"), held.key)).sign(enveloped(message(judgment())))


def made(minutes: int) -> Callable[[Taken], bytes]:
    def attack(taken: Taken) -> bytes:
        return taken.signer.sign(enveloped(message(judgment())), datetime.now(UTC) + minutes * MINUTE)

    return attack


def timestamp_stretched(taken: Taken) -> bytes:
    taken.timestamp[1].text = "2099-01-01T00:00:00Z"
    return taken.sent()


def timestamp_without_end(taken: Taken) -> bytes:
    taken.timestamp.remove(taken.timestamp[1])
    return taken.resigned()


def instruction(taken: Taken) -> bytes:
    return taken.sent().replace(b"<s:Body", b"<?x y?><s:Body", 1)


def password_beside(taken: Taken) -> bytes:
    etree.SubElement(taken.security, f"{{{WSSE}}}UsernameToken")
    return taken.sent()


def many_prefixes(taken: Taken) -> bytes:
    named = etree.SubElement(taken.info[3][0][0], f"{{{EXC_C14N}}}InclusiveNamespaces")
    named.set("PrefixList", " ".join(f"p{n}" for n in range(100)))
    return taken.resigned()


SHA1, MD5 = f"{DS}sha1", "http://www.w3.org/2001/04/xmldsig-more#md5"
ATTACKS: dict[str, tuple[Callable[[Taken], bytes], str]] = {
    "wrapping: into a header block": (wrapped_in_header, "origin.not_covered"),
    "wrapping: with the same ID": (wrapped_with_the_same_id, "origin.ambiguous"),
    "wrapping: into the Security header": (wrapped_in_security, "origin.malformed"),
    "wrapping: into the signature's Object": (wrapped_in_signature_object, "origin.malformed"),
    "wrapping: into the new Body": (wrapped_in_new_body, "origin.not_covered"),
    "wrapping: a second Body": (two_bodies, "soap.envelope"),
    "wrapping: a Body before the Header": (body_before_header, "soap.envelope"),
    "wrapping: the Timestamp": (timestamp_wrapped, "origin.not_covered"),
    "two Security headers": (two_security_headers, "origin.ambiguous"),
    "ID collision: Id": (plain_id_collision, "origin.ambiguous"),
    "ID collision: xml:id": (xml_id_collision, "origin.ambiguous"),
    "reference: the whole document": (whole_document_reference, "origin.malformed"),
    "reference: elsewhere": (external_reference, "origin.malformed"),
    "reference: XPointer": (xpointer_reference, "origin.not_covered"),
    "transform: XPath": (xpath_transform, "origin.wrong_algorithm"),
    "transform: XPath filter": (xpath_filter, "origin.wrong_algorithm"),
    "transform: XSLT": (xslt_transform, "origin.wrong_algorithm"),
    "transform: enveloped signature after the canonical form": (enveloped_transform, "origin.wrong_algorithm"),
    "transform: XSLT alone": (
        algorithm("Transform", "http://www.w3.org/TR/1999/REC-xslt-19991116"), "origin.wrong_algorithm",
    ),
    "algorithm: SHA-1 digests": (algorithm("DigestMethod", SHA1), "origin.wrong_algorithm"),
    "algorithm: RSA with SHA-1": (algorithm("SignatureMethod", f"{DS}rsa-sha1"), "origin.wrong_algorithm"),
    "algorithm: RSA with MD5": (algorithm("SignatureMethod", MD5), "origin.wrong_algorithm"),
    "algorithm: another key's": (
        algorithm("SignatureMethod", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"),
        "origin.wrong_algorithm",
    ),
    "algorithm: inclusive C14N": (
        algorithm("CanonicalizationMethod", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
        "origin.wrong_algorithm",
    ),
    "algorithm: C14N with comments": (
        algorithm("Transform", f"{EXC_C14N}WithComments"), "origin.wrong_algorithm",
    ),
    "algorithm: HMAC of no length": (output_length, "origin.wrong_algorithm"),
    "not covered: the Body": (only_the_timestamp_is_signed, "origin.not_covered"),
    "not covered: the Timestamp": (only_the_body_is_signed, "origin.not_covered"),
    "not covered: anything": (nothing_is_signed, "origin.not_covered"),
    "not covered: what a Manifest names": (manifest, "origin.malformed"),
    "key: of the attacker": (key_of_the_attacker, "origin.unknown_key"),
    "key: a bare value": (
        key_info(f'<d:KeyValue xmlns:d="{DS}"><d:RSAKeyValue/></d:KeyValue>'), "origin.malformed",
    ),
    "key: fetched from elsewhere": (
        key_info(f'<d:RetrievalMethod xmlns:d="{DS}" URI="http://127.0.0.1:1/"/>'), "origin.malformed",
    ),
    "key: by name": (key_info(f'<d:KeyName xmlns:d="{DS}">ppo-ecdsa</d:KeyName>'), "origin.malformed"),
    "key: another reference": (
        key_info(f'<w:SecurityTokenReference xmlns:w="{WSSE}"><w:Reference URI="#x"/></w:SecurityTokenReference>'),
        "origin.malformed",
    ),
    "key: two tokens": (two_tokens, "origin.ambiguous"),
    "key: two KeyInfo": (two_key_infos, "origin.malformed"),
    "certificate: from another authority": (foreign_authority, "origin.untrusted"),
    "certificate: expired": (
        other_certificate({"begins": datetime(2024, 1, 1, tzinfo=UTC)}), "origin.untrusted",
    ),
    "certificate: not for signatures": (other_certificate({"signs": False}), "origin.untrusted"),
    "changed: the Body": (changed_body, "origin.wrong_digest"),
    "changed: the signature": (changed_signature, "origin.wrong_signature"),
    "time: too old": (made(-6), "origin.not_fresh"),
    "time: in the future": (made(3), "origin.not_fresh"),
    "time: stretched": (timestamp_stretched, "origin.wrong_digest"),
    "time: without an end": (timestamp_without_end, "origin.malformed"),
    "a processing instruction": (instruction, "origin.malformed"),
    "a password beside the signature": (password_beside, "origin.malformed"),
    "too many prefixes": (many_prefixes, "origin.malformed"),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_and_in_the_lane(prosecution: Prosecution, name: str) -> None:
    attack, code = ATTACKS[name]
    envelope = attack(Taken(prosecution))
    before = prosecution.auditor.size("ppo")
    answer = Answer.of(prosecution.post(envelope))
    assert (answer.all("accepted"), answer.one("code")) == ([], code)
    assert prosecution.refused(before) == [code]


STRUCTURE = "what is signed is in the message, but not where it is read"
COVERAGE = "XML Signature leaves it to the application what has to be signed"
ALGORITHM = "XML Signature knows more algorithms than are allowed here"
FORM = "the message says more, or says it otherwise, than the one form that is taken"
TRUST = "whose key it is, and whether its certificate is to be trusted, stands outside the signature"
TIME = "when it was made stands outside the signature"
HOLDS_AND_IS_REFUSED = {
    "wrapping: into a header block": STRUCTURE,
    "wrapping: into the new Body": STRUCTURE,
    "wrapping: a second Body": STRUCTURE,
    "wrapping: a Body before the Header": STRUCTURE,
    "wrapping: the Timestamp": STRUCTURE,
    "transform: XPath filter": ALGORITHM,
    "algorithm: C14N with comments": ALGORITHM,
    "not covered: the Body": COVERAGE,
    "not covered: the Timestamp": COVERAGE,
    "not covered: what a Manifest names": COVERAGE,
    "key: of the attacker": TRUST,
    "key: fetched from elsewhere": FORM,
    "key: by name": FORM,
    "key: another reference": FORM,
    "certificate: from another authority": TRUST,
    "certificate: expired": TRUST,
    "certificate: not for signatures": TRUST,
    "time: too old": TIME,
    "time: in the future": TIME,
    "time: without an end": FORM,
    "a processing instruction": FORM,
    "a password beside the signature": FORM,
    "too many prefixes": FORM,
}
"""Attacks whose signature is genuine, under the certificate that came with it: what only verifies signatures takes
them. For each the reason why it is refused nevertheless; of all others xmlsec1 says itself that nothing holds."""


@pytest.mark.parametrize("name", ATTACKS)
def test_xmlsec1_agrees_but_where_the_reason_is_outside_the_signature(
    prosecution: Prosecution, name: str, tmp_path: Path
) -> None:
    envelope = ATTACKS[name][0](Taken(prosecution))
    token = etree.fromstring(envelope).find(f".//{{{WSSE}}}BinarySecurityToken")
    came = x509.load_der_x509_certificate(base64.b64decode(token.text))
    assert xmlsec1(envelope, came, tmp_path) == (name in HOLDS_AND_IS_REFUSED)


def test_a_revoked_certificate_signs_nothing(prosecution: Prosecution) -> None:
    signer = prosecution.signer()
    assert Answer.of(prosecution.post(signer.sign(enveloped(message(judgment()))))).one("accepted") == "1"
    prosecution.revoke(signer.certificate)
    prosecution.until_refused(lambda: signer.sign(enveloped(message(judgment()))), "origin.untrusted")


def test_a_certificate_that_is_shut_out_by_hand_signs_nothing(prosecution: Prosecution) -> None:
    signer = prosecution.signer()
    path = prosecution.site.config / "agencies" / "ppo.yaml"
    before = path.read_text()
    path.write_text(f"{before}\nrevoked: [{fingerprint(signer.der)}]\n")
    try:
        prosecution.until_refused(lambda: signer.sign(enveloped(message(judgment()))), "origin.untrusted")
        other = prosecution.signer()
        assert Answer.of(prosecution.post(other.sign(enveloped(message(judgment()))))).one("accepted") == "1"
    finally:
        path.write_text(before)


def test_the_action_cannot_name_another_operation_than_what_was_signed(
    prosecution: Prosecution, tmp_path: Path
) -> None:
    signer = prosecution.signer()
    envelope = signer.sign(enveloped(message(operation="ping")))
    assert xmlsec1(envelope, signer.certificate, tmp_path)
    before = prosecution.auditor.size("ppo")
    assert Answer.of(prosecution.post(envelope, "submit")).one("code") == "soap.action"
    assert prosecution.refused(before) == ["soap.action"]


def test_what_is_read_is_what_was_signed(prosecution: Prosecution, tmp_path: Path) -> None:
    """Comments are not signed: what they would split must be read as one."""
    number = reference()
    root = etree.fromstring(enveloped(message(judgment(number))))
    signer = prosecution.signer()
    signed = signer.sign(etree.tostring(root))
    split = signed.replace(number.encode(), number[:5].encode() + b"<!-- -->" + number[5:].encode())
    assert xmlsec1(split, signer.certificate, tmp_path)
    answer = Answer.of(prosecution.post(split))
    entry = json.loads(json.loads(answer.one("receipt"))["entry"])
    assert entry["source_ref"] == number


def test_a_signature_does_not_cover_an_attachment(prosecution: Prosecution, tmp_path: Path) -> None:
    include = '<x:Include xmlns:x="http://www.w3.org/2004/08/xop/include" href="cid:records"/>'
    asked = f'<m:submitDocument xmlns:m="{MESSAGES}"><m:document>{include}</m:document></m:submitDocument>'
    signer = prosecution.signer()
    envelope = signer.sign(enveloped(asked))
    assert xmlsec1(envelope, signer.certificate, tmp_path)
    before = prosecution.auditor.size("ppo")
    assert Answer.of(prosecution.post(envelope, "submitDocument")).one("code") == "origin.not_covered"
    assert prosecution.refused(before) == ["origin.not_covered"]


def test_a_version_that_was_not_signed_is_not_read(prosecution: Prosecution, tmp_path: Path) -> None:
    signer = prosecution.signer()
    envelope = signer.sign(enveloped(message(judgment())))
    assert xmlsec1(envelope, signer.certificate, tmp_path)
    answered = prosecution.post(envelope, old=False)
    assert Answer.of(answered).one("code") == "soap.version"
    assert SOAP11.encode() in envelope


def test_the_signed_message_is_kept_for_its_recipient_alone(prosecution: Prosecution, tmp_path: Path) -> None:
    site, signer, number = prosecution.site, prosecution.signer(), reference()
    envelope = signer.sign(enveloped(message(judgment(number))))
    answer = Answer.of(prosecution.post(envelope))
    submission = answer.one("submission")
    assert json.loads(json.loads(answer.one("receipt"))["entry"])["submission"] == submission
    exported = [*isnad("log", "envelope", submission), "--config", str(site.config)]
    sealed = subprocess.run(exported, capture_output=True, check=True, timeout=60).stdout
    assert number.encode() not in sealed
    kept, consumer = tmp_path / "kept", site.consumer()
    kept.write_bytes(sealed)
    opened = subprocess.run(
        [*isnad("open"), "--config", str(consumer[0]), "envelope", str(kept)],
        env={**os.environ, **site.admit("nea")},
        capture_output=True,
        check=True,
        timeout=60,
        pass_fds=consumer[1],
    ).stdout
    assert opened == envelope
    assert xmlsec1(opened, signer.certificate, tmp_path)


def test_a_kept_message_that_was_changed_does_not_open() -> None:
    key = PrivateKey.from_seed("nea-1", Suite.HYBRID, bytes(32))
    sealed = seal_evidence(b"<signed/>", "a-submission", [key.public()])
    assert open_evidence(sealed, lambda _: key) == ("a-submission", b"<signed/>")
    with pytest.raises(Tampered, match="changed"):
        open_evidence(sealed[:-1] + bytes([sealed[-1] ^ 1]), lambda _: key)
    with pytest.raises(Tampered):
        open_evidence(sealed.replace(b"a-submission", b"b-submission"), lambda _: key)
    other = PrivateKey.from_seed("nea-1", Suite.HYBRID, bytes([1] * 32))
    with pytest.raises(Tampered):
        open_evidence(sealed, lambda _: other)
