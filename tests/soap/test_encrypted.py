"""Encrypted messages: what is taken, what is refused, and that a refusal tells nothing of the key."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from encrypted_parts import SHA1_OAEP, Encryption, encrypted_by_others
from lxml import etree
from signed_parts import b64, certificate, xmlsec1
from soap_parts import Prosecution
from support.sample_records import judgment, reference
from support.soap import MESSAGES, PATH, Answer, enveloped, message

from crypto.openbao import decryption
from crypto.origin.envelope import WSSE
from crypto.origin.xml_encryption import CONTENT, XENC, XENC11
from crypto.origin.xml_signature import DS
from gateway.demo.site import HOST, isnad

VERSIONS = pytest.mark.parametrize("old", [True, False], ids=["SOAP 1.1", "SOAP 1.2"])


def signed(prosecution: Prosecution, *, old: bool = True, number: str = "") -> bytes:
    return prosecution.signer().sign(enveloped(message(judgment(number)), old=old))


@VERSIONS
@pytest.mark.parametrize("content", ["aes128-gcm", "aes256-gcm"])
@pytest.mark.parametrize("signature_too", [True, False], ids=["with its signature", "the Body alone"])
def test_an_encrypted_message_is_taken(
    prosecution: Prosecution, offered: str, *, old: bool, content: str, signature_too: bool
) -> None:
    number = reference()
    how = Encryption(offered, XENC11 + content, signature_too=signature_too)
    sent = how.of(signed(prosecution, old=old, number=number))
    assert number.encode() not in sent
    assert (b"SignatureValue" in sent) != signature_too
    answer = Answer.of(prosecution.post(sent, old=old))
    entry = json.loads(json.loads(answer.one("receipt"))["entry"])
    assert (entry["source_ref"], entry["origin"]["wsse"]) == (number, "ppo-ecdsa")


@VERSIONS
@pytest.mark.parametrize("content", ["aes128-gcm", "aes256-gcm"])
def test_what_xmlsec1_and_openssl_encrypt_is_taken(
    prosecution: Prosecution, offered: str, tmp_path: Path, *, old: bool, content: str
) -> None:
    """Other hands: xmlsec1 encrypts Body and Signature, OpenSSL's own program the key."""
    number = reference()
    sent = encrypted_by_others(
        signed(prosecution, old=old, number=number), offered, XENC11 + content, tmp_path
    )
    assert number.encode() not in sent
    assert b"SignatureValue" not in sent
    answer = Answer.of(prosecution.post(sent, old=old))
    entry = json.loads(json.loads(answer.one("receipt"))["entry"])
    assert (entry["source_ref"], entry["origin"]["wsse"]) == (number, "ppo-ecdsa")


def test_the_certificate_is_the_gateways_and_for_nothing_else(prosecution: Prosecution, offered: str) -> None:
    shown = x509.load_pem_x509_certificate(offered.encode())
    shown.verify_directly_issued_by(x509.load_pem_x509_certificate(prosecution.site.prepared.ca_pem.encode()))
    usage = shown.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.key_encipherment, usage.digital_signature) == (True, False)
    assert isinstance(shown.public_key(), rsa.RSAPublicKey)


def test_the_same_signed_message_is_taken_once_however_it_is_encrypted(
    prosecution: Prosecution, offered: str
) -> None:
    envelope = signed(prosecution)
    assert Answer.of(prosecution.post(Encryption(offered).of(envelope))).one("accepted") == "1"
    assert Answer.of(prosecution.post(Encryption(offered).of(envelope))).one("code") == "origin.replayed"
    assert Answer.of(prosecution.post(envelope)).one("code") == "origin.replayed"


