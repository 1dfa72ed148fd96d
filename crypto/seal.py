"""Sealing a batch: encrypt each record, make its log entry, wrap the batch key for each recipient.

What `seal` makes does not depend on where in the lane it will stand, so any process can make it; `pack` adds the
place, and `encode` makes the queue message once the checkpoint is signed. `crypto.opening` undoes all three.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crypto.batch import (
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
from crypto.encoding import b64url
from crypto.entry import Entry, commitment, make_entry, record_id, source_commitment
from crypto.errors import Tampered
from crypto.hpke import BATCH_KEY_BYTES, PublicKey, wrap
from crypto.merkle import Frontier, leaf_hash
from crypto.note import Checkpoint

__all__ = ["BatchHeader", "Draft", "Unsealed", "encode", "pack", "record_id", "seal"]

_AROUND_BYTES = 512 * 1024  # room in a message for everything but its records


@dataclass(frozen=True, slots=True)
class Unsealed:
    """A conformed record on its way to be sealed.

    `entry` holds the members of the log entry except the two commitments. `octets` is the canonical record,
    RFC 8785, at most 1 MiB; `source` its octets as they stood in the submission.
    """

    entry: Mapping[str, object]
    octets: bytes = field(repr=False)
    source: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Draft:
    """A sealed batch without its place in the lane; all bytes, so that other processes get it cheaply.

    `keys` is a member of the message, already JSON, and `ciphertexts` an array of binaries in MessagePack. These, the
    entries, the leaf hashes and the salts are in the order of the records. Salts are secret from everyone but the
    sender and the recipients.
    """

    header: bytes
    keys: bytes = field(repr=False)
    ciphertexts: bytes = field(repr=False)
    entries: tuple[bytes, ...] = field(repr=False)
    leaves: tuple[bytes, ...] = field(repr=False)
    salts: tuple[bytes, ...] = field(repr=False)


def seal(header: BatchHeader, records: Sequence[Unsealed], recipients: Sequence[PublicKey]) -> Draft:
    """Seal records under a fresh batch key.

    Each call draws a new key: a retry sends the octets made before, it never seals again under the same key.

    Raises:
        ValueError: the recipient would refuse such a batch: header, entries and keys disagree, an entry is
            not that of an accepted record, or a limit is exceeded (256 records, 4,096 bytes an entry, 1 MiB
            a record, 7.5 MiB in all).
    """
    if header.count != len(records) or header.recipients != tuple(key.kid for key in recipients):
        raise ValueError("the header is not that of these records and recipients")
    if any(key.suite != header.suite for key in recipients):
        raise ValueError("a recipient's key is of another suite than the batch")
    try:
        parse_header(header.octets())
        return _seal(header, records, recipients, os.urandom(BATCH_KEY_BYTES))
    except Tampered as error:
        raise ValueError(f"the recipient would refuse this batch: {error.detail}") from error


def pack(draft: Draft, frontier: Frontier, after: Checkpoint, consistency: Sequence[bytes]) -> bytes:
    """Give a draft its place in the lane: what must be kept of its message until it leaves.

    That is all of it but the entries and the checkpoint, which the lane keeps anyway.

    Args:
        draft: the sealed records.
        frontier: of the lane right before the batch; its size is the index of the batch's first entry.
        after: the checkpoint that the previous message from this lane to the same recipient under the same
            contract carried; size 0 for the first. With it a recipient checks that it was never shown two
            histories.
        consistency: the RFC 6962 consistency proof from `after` to the checkpoint right after the batch.
    """
    return _PACK(
        _Packed(
            draft.header,
            draft.keys,
            draft.ciphertexts,
            frontier.size,
            frontier.hashes,
            after.size,
            after.root,
            tuple(consistency),
        )
    )


def encode(packed: bytes, entries: Sequence[str], checkpoint: str) -> bytes:
    """Return the queue message of a batch.

    Args:
        packed: what `pack` returned.
        entries: the batch's, in order, as the texts that their octets spell.
        checkpoint: the signed note over the lane right after the batch.

    Raises:
        ValueError: the message would exceed 8 MiB, or there are more or fewer entries than records.
    """
    batch = _UNPACK(packed)
    message = msgspec.json.encode(
        _Message(
            after=WireRoot(b64url(batch.after_root), batch.after_size),
            checkpoint=checkpoint,
            consistency=tuple(map(b64url, batch.consistency)),
            first=batch.first,
            frontier=tuple(map(b64url, batch.frontier)),
            header=batch.header.decode(),
            keys=msgspec.Raw(batch.keys),
            records=_records(_UNPACK_CIPHERTEXTS(batch.ciphertexts), entries),
        )
    )
    if len(message) > MESSAGE_MAX_BYTES:
        raise ValueError("a message has at most 8 MiB")
    return message


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    """A draft with its place, but without its entries."""

    header: bytes
    keys: bytes
    ciphertexts: bytes
    first: int
    frontier: tuple[bytes, ...]
    after_size: int
    after_root: bytes
    consistency: tuple[bytes, ...]


_PACK = msgspec.msgpack.Encoder().encode
_UNPACK = msgspec.msgpack.Decoder(_Packed).decode
_UNPACK_CIPHERTEXTS = msgspec.msgpack.Decoder(list[bytes]).decode


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    """The queue message; the keys are already JSON and copied as they stand."""

    after: WireRoot
    checkpoint: str
    consistency: tuple[str, ...]
    first: int
    frontier: tuple[str, ...]
    header: str
    keys: msgspec.Raw
    records: list[WireRecord]


def _seal(
    header: BatchHeader, records: Sequence[Unsealed], recipients: Sequence[PublicKey], batch_key: bytes
) -> Draft:
    header_octets = header.octets()
    header_hash = sha256(header_octets).digest()
    entries, salts, ciphertexts, named = [], [], [], set()
    for record, (key, salt) in zip(records, record_secrets(batch_key, len(records)), strict=True):
        if len(record.octets) > RECORD_MAX_BYTES:
            raise ValueError("a record has at most 1 MiB")
        octets, entry = _entry(record, salt)
        agree(header, entry)
        named.add(entry.recipient)
        ciphertexts.append(AESGCM(key).encrypt(NONCE, record.octets, header_hash + octets))
        entries.append(octets)
        salts.append(salt)
    if len(named) != 1:
        raise ValueError("a batch goes to one recipient")
    if not _fit(ciphertexts, entries):
        raise ValueError("the records of a batch have at most 7.5 MiB when sealed")
    info = key_info(header_hash)
    keys = [WireKey(b64url(wrap(key, info, batch_key)), key.kid) for key in recipients]
    leaves = tuple(leaf_hash(octets) for octets in entries)
    return Draft(
        header_octets, msgspec.json.encode(keys), _PACK(ciphertexts), tuple(entries), leaves, tuple(salts)
    )


def _entry(record: Unsealed, salt: bytes) -> tuple[bytes, Entry]:
    """Make the entry in the form that the recipient demands: what nobody could open must not be promised."""
    return make_entry(
        {
            **record.entry,
            "commitment": commitment(salt, record.octets),
            "source_commitment": source_commitment(salt, record.source),
        }
    )


def _records(ciphertexts: Sequence[bytes], entries: Sequence[str]) -> list[WireRecord]:
    """Return the records as the message has them."""
    pairs = zip(ciphertexts, entries, strict=True)
    return [WireRecord(b64url(ciphertext), entry) for ciphertext, entry in pairs]


def _fit(ciphertexts: Sequence[bytes], entries: Sequence[bytes]) -> bool:
    """Tell whether the message will have room for these records."""
    # Base64 adds a third and escaping at most as much again: most batches are so small that nothing needs be written.
    if 2 * (sum(map(len, ciphertexts)) + sum(map(len, entries))) <= MESSAGE_MAX_BYTES // 2:
        return True
    records = _records(ciphertexts, [entry.decode() for entry in entries])
    return len(msgspec.json.encode(records)) <= MESSAGE_MAX_BYTES - _AROUND_BYTES
