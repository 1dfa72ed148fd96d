"""What is known of a file.

It is `landing` while it is sent, `whole` once it says so, then `taken` row by row, and at the end `answered` or
`refused`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import msgspec


class State(StrEnum):
    """Where a file is on its way."""

    LANDING = "landing"
    WHOLE = "whole"
    TAKEN = "taken"
    ANSWERED = "answered"
    REFUSED = "refused"


class Entry(msgspec.Struct, frozen=True):
    """A file. Times are Unix ms, and 0 until they come; sizes are in octets of plaintext.

    `certificate`, `signature` and `key_id` are its origin's. `sha256` (hex) is empty until the file is whole, and
    `expected` -1 while it is not known how many records it holds. `sequence` and `total`, of how many parts
    it is one, are its manifest's, or 0. `read_bytes` of
    it were read so far, a little more than was answered.
    """

    id: str
    agency: str
    contract: str
    name: str
    state: State
    landed_ms: int
    size: int
    certificate: str
    signature: str = ""
    key_id: str = ""
    sha256: str = ""
    media_type: str = ""
    expected: int = -1
    batch: str = ""
    sequence: int = 0
    total: int = 0
    missing: int = 0
    whole_ms: int = 0
    begun_ms: int = 0
    ended_ms: int = 0
    remove_ms: int = 0
    code: str = ""
    rule: str = ""
    position: int = 0
    accepted: int = 0
    duplicate: int = 0
    quarantined: int = 0
    refused: int = 0
    first_index: int = -1
    last_index: int = -1
    results_bytes: int = 0
    receipts_bytes: int = 0
    read_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """What must be known of a file that waits for its turn."""

    id: str
    agency: str
    contract: str
    size: int
    read_bytes: int
    whole_ms: int


@dataclass(frozen=True, slots=True)
class Overdue:
    """A batch of `total` parts of which `missing` never came. `latest` is the id of the part that came last."""

    agency: str
    contract: str
    batch: str
    latest: str
    total: int
    missing: int
    reported: bool