def test_what_is_kept_is_what_was_signed(prosecution: Prosecution, offered: str, tmp_path: Path) -> None:
    """Evidence must convince those who cannot decrypt what was for the gateway."""
    site, number = prosecution.site, reference()
    signer = prosecution.signer()
    sent = Encryption(offered).of(signer.sign(enveloped(message(judgment(number)))))
    submission = Answer.of(prosecution.post(sent)).one("submission")
    exported = [*isnad("log", "envelope", submission), "--config", str(site.config)]
    kept, (settings, descriptors) = tmp_path / "kept", site.consumer()
    kept.write_bytes(subprocess.run(exported, capture_output=True, check=True, timeout=60).stdout)
    opened = subprocess.run(
        [*isnad("open"), "--config", str(settings), "envelope", str(kept)],
        env={**os.environ, **site.admit("nea")},
        capture_output=True,
        check=True,
        timeout=60,
        pass_fds=descriptors,
    ).stdout
    assert number.encode() in opened
    assert xmlsec1(opened, signer.certificate, tmp_path)


def test_what_the_agreement_demands_is_held_to(prosecution: Prosecution, offered: str) -> None:
    space = "urn:isnad:soap:restoration.v1"
    restoration = enveloped(
        f'<m:submit xmlns:m="{space}"><Restoration xmlns="urn:eg:ppo:restorations:1" kind="جديد"/></m:submit>'
    )
    fields = {"content-type": "text/xml", "soapaction": '""'}
    before = prosecution.auditor.size("ppo")
    signer = prosecution.signer()

    def post(envelope: bytes) -> Answer:
        return Answer.of(prosecution.http.post("/soap/v1/restoration.v1", content=envelope, headers=fields))

    path = prosecution.site.config / "agreements" / "ppo-nea-restoration.v1.yaml"
    agreed = path.read_text()
    path.write_text(f"{agreed}\nbody_encryption: required\n")
    required = ["agreement.encryption_required"]
    try:
        prosecution.until(lambda: post(signer.sign(restoration)).all("code") == required)
        assert prosecution.refused(before) == required
        hidden = post(Encryption(offered).of(signer.sign(restoration)))
        assert hidden.one("refused") == "1"  # as a record, not as a submission
    finally:
        path.write_text(agreed)
        prosecution.until(lambda: post(signer.sign(restoration)).all("code") != required)


def test_where_no_agreement_allows_it_nothing_is_decrypted(prosecution: Prosecution, offered: str) -> None:
    path = prosecution.site.config / "agreements" / "ppo-nea-deprivation.v1.yaml"
    before = path.read_text()
    path.write_text(before.replace("body_encryption: optional", "body_encryption: refused"))
    try:
        prosecution.until_refused(
            lambda: Encryption(offered).of(signed(prosecution)), "agreement.encryption_refused"
        )
        assert prosecution.http.get(f"{PATH}?certificate").status_code == 404
    finally:
        path.write_text(before)
        prosecution.until(lambda: prosecution.http.get(f"{PATH}?certificate").status_code == 200)


class Taken:
    """A message encrypted as it should be, in its parts."""

    def __init__(self, prosecution: Prosecution, how: Encryption) -> None:
        self.prosecution, self.how = prosecution, how
        self.root = how.within(etree.fromstring(signed(prosecution)))
        self.security = self.root[0][0]
        self.key = self.security[0]
        self.body = self.root[1]
        self.data = self.body[0]

    def sent(self) -> bytes:
        return etree.tostring(self.root)


def otherwise(**changes: object) -> Callable[[Taken], bytes]:
    return lambda taken: replace(taken.how, **changes).of(signed(taken.prosecution))


def for_somebody_else(taken: Taken) -> bytes:
    key = rsa.generate_private_key(65537, 3072)
    other = certificate(taken.prosecution.site.authority, key).public_bytes(Encoding.PEM).decode()
    return Encryption(other).of(signed(taken.prosecution))


def garbled(place: str) -> Callable[[Taken], bytes]:
    def attack(taken: Taken) -> bytes:
        value = (taken.key if place == "key" else taken.data).find(f".//{{{XENC}}}CipherValue")
        value.text = ("B" if value.text[0] == "A" else "A") + value.text[1:]
        return taken.sent()

    return attack


def no_key_at_all(taken: Taken) -> bytes:
    taken.key.find(f".//{{{XENC}}}CipherValue").text = ""
    return taken.sent()


