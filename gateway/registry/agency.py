"""A participant: its file, and the certificates, lists and keys that the file refers to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from contracts.errors import Invalid, Problem
from crypto.origin import OriginKey, load_key
from crypto.pki import PeerVerifier
from gateway.configuration import CRL_MAX_BYTES, line_of, parse, read
from gateway.registry.agency_file import AgencyFile, ByEndpoint, Identity, NamedKey


@dataclass(frozen=True, slots=True)
class WayIn:
    """An identity with what it refers to; `verifier` judges certificates for it.

    From `lists_until`, when the first of its revocation lists is due to be replaced, it lets nobody in.
    """

    identity: Identity
    lists_until: datetime
    issuers_pem: str = field(repr=False)
    verifier: PeerVerifier = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Server:
    """What is known of a server of an agency's: who certifies it, and its WSDL when it is called by SOAP."""

    ca_pem: str = field(repr=False)
    wsdl: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Agency:
    """A participant: its file, and what the file refers to. `digest` is the SHA-256 (hex) over all of it.

    `server` is the one that records are delivered to, `fetched` the one that they are fetched from.
    """

    file: AgencyFile
    ways_in: tuple[WayIn, ...]
    origin_keys: Mapping[str, OriginKey]
    server: Server | None
    fetched: Server | None
    digest: str

    @property
    def name(self) -> str:
        """Its name, which is also its lane's."""
        return self.file.name


def load_agency(folder: Path, path: str) -> Agency:
    """Return the agency that `path` (relative to `folder`) describes.

    Raises:
        Invalid: every problem of the file and of those it refers to.
    """
    octets = read(folder, path)
    file = parse(octets, path, AgencyFile)
    loading = _Loading(folder, path, octets)
    if f"agencies/{file.name}.yaml" != path:
        loading.problem("registry.name", "must be the file's own name", "name")
    ways_in = tuple(loading.way_in(number, identity) for number, identity in enumerate(file.identity))
    keys = {named.kid: loading.origin_key(number, named) for number, named in enumerate(file.origin_keys)}
    if len(keys) != len(file.origin_keys):
        loading.problem("registry.kid_twice", "two keys have the same kid", "origin_keys")
    endpoint = file.delivery if isinstance(file.delivery, ByEndpoint) else None
    server = loading.server(endpoint.server_ca, endpoint.wsdl, "delivery") if endpoint else None
    fetched = loading.server(file.fetched.server_ca, file.fetched.wsdl, "fetched") if file.fetched else None
    if loading.problems:
        raise Invalid(tuple(loading.problems))
    return Agency(
        file,
        tuple(way for way in ways_in if way),
        {kid: key for kid, key in keys.items() if key},
        server,
        fetched,
        loading.hasher.hexdigest(),
    )


class _Loading:
    """Reads what an agency's file refers to, and remembers what was wrong and what it all hashes to."""

    def __init__(self, folder: Path, path: str, octets: bytes) -> None:
        self._folder = folder
        self._path = path
        self._octets = octets
        self.problems: list[Problem] = []
        self.hasher = hashlib.sha256(b"isnad-agency/v1\0")
        self._hash(octets)

    def problem(self, rule: str, message: str, *where: str | int) -> None:
        self.problems.append(Problem(self._path, line_of(self._octets, *where), rule, message))

    def way_in(self, number: int, identity: Identity) -> WayIn | None:
        where = ("identity", number)
        issuers = self._text(identity.issuers, *where, "issuers")
        crls = [self._crl(name, *where, "crls", n) for n, name in enumerate(identity.crls)]
        known = [crl for crl in crls if crl]
        if not issuers or len(known) < len(crls):
            return None
        try:
            verifier = PeerVerifier([issuers], [octets for octets, _ in known])
            return WayIn(identity, min(until for _, until in known), issuers, verifier)
        except ValueError:
            self.problem("registry.certificates", "issuers must hold certificates, PEM", *where, "issuers")
            return None

    def origin_key(self, number: int, named: NamedKey) -> OriginKey | None:
        pem = self._text(named.key, "origin_keys", number, "key")
        try:
            return load_key(pem) if pem else None
        except ValueError:
            self.problem(
                "registry.origin_key",
                "must be a public key, PEM: Ed25519, ECDSA P-256, or RSA of at least 3072 bits",
                "origin_keys",
                number,
                "key",
            )
            return None

    def server(self, server_ca: str, wsdl: str | None, *where: str) -> Server:
        pem = self._text(server_ca, *where, "server_ca")
        try:
            x509.load_pem_x509_certificates(pem.encode())
        except ValueError:
            self.problem("registry.certificates", "must hold certificates, PEM", *where, "server_ca")
        return Server(pem, self._read(wsdl, CRL_MAX_BYTES, *where, "wsdl") if wsdl else b"")

    def _crl(self, name: str, *where: str | int) -> tuple[bytes, datetime] | None:
        """Return a revocation list as DER, and when the next one is due."""
        octets = self._read(name, CRL_MAX_BYTES, *where)
        if not octets:
            return None
        pem = octets.startswith(b"-----BEGIN")
        try:
            crl = x509.load_pem_x509_crl(octets) if pem else x509.load_der_x509_crl(octets)
        except ValueError:
            self.problem("registry.crl", "must be a revocation list, PEM or DER", *where)
            return None
        if crl.next_update_utc is None:
            self.problem("registry.crl", "must say when the next list is due", *where)
            return None
        return crl.public_bytes(Encoding.DER), crl.next_update_utc

    def _text(self, name: str, *where: str | int) -> str:
        return self._read(name, CRL_MAX_BYTES, *where).decode("ascii", "replace")

    def _read(self, name: str, max_bytes: int, *where: str | int) -> bytes:
        """Return a file's octets, or none after having noted why; an empty file is as good as none."""
        try:
            octets = read(self._folder, name, max_bytes)
        except Invalid as error:
            for found in error.problems:
                self.problem(found.rule, f"{name} {found.message}", *where)
            return b""
        if not octets:
            self.problem("registry.file_empty", f"{name} is empty", *where)
        self._hash(octets)
        return octets

    def _hash(self, octets: bytes) -> None:
        self.hasher.update(len(octets).to_bytes(8, "big"))
        self.hasher.update(octets)
