"""The words of the exchange: what a record is called at each step of its way.

Everything here is frozen. A later step's type can only be made from an earlier one's, so code that would queue
what was never sealed, or promise what was never logged, does not type-check. What is made for every record is a
`msgspec.Struct`, which takes a sixth of the time that a dataclass does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from crypto.hpke import PublicKey, Suite
from crypto.receipt import BatchReceipt, Receipt
from crypto.seal import Draft

GATEWAY = "gateway"
"""The lane of the gateway itself: keys, agencies, agreements, alarms, and what officers did."""


@dataclass(frozen=True, slots=True)
class Origin:
    """How the sender was authenticated: the evidence of origin that a log entry names.

    `certificate` is the SHA-256, 64 hex digits, of what the sender showed on the `channel`: for `mtls` its client
    certificate (DER), for `ssh` its public key or certificate (RFC 4253 §6.6). `signature` names the scheme when
    the submission itself was signed (`jws`, `http-signature`, `wsse` or `cms`) and `key_id` the registered key that
    verified it; both are empty strings when only the channel authenticated the sender.
    """

    certificate: str
    signature: str = ""
    key_id: str = ""
    channel: str = "mtls"


@dataclass(frozen=True, slots=True)
class Submission:
    """What an adapter takes from the wire: who sends, under which contract, and the octets as they arrive.

    `adapter` is the name of the one that took it. `recipient` is empty when the sender named none.
    `idempotency_key` is the sender's own, or empty. `body` yields octets in order and is read once; an adapter
    raises `Rejected` from it when the client breaks its own limits.
    `encrypted` is whether the sender had encrypted it for the gateway, beyond the channel.
    `answered` is the position up to which its records were answered before, when it is taken up again after an
    interruption: they are passed over.
    """

    id: str
    adapter: str
    sender: str
    recipient: str
    contract: str
    media_type: str
    origin: Origin
    received_ms: int
    idempotency_key: str
    body: AsyncIterator[bytes]
    answered: int = 0
    encrypted: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a record or a submission was not taken: a code, the field and the rule, and never a value."""

    code: str
    field: str = ""
    rule: str = ""


class Framed(msgspec.Struct, frozen=True, array_like=True):
    """One record cut out of a submission: its octets as they stood there, or why it could not be cut out.

    `position` counts the submission's records from 1.
    """

    position: int
    octets: bytes
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Records of one submission that wait to be prepared together with those of others.

    `digest` is the SHA-256 of the submission's body when these are all of its records: then they and the mark
    that it was received to its end become durable together. Otherwise it is empty.
    """

    submission: str
    origin: Origin
    received_ms: int
    records: tuple[Framed, ...]
    digest: bytes = b""


@dataclass(frozen=True, slots=True)
class Terms:
    """What an agreement in force means for a batch: everything `prepare` needs to know, and nothing to look up.

    `pseudonym_key` and `promise_key` are 32-byte secrets of the lane; they leave `repr` out.
    """

    agreement: str
    sender: str
    recipient: str
    contract: str
    lane: str
    suite: Suite
    freeze: str
    catalogue: str
    recipient_keys: tuple[PublicKey, ...]
    pseudonym_key: bytes
    promise_key: bytes

    def __repr__(self) -> str:
        return f"Terms({self.agreement!r})"


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """What the log must know of a sealed record beside its entry; aligned with the draft's entries.

    `fingerprint` is an HMAC of the canonical octets under the lane's promise key: equal content, equal fingerprint.
    `salt` is the record's salt sealed under the same key. `subject` is the citizen's pseudonym or empty. `about` is
    the id of the record this one answers, or empty, and `logged` what may be said of the answer in clear.
    `priors` is empty unless the record corrects or voids another: then it holds the ids that the other one has if it
    was an assertion, a correction or a void, in this order. `voids` tells a void from a correction.
    """

    part: int
    position: int
    record_id: str
    source_ref: str
    subject: bytes
    fingerprint: bytes
    salt: bytes
    about: str
    logged: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    priors: tuple[str, ...] = ()
    voids: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """A record that waits for an officer: promised like every other, in a message of its own that does not go yet."""

    kept: Kept
    draft: Draft


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that refused itself, with the log entry (RFC 8785 octets) that says so.

    `source_ref` is empty when it was refused before its reference was known to be one.
    """

    part: int
    position: int
    refusal: Refusal
    entry: bytes
    source_ref: str = ""