def out_of_the_body(taken: Taken) -> bytes:
    """What is decrypted ends the Body and begins another."""
    soap = etree.QName(taken.body).namespace
    inner = f'</s:Body><s:Body xmlns:s="{soap}">'.encode()
    taken.body.replace(taken.data, taken.how.data("ED-body", CONTENT, inner))
    return taken.sent()


def encrypted_and_then_signed(taken: Taken) -> bytes:
    how = Encryption(taken.how.certificate, signature_too=False)
    root = etree.fromstring(how.of(signed(taken.prosecution)))
    key = root[0][0][0]
    root[0].remove(root[0][0])
    again = etree.fromstring(taken.prosecution.signer().sign(etree.tostring(root)))
    again[0][0].append(key)
    return etree.tostring(again)


def signed_over_the_ciphertext(taken: Taken) -> bytes:
    """As if it had been signed first: the order of the elements does not make it so."""
    root = etree.fromstring(encrypted_and_then_signed(taken))
    root[0][0].insert(0, root[0][0][-1])
    return etree.tostring(root)


def unsigned(taken: Taken) -> bytes:
    how = Encryption(taken.how.certificate, signature_too=False)
    root = etree.fromstring(how.of(signed(taken.prosecution)))
    root[0][0].remove(root[0][0].find(f"{{{DS}}}Signature"))
    return etree.tostring(root)


def two_keys(taken: Taken) -> bytes:
    taken.security.insert(0, etree.fromstring(etree.tostring(taken.key)))
    return taken.sent()


def a_key_within_the_data(taken: Taken) -> bytes:
    taken.data.find(f"{{{DS}}}KeyInfo").append(etree.fromstring(etree.tostring(taken.key)))
    return taken.sent()


def more_than_the_body(taken: Taken) -> bytes:
    taken.security.append(taken.how.data("ED-time", CONTENT, b"<x/>"))
    return taken.sent()


def beside_the_data(taken: Taken) -> bytes:
    etree.SubElement(taken.body, "x")
    return taken.sent()


def not_what_the_key_is_for(taken: Taken) -> bytes:
    taken.data.set("Id", "ED-other")
    return taken.sent()


def fetched_from_elsewhere(taken: Taken) -> bytes:
    held = taken.data.find(f"{{{XENC}}}CipherData")
    held.remove(held[0])
    etree.SubElement(held, f"{{{XENC}}}CipherReference", URI="http://127.0.0.1:1/")
    return taken.sent()


def of_another_type(taken: Taken) -> bytes:
    taken.data.set("Type", "http://www.isi.edu/in-notes/iana/assignments/media-types/text/xml")
    return taken.sent()


def with_a_label(taken: Taken) -> bytes:
    method = taken.key.find(f"{{{XENC}}}EncryptionMethod")
    etree.SubElement(method, f"{{{XENC}}}OAEPparams").text = b64(b"label")
    return taken.sent()


