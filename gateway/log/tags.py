"""Where in the log a record or a citizen occurs: an index whose growth costs little disk.

A *tag* is eight bytes of a record id or of a citizen's pseudonym; a *posting* says at which place it
occurs. Both are random, so putting each posting into the index at once would write a page of disk for every
one of them: measured at a million records, that took three quarters of an append. So postings gather in
memory, by the tag's first byte, and one of these 256 buckets after the other is put into the index as a
whole: neighbours share pages. Until all buckets have had their turn, a round's postings also stand in
`tag_young`, one row a round, from which memory is filled again.

A tag only finds candidates: the caller compares what stands at the place.
"""

from __future__ import annotations

import sqlite3
import struct
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

from gateway.log.store import insert, select, snapshot

BUCKETS = 256
WAITING_MAX = 64 * 1024
"""Postings in memory, about 10 MiB. More would mean fewer pages an append and longer searches."""
_POSTING = struct.Struct(">qq")  # tag, place
_BYTES = 8
_FIRST_BYTE = 56  # of a tag, which is signed: shifted by this it is -128 to 127

Posting = tuple[int, int]


def tag_of(value: bytes) -> int:
    """Return the tag of a value whose first eight bytes are random: a record id or a pseudonym."""
    return int.from_bytes(value[:_BYTES], "big", signed=True)


def tags_of(values: Sequence[bytes]) -> tuple[int, ...]:
    """Return the tags of many values, for a third of what each takes by itself."""
    return struct.unpack(f">{len(values)}q", b"".join([value[:_BYTES] for value in values]))


def places(db: sqlite3.Connection, tag: int) -> list[int]:
    """Return where a tag occurs, in order, without the writer's memory."""
    with snapshot(db):
        sought = tag.to_bytes(_BYTES, "big", signed=True)
        young = db.execute("SELECT postings FROM tag_young WHERE instr(postings, ?)", (sought,)).fetchall()
        found = {
            place for (postings,) in young for other, place in _POSTING.iter_unpack(postings) if other == tag
        }
        found.update(place for (place,) in db.execute("SELECT place FROM tag WHERE tag = ?", (tag,)))
    return sorted(found)


@dataclass(slots=True)
class Turn:
    """What one round does to the index: postings it adds, and what waits in the buckets whose turn it is."""

    postings: Sequence[Posting]
    buckets: dict[int, list[Posting]] = field(default_factory=dict)
    forget: int = -1  # young rows up to this round have all been put into the index


class Tags:
    """The writer's side of the index. Memory changes only once a turn was committed (`keep`)."""

    def __init__(self, db: sqlite3.Connection, waiting_max: int = WAITING_MAX) -> None:
        self._waiting_max = waiting_max
        # Buckets by the tag's first byte, which is signed: those of negative ones count from the lists' end.
        self._first: list[dict[int, int]] = [{} for _ in range(BUCKETS)]  # tag to its first place
        self._again: list[list[Posting]] = [[] for _ in range(BUCKETS)]  # tags at their other places
        self.waiting = 0
        self._turns = 0  # bucket `_turns % BUCKETS` is the next one to be put into the index
        self._young: deque[tuple[int, int]] = deque()  # round, and the turn after which it may be forgotten
        for number, postings in db.execute("SELECT round, postings FROM tag_young ORDER BY round"):
            self._add(number, list(_POSTING.iter_unpack(postings)))

    def places(self, db: sqlite3.Connection, tags: Sequence[int]) -> list[int]:
        """Return every place where one of these tags occurs."""
        found = {place for (place,) in select(db, "SELECT place FROM tag WHERE tag IN", tags)}
        for tag in tags:
            bucket = tag >> _FIRST_BYTE
            if tag in self._first[bucket]:
                found.add(self._first[bucket][tag])
                found.update(place for other, place in self._again[bucket] if other == tag)
        return sorted(found)

    def turn(self, postings: Sequence[Posting]) -> Turn:
        """Plan what a round that adds these postings does to the index."""
        turn = Turn(postings)
        left = self.waiting + len(postings)
        while left > self._waiting_max and len(turn.buckets) < BUCKETS:
            bucket = (self._turns + len(turn.buckets)) % BUCKETS
            turn.buckets[bucket] = [*self._first[bucket].items(), *self._again[bucket]]
            left -= len(turn.buckets[bucket])
        turns = self._turns + len(turn.buckets)
        for number, after in self._young:
            if after > turns:
                break
            turn.forget = number
        return turn

    def write(self, db: sqlite3.Connection, number: int, turn: Turn) -> None:
        """Write a turn as part of round `number`."""
        if turn.postings:
            packed = struct.pack(f">{2 * len(turn.postings)}q", *chain.from_iterable(turn.postings))
            insert(db, "tag_young", [(number, packed)])
        for postings in turn.buckets.values():
            # After a restart some are in the index already.
            insert(db, "tag", sorted(postings), verb="INSERT OR IGNORE")
        if turn.forget >= 0:
            db.execute("DELETE FROM tag_young WHERE round <= ?", (turn.forget,))

    def keep(self, number: int, turn: Turn) -> None:
        """Take a committed turn into memory."""
        for bucket, postings in turn.buckets.items():
            self.waiting -= len(postings)
            self._first[bucket] = {}
            self._again[bucket] = []
        self._turns += len(turn.buckets)
        while self._young and self._young[0][0] <= turn.forget:
            self._young.popleft()
        if turn.postings:
            self._add(number, turn.postings)

    def _add(self, number: int, postings: Sequence[Posting]) -> None:
        first, again = self._first, self._again
        for tag, place in postings:
            bucket = tag >> _FIRST_BYTE
            if first[bucket].setdefault(tag, place) != place:
                again[bucket].append((tag, place))
        self.waiting += len(postings)
        self._young.append((number, self._turns + BUCKETS))
