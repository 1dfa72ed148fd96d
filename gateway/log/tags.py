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
from itertools import starmap

from gateway.log.store import insert, select, snapshot

BUCKETS = 256
WAITING_MAX = 64 * 1024
"""Postings in memory, about 10 MiB. More would mean fewer pages an append and longer searches."""
_POSTING = struct.Struct(">qq")  # tag, place
_BYTES = 8
_FIRST_BYTE = 56  # of a tag, which is signed: shifted by this it is -128 to 127, in the order of the index

Posting = tuple[int, int]


def tag_of(value: bytes) -> int:
    """Return the tag of a value whose first eight bytes are random: a record id or a pseudonym."""
    return int.from_bytes(value[:_BYTES], "big", signed=True)


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
    """What one round does to the index: postings it adds, and the buckets whose turn it is."""

    postings: Sequence[Posting]
    buckets: list[int] = field(default_factory=list)
    forget: int = -1  # young rows up to this round have all been put into the index


class Tags:
    """The writer's side of the index. Memory changes only once a turn was committed (`keep`)."""

    def __init__(self, db: sqlite3.Connection, waiting_max: int = WAITING_MAX) -> None:
        self._waiting_max = waiting_max
        self._buckets: list[dict[int, int]] = [{} for _ in range(BUCKETS)]  # tag to its first place
        self._again: dict[int, list[int]] = {}  # tag to its other places
        self.waiting = 0
        self._turns = 0  # bucket `_turns % BUCKETS` is the next one to be put into the index
        self._young: deque[tuple[int, int]] = deque()  # round, and the turn after which it may be forgotten
        for number, postings in db.execute("SELECT round, postings FROM tag_young ORDER BY round"):
            self._add(number, [(tag, place) for tag, place in _POSTING.iter_unpack(postings)])

    def places(self, db: sqlite3.Connection, tags: Sequence[int]) -> list[int]:
        """Return every place where one of these tags occurs."""
        found = {place for (place,) in select(db, "SELECT place FROM tag WHERE tag IN", tags)}
        for tag in tags:
            found.update(self._places(tag))
        return sorted(found)

    def turn(self, postings: Sequence[Posting]) -> Turn:
        """Plan what a round that adds these postings does to the index."""
        turn = Turn(postings)
        left = self.waiting + len(postings)
        while left > self._waiting_max and len(turn.buckets) < BUCKETS:
            bucket = (self._turns + len(turn.buckets)) % BUCKETS
            left -= len(self._rows(bucket))
            turn.buckets.append(bucket)
        turns = self._turns + len(turn.buckets)
        for number, after in self._young:
            if after > turns:
                break
            turn.forget = number
        return turn

    def write(self, db: sqlite3.Connection, number: int, turn: Turn) -> None:
        """Write a turn as part of round `number`."""
        if turn.postings:
            packed = b"".join(starmap(_POSTING.pack, turn.postings))
            insert(db, "tag_young", [(number, packed)])
        for bucket in turn.buckets:
            # After a restart some are in the index already.
            insert(db, "tag", sorted(self._rows(bucket)), verb="INSERT OR IGNORE")
        if turn.forget >= 0:
            db.execute("DELETE FROM tag_young WHERE round <= ?", (turn.forget,))

    def keep(self, number: int, turn: Turn) -> None:
        """Take a committed turn into memory."""
        for bucket in turn.buckets:
            self.waiting -= len(self._rows(bucket))
            for tag in self._buckets[bucket]:
                self._again.pop(tag, None)
            self._buckets[bucket] = {}
        self._turns += len(turn.buckets)
        while self._young and self._young[0][0] <= turn.forget:
            self._young.popleft()
        if turn.postings:
            self._add(number, turn.postings)

    def _add(self, number: int, postings: Sequence[Posting]) -> None:
        buckets, again = self._buckets, self._again
        for tag, place in postings:
            if buckets[(tag >> _FIRST_BYTE) + BUCKETS // 2].setdefault(tag, place) != place:
                again.setdefault(tag, []).append(place)
        self.waiting += len(postings)
        self._young.append((number, self._turns + BUCKETS))

    def _places(self, tag: int) -> tuple[int, ...]:
        first = self._buckets[(tag >> _FIRST_BYTE) + BUCKETS // 2].get(tag)
        return () if first is None else (first, *self._again.get(tag, ()))

    def _rows(self, bucket: int) -> list[Posting]:
        """Return what waits in a bucket."""
        rows = list(self._buckets[bucket].items())
        if self._again:
            rows += [(tag, place) for tag, _ in rows for place in self._again.get(tag, ())]
        return rows
