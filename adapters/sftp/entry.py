"""What is known of a file.

It is `landing` while it is sent, `whole` once it says so, then `taken` row by row, and at the end `answered` or
`refused`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from gateway.records import Outcomes, Status


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
    it is one, are its manifest's, or 0. `first_index` is the lowest log index of its records, `last_index` the highest
    of those that were accepted, `last_held_index` of those that are in quarantine, and -1 while there is none.
    `read_bytes` of it were read so far, a little more than was answered.
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
    last_held_index: int = -1
    results_bytes: int = 0
    receipts_bytes: int = 0
    read_bytes: int = 0


def answered_to(entry: Entry, outcomes: Outcomes) -> Entry:
    """Return a file's entry once these of its rows were answered too."""
    counts = Counter(outcome.status for outcome in outcomes)
    accepted = [outcome.index for outcome in outcomes if outcome.status is Status.ACCEPTED]
    held = [outcome.index for outcome in outcomes if outcome.status is Status.QUARANTINED]
    return replace(
        entry,
        position=outcomes[-1].position,
        accepted=entry.accepted + counts[Status.ACCEPTED],
        duplicate=entry.duplicate + counts[Status.DUPLICATE],
        quarantined=entry.quarantined + counts[Status.QUARANTINED],
        refused=entry.refused + counts[Status.REFUSED],
        first_index=min(
            [*accepted, *held, *([entry.first_index] if entry.first_index >= 0 else [])], default=-1
        ),
        last_index=max([entry.last_index, *accepted]),
        last_held_index=max([entry.last_held_index, *held]),
    )


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
