"""Sealing a batch: encrypt each record, make its log entry, wrap the batch key for each recipient.

What `seal` makes does not depend on where in the lane it will stand, so any process can make it; `encode`
adds the place once the checkpoint is signed. `crypto.opening` undoes both.
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

__all__ = ["BatchHeader", "Draft", "Unsealed", "encode", "record_id", "seal"]

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

    `keys` and `records` are members of the message, already JSON. Entries, leaf hashes and salts are in the
    order of the records. Salts are secret from everyone but the sender and the recipients.
    """

    header: bytes
    keys: bytes = field(repr=False)
    records: bytes = field(repr=False)
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


def encode(
    draft: Draft, frontier: Frontier, checkpoint: str, after: Checkpoint, consistency: Sequence[bytes]
) -> bytes:
    """Give a draft its place in the lane: the queue message.

    Args:
        draft: the sealed records.
        frontier: of the lane right before the batch; its size is the index of the batch's first entry.
        checkpoint: the signed note over the lane right after the batch.
        after: the checkpoint that the previous message from this lane to the same recipient under the same
            contract carried; size 0 for the first. With it a recipient checks that it was never shown two
            histories.
        consistency: the RFC 6962 consistency proof from `after` to `checkpoint`.

    Raises:
        ValueError: the message would exceed 8 MiB.
    """
    message = msgspec.json.encode(
        _Message(
            after=WireRoot(b64url(after.root), after.size),
            checkpoint=checkpoint,
            consistency=tuple(b64url(value) for value in consistency),
            first=frontier.size,
            frontier=tuple(b64url(value) for value in frontier.hashes),
            header=draft.header.decode(),
            keys=msgspec.Raw(draft.keys),
            records=msgspec.Raw(draft.records),
        )
    )
    if len(message) > MESSAGE_MAX_BYTES:
        raise ValueError("a message has at most 8 MiB")
    return message


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    """The queue message; what is already JSON is copied as it stands."""

    after: WireRoot
    checkpoint: str
    consistency: tuple[str, ...]
    first: int
    frontier: tuple[str, ...]
    header: str
    keys: msgspec.Raw
    records: msgspec.Raw


def _seal(
    header: BatchHeader, records: Sequence[Unsealed], recipients: Sequence[PublicKey], batch_key: bytes
) -> Draft:
    header_octets = header.octets()
    header_hash = sha256(header_octets).digest()
    entries, salts, sealed, named = [], [], [], set()
    for record, (key, salt) in zip(records, record_secrets(batch_key, len(records)), strict=True):
        if len(record.octets) > RECORD_MAX_BYTES:
            raise ValueError("a record has at most 1 MiB")
        octets, entry = _entry(record, salt)
        agree(header, entry)
        named.add(entry.recipient)
        ciphertext = AESGCM(key).encrypt(NONCE, record.octets, header_hash + octets)
        entries.append(octets)
        salts.append(salt)
        sealed.append(WireRecord(b64url(ciphertext), octets.decode()))
    if len(named) != 1:
        raise ValueError("a batch goes to one recipient")
    encoded = msgspec.json.encode(sealed)
    if len(encoded) > MESSAGE_MAX_BYTES - _AROUND_BYTES:
        raise ValueError("the records of a batch have at most 7.5 MiB when sealed")
    info = key_info(header_hash)
    keys = [WireKey(b64url(wrap(key, info, batch_key)), key.kid) for key in recipients]
    leaves = tuple(leaf_hash(octets) for octets in entries)
    return Draft(header_octets, msgspec.json.encode(keys), encoded, tuple(entries), leaves, tuple(salts))


def _entry(record: Unsealed, salt: bytes) -> tuple[bytes, Entry]:
    """Make the entry in the form that the recipient demands: what nobody could open must not be promised."""
    return make_entry(
        {
            **record.entry,
            "commitment": commitment(salt, record.octets),
            "source_commitment": source_commitment(salt, record.source),
        }
    )
