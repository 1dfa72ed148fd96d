"""What sealing and opening a batch have in common: limits, header, derived keys, parts of the message.

The queue message is JSON, binary in base64url: `header` (a string, the header's octets), `keys` [{`kid`,
`ek`}], `records` [{`entry` (a string), `ciphertext`}], `first` (index of the first entry), `frontier` (of the
tree of size `first`), `checkpoint` (signed note over the tree right after the batch), `after` {`size`,
`root`} (the checkpoint of the previous message of this queue) and `consistency` (RFC 6962 proof from `after`
to `checkpoint`).
"""

from typing import Annotated, Literal

import msgspec

from crypto.entry import Entry, record_id
from crypto.errors import Tampered
from crypto.hpke import Suite
from crypto.mac import mac

BATCH_MAX_RECORDS = 256
BATCH_MAX_RECIPIENTS = 16
RECORD_MAX_BYTES = 1024 * 1024
MESSAGE_MAX_BYTES = 8 * 1024 * 1024
NONCE = bytes(12)  # AES-GCM; constant, because every key encrypts one record only

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class BatchHeader(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a batch says of itself in clear; authenticated with every record in it.

    `batch` is a UUIDv7, `recipients` are key ids in the order of the wrapped keys, `count` is the number of
    records.
    """

    v: Literal[1] = 1
    batch: _Name
    lane: _Name
    sender: _Name
    recipients: Annotated[tuple[_Name, ...], msgspec.Meta(min_length=1, max_length=BATCH_MAX_RECIPIENTS)]
    contract: _Name
    suite: Suite
    count: Annotated[int, msgspec.Meta(ge=1, le=BATCH_MAX_RECORDS)]

    def octets(self) -> bytes:
        """The header as RFC 8785 JSON; its SHA-256 is bound to the batch key and to every record."""
        return _ENCODER.encode(self)


class WireRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A record in the message."""

    ciphertext: str
    entry: str


class WireKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A batch key in the message, wrapped for the recipient's key `kid`."""

    ek: str
    kid: str


class WireRoot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tree's size and root in the message."""

    root: str
    size: int


_ENCODER = msgspec.json.Encoder(order="sorted")  # for these types: RFC 8785
_DECODER = msgspec.json.Decoder(BatchHeader)


def parse_header(octets: bytes) -> BatchHeader:
    """Parse a batch header.

    Raises:
        Tampered: (`header`) not of this form, or not canonical.
    """
    try:
        header = _DECODER.decode(octets)
    except ValueError as error:  # msgspec's own, and UnicodeDecodeError
        raise Tampered("header", "the batch header is malformed") from error
    if header.octets() != octets or len(set(header.recipients)) != len(header.recipients):
        raise Tampered("header", "the batch header is not canonical")
    return header


def agree(header: BatchHeader, entry: Entry) -> None:
    """Check that an entry belongs into a batch with this header.

    Raises:
        Tampered: (`agreement`) another sender or contract, or an id that is not that of the entry's
        reference.
    """
    if (entry.sender, entry.contract) != (header.sender, header.contract):
        raise Tampered("agreement", "header and entry name different senders or contracts")
    if entry.id != record_id(entry.sender, entry.contract, entry.source_ref, entry.op):
        raise Tampered("agreement", "the record id is not that of its reference")


def key_info(header_hash: bytes) -> bytes:
    """The HPKE `info` under which a batch key is wrapped: it binds the key to the header."""
    return b"isnad-batch/v1\x00" + header_hash


def record_secrets(batch_key: bytes, count: int) -> list[tuple[bytes, bytes]]:
    """The key and the salt, 32 bytes each, of the records of a batch in order.

    HKDF-Expand (RFC 5869 §2.3) with SHA-256 to 64 bytes: two blocks, written out as it runs for every record.
    """
    expand, secrets = mac(batch_key), []
    for position in range(count):
        info = b"isnad-record/v1\x00" + position.to_bytes(4, "big")
        key = expand(info + b"\x01")
        secrets.append((key, expand(key + info + b"\x02")))
    return secrets