PKCS1 = padding.PKCS1v15()
ATTACKS: dict[str, tuple[Callable[[Taken], bytes], str]] = {
    "key: for somebody else": (for_somebody_else, "origin.undecryptable"),
    "key: garbled": (garbled("key"), "origin.undecryptable"),
    "key: none": (no_key_at_all, "origin.undecryptable"),
    "key: of another length": (otherwise(key_bytes=16), "origin.undecryptable"),
    "key: longer than any": (otherwise(key_bytes=48), "origin.undecryptable"),
    "key: padded as in RSA 1.5 and called OAEP": (otherwise(padding=PKCS1), "origin.undecryptable"),
    "key: OAEP with SHA-1 and called SHA-256": (otherwise(padding=SHA1_OAEP), "origin.undecryptable"),
    "content: garbled": (garbled("content"), "origin.undecryptable"),
    "content: that ends the Body": (out_of_the_body, "origin.undecryptable"),
    "algorithm: RSA 1.5": (otherwise(transport=f"{XENC}rsa-1_5", padding=PKCS1), "origin.wrong_algorithm"),
    "algorithm: OAEP with SHA-1": (
        otherwise(transport=f"{XENC}rsa-oaep-mgf1p", digest=f"{DS}sha1", mgf="", padding=SHA1_OAEP),
        "origin.wrong_algorithm",
    ),
    "algorithm: MGF1 with SHA-1": (otherwise(mgf=f"{XENC11}mgf1sha1"), "origin.wrong_algorithm"),
    "algorithm: MGF1 not named": (otherwise(mgf=""), "origin.wrong_algorithm"),
    "algorithm: a label": (with_a_label, "origin.wrong_algorithm"),
    "algorithm: AES-CBC": (otherwise(content=f"{XENC}aes256-cbc"), "origin.wrong_algorithm"),
    "algorithm: Triple DES": (otherwise(content=f"{XENC}tripledes-cbc"), "origin.wrong_algorithm"),
    "order: encrypted, then signed": (encrypted_and_then_signed, "origin.malformed"),
    "order: the ciphertext is signed": (signed_over_the_ciphertext, "origin.wrong_digest"),
    "form: not signed": (unsigned, "origin.malformed"),
    "form: two keys": (two_keys, "origin.ambiguous"),
    "form: a key within the data": (a_key_within_the_data, "origin.ambiguous"),
    "form: something else is encrypted too": (more_than_the_body, "origin.ambiguous"),
    "form: something beside what is encrypted": (beside_the_data, "origin.malformed"),
    "form: the key is for something else": (not_what_the_key_is_for, "origin.not_covered"),
    "form: fetched from elsewhere": (fetched_from_elsewhere, "origin.malformed"),
    "form: of another type": (of_another_type, "origin.malformed"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_what_is_not_in_the_one_form_is_refused_and_in_the_lane(
    prosecution: Prosecution, offered: str, name: str
) -> None:
    attack, code = ATTACKS[name]
    sent = attack(Taken(prosecution, Encryption(offered)))
    before = prosecution.auditor.size("ppo")
    answer = Answer.of(prosecution.post(sent))
    assert (answer.all("accepted"), answer.one("code")) == ([], code)
    assert prosecution.refused(before) == [code]


def test_whatever_does_not_decrypt_is_answered_in_the_same_words(
    prosecution: Prosecution, offered: str
) -> None:
    """A padding that holds and one that does not must not be told apart (XML Encryption 1.1 §6.1.2)."""
    said = {
        prosecution.post(attack(Taken(prosecution, Encryption(offered)))).content
        for attack, code in ATTACKS.values()
        if code == "origin.undecryptable"
    }
    assert len(said) == 1


def test_an_encrypted_message_has_no_attachment(prosecution: Prosecution, offered: str) -> None:
    include = '<x:Include xmlns:x="http://www.w3.org/2004/08/xop/include" href="cid:records"/>'
    asked = f'<m:submitDocument xmlns:m="{MESSAGES}"><m:document>{include}</m:document></m:submitDocument>'
    envelope = Encryption(offered).of(prosecution.signer().sign(enveloped(asked)))
    assert Answer.of(prosecution.post(envelope, "submitDocument")).one("code") == "origin.not_covered"


def test_a_new_key_is_offered_and_the_one_before_still_taken(prosecution: Prosecution, offered: str) -> None:
    newer = decryption.offer(prosecution.site.keys.administrator(), HOST, new=True)
    assert newer != offered
    for certificate_pem in (newer, offered):
        envelope = Encryption(certificate_pem)
        prosecution.until(
            lambda how=envelope: (
                Answer.of(prosecution.post(how.of(signed(prosecution)))).all("accepted") == ["1"]
            )
        )


def test_no_security_header_hides_what_is_encrypted(prosecution: Prosecution, offered: str) -> None:
    root = Taken(prosecution, Encryption(offered)).root
    root[0].remove(root[0].find(f"{{{WSSE}}}Security"))
    assert Answer.of(prosecution.post(etree.tostring(root))).one("code") == "origin.malformed"
