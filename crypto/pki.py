"""Certificates: the gateway's own, whose key exists in this process only, and those that peers show.

TLS 1.3, and 1.2 only with ephemeral ECDH and AEAD ciphers, because servers that agencies still run (Windows
Server 2019) have no 1.3. Neither renegotiation nor compression.
"""

from __future__ import annotations

import base64
import hashlib
import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import crypto as openssl

from crypto.errors import KeysUnavailable
from crypto.openbao.connection import Answer, OpenBao, checked_name

RENEW_AFTER = 2 / 3  # of a certificate's life
CERTIFICATE_MAX_BYTES = 16 * 1024
CIPHERS_TLS12 = "ECDHE+AESGCM:ECDHE+CHACHA20:@SECLEVEL=2"
_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME; the ssl module has no name for it

Reason = Literal["malformed", "untrusted", "not_yet_valid", "expired", "revoked", "crl_stale", "wrong_usage"]

# X509_V_ERR_*, openssl/x509_vfy.h
_REASONS: dict[int, Reason] = {
    9: "not_yet_valid",
    10: "expired",
    23: "revoked",
    3: "crl_stale",  # the issuer has no list here: as good as one too old
    11: "crl_stale",  # a list from the future
    12: "crl_stale",
    26: "wrong_usage",
}


class PeerRefused(Exception):  # noqa: N818  a refusal, not a fault
    """A peer's certificate is not accepted. `reason` is stable and names no value of the certificate."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


class PeerVerifier:
    """Judges peers' certificates against issuers and their revocation lists, as they stand when it is made.

    Args:
        issuers: PEM of one or more certificates each. Self-signed ones are trusted; others are
            intermediates on the way to them.
        crls: DER. Every authority on a peer's chain must have a current one.

    Raises:
        ValueError: something in there is no certificate or no list.
    """

    def __init__(self, issuers: Sequence[str], crls: Sequence[bytes]) -> None:
        authorities = [found for pem in issuers for found in x509.load_pem_x509_certificates(pem.encode())]
        self._roots = [_openssl(found) for found in authorities if found.subject == found.issuer]
        self._intermediates = [_openssl(found) for found in authorities if found.subject != found.issuer]
        self._crls = [x509.load_der_x509_crl(crl) for crl in crls]
        self._latest = (0, openssl.X509Store())

    def verify(self, der: bytes, at: datetime) -> x509.Certificate:
        """Return the certificate if it chains to an issuer, is valid at `at`, not revoked, and for clients.

        Raises:
            PeerRefused: it is not; `reason` says why.
        """
        certificate = self._chained(der, at)
        # A certificate that does not say what it is for is not for this.
        if ExtendedKeyUsageOID.CLIENT_AUTH not in _extended_usages(certificate):
            raise PeerRefused("wrong_usage")
        return certificate

    def verify_signer(self, der: bytes, at: datetime) -> x509.Certificate:
        """Return the certificate if it chains to an issuer, is valid at `at`, not revoked, and for signatures.

        Raises:
            PeerRefused: it is not; `reason` says why.
        """
        certificate = self._chained(der, at)
        if not _signs(certificate):
            raise PeerRefused("wrong_usage")
        return certificate

    def _chained(self, der: bytes, at: datetime) -> x509.Certificate:
        if len(der) > CERTIFICATE_MAX_BYTES:
            raise PeerRefused("malformed")
        try:
            certificate = x509.load_der_x509_certificate(der)
            _extended_usages(certificate)  # reads the extensions, which may be malformed
            leaf = _openssl(certificate)
        except (ValueError, x509.DuplicateExtension) as error:
            raise PeerRefused("malformed") from error
        try:
            openssl.X509StoreContext(self._store(at), leaf, self._intermediates).verify_certificate()
        except openssl.X509StoreContextError as error:
            raise PeerRefused(_REASONS.get(error.errors[0], "untrusted")) from error
        return certificate

    def _store(self, at: datetime) -> openssl.X509Store:
        # OpenSSL keeps the first instant that a store is given and ignores all later ones, so each second has
        # its own. Filling one costs 0.1 ms, and 2 ms with 3,000 revocations: too much for every request.
        second, store = self._latest
        if second == int(at.timestamp()):
            return store
        store = openssl.X509Store()
        store.set_flags(
            openssl.X509StoreFlags.X509_STRICT
            | openssl.X509StoreFlags.CRL_CHECK
            | openssl.X509StoreFlags.CRL_CHECK_ALL
        )
        store.set_time(at.astimezone(UTC))
        for root in self._roots:
            store.add_cert(root)
        for crl in self._crls:
            store.add_crl(crl)
        self._latest = (int(at.timestamp()), store)
        return store


def fingerprint(der: bytes) -> str:
    """Return the SHA-256 of a certificate's DER, in lower-case hex."""
    return hashlib.sha256(der).hexdigest()


