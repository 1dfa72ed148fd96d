"""Receipts: what an agency holds to prove, to anyone and offline, what it handed over and that it was logged.

A `BatchReceipt` covers a whole batch in about 50 bytes a record; each record's own `Receipt` is expanded from
it.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated

import msgspec

from crypto.encoding import b64url, from_b64url, hash_from_b64url
from crypto.entry import (
    ENTRY_MAX_BYTES,
    SALT_BYTES,
    Entry,
    commitment,
    parse_entry,
    record_id,
    source_commitment,
)
from crypto.errors import Tampered
from crypto.merkle import Frontier, Growth, leaf_hash
from crypto.note import NOTE_MAX_BYTES, Checkpoint, LogPolicy, verify
from crypto.proof import PROOF_MAX_BYTES, parse_proof, proof_head
from crypto.tree_checks import verify_inclusion

RECEIPT_MAX_BYTES = 2 * (PROOF_MAX_BYTES + 4 * ENTRY_MAX_BYTES)  # escaping may double a text
_MAX_LEAVES = 256

_Hash = Annotated[str, msgspec.Meta(max_length=43)]  # 32 bytes in base64url


@dataclass(frozen=True, slots=True)
class Receipt:
    """The promise for one leaf of a lane.

    `salt` is 32 bytes, or empty for an entry that commits to no record (then `record_id` may be empty too).
    `proof` is a C2SP tlog-proof and `entry` the octets of the leaf. Who has the salt can test guesses about
    the record, so a receipt is kept like the record itself.
    """

    record_id: str
    lane: str
    index: int
    salt: bytes = field(repr=False)
    proof: str = field(repr=False)
    entry: bytes = field(repr=False)

    def to_json(self) -> bytes:
        """Encode as JSON; binary is base64url, the entry is the string that its octets spell."""
        salt, entry = b64url(self.salt), self.entry.decode()
        return msgspec.json.encode(
            _ReceiptFile(self.record_id, self.lane, self.index, salt, self.proof, entry)
        )

    @classmethod
    def from_json(cls, octets: bytes) -> "Receipt":
        """Decode what `to_json` wrote.

        Raises:
            Tampered: (`receipt`) too large or malformed.
        """
        if len(octets) > RECEIPT_MAX_BYTES:
            raise Tampered("receipt", "the receipt is too large")
        try:
            file = _RECEIPT.decode(octets)
            salt = from_b64url(file.salt)
        except ValueError as error:
            raise Tampered("receipt", "the receipt is malformed") from error
        return cls(file.record_id, file.lane, file.index, salt, file.proof, file.entry.encode())


@dataclass(frozen=True)  # without slots: the growth is computed when first asked for, and kept
class BatchReceipt:
    """The promise for all leaves of a batch.

    `frontier` is that of the lane before the batch, `leaves` are the batch's leaf hashes in order,
    `checkpoint` is the signed note over the lane right after the batch.
    """

    lane: str
    frontier: Frontier
    leaves: tuple[bytes, ...] = field(repr=False)
    checkpoint: str = field(repr=False)

    @property
    def first(self) -> int:
        """The index of the batch's first entry."""
        return self.frontier.size

    def expand(self, index: int, record_id: str, salt: bytes, entry: bytes) -> Receipt:
        """Return the receipt of the entry at `index` of the lane.

        Raises:
            ValueError: the batch has no such entry there.
        """
        proof = self._proof_head(index, entry) + self.checkpoint
        return Receipt(record_id, self.lane, index, salt, proof, entry)

    def expand_json(self, index: int, record_id: str, salt: bytes, entry: bytes) -> bytes:
        """Return `expand(…).to_json()` for half of its price: the checkpoint is encoded once for the batch.

        Raises:
            ValueError: the batch has no such entry there.
        """
        head = msgspec.json.encode(self._proof_head(index, entry))
        return msgspec.json.encode(
            _Expanded(
                record_id,
                self.lane,
                index,
                b64url(salt),
                msgspec.Raw(head[:-1] + self._checkpoint_json[1:]),  # one JSON string out of two
                entry.decode(),
            )
        )

    def _proof_head(self, index: int, entry: bytes) -> str:
        position = index - self.first
        if not 0 <= position < len(self.leaves) or self.leaves[position] != leaf_hash(entry):
            raise ValueError("the batch has no such entry at this index")
        return proof_head(index, self._growth.path(index))

    def grown(self) -> Frontier:
        """Return the frontier of the lane after the batch."""
        return self._growth.frontier

    def to_json(self) -> bytes:
        """Encode as JSON, hashes in base64url."""
        hashes = tuple(b64url(value) for value in self.frontier.hashes)
        leaves = tuple(b64url(value) for value in self.leaves)
        return msgspec.json.encode(_BatchFile(self.lane, self.first, hashes, leaves, self.checkpoint))

    @classmethod
    def from_json(cls, octets: bytes) -> "BatchReceipt":
        """Decode what `to_json` wrote.

        Raises:
            Tampered: (`receipt`) too large or malformed; (`tree`) the frontier does not fit its size.
        """
        if len(octets) > RECEIPT_MAX_BYTES:
            raise Tampered("receipt", "the batch receipt is too large")
        try:
            file = _BATCH.decode(octets)
            hashes = tuple(hash_from_b64url(value) for value in file.frontier)
            leaves = tuple(hash_from_b64url(value) for value in file.leaves)
        except ValueError as error:
            raise Tampered("receipt", "the batch receipt is malformed") from error
        return cls(file.lane, Frontier(file.first, hashes), leaves, file.checkpoint)

    @cached_property
    def _growth(self) -> Growth:
        return Growth(self.frontier, self.leaves)

    @cached_property
    def _checkpoint_json(self) -> bytes:
        return msgspec.json.encode(self.checkpoint)


