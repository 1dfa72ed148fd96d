"""What adapters ask of the gateway beside `gateway.ports`. Each docstring is a promise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.ports import Accept, Identities, Records
from gateway.records import Event, Handed, Origin, Submission


class Evidence(Protocol):
    """A receipt, as far as an adapter looks into it."""

    def to_json(self) -> bytes:
        """Return the receipt as one JSON object without line breaks."""


class Note(Protocol):
    """`Log.note`, as adapters see it."""

    async def __call__(self, events: Sequence[Event]) -> Sequence[Evidence]:
        """Append events to their lanes, durable on return, and return a receipt for each.

        Raises:
            Unavailable: nothing was written.
        """


@dataclass(frozen=True, slots=True)
class Request:
    """A request whose body is wholly there. Header names are in lower case, in the order received.

    `target` is the absolute URI that the client asked for (RFC 9421 §2.2.2).
    """

    method: str
    target: str
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes


@dataclass(frozen=True, slots=True)
class SignedBody:
    """The Body of a signed SOAP envelope, in the octets that were signed: what is acted on is parsed from these.

    `origin` is completed with scheme and key id. `mark` is the same for the same signed message and for no other,
    32 bytes.
    """

    origin: Origin
    body: bytes
    mark: bytes


class Signatures(Protocol):
    """Verifies the signature that a sender puts on a submission itself."""

    def verify(self, sender: str, origin: Origin, request: Request) -> Origin:
        """Return `origin` completed with scheme and key id.

        Raises:
            Rejected: `origin.*`: the signature does not verify, is too old, or its key is not the sender's.
        """

    def verify_envelope(self, sender: str, origin: Origin, envelope: bytes) -> SignedBody:
        """Return what a SOAP envelope with a Security header proves. The caller sees to replays.

        Raises:
            Rejected: `origin.*`, as above, or the certificate that came with it is not to be trusted.
        """


class Decryption(Protocol):
    """Decrypts what senders encrypt for the gateway, with a key that it does not hold."""

    def decrypt(self, envelope: bytes) -> bytes:
        """Return a SOAP envelope as it was before its sender encrypted it; nothing in it is verified yet.

        Blocks on the key server; call it outside the event loop.

        Raises:
            Rejected: `origin.*`: it is encrypted in another form than the one that is taken, or for somebody else.
            Unavailable: it cannot be decrypted now.
        """

    def certificate(self) -> str:
        """Return the certificate (PEM) that senders encrypt for. Blocks.

        Raises:
            Unavailable: there is none, or it cannot be had now.
        """


class Envelopes(Protocol):
    """Keeps signed messages as evidence of origin, sealed for their recipients."""

    async def keep(self, submission: Submission, envelope: bytes) -> None:
        """Keep a signed message under its submission's id; durable on return.

        Raises:
            Rejected: no agreement says who the recipient is (`agreement.*`, `contract.unknown`).
            Unavailable: it was not kept.
        """


class Replays(Protocol):
    """Remembers which body an idempotency key stood for."""

    def check(self, submission: Submission, digest: bytes) -> None:
        """Let a submission pass whose id is new, or was completed with the same body (SHA-256, 32 bytes).

        May block on the store; call it outside the event loop.

        Raises:
            Rejected: `submission.idempotency_key_reused`: the id was completed with another body.
            Unavailable: it cannot be told now.
        """


@dataclass(frozen=True, slots=True)
class XmlRecords:
    """How an agency's records stand in an XML document in UTF-8.

    `path` holds qualified names (`{namespace}local`) from the root to a record; `schema` is the agency's own XSD,
    as it is, in which the record is a global element.
    """

    path: tuple[str, ...]
    schema: bytes


@dataclass(frozen=True, slots=True)
class Published:
    """A contract as one agency meets it: what an adapter's documents say of it.

    `source_schema` is the JSON Schema of the agency's own records when they are JSON, or None; `xml` is how they
    stand in XML, or None. `transports` names the adapters that may carry them. `examples` are records as the agency
    would send them, by media type, made up and of the reserved range. `encrypted` is whether some agreement lets
    messages be encrypted beyond TLS.
    """

    contract: str
    title_en: str
    title_ar: str
    description_en: str
    description_ar: str
    media_types: tuple[str, ...]
    source_schema: Mapping[str, object] | None
    xml: XmlRecords | None
    transports: tuple[str, ...]
    examples: Mapping[str, str]
    encrypted: bool = False


class Publisher(Protocol):
    """Tells an agency what it may send."""

    def __call__(self, agency: str) -> Sequence[Published]:
        """Return the contracts this agency may send under agreements in force, by name."""


class Agreed(Protocol):
    """Says whether an agency may send something now, to whomever."""

    def __call__(self, sender: str, contract: str, at_ms: int) -> None:
        """Return when some agreement covers it at an instant (Unix ms).

        Raises:
            Rejected: none does: `contract.unknown`, `agreement.missing`, `.not_yet_valid` or `.expired`.
        """


class Health(Protocol):
    """Says whether the process can do its work, and each dependency's state."""

    def __call__(self) -> tuple[bool, Mapping[str, str]]:
        """Return readiness and a word for each dependency; quick, and never raises."""


class Refusals(Protocol):
    """Remembers who was turned away before it was known who he is."""

    def stranger(self, code: str, certificate: str = "") -> None:
        """Count a connection that was refused. Quick, and never raises.

        `certificate` is the SHA-256 of what was shown (hex), or empty. `Identities` counts what it refuses itself.
        """


@dataclass(frozen=True, slots=True)
class Gateway:
    """Everything behind the adapter."""

    accept: Accept
    identities: Identities
    records: Records
    note: Note
    signatures: Signatures
    replays: Replays
    refusals: Refusals
    published: Publisher
    agreed: Agreed
    health: Health
    envelopes: Envelopes
    decryption: Decryption


class Cursors(Protocol):
    """Remembers how far an agency's records have been fetched. Methods block."""

    def read(self, agency: str, contract: str) -> str:
        """Return the cursor, empty when nothing was fetched yet.

        Raises:
            Unavailable: it cannot be told now.
        """

    def write(self, agency: str, contract: str, value: str) -> None:
        """Remember a cursor (at most 256 characters), durably on return.

        Raises:
            Unavailable: it was not.
        """


class Answered(Protocol):
    """Takes what an agency answers in the call that asked it."""

    def __call__(self, contract: str, certificate: str, envelope: bytes) -> None:
        """Return when the records of an answer are in the log. Blocks.

        `certificate` is the SHA-256 (hex) of what the agency's server showed, `envelope` the answer as it came.

        Raises:
            Rejected: it is refused; asking again would not help.
            Unavailable: it is not taken now; the agency is to be asked again.
        """


class Mailbox(Protocol):
    """Records that wait for agencies which fetch them. Methods block; call them outside the event loop."""

    def fetch(self, agency: str, limit: int) -> Sequence[Handed]:
        """Return up to `limit` records that wait for an agency, the same ones until it acknowledges them.

        Raises:
            Unavailable: they cannot be opened now.
        """

    def acknowledge(self, agency: str, record_ids: Sequence[str]) -> int:
        """Forget records that an agency has, durably; return how many of them were waiting.

        Raises:
            Unavailable: none was forgotten.
        """
