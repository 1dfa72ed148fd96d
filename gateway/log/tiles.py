"""A lane's tree in C2SP tiles: 256 hashes each, every one the root of a full tile of the level below.

Level 0 holds the leaf hashes. From tiles any node of the tree is a few hundred hashes away, so a proof at a
million entries reads half a dozen rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from crypto.merkle import HASH_BYTES, Growth, node_hash

WIDTH = 256
_BITS = 8
_TILE_BYTES = WIDTH * HASH_BYTES
_NOTHING = b""

Read = Callable[[int, int], bytes]
"""`read(level, number)` returns the hashes of a tile as far as it is filled."""


class Tiles:
    """The nodes of one lane's tree, as proofs ask for them; reads every tile once."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._seen: dict[tuple[int, int], bytes] = {}

    def subtree(self, lo: int, hi: int) -> bytes:
        """Return MTH(lo, hi) of an aligned perfect subtree inside the tree (`crypto.merkle.Subtree`)."""
        level, rest = divmod((hi - lo).bit_length() - 1, _BITS)
        number, first = divmod(lo >> level * _BITS, WIDTH)
        tile = self.tile(level, number)
        return root([tile[at : at + HASH_BYTES] for at in _offsets(first, 1 << rest)])

    def tile(self, level: int, number: int) -> bytes:
        """Return the hashes of a tile as far as it is filled."""
        key = level, number
        if key not in self._seen:
            self._seen[key] = self._read(level, number)
        return self._seen[key]


def root(hashes: Sequence[bytes]) -> bytes:
    """Return the root over the hashes of a perfect subtree; their number is a power of two."""
    row = list(hashes)
    while len(row) > 1:
        row = [node_hash(left, right) for left, right in zip(row[::2], row[1::2], strict=True)]
    return row[0]


def grown(
    edge: Sequence[bytes], size: int, leaves: Sequence[bytes], growth: Growth
) -> tuple[tuple[bytes, ...], dict[tuple[int, int], bytes]]:
    """Return the edge after an append, and every tile it touched, by level and number.

    `edge` holds the unfinished tile of each level, `size` is the tree's before the append, `growth` the
    append's.
    """
    after = growth.frontier.size
    edges: list[bytes] = []
    touched: dict[tuple[int, int], bytes] = {}
    level = 0
    while after >> level * _BITS:
        old, new = size >> level * _BITS, after >> level * _BITS
        added = leaves if level == 0 else [growth.subtree(*_covered(level, n)) for n in range(old, new)]
        hashes = (edge[level] if level < len(edge) else _NOTHING) + b"".join(added)
        for position in range(0, len(hashes), _TILE_BYTES):
            if added:
                touched[level, old // WIDTH + position // _TILE_BYTES] = hashes[
                    position : position + _TILE_BYTES
                ]
        edges.append(hashes[len(hashes) - new % WIDTH * HASH_BYTES :])
        level += 1
    return tuple(edges), touched


def levels(size: int) -> Iterator[tuple[int, int]]:
    """Yield each level of a tree of this size, and how many hashes stand there."""
    level = 0
    while size >> level * _BITS:
        yield level, size >> level * _BITS
        level += 1


def _covered(level: int, number: int) -> tuple[int, int]:
    """The leaves under a hash of a level."""
    return number << level * _BITS, (number + 1) << level * _BITS


def _offsets(first: int, count: int) -> range:
    return range(first * HASH_BYTES, (first + count) * HASH_BYTES, HASH_BYTES)
