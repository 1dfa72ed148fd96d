"""A lane as its writer knows it: the right edge of the tree, which is all that an append needs."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from crypto.merkle import EMPTY_ROOT, HASH_BYTES, Frontier, Growth, consistency_proof
from crypto.note import Checkpoint
from gateway.log.store import tile_place
from gateway.log.tiles import WIDTH, Read, Tiles, grown, levels

Queue = tuple[str, str]
"""Recipient and contract: one lane's messages go into one queue for each."""


@dataclass(frozen=True, slots=True)
class Lane:
    """The right edge of a lane, and the last checkpoint that went into each of its queues.

    `edge` holds the unfinished tile of every level. A lane that was never written has number 0.
    """

    number: int
    name: str
    origin: str
    frontier: Frontier
    edge: tuple[bytes, ...]
    heads: Mapping[Queue, Checkpoint]

    @property
    def size(self) -> int:
        """How many entries the lane has."""
        return self.frontier.size

    def checkpoint(self) -> Checkpoint:
        """Return what is to be signed about the lane as it is."""
        return Checkpoint(self.origin, self.size, self.frontier.root())

    def append(self, leaves: Sequence[bytes]) -> Appended:
        """Return what appending these leaf hashes makes of the lane."""
        growth = Growth(self.frontier, leaves)
        edge, touched = grown(self.edge, self.size, leaves, growth)
        return Appended(self, replace(self, frontier=growth.frontier, edge=edge), growth, touched)

    def head(self, queue: Queue) -> Checkpoint:
        """Return the checkpoint that the next message into a queue names as the one before it."""
        return self.heads.get(queue) or Checkpoint(self.origin, 0, EMPTY_ROOT)

    def with_head(self, queue: Queue, checkpoint: Checkpoint) -> Lane:
        """Return the lane with this checkpoint as the last one that went into a queue."""
        return replace(self, heads={**self.heads, queue: checkpoint})


@dataclass(frozen=True, slots=True)
class Appended:
    """An append: the lane before and after it, and the tiles it touched, by level and number."""

    before: Lane
    after: Lane
    growth: Growth
    touched: Mapping[tuple[int, int], bytes]

    def consistency(self, old: Checkpoint, read: Read) -> tuple[bytes, ...]:
        """Return the proof from an older checkpoint of the lane to the tree after the append.

        `read` is asked for tiles only when older nodes are needed than the append has at hand.
        """
        if old.size == self.before.size:
            return consistency_proof(old.size, self.after.size, self.growth.subtree)
        return consistency_proof(old.size, self.after.size, Tiles(read).subtree)


def new_lane(number: int, name: str, origin: str) -> Lane:
    """Return a lane without entries."""
    return Lane(number, name, origin, Frontier(0, ()), (), {})


def load_lane(db: sqlite3.Connection, name: str) -> Lane | None:
    """Return a lane as the store holds it."""
    row = db.execute("SELECT id, origin, size, frontier FROM lane WHERE name = ?", (name,)).fetchone()
    if row is None:
        return None
    number, origin, size, hashes = row
    read = tile_reader(db, number)
    heads = db.execute("SELECT recipient, contract, size, root FROM queue_head WHERE lane = ?", (number,))
    return Lane(
        number,
        name,
        origin,
        Frontier(size, split(hashes)),
        tuple(read(level, count // WIDTH) if count % WIDTH else b"" for level, count in levels(size)),
        {(recipient, contract): Checkpoint(origin, at, root) for recipient, contract, at, root in heads},
    )


def tile_reader(db: sqlite3.Connection, number: int) -> Read:
    """Return how to read tiles of a lane from the store; one that is not there is empty."""

    def read(level: int, tile: int) -> bytes:
        row = db.execute(
            "SELECT hashes FROM tile WHERE place = ?", (tile_place(number, level, tile),)
        ).fetchone()
        return row[0] if row else b""

    return read


def split(hashes: bytes) -> tuple[bytes, ...]:
    """Cut concatenated hashes."""
    return tuple(hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES))
