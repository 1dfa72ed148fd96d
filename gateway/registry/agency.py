"""What `agencies/<name>.yaml` says of a participant, with the certificates, lists and keys it refers to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from contracts.errors import Invalid, Problem
from crypto.origin import OriginKey, load_key
from crypto.pki import PeerVerifier
from gateway.configuration import (
    CRL_MAX_BYTES,
    Bilingual,
    Document,
    FileName,
    KeyId,
    Moment,
    Name,
    line_of,
    parse,
    read,
)
from gateway.records import GATEWAY
from gateway.registry.by_sftp import SFTP, ByServer, BySftp
from gateway.registry.by_soap import Fetched, ServerUrl

GROUP_RECORDS = 256
"""Records are counted in groups of so many; a smaller burst could never let one pass."""


class Identity(Document):
    """One way to know an agency by its client certificate; two may overlap while a certificate is exchanged.

    The certificate must chain to `issuers` (PEM: the root, and intermediates on the way), every authority on
    the way must have a current list among `crls`, and it must carry the name `san` (`dns:` or `uri:`) or the
    public key `spki` (`sha256/` and base64, RFC 7469 §2.4). From `not_after` on this way in is closed.
    """

    issuers: FileName
    crls: Annotated[tuple[FileName, ...], Field(min_length=1, max_length=4)]
    san: Annotated[str, StringConstraints(pattern=r"^(dns:[a-z0-9.-]{1,253}|uri:[!-~]{1,500})$")] | None = (
        None
    )
    spki: Annotated[str, StringConstraints(pattern=r"^sha256/[A-Za-z0-9+/]{43}=$")] | None = None
    not_after: Moment | None = None

    @model_validator(mode="after")
    def _one_mark(self) -> Identity:
        if (self.san is None) == (self.spki is None):
            raise ValueError("give exactly one of san and spki")
        return self


class NamedKey(Document):
    """A public key with which the agency signs submissions (PEM): its algorithm is the one the key is for."""

    kid: KeyId
    key: FileName


class ByQueue(Document):
    """The agency reads its queue itself and opens batches with its own keys."""

    mode: Literal["queue"]


class ByEndpoint(Document):
    """The gateway opens batches and POSTs the records to the agency's server.

    With `wsdl`, a copy of its WSDL, the server is called by SOAP; `signed` is whether those messages are signed.
    """

    mode: Literal["endpoint"]
    url: ServerUrl
    server_ca: FileName
    wsdl: FileName | None = None
    signed: bool = True
    timeout_s: Annotated[int, Field(ge=1, le=120)] = 30
    attempts: Annotated[int, Field(ge=1, le=1000)] = 50
    """After the last one the batch is parked as undeliverable; 50, with their pauses, take 3.6 hours."""
    max_batch: Annotated[int, Field(ge=1, le=GROUP_RECORDS)] = GROUP_RECORDS


class ByInbox(Document):
    """The gateway opens batches when the agency fetches its inbox."""

    mode: Literal["inbox"]
    max_batch: Annotated[int, Field(ge=1, le=1000)] = GROUP_RECORDS


Delivery = Annotated[ByQueue | ByEndpoint | ByServer | ByInbox, Field(discriminator="mode")]


class Quota(Document):
    """How much an agency may send. `burst` is what it may send at once after a pause, in records."""

    records_per_s: Annotated[int, Field(ge=1, le=1_000_000)]
    burst: Annotated[int, Field(ge=GROUP_RECORDS, le=10_000_000)]
    submissions_per_s: Annotated[int, Field(ge=1, le=100_000)]
    records_per_day: Annotated[int, Field(ge=1, le=1_000_000_000)]


class Contact(Document):
    """Whom to call: a desk, never a person."""

    email: Annotated[str, StringConstraints(pattern=r"^[!-?A-~]+@[a-z0-9.-]+$", max_length=254)]
    phone: Annotated[str, StringConstraints(pattern=r"^\+[0-9 ]{6,20}$")] | None = None


def _several(named: object) -> object:
    """Return one name as several, and several as the tuple that strict validation wants."""
    return (named,) if isinstance(named, str) else tuple(named) if isinstance(named, list) else named


AdapterName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,30}$")]


def _not_reserved(name: str) -> str:
    if name == GATEWAY:
        raise ValueError("is the gateway's own lane; choose another name")
    return name


class AgencyFile(Document):
    """`agencies/<name>.yaml`.

    `role` is `authority` for the one that keeps the voter register: the electoral freeze holds what would
    change it. `profile` keeps agencies of a test gateway out of production and the other way round. `revoked`
    lists SHA-256 fingerprints (hex) of certificates that are shut out at once, before their authority's next
    list says so. `files` is there exactly when one of its adapters is `sftp`.
    """

    name: Annotated[Name, AfterValidator(_not_reserved)]
    title: Bilingual
    role: Literal["authority", "source"]
    profile: Literal["synthetic", "production"]
    adapter: Annotated[tuple[AdapterName, ...], Field(min_length=1, max_length=4), BeforeValidator(_several)]
    """One name, or several: a court may notify by SOAP and answer questions by REST."""
    identity: Annotated[tuple[Identity, ...], Field(min_length=1, max_length=2)]
    revoked: Annotated[
        tuple[Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")], ...], Field(max_length=1000)
    ] = ()
    origin_keys: Annotated[tuple[NamedKey, ...], Field(max_length=8)] = ()
    files: BySftp | None = None
    fetched: Fetched | None = None
    delivery: Delivery
    recipient_keys: Annotated[tuple[KeyId, ...], Field(min_length=1, max_length=2)] = ("delivery-1",)
    quota: Quota
    contact: Contact

    @model_validator(mode="after")
    def _files_by_sftp(self) -> AgencyFile:
        if (self.files is not None) != (SFTP in self.adapter):
            raise ValueError(f"give files exactly when {SFTP} is among the adapters")
        return self


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