def verify_logged(receipt: Receipt, policy: LogPolicy) -> Checkpoint:
    """Check that the receipt's entry, of whatever kind, is in the log that the policy describes.

    Raises:
        Tampered: `receipt`, `note`, `lane`, `signature`, `tree` or `agreement`: the check that failed.
    """
    # 1. The proof is one, and about the leaf that the receipt names.
    proof = parse_proof(receipt.proof)
    if proof.index != receipt.index:
        raise Tampered("agreement", "the receipt and its proof name different indices")
    # 2. The policy believes the checkpoint, and it is of the receipt's lane.
    checkpoint = verify(proof.note, policy)
    if not checkpoint.origin.endswith("/" + receipt.lane):
        raise Tampered("lane", "the receipt is of another lane than its checkpoint")
    # 3. The entry is that leaf of the checkpoint's tree.
    verify_inclusion(leaf_hash(receipt.entry), proof.index, checkpoint.size, proof.path, checkpoint.root)
    return checkpoint


def verify_receipt(
    receipt: Receipt, policy: LogPolicy, *, octets: bytes | None = None, source: bytes | None = None
) -> Entry:
    """Check a receipt with the record it is for, offline; return the entry, which then can be believed.

    Args:
        receipt: the receipt.
        policy: which signatures make a checkpoint of the lane believable.
        octets: the canonical record octets, if the caller has them.
        source: the record's octets as they stood in the submission, if the caller has them.

    Raises:
        Tampered: as `verify_logged`, and `entry`, `commitment` or `agreement`.
        ValueError: neither `octets` nor `source` was given, so that nothing about a record would be proved.
    """
    if octets is None and source is None:
        raise ValueError("a receipt is verified with the record it is for")
    # 1 to 3. The entry is in the log.
    verify_logged(receipt, policy)
    # 4. It is the entry of the record that the receipt names.
    entry = parse_entry(receipt.entry)
    if entry.id != receipt.record_id:
        raise Tampered("agreement", "the receipt and its entry name different records")
    if entry.id != record_id(entry.sender, entry.contract, entry.source_ref, entry.op):
        raise Tampered("agreement", "the record id is not that of its reference")
    # 5. The record is the one that the entry commits to.
    if len(receipt.salt) != SALT_BYTES:
        raise Tampered("receipt", "the salt is not 32 bytes")
    if octets is not None and commitment(receipt.salt, octets) != entry.commitment:
        raise Tampered("commitment", "the record is not the one that was logged")
    if source is not None and source_commitment(receipt.salt, source) != entry.source_commitment:
        raise Tampered("commitment", "the submitted record is not the one that was logged")
    return entry


class _ReceiptFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    record_id: str
    lane: str
    index: int
    salt: _Hash
    proof: Annotated[str, msgspec.Meta(max_length=PROOF_MAX_BYTES)]
    entry: Annotated[str, msgspec.Meta(max_length=ENTRY_MAX_BYTES)]


class _Expanded(msgspec.Struct):
    """A `_ReceiptFile` on its way out, whose proof is JSON already."""

    record_id: str
    lane: str
    index: int
    salt: str
    proof: msgspec.Raw
    entry: str


class _BatchFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    lane: str
    first: int
    frontier: Annotated[tuple[_Hash, ...], msgspec.Meta(max_length=63)]
    leaves: Annotated[tuple[_Hash, ...], msgspec.Meta(max_length=_MAX_LEAVES)]
    checkpoint: Annotated[str, msgspec.Meta(max_length=NOTE_MAX_BYTES)]


_RECEIPT = msgspec.json.Decoder(_ReceiptFile)
_BATCH = msgspec.json.Decoder(_BatchFile)
