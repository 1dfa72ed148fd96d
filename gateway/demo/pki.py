"""A small certificate authority in memory, for agencies' certificates in development and tests."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its key; `chain_pem` is the leaf and then its issuers without the root."""

    certificate: x509.Certificate
    chain_pem: str
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def der(self) -> bytes:
        """The certificate's DER, as a TLS server sees it."""
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def key_pem(self) -> bytes:
        """The private key, PKCS #8 PEM without a password: for programs that take nothing else."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class Authority:
    """Issues and revokes EC P-256 certificates. With `parent` it is an intermediate authority."""

    def __init__(self, name: str, parent: Authority | None = None) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        self._parent = parent
        self._revoked: list[x509.RevokedCertificate] = []
        self._lists = 0
        signer, issuer = (parent._key, parent._name) if parent else (self._key, self._name)  # noqa: SLF001
        now = datetime.now(UTC)
        usage = x509.KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        self.certificate = (
            x509.CertificateBuilder(issuer, self._name, self._key.public_key(), x509.random_serial_number())
            .not_valid_before(now - HOUR)
            .not_valid_after(now + 3650 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
            )
            .sign(signer, SHA256())
        )

    @property
    def pem(self) -> str:
        """The authority's certificate, PEM."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def issue(
        self,
        name: str,
        *,
        hosts: Sequence[str] = (),
        server: bool = False,
        client: bool = True,
        valid_from: datetime | None = None,
        valid_for: timedelta = 30 * DAY,
    ) -> Issued:
        """Issue a certificate for a new key; `hosts` are DNS names, IP addresses or URIs (with `://`)."""
        key = ec.generate_private_key(ec.SECP256R1())
        begin = valid_from or datetime.now(UTC) - HOUR
        purposes = [ExtendedKeyUsageOID.SERVER_AUTH] * server + [ExtendedKeyUsageOID.CLIENT_AUTH] * client
        builder = (
            x509.CertificateBuilder(self._name, _name(name), key.public_key(), x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + valid_for)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )
        if purposes:
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        if hosts:
            names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(self._key, SHA256())
        chain = certificate.public_bytes(Encoding.PEM).decode() + (self.pem if self._parent else "")
        return Issued(certificate, chain, key)

    def revoke(self, issued: Issued) -> None:
        """Put a certificate on the lists issued from now on."""
        self._revoked.append(
            x509.RevokedCertificateBuilder(issued.certificate.serial_number, datetime.now(UTC)).build()
        )

    def crl(self, *, issued_at: datetime | None = None, valid_for: timedelta = DAY) -> bytes:
        """Return the current revocation list, DER."""
        begin = issued_at or datetime.now(UTC) - HOUR
        self._lists += 1
        builder = (
            x509.CertificateRevocationListBuilder(self._name, begin, begin + valid_for)
            .add_extension(x509.CRLNumber(self._lists), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )
        for revoked in self._revoked:
            builder = builder.add_revoked_certificate(revoked)
        return builder.sign(self._key, SHA256()).public_bytes(Encoding.DER)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(host: str) -> x509.GeneralName:
    if "://" in host:
        return x509.UniformResourceIdentifier(host)
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