@dataclass(frozen=True, slots=True)
class Repeated:
    """A record that was promised before with the same content, or stands in the batch already: it gets that receipt."""

    part: int
    position: int
    record_id: str
    source_ref: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """Conformed and sealed records, ready to be appended.

    `draft` holds the records of `kept` and is None when there are none. Those of `held` have a draft each, for an
    officer decides about each of them alone.
    """

    terms: Terms
    parts: tuple[Part, ...]
    draft: Draft | None
    kept: tuple[Kept, ...]
    refused: tuple[Refused, ...]
    repeated: tuple[Repeated, ...]
    held: tuple[Held, ...] = ()

    @property
    def sealed(self) -> tuple[Kept, ...]:
        """Every record that is to be promised, in the order in which the lane will have them."""
        return (*self.kept, *(one.kept for one in self.held))


@dataclass(frozen=True, slots=True)
class SealedBatch:
    """A batch that is in the log, durable, with its message in the outbox.

    `receipt` covers the records in the order of `batch.kept`, at indices `receipt.first + n`. It is None when
    there are none. `held` has a receipt for each record of `batch.held`.
    """

    batch: Batch
    receipt: BatchReceipt | None
    held: tuple[BatchReceipt, ...] = ()


class Status(StrEnum):
    """What became of a record at the gateway."""

    ACCEPTED = "accepted"
    QUARANTINED = "quarantined"
    DUPLICATE = "duplicate"
    REFUSED = "refused"


class Outcome(msgspec.Struct, frozen=True):
    """The answer for one record of a submission.

    Accepted: `record_id`, `index`, `salt` and the batch's receipt, from which the record's own is expanded without
    further look-ups. Quarantined: the same, and `warnings` says what an officer has to look at. Duplicate: the first
    promise's `record_id`, `lane` and `index`. Refused: `refusal` alone. `reference` is the sender's own, where the
    record came as far as to have one.
    """

    position: int
    status: Status
    record_id: str = ""
    lane: str = ""
    index: int = -1
    salt: bytes = b""
    entry: bytes = b""
    refusal: Refusal | None = None
    warnings: tuple[str, ...] = ()
    batch: BatchReceipt | None = None
    reference: str = ""

    def receipt_json(self) -> bytes:
        """Return the record's own receipt, with its inclusion proof, as JSON; only for records promised just now."""
        if self.batch is None:
            raise ValueError("only a record promised just now carries its batch's receipt")
        return self.batch.expand_json(self.index, self.record_id, self.salt, self.entry)


@dataclass(frozen=True, slots=True)
class Event:
    """Something other than a record that a lane must remember: a delivery, a search, a changed agreement.

    `fields` are scalar and hold no personal data. `record_id` is empty when it concerns no single record; `first`
    and `count` name a range of the lane's indices that the event is about (a delivered batch), or are 0.
    """

    lane: str
    kind: str
    fields: tuple[tuple[str, str | int], ...]
    record_id: str = ""
    first: int = 0
    count: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """What a queue carries: one sealed batch, encoded. `queue` is `<recipient>.<contract>`, `id` the batch's UUID."""

    id: str
    queue: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Handed:
    """One opened and verified record on its way to its recipient: plaintext, so it lives as short as possible.

    `event` is the canonical CloudEvent, RFC 8785 octets. `batch`, `salt` and `entry` make the receipt.
    """

    record_id: str
    sender: str
    contract: str
    lane: str
    index: int
    event: bytes
    batch: BatchReceipt
    salt: bytes
    entry: bytes

    @property
    def receipt(self) -> Receipt:
        """The evidence beside the event: made when asked for, because many never ask."""
        return self.batch.expand(self.index, self.record_id, self.salt, self.entry)

    def __repr__(self) -> str:
        return f"Handed({self.record_id!r})"


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The recipient's word that it has the records: its own reference, at most 128 characters, or empty."""

    reference: str = ""


Outcomes = Sequence[Outcome]
