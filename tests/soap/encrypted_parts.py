"""A signed message encrypted for the gateway, in the form that WSS4J and WCF write, and in others."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from lxml import etree
from signed_parts import b64

from crypto.origin.envelope import WSSE
from crypto.origin.xml_encryption import CONTENT, ELEMENT, MGF1_SHA256, RSA_OAEP, XENC, XENC11
from crypto.origin.xml_encryption import SHA256 as SHA256_URI
from crypto.origin.xml_signature import DS

AES256 = f"{XENC11}aes256-gcm"
KEY_BYTES = {f"{XENC11}aes128-gcm": 16, AES256: 32}


@dataclass
class Encryption:
    """How a message is encrypted; what is not said is as the guide wants it."""

    certificate: str
    content: str = AES256
    transport: str = RSA_OAEP
    digest: str = SHA256_URI
    mgf: str = MGF1_SHA256
    padding: padding.AsymmetricPadding = field(
        default_factory=lambda: padding.OAEP(padding.MGF1(SHA256()), SHA256(), None)
    )
    signature_too: bool = True
    key_bytes: int = 0

    def __post_init__(self) -> None:
        self.key = os.urandom(self.key_bytes or KEY_BYTES.get(self.content, 32))

    def of(self, envelope: bytes) -> bytes:
        """Return a signed envelope encrypted."""
        root = etree.fromstring(envelope)
        return etree.tostring(self.within(root))

    def within(self, root: etree._Element) -> etree._Element:
        header, body = root
        (security,) = header.iter(f"{{{WSSE}}}Security")
        names = [self._hide_content(body)]
        if self.signature_too:
            names.append(self._hide_element(security.find(f"{{{DS}}}Signature")))
        security.insert(0, self._transport(names))
        return root

    def _hide_content(self, body: etree._Element) -> str:
        inner = (body.text or "").encode() + b"".join(etree.tostring(child) for child in body)
        for child in list(body):
            body.remove(child)
        body.text = None
        body.append(self.data("ED-body", CONTENT, inner))
        return "ED-body"

    def _hide_element(self, node: etree._Element) -> str:
        parent = node.getparent()
        parent.replace(node, self.data("ED-signature", ELEMENT, etree.tostring(node, with_tail=False)))
        return "ED-signature"

    def data(self, name: str, kind: str, plain: bytes) -> etree._Element:
        iv = os.urandom(12)
        length = 16 if len(self.key) < 24 else 32
        cipher = AESGCM(self.key[:length].ljust(length, b"\0"))
        value = b64(iv + cipher.encrypt(iv, plain, None))
        return etree.fromstring(
            f'<e:EncryptedData xmlns:e="{XENC}" Id="{name}" Type="{kind}">'
            f'<e:EncryptionMethod Algorithm="{self.content}"/>'
            f'<d:KeyInfo xmlns:d="{DS}"><w:SecurityTokenReference xmlns:w="{WSSE}"><w:Reference URI="#EK-1"/>'
            "</w:SecurityTokenReference></d:KeyInfo>"
            f"<e:CipherData><e:CipherValue>{value}</e:CipherValue></e:CipherData></e:EncryptedData>"
        )

    def _transport(self, names: list[str]) -> etree._Element:
        public = x509.load_pem_x509_certificate(self.certificate.encode()).public_key()
        assert isinstance(public, rsa.RSAPublicKey)
        wrapped = public.encrypt(self.key, self.padding)
        return transport(wrapped, names, self.transport, self.digest, self.mgf)


def transport(
    wrapped: bytes, names: list[str], method: str = RSA_OAEP, digest: str = SHA256_URI, mgf: str = MGF1_SHA256
) -> etree._Element:
    """Return the EncryptedKey that carries an encrypted key for the parts of these IDs."""
    references = "".join(f'<e:DataReference URI="#{name}"/>' for name in names)
    said = f'<x:MGF xmlns:x="{XENC11}" Algorithm="{mgf}"/>' if mgf else ""
    return etree.fromstring(
        f'<e:EncryptedKey xmlns:e="{XENC}" Id="EK-1"><e:EncryptionMethod Algorithm="{method}">'
        f'<d:DigestMethod xmlns:d="{DS}" Algorithm="{digest}"/>{said}</e:EncryptionMethod>'
        f"<e:CipherData><e:CipherValue>{b64(wrapped)}</e:CipherValue></e:CipherData>"
        f"<e:ReferenceList>{references}</e:ReferenceList></e:EncryptedKey>"
    )


def oaep(digest: HashAlgorithm, mgf: HashAlgorithm) -> padding.OAEP:
    return padding.OAEP(padding.MGF1(mgf), digest, None)


SHA1_OAEP = oaep(SHA1(), SHA1())  # noqa: S303  to be refused


def encrypted_by_others(envelope: bytes, certificate: str, content: str, folder: Path) -> bytes:
    """Return a signed envelope encrypted by programs that are not ours: xmlsec1, and `openssl pkeyutl`."""
    key, holder, wrapped = folder / "key", folder / "holder.pem", folder / "wrapped"
    key.write_bytes(os.urandom(KEY_BYTES[content]))
    holder.write_text(certificate)
    oaep_options = [f"rsa_{name}" for name in ("padding_mode:oaep", "oaep_md:sha256", "mgf1_md:sha256")]
    _run(
        "openssl", "pkeyutl", "-encrypt", "-certin", "-inkey", str(holder), "-in", str(key), "-out", str(wrapped),
        *(word for option in oaep_options for word in ("-pkeyopt", option)),
    )  # fmt: skip
    for name, kind, node in (
        ("ED-body", CONTENT, "/*/*[local-name()='Body']"),
        ("ED-signature", ELEMENT, "/*/*/*/*[local-name()='Signature']"),
    ):
        plain, template, hidden = folder / "plain.xml", folder / "template.xml", folder / "hidden.xml"
        plain.write_bytes(envelope)
        template.write_text(
            f'<e:EncryptedData xmlns:e="{XENC}" Id="{name}" Type="{kind}"><e:EncryptionMethod Algorithm="{content}"/>'
            f'<d:KeyInfo xmlns:d="{DS}"><d:KeyName>session</d:KeyName></d:KeyInfo>'
            "<e:CipherData><e:CipherValue/></e:CipherData></e:EncryptedData>"
        )
        _run(
            "xmlsec1", "--encrypt", "--aeskey:session", str(key), "--xml-data", str(plain),
            "--node-xpath", node, "--output", str(hidden), str(template),
        )  # fmt: skip
        envelope = hidden.read_bytes()
    root = etree.fromstring(envelope)
    (security,) = root.iter(f"{{{WSSE}}}Security")
    security.insert(0, transport(wrapped.read_bytes(), ["ED-body", "ED-signature"]))
    return etree.tostring(root)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60)
