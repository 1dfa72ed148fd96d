"""The Merkle tree of RFC 6962 §2.1: roots, proofs, and what must be kept to let it grow. `tree_checks` checks proofs.

A leaf hash is SHA-256(0x00 ‖ entry), a node SHA-256(0x01 ‖ left ‖ right); n leaves split at the largest power
of two below n. Every hash here is 32 bytes. `MTH(lo, hi)` is the root of the leaves lo to hi-1.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from crypto.errors import Check, Tampered

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
MAX_SIZE = 2**63 - 1  # C2SP tlog-checkpoint readers hold sizes in 64 signed bits

Subtree = Callable[[int, int], bytes]
"""`subtree(lo, hi)` answers MTH(lo, hi). It is only asked for aligned perfect subtrees: hi - lo is a power of
two that divides lo. A tile or a table of nodes can answer that."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one leaf."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def check_hashes(hashes: Sequence[bytes], check: Check = "tree") -> None:
    """Refuse other lengths: 31 bytes beside 33 would hash to the same node as 32 beside 32."""
    for value in hashes:
        if len(value) != HASH_BYTES:
            raise Tampered(check, "a hash that is not 32 bytes")


@dataclass(frozen=True, slots=True)
class Frontier:
    """The roots of a tree's perfect subtrees, largest first: all that is needed to append to it.

    Raises:
        Tampered: (`tree`) not one 32-byte hash for every set bit of `size`.
    """

    size: int
    hashes: tuple[bytes, ...]

    def __post_init__(self) -> None:
        if not 0 <= self.size <= MAX_SIZE or len(self.hashes) != self.size.bit_count():
            raise Tampered("tree", "the frontier does not fit its size")
        check_hashes(self.hashes)

    def root(self) -> bytes:
        """The root of the whole tree."""
        return _fold(self.hashes) if self.hashes else EMPTY_ROOT

    def append(self, leaves: Sequence[bytes]) -> "Frontier":
        """The frontier after these leaf hashes."""
        return Growth(self, leaves).frontier


class Growth:
    """Every node that appending leaf hashes to a tree creates, plus the frontier nodes they join.

    That is enough to prove each new leaf in the grown tree (`inclusion_proof(i, growth.frontier.size,
    growth.subtree)` for i >= the old size) and the old tree in the grown one (`consistency_proof`).
    """

    __slots__ = ("_above", "_ragged", "_rows", "frontier")

    def __init__(self, frontier: Frontier, leaves: Sequence[bytes]) -> None:
        check_hashes(leaves)
        waiting = list(frontier.hashes)  # its last is the smallest, so levels are taken from the end
        edge: list[bytes] = []
        rows: list[tuple[int, list[bytes]]] = []
        start, row = frontier.size, list(leaves)  # `row` holds the nodes from `start` on, one level at a time
        while start or row:
            if start & 1:
                row.insert(0, waiting.pop())
            start -= start & 1
            rows.append((start, row))
            if len(row) & 1:
                edge.append(row[-1])
            # node_hash, inlined: this loop makes nearly all hashes of an append.
            row = [
                sha256(b"\x01" + left + right).digest()
                for left, right in zip(row[::2], row[1::2], strict=False)
            ]
            start >>= 1
        self._rows = rows
        self._ragged: list[bytes | None] | None = None
        self._above: dict[tuple[int, int], tuple[bytes, ...]] = {}
        self.frontier = Frontier(frontier.size + len(leaves), tuple(reversed(edge)))

    def subtree(self, lo: int, hi: int) -> bytes:
        """MTH(lo, hi) of an aligned perfect subtree (a `Subtree`).

        Raises:
            LookupError: a node that was neither made nor joined by this growth.
        """
        level = (hi - lo).bit_length() - 1
        start, row = self._rows[level]
        position = (lo >> level) - start
        if position < 0:
            raise LookupError("a node from before this growth")
        return row[position]

    def path(self, index: int) -> tuple[bytes, ...]:
        """`inclusion_proof` of one of the new leaves in the grown tree, for a tenth of its price.

        Raises:
            ValueError: the growth has no such leaf.
        """
        start, leaves = self._rows[0] if self._rows else (0, [])
        if not start <= index < start + len(leaves):
            raise ValueError("no such leaf in this growth")
        if self._ragged is None:
            self._ragged = self._incomplete()
        return self._siblings(0, index, self._ragged)

    def _siblings(self, level: int, index: int, ragged: list[bytes | None]) -> tuple[bytes, ...]:
        """The siblings from a node upwards; neighbours share all but the first."""
        if level == len(self._rows):
            return ()
        parent = level + 1, index >> 1
        above = self._above.get(parent)
        if above is None:
            above = self._above[parent] = self._siblings(*parent, ragged)
        start, row = self._rows[level]
        sibling = (index ^ 1) - start
        if sibling < len(row):
            return row[sibling], *above
        last = ragged[level]
        return (last, *above) if last is not None and sibling == len(row) else above

    def _incomplete(self) -> list[bytes | None]:
        """The node of each level that is not perfect, the last one there, if the level has one."""
        found: list[bytes | None] = []
        ragged: bytes | None = None
        for start, row in self._rows:
            found.append(ragged)
            if (start + len(row)) & 1:
                ragged = row[-1] if ragged is None else node_hash(row[-1], ragged)
        return found


