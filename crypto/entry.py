"""The log entry of an accepted record: a leaf that holds no personal data and commits to the record.

Its octets are RFC 8785 JSON, at most 4,096 bytes. The commitments are salted, so that a leaf tells nothing to
those who do not hold the record, and a neighbour's proof reveals nothing.
"""

from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Literal

import msgspec

from crypto.encoding import b64url
from crypto.errors import Tampered

ENTRY_MAX_BYTES = 4096
SALT_BYTES = 32


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A `record.accepted` entry. An empty `prior_ref`, `subject` or `review` means: the entry has no such member.

    `review` holds the codes of what somebody should look at before the record is applied. Members stand in the order
    in which they are written.
    """

    agreement: str
    commitment: str
    contract: str
    freeze: Literal["pass", "hold"]
    id: str
    kind: Literal["record.accepted"]
    op: Literal["assert", "correct", "void"]
    origin: dict[str, str]
    prior_ref: str = ""
    recipient: str
    review: tuple[str, ...] = ()
    sender: str
    source_commitment: str
    source_ref: str
    subject: str = ""
    submission: str
    time: str
    v: Literal[1]


_DECODER = msgspec.json.Decoder(Entry)
_ENCODER = msgspec.json.Encoder(order="deterministic")  # members stand in order, keys are ASCII: RFC 8785


def record_id(sender: str, contract: str, source_ref: str, op: str) -> str:
    """The record's id: a UUIDv8 (RFC 9562 §5.8), the same on every node and at every retry.

    Raises:
        ValueError: a part holds U+0000, which separates them.
    """
    return _record_id(sender, contract, source_ref, op)


@lru_cache(maxsize=1024)  # it is asked for when a record is taken, and again when its batch is sealed
def _record_id(*parts: str) -> str:
    if "\x00" in "".join(parts):
        raise ValueError("the parts of a record id hold no U+0000")
    octets = bytearray(sha256("\x00".join(("isnad-record/v1", *parts)).encode()).digest()[:16])
    octets[6] = octets[6] & 0x0F | 0x80  # version 8
    octets[8] = octets[8] & 0x3F | 0x80  # variant 10
    text = octets.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def commitment(salt: bytes, octets: bytes) -> str:
    """What an entry says of the canonical record octets: base64url of a SHA-256."""
    return b64url(sha256(b"isnad-commitment/v1\x00" + salt + octets).digest())


def source_commitment(salt: bytes, source: bytes) -> str:
    """What an entry says of the octets as they stood in the submission: base64url of a SHA-256."""
    return b64url(sha256(b"isnad-source/v1\x00" + salt + source).digest())


def make_entry(members: Mapping[str, object]) -> tuple[bytes, Entry]:
    """Encode an entry of an accepted record, so that `parse_entry` reads it back.

    Raises:
        Tampered: (`entry`) it would not: too large, or not of this form.
    """
    if "" in (members.get("prior_ref"), members.get("subject")) or members.get("review") == ():
        raise Tampered("entry", "an empty member that should be absent")
    try:
        entry = msgspec.convert(members, Entry)
        octets = _ENCODER.encode(entry)
    except ValueError as error:  # msgspec's own, and UnicodeEncodeError
        raise Tampered("entry", "the entry is not that of an accepted record") from error
    if len(octets) > ENTRY_MAX_BYTES:
        raise Tampered("entry", "the entry is too large")
    return octets, entry


def parse_entry(octets: bytes) -> Entry:
    """Parse an entry of an accepted record.

    Raises:
        Tampered: (`entry`) too large, not of this form or not canonical: what reads the same but has other
            octets, and so another leaf, is not an entry.
    """
    if len(octets) > ENTRY_MAX_BYTES:
        raise Tampered("entry", "the entry is too large")
    try:
        entry = _DECODER.decode(octets)
    except ValueError as error:  # msgspec's own, and UnicodeDecodeError
        raise Tampered("entry", "the entry is not that of an accepted record") from error
    if _ENCODER.encode(entry) != octets:
        raise Tampered("entry", "the entry is not canonical")
    return entry
