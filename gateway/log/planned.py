"""What a round of the log gives a place: events, and batches with what their messages and receipts need to know."""

from __future__ import annotations

from dataclasses import dataclass

from crypto.merkle import Frontier
from crypto.note import Checkpoint
from crypto.seal import Draft
from gateway.records import Event, Terms

Where = tuple[str, int]
"""A lane's name and an index, or a size, in it."""


@dataclass(frozen=True, slots=True)
class Noted:
    """An event and when it happened (Unix ms)."""

    event: Event
    time_ms: int


@dataclass(frozen=True, slots=True)
class Sealed:
    """A batch with its place: what its message and its receipts are made of once the checkpoint is signed."""

    terms: Terms
    draft: Draft
    batch_id: str
    frontier: Frontier
    checkpoint: Where
    after: Checkpoint
    consistency: tuple[bytes, ...]
    held: bool  # does not go before an officer has decided


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a batch stands: `together` is None when it has only records that were refused or are held."""

    together: Sealed | None
    held: tuple[Sealed, ...]