def spki_pin(der: bytes) -> str:
    """Return `sha256/` and the base64 SHA-256 of a certificate's SubjectPublicKeyInfo (as in RFC 7469 §2.4).

    Raises:
        ValueError: `der` is no certificate.
    """
    public = x509.load_der_x509_certificate(der).public_key()
    spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "sha256/" + base64.b64encode(hashlib.sha256(spki).digest()).decode()


@dataclass(frozen=True, slots=True)
class Credential:
    """A certificate chain (PEM, leaf first, without the root) and its key, in no file and no repr."""

    chain_pem: str
    not_before: datetime
    not_after: datetime
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def renew_at(self) -> datetime:
        """When to ask for the next one: after two thirds of its life."""
        return self.not_before + (self.not_after - self.not_before) * RENEW_AFTER


def issue(bao: OpenBao, role: str, hosts: Sequence[str]) -> Credential:
    """Have a certificate for a new P-256 key signed by the PKI engine; only the request leaves the process.

    `hosts` are DNS names; the first one is also the common name.

    Raises:
        KeysUnavailable: it was not issued; the role may not allow one of the names.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])]))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .sign(key, SHA256())
    )
    body = {
        "csr": request.public_bytes(Encoding.PEM).decode(),
        "common_name": hosts[0],
        "alt_names": ",".join(hosts),
    }
    signed = bao.call("POST", f"pki/sign/{checked_name(role)}", body, answer=Answer[_Signed]).data
    leaf = x509.load_pem_x509_certificate(signed.certificate.encode())
    if leaf.public_key() != key.public_key():
        raise KeysUnavailable("keys: the server certified another key than the one asked for")
    chain = [leaf] + [
        authority
        for pem in signed.ca_chain
        if (authority := x509.load_pem_x509_certificate(pem.encode())).subject != authority.issuer
    ]
    text = "".join(certificate.public_bytes(Encoding.PEM).decode() for certificate in chain)
    return Credential(text, leaf.not_valid_before_utc, leaf.not_valid_after_utc, key)


class GatewayTls:
    """The gateway's own certificate in the TLS contexts made from it, renewed in them while they are in use.

    Renewing exchanges certificate and key in two steps, so call it from the thread that accepts connections
    (the event loop's): no handshake can begin between them.
    """

    def __init__(self, bao: OpenBao, role: str, hosts: Sequence[str]) -> None:
        self._bao = bao
        self._role = role
        self._hosts = tuple(hosts)
        self._contexts: list[ssl.SSLContext] = []
        self.credential = issue(bao, role, hosts)

    def server_context(self, client_issuers_pem: str) -> ssl.SSLContext:
        """Return a context that asks clients for a certificate from one of these issuers.

        The handshake proves the key and the chain. It lets a client without a certificate, or with one out
        of its time, in, so that `PeerVerifier`, which judges time and revocation too, can refuse it in
        words: whoever accepts connections must ask it about every one of them.
        """
        context = _strict(ssl.PROTOCOL_TLS_SERVER)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=client_issuers_pem)
        context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)
        # A resumed session would not show the certificate it began with to a check made after a revocation.
        context.num_tickets = 0
        context.options |= ssl.OP_NO_TICKET
        context.set_alpn_protocols(["http/1.1"])
        return self._with_credential(context)

    def client_context(self, server_issuers_pem: str) -> ssl.SSLContext:
        """Return a context for calling servers certified by these issuers, under the name that was called."""
        context = _strict(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=server_issuers_pem)
        return self._with_credential(context)

    def renew_if_due(self, at: datetime) -> bool:
        """Renew when two thirds of the certificate's life have passed at `at`; say whether it was renewed.

        Raises:
            KeysUnavailable: it is due and was not renewed; the present one stays in use.
        """
        if at < self.credential.renew_at:
            return False
        self.credential = issue(self._bao, self._role, self._hosts)
        for context in self._contexts:
            load_credential(context, self.credential)
        return True

    def _with_credential(self, context: ssl.SSLContext) -> ssl.SSLContext:
        load_credential(context, self.credential)
        self._contexts.append(context)
        return context


def load_credential(context: ssl.SSLContext, credential: Credential) -> None:
    """Load a chain and its key into a context: ssl reads files only, so it gets anonymous memory."""
    descriptor = os.memfd_create("credential", os.MFD_CLOEXEC)
    try:
        key = credential.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        os.write(descriptor, key + credential.chain_pem.encode())
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def _strict(protocol: ssl._SSLMethod) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS_TLS12)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def _openssl(certificate: x509.Certificate) -> openssl.X509:
    return openssl.X509.from_cryptography(certificate)


def _extended_usages(certificate: x509.Certificate) -> frozenset[x509.ObjectIdentifier]:
    try:
        return frozenset(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return frozenset()


def _signs(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return usage.digital_signature


class _Signed(msgspec.Struct):
    certificate: str  # PEM
    ca_chain: list[str] = []