def inclusion_proof(index: int, size: int, subtree: Subtree) -> tuple[bytes, ...]:
    """PATH(index, D[0:size]) of RFC 6962 §2.1.1: the sibling hashes from the leaf up to the root.

    Raises:
        ValueError: `index` is not below `size`.
    """
    if not 0 <= index < size:
        raise ValueError("no such leaf in a tree of this size")
    path = []
    lo, hi = 0, size
    while (hi - lo) & (hi - lo - 1):
        middle = _split(lo, hi)
        if index < middle:
            path.append(_mth(middle, hi, subtree))
            hi = middle
        else:
            path.append(subtree(lo, middle))
            lo = middle
    # What is left is a perfect subtree, where a node's sibling differs from it in the last bit.
    for level in reversed(range((hi - lo).bit_length() - 1)):
        sibling = index >> level ^ 1
        path.append(subtree(sibling << level, (sibling + 1) << level))
    return tuple(reversed(path))


def consistency_proof(old: int, new: int, subtree: Subtree) -> tuple[bytes, ...]:
    """PROOF(old, D[0:new]) of RFC 6962 §2.1.2; empty if `old` is 0 or equals `new`.

    Raises:
        ValueError: `old` is above `new`.
    """
    if not 0 <= old <= new:
        raise ValueError("a tree cannot shrink")
    if old == 0:
        return ()
    path = []
    lo, hi = 0, new
    while hi != old:
        middle = _split(lo, hi)
        if old <= middle:
            path.append(_mth(middle, hi, subtree))
            hi = middle
        else:
            path.append(_mth(lo, middle, subtree))
            lo = middle
    if lo:  # otherwise the subtree is the whole old tree, whose root the verifier has
        path.append(_mth(lo, hi, subtree))
    return tuple(reversed(path))


def _split(lo: int, hi: int) -> int:
    """Where the tree over lo to hi-1 splits: after the largest power of two below its size."""
    return lo + (1 << ((hi - lo - 1).bit_length() - 1))


def _mth(lo: int, hi: int, subtree: Subtree) -> bytes:
    """MTH(lo, hi) out of its perfect subtrees; `lo` is a multiple of the largest of them."""
    if not (hi - lo) & (hi - lo - 1):  # perfect itself, as nearly all are
        return subtree(lo, hi)
    return _fold([subtree(left, right) for left, right in _perfect(lo, hi)])


def _perfect(lo: int, hi: int) -> Iterator[tuple[int, int]]:
    while lo < hi:
        width = 1 << ((hi - lo).bit_length() - 1)
        yield lo, lo + width
        lo += width


def _fold(hashes: Sequence[bytes]) -> bytes:
    """The root over adjacent perfect subtrees, largest first."""
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root
