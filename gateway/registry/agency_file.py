"""What `agencies/<name>.yaml` says of a participant."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from gateway.configuration import Bilingual, Document, FileName, KeyId, Moment, Name
from gateway.records import GATEWAY
from gateway.registry.by_sftp import SFTP, ByServer, BySftp
from gateway.registry.by_soap import SOAP, Fetched, OwnShape, ServerUrl, having

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

    With `wsdl`, a copy of its WSDL, the server is called by SOAP; `signed` is whether those messages are signed,
    and `shape` what the service is like when it is not the one that the gateway describes.
    """

    mode: Literal["endpoint"]
    url: ServerUrl
    server_ca: FileName
    wsdl: FileName | None = None
    signed: bool = True
    shape: OwnShape | None = None
    timeout_s: Annotated[int, Field(ge=1, le=120)] = 30
    attempts: Annotated[int, Field(ge=1, le=1000)] = 50
    """After the last one the batch is parked as undeliverable; 50, with their pauses, take 3.6 hours."""
    max_batch: Annotated[int, Field(ge=1, le=GROUP_RECORDS)] = GROUP_RECORDS

    @model_validator(mode="after")
    def _deliver(self) -> ByEndpoint:
        if self.shape is not None and self.wsdl is None:
            raise ValueError("a shape is of a service that a WSDL describes")
        having(self.shape, "deliver")
        return self


class ByInbox(Document):
    """The gateway opens batches when the agency fetches its inbox."""

    mode: Literal["inbox"]
    max_batch: Annotated[int, Field(ge=1, le=1000)] = GROUP_RECORDS


Delivery = Annotated[ByQueue | ByEndpoint | ByServer | ByInbox, Field(discriminator="mode")]


class Quota(Document):
    """How much an agency may send, and how much of it may be kept. `burst` is what it may send at once after a pause.

    `quarantined_records` may wait for an officer, of all its contracts together, and `kept_message_bytes` is what its
    signed messages may take.
    """

    records_per_s: Annotated[int, Field(ge=1, le=1_000_000)]
    burst: Annotated[int, Field(ge=GROUP_RECORDS, le=10_000_000)]
    submissions_per_s: Annotated[int, Field(ge=1, le=100_000)]
    records_per_day: Annotated[int, Field(ge=1, le=1_000_000_000)]
    quarantined_records: Annotated[int, Field(ge=1, le=10_000_000)] = 100_000
    """Each takes some 10 KB of the store, most of them its checkpoint."""
    kept_message_bytes: Annotated[int, Field(ge=16 << 20, le=1 << 44)] = 10 << 30
    """At least two messages as large as they may be."""


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
    """How it hands records over, and in no other way; one name, or several: a court may notify by SOAP and answer
    questions by REST."""
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

    @model_validator(mode="after")
    def _called_by_soap(self) -> AgencyFile:
        # What its service answers is handed over by SOAP, too.
        delivered = isinstance(self.delivery, ByEndpoint) and self.delivery.wsdl is not None
        if (self.fetched is not None or delivered) and SOAP not in self.adapter:
            raise ValueError(f"name {SOAP} among the adapters: its service is called so")
        return self
