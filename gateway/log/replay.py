"""Replaying a lane from its first entry: does what the store holds add up to what was signed?

Nothing is taken from the store that is not recomputed from the entries, except the signatures. Whoever
changes the store without the signing keys is found, and the first entry that is not as it was is named.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from crypto.errors import Tampered as NotAuthentic
from crypto.merkle import HASH_BYTES, leaf_hash
from crypto.note import Checkpoint, LogPolicy, verify
from gateway.errors import Tampered
from gateway.log.lane import new_lane, split, tile_reader
from gateway.log.proofs import Place, entry_at, lane_named
from gateway.log.store import located, place_of, tile_place
from gateway.log.tiles import WIDTH


@dataclass(frozen=True, slots=True)
class Replayed:
    """A lane that is as it was signed: size, root, and how many checkpoints were verified."""

    lane: str
    size: int
    root: bytes
    checkpoints: int


def verify_lane(db: sqlite3.Connection, name: str, policy: LogPolicy) -> Replayed:
    """Check every entry, tile and checkpoint of a lane.

    Memory does not grow with the lane. What the lane gains meanwhile is left for the next time.

    Raises:
        LookupError: there is no such lane.
        Tampered: `tampered.log`; `field` is the first index at which the lane is not as it was.
    """
    # 1. What the lane claims to be.
    place = lane_named(db, name)
    query = "SELECT origin, size, frontier FROM lane WHERE id = ?"
    origin, size, frontier = db.execute(query, (place.number,)).fetchone()
    if origin != policy.origin:
        raise _found(name, 0, "the lane is of another log than the policy")
    lane, checkpoints, signed_to = new_lane(place.number, name, origin), 0, 0
    read = tile_reader(db, place.number)
    for first in range(0, size, WIDTH):
        # 2. Each entry is the leaf that its tile has at this index.
        leaves = list(_leaves(db, place, range(first, min(first + WIDTH, size)), read(0, first // WIDTH)))
        # 3. Each checkpoint on the way is signed, and states the root that the entries have there.
        for at, note in _checkpoints(db, place, first, first + len(leaves)):
            root = lane.append(leaves[: at - first]).after.frontier.root()
            _check_signed(name, note, policy, Checkpoint(origin, at, root), signed_to)
            checkpoints, signed_to = checkpoints + 1, at
        # 4. The tiles above are made of the tiles below.
        appended = lane.append(leaves)
        for (level, number), hashes in appended.touched.items():
            if not read(level, number).startswith(hashes):
                raise _found(name, first, f"tile {number} of level {level} is not made of the entries")
        lane = appended.after
    # 5. The end of it is what the lane claims, and was signed; and there is nothing behind it.
    if lane.frontier.hashes != split(frontier):
        raise _found(name, size, "the end of the tree is not made of the entries")
    if signed_to != size:
        raise _found(name, signed_to, "from here on no checkpoint covers the entries")
    query = "SELECT min(place) FROM entry WHERE place BETWEEN ? + (SELECT size FROM lane WHERE id = ?) AND ?"
    (beyond,) = db.execute(query, (place_of(place.number, 0), place.number, _end(place))).fetchone()
    if beyond is not None:
        raise _found(name, located(beyond)[1], "an entry was added behind the end of the lane")
    return Replayed(name, size, lane.frontier.root(), checkpoints)


def _leaves(db: sqlite3.Connection, lane: Place, indices: range, tile: bytes) -> Iterator[bytes]:
    """Yield the leaf hashes of entries, each of which is what its tile says."""
    query = "SELECT place, octets FROM entry WHERE place BETWEEN ? AND ? ORDER BY place"
    rows = db.execute(
        query, (place_of(lane.number, indices[0]), place_of(lane.number, indices[-1]))
    ).fetchall()
    entries = {located(at)[1]: octets for at, octets in rows}
    for index in indices:
        if index not in entries:
            raise _found(lane.name, index, "the entry was removed")
        leaf, expected = leaf_hash(entries[index]), tile[index % WIDTH * HASH_BYTES :][:HASH_BYTES]
        if leaf != expected:
            raise _found(lane.name, index, _difference(db, lane, index, leaf, expected))
        yield leaf


def _difference(db: sqlite3.Connection, lane: Place, index: int, leaf: bytes, expected: bytes) -> str:
    """Say what happened to an entry that is not the leaf that the tree expects at its index."""
    belongs = _index_of(db, lane, leaf)
    if belongs is None:
        following = entry_at(db, lane, index + 1)
        moved = following is not None and leaf_hash(following) == expected
        return "an entry was added here, and those behind it moved" if moved else "the entry was changed"
    there = entry_at(db, lane, belongs)
    if belongs == index + 1 and (there is None or leaf_hash(there) != expected):
        return "the entry was removed, and those behind it moved"
    return f"the entry was moved; it belongs at index {belongs}"


def _index_of(db: sqlite3.Connection, lane: Place, leaf: bytes) -> int | None:
    """Return where the lane's tiles have a leaf hash."""
    first, last = tile_place(lane.number, 0, 0), tile_place(lane.number, 1, 0) - 1
    query = "SELECT place, hashes FROM tile WHERE place BETWEEN ? AND ? AND instr(hashes, ?) ORDER BY place"
    for place, hashes in db.execute(query, (first, last, leaf)):
        leaves = split(hashes)
        if leaf in leaves:
            return int(place - first) * WIDTH + leaves.index(leaf)
    return None


def _checkpoints(db: sqlite3.Connection, lane: Place, after: int, upto: int) -> list[tuple[int, str]]:
    """Return the sizes and notes of the checkpoints above one size, up to and including another."""
    query = "SELECT place, note FROM checkpoint WHERE place > ? AND place <= ? ORDER BY place"
    rows = db.execute(query, (place_of(lane.number, after), place_of(lane.number, upto))).fetchall()
    return [(located(place)[1], note) for place, note in rows]


def _check_signed(name: str, note: str, policy: LogPolicy, expected: Checkpoint, signed_to: int) -> None:
    try:
        stated = verify(note, policy)
    except NotAuthentic as error:
        rule = f"the checkpoint of size {expected.size} does not hold: {error.detail}"
        raise _found(name, signed_to, rule) from error
    if stated != expected:
        rule = f"not every entry up to index {expected.size - 1} is the one that was signed"
        raise _found(name, signed_to, rule)


def _end(lane: Place) -> int:
    return place_of(lane.number + 1, 0) - 1


def _found(lane: str, index: int, what: str) -> Tampered:
    return Tampered("tampered.log", f"lane {lane}, index {index}: {what}", str(index))
