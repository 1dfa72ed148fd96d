"""Opening a sealed batch: nothing in it is believed before all of it is verified."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Annotated, Protocol

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crypto.batch import (
    BATCH_MAX_RECIPIENTS,
    BATCH_MAX_RECORDS,
    MESSAGE_MAX_BYTES,
    NONCE,
    RECORD_MAX_BYTES,
    BatchHeader,
    WireKey,
    WireRecord,
    WireRoot,
    agree,
    key_info,
    parse_header,
    record_secrets,
)
from crypto.encoding import from_b64url, hash_from_b64url
from crypto.entry import ENTRY_MAX_BYTES, Entry, commitment, parse_entry
from crypto.errors import Tampered
from crypto.hpke import PrivateKey, Suite, unwrap
from crypto.merkle import Frontier, leaf_hash
from crypto.note import Checkpoint, LogPolicy, verify
from crypto.receipt import BatchReceipt, Receipt
from crypto.tree_checks import verify_consistency

_TAG_BYTES = 16


@dataclass(frozen=True, slots=True)
class ExpectedLane:
    """Whose records a lane carries, and which signatures make its checkpoints believable."""

    sender: str
    policy: LogPolicy


@dataclass(frozen=True, slots=True)
class Expectation:
    """What one recipient accepts: suites, its own name and private keys (by key id), and lanes (by name).

    What is not named here is refused; a message cannot talk its way into it.
    """

    recipient: str
    suites: frozenset[Suite]
    keys: Mapping[str, PrivateKey] = field(repr=False)
    lanes: Mapping[str, ExpectedLane]


@dataclass(frozen=True, slots=True)
class Link:
    """One message's place in its queue: that of a lane, a recipient and a contract.

    In the queue's history the checkpoint `head` follows the checkpoint `after` (size 0 for the first
    message). As every message has one predecessor, the ranges (after.size, head.size] of a queue never
    overlap, in whatever order the messages arrive.
    """

    lane: str
    recipient: str
    contract: str
    after: Checkpoint
    head: Checkpoint


class Checkpoints(Protocol):
    """What a recipient durably remembers of lanes: else it could be shown another history every day."""

    def root_of(self, lane: str, size: int) -> bytes | None:
        """Return the root remembered for this tree size of the lane, if any."""

    def overlaps(self, link: Link) -> bool:
        """Tell whether a remembered link of the same queue covers part of the range of this one.

        The range is (after.size, head.size]. The link itself, seen before, does not count.
        """

    def remember(self, link: Link) -> None:
        """Remember the link and both its roots; durable on return. Doing it again changes nothing."""


@dataclass(frozen=True, slots=True)
class OpenedRecord:
    """A verified record. `octets` is the canonical record, plaintext; `index` its entry's in the lane."""

    index: int
    entry: Entry
    entry_octets: bytes = field(repr=False)
    octets: bytes = field(repr=False)
    salt: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Opened:
    """A batch that was verified in full."""

    header: BatchHeader
    checkpoint: Checkpoint
    evidence: BatchReceipt
    records: tuple[OpenedRecord, ...] = field(repr=False)

    def receipt(self, record: OpenedRecord) -> Receipt:
        """Return the evidence for one record of this batch."""
        return self.evidence.expand(record.index, record.entry.id, record.salt, record.entry_octets)


def open_batch(message: bytes, expected: Expectation, seen: Checkpoints) -> Opened:
    """Verify and decrypt a queue message, refusing at the first failure.

    Whether a record was handed over before is the caller's to know, and so is what the record's octets say:
    they are the ones that its entry commits to, in the form of its contract.

    Raises:
        Tampered: the first check that failed; nothing was remembered.
    """
    # 1. Parse, with limits.
    parts = _parse(message)
    header = parts.header
    # 2. The suite is acceptable, and the batch is sealed for me.
    if header.suite not in expected.suites:
        raise Tampered("suite", "a suite that is not accepted here")
    private, wrapped = _my_key(header, parts.keys, expected)
    # 3. The log says so: every signature the policy demands, over a checkpoint of the lane that I expect.
    lane = expected.lanes.get(header.lane)
    if lane is None or lane.sender != header.sender:
        raise Tampered("lane", "a lane that is not expected of this sender")
    checkpoint = verify(parts.checkpoint, lane.policy)
    # 4. These entries, in this order, are the last ones under the signed root.
    evidence = BatchReceipt(
        header.lane, parts.frontier, tuple(map(leaf_hash, parts.entries)), parts.checkpoint
    )
    grown = evidence.grown()
    if (grown.size, grown.root()) != (checkpoint.size, checkpoint.root):
        raise Tampered("tree", "the entries are not those under the signed root")
    # 5. One history: this checkpoint continues what was seen of the lane before.
    link = Link(header.lane, expected.recipient, header.contract, parts.after(checkpoint.origin), checkpoint)
    _continue(link, parts, seen)
    # 6. Decrypt. The key and every ciphertext are bound to the header, each ciphertext to its entry.
    header_hash = sha256(parts.header_octets).digest()
    batch_key = unwrap(private, key_info(header_hash), wrapped)
    secrets = record_secrets(batch_key, header.count)
    plain = [
        _decrypt(key, ciphertext, header_hash + entry)
        for (key, _), ciphertext, entry in zip(secrets, parts.ciphertexts, parts.entries, strict=True)
    ]
    # 7. Each record is the one its entry commits to.
    entries = [parse_entry(octets) for octets in parts.entries]
    for entry, (_, salt), octets in zip(entries, secrets, plain, strict=True):
        if commitment(salt, octets) != entry.commitment:
            raise Tampered("commitment", "the record is not the one that was logged")
    # 8. Header and entries agree. (Without the recipient's name, whoever opened a batch could wrap its key
    # anew and pass the records on in the sender's name.)
    for entry in entries:
        agree(header, entry)
        if entry.recipient != expected.recipient:
            raise Tampered("recipient", "a record for another recipient")
    # Only now, as a batch that fails a later check must not shape what is believed of its lane.
    seen.remember(link)
    records = tuple(
        OpenedRecord(parts.frontier.size + position, entry, entry_octets, octets, salt)
        for position, (entry, entry_octets, octets, (_, salt)) in enumerate(
            zip(entries, parts.entries, plain, secrets, strict=True)
        )
    )
    return Opened(header, checkpoint, evidence, records)


