"""An agency's keys for signing messages, the certificates for them, and another program's opinion of a signature."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from lxml import etree

from crypto.origin.envelope import WSU
from crypto.origin.wsse_signing import EnvelopeSigner, sign
from crypto.origin.xml_signature import DS
from gateway.demo.pki import Authority

HOUR = timedelta(hours=1)
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class HeldKey:
    """A signing key in memory (`wsse_signing.EnvelopeKey`)."""

    key: PrivateKey

    def sign(self, message: bytes) -> bytes:
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(message, padding.PKCS1v15(), SHA256())
        r, s = decode_dss_signature(self.key.sign(message, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    @property
    def kind(self):
        return "rsa" if isinstance(self.key, rsa.RSAPrivateKey) else "ecdsa"

    @property
    def public_pem(self) -> str:
        return self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    @property
    def pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def certificate(
    authority: Authority,
    key: PrivateKey,
    *,
    begins: datetime | None = None,
    lasts: timedelta = timedelta(days=30),
    signs: bool = True,
) -> x509.Certificate:
    """Return a certificate for a signing key; without `signs` it is for agreeing on keys."""
    usage = x509.KeyUsage(
        digital_signature=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=not signs,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    begins = begins or datetime.now(UTC) - HOUR
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "signer of ppo")])
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.certificate.public_key())
    return (
        x509.CertificateBuilder(
            authority.certificate.subject, name, key.public_key(), x509.random_serial_number()
        )
        .not_valid_before(begins)
        .not_valid_after(begins + lasts)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(issuer, critical=False)
        .add_extension(usage, critical=True)
        .sign(authority._key, SHA256())
    )


@dataclass(frozen=True)
class Signer:
    """Who signs messages in the name of an agency."""

    held: HeldKey
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def sign(self, envelope: bytes, now: datetime | None = None) -> bytes:
        signer = EnvelopeSigner(self.der, self.held.kind, self.held)
        return sign(envelope, signer, now or datetime.now(UTC))

    def resigned(self, root: etree._Element) -> bytes:
        """Sign again what SignedInfo says, after its references were changed; digests are made anew by ID."""
        info = root.find(f".//{{{DS}}}SignedInfo")
        for reference in info.findall(f"{{{DS}}}Reference"):
            wanted = reference.get("URI")[1:]
            (target,) = [node for node in root.iter() if node.get(f"{{{WSU}}}Id") == wanted][:1]
            digest = hashlib.sha256(canonical(target)).digest()
            reference.find(f"{{{DS}}}DigestValue").text = b64(digest)
        root.find(f".//{{{DS}}}SignatureValue").text = b64(self.held.sign(canonical(info)))
        return etree.tostring(root)


def canonical(node: etree._Element) -> bytes:
    return etree.tostring(node, method="c14n", exclusive=True, with_tail=False)


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def _named(node: etree._Element) -> bool:
    return node.get(f"{{{WSU}}}Id") is not None or node.get("Id") is not None


def xmlsec1(envelope: bytes, certificate: x509.Certificate, folder: Path) -> bool:
    """Return whether xmlsec1 finds that the signature in an envelope holds under a certificate's key."""
    message, certificate_file = folder / "message.xml", folder / "certificate.pem"
    message.write_bytes(envelope)
    certificate_file.write_bytes(certificate.public_bytes(Encoding.PEM))
    command = ["xmlsec1", "--verify", "--pubkey-cert-pem", str(certificate_file)]
    for name in sorted({node.tag for node in etree.fromstring(envelope).iter() if _named(node)}):
        space, _, local = name[1:].partition("}")
        command += ["--id-attr:Id", f"{space}:{local}"]
    done = subprocess.run([*command, str(message)], capture_output=True, text=True, check=False, timeout=60)
    return done.returncode == 0