_Hash = Annotated[str, msgspec.Meta(max_length=43)]  # 32 bytes in base64url


class _Message(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The queue message as it is read. Its counts are bounded here, its size before parsing."""

    after: WireRoot
    checkpoint: str
    consistency: Annotated[tuple[_Hash, ...], msgspec.Meta(max_length=128)]
    first: int
    frontier: Annotated[tuple[_Hash, ...], msgspec.Meta(max_length=63)]
    header: Annotated[str, msgspec.Meta(max_length=8192)]
    keys: Annotated[tuple[WireKey, ...], msgspec.Meta(min_length=1, max_length=BATCH_MAX_RECIPIENTS)]
    records: Annotated[tuple[WireRecord, ...], msgspec.Meta(min_length=1, max_length=BATCH_MAX_RECORDS)]


_DECODER = msgspec.json.Decoder(_Message)


@dataclass(frozen=True, slots=True)
class _Parts:
    """A message taken apart; nothing of it is verified."""

    header: BatchHeader
    header_octets: bytes
    keys: tuple[tuple[str, bytes], ...]
    checkpoint: str
    frontier: Frontier
    after_size: int
    after_root: bytes
    consistency: tuple[bytes, ...]
    entries: tuple[bytes, ...]
    ciphertexts: tuple[bytes, ...]

    def after(self, origin: str) -> Checkpoint:
        try:
            return Checkpoint(origin, self.after_size, self.after_root)
        except ValueError as error:
            raise Tampered("consistency", "the previous checkpoint is malformed") from error


def _parse(message: bytes) -> _Parts:
    if len(message) > MESSAGE_MAX_BYTES:
        raise Tampered("message", "the message is too large")
    try:
        wire = _DECODER.decode(message)
        header_octets = wire.header.encode()
        parts = _Parts(
            header=parse_header(header_octets),
            header_octets=header_octets,
            keys=tuple((key.kid, from_b64url(key.ek)) for key in wire.keys),
            checkpoint=wire.checkpoint,
            frontier=Frontier(wire.first, tuple(map(hash_from_b64url, wire.frontier))),
            after_size=wire.after.size,
            after_root=hash_from_b64url(wire.after.root),
            consistency=tuple(map(hash_from_b64url, wire.consistency)),
            entries=tuple(record.entry.encode() for record in wire.records),
            ciphertexts=tuple(from_b64url(record.ciphertext) for record in wire.records),
        )
    except ValueError as error:  # msgspec's and our decoders' alike
        raise Tampered("message", "the message is malformed") from error
    if len(parts.entries) != parts.header.count:
        raise Tampered("agreement", "the header counts other records than there are")
    if max(map(len, parts.entries)) > ENTRY_MAX_BYTES:
        raise Tampered("entry", "an entry is too large")
    if max(map(len, parts.ciphertexts)) > RECORD_MAX_BYTES + _TAG_BYTES:
        raise Tampered("message", "a record is too large")
    return parts


def _my_key(
    header: BatchHeader, keys: tuple[tuple[str, bytes], ...], expected: Expectation
) -> tuple[PrivateKey, bytes]:
    """Find the first recipient that I am, and the batch key wrapped for it."""
    if header.recipients != tuple(kid for kid, _ in keys):
        raise Tampered("recipient", "header and keys name different recipients")
    for kid, wrapped in keys:
        private = expected.keys.get(kid)
        if private is not None and private.suite == header.suite:
            return private, wrapped
    raise Tampered("recipient", "the batch is not sealed for a key of this recipient")


def _continue(link: Link, parts: _Parts, seen: Checkpoints) -> None:
    """Check that a link and everything seen of its lane are one history.

    "Larger than the last one seen" would not do: a lane feeds several queues and a queue may bring messages
    again, so they arrive in any order. Instead each message proves that its tree continues that of the
    message before it.
    """
    if link.after.size > parts.frontier.size:
        raise Tampered("consistency", "the previous message reaches into this batch")
    # The head's root is signed, and the other is proved to be in its tree before it is compared, so that a
    # contradiction speaks against the log, and not against a queue that broke a proof.
    _one_root(link.lane, link.head, seen)
    verify_consistency(link.after.size, link.after.root, link.head.size, link.head.root, parts.consistency)
    _one_root(link.lane, link.after, seen)
    # A log that avoids every size it showed before is still found out: its message has no place in the queue.
    if seen.overlaps(link):
        raise Tampered("history", "the queue went on from this point in another way")


def _one_root(lane: str, point: Checkpoint, seen: Checkpoints) -> None:
    if seen.root_of(lane, point.size) not in (None, point.root):
        raise Tampered("history", "the lane had another root at this size")


def _decrypt(key: bytes, ciphertext: bytes, associated_data: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(NONCE, ciphertext, associated_data)
    except InvalidTag as error:
        raise Tampered("ciphertext", "a record does not decrypt") from error
