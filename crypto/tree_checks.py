"""Checking the proofs of a Merkle tree (RFC 9162 §2.1.3.2, §2.1.4.2): all that a verifier needs of it.

Sizes and indices count leaves; every hash is 32 bytes. `merkle` says how leaves and nodes are hashed, and makes proofs.
"""

from collections.abc import Sequence

from crypto.errors import Tampered
from crypto.merkle import EMPTY_ROOT, MAX_SIZE, check_hashes, node_hash


def inclusion_root(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root that `path` leads to from the leaf hash (RFC 9162 §2.1.3.2).

    Raises:
        Tampered: (`tree`) `index` is not below `size`, or the path has another length than it must have.
    """
    if not 0 <= index < size <= MAX_SIZE:
        raise Tampered("tree", "the leaf's index is not in the tree")
    check_hashes((leaf, *path))
    root, last = leaf, size - 1
    for sibling in path:
        if last == 0:
            raise Tampered("tree", "the inclusion proof is too long")
        if index & 1 or index == last:
            root = node_hash(sibling, root)
            while not index & 1:  # levels at which this node has no sibling and is promoted
                index, last = index >> 1, last >> 1
        else:
            root = node_hash(root, sibling)
        index, last = index >> 1, last >> 1
    if last:
        raise Tampered("tree", "the inclusion proof is too short")
    return root


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf hash stands at `index` in the tree of this size and root.

    Raises:
        Tampered: (`tree`) it does not, or the proof is malformed.
    """
    if inclusion_root(leaf, index, size, path) != root:
        raise Tampered("tree", "the entry is not in the tree at this index")


def verify_consistency(old_size: int, old_root: bytes, size: int, root: bytes, path: Sequence[bytes]) -> None:
    """Check that the tree (size, root) begins with the tree (old_size, old_root).

    Raises:
        Tampered: (`consistency`) it does not, or the proof is malformed.
    """
    if not 0 <= old_size <= size <= MAX_SIZE:
        raise Tampered("consistency", "the tree shrank")
    check_hashes((old_root, root, *path), "consistency")
    if old_size in (0, size):
        # No proof is needed: every tree begins with the empty one and with itself.
        proved = (root if old_size else EMPTY_ROOT, root if size else EMPTY_ROOT)
        if path:
            raise Tampered("consistency", "the consistency proof is too long")
    else:
        proved = _consistency_roots(old_size, old_root, size, path)
    if proved != (old_root, root):
        raise Tampered("consistency", "the tree does not contain the tree seen before")


def _consistency_roots(
    old_size: int, old_root: bytes, size: int, path: Sequence[bytes]
) -> tuple[bytes, bytes]:
    """The two roots that a consistency proof leads to, for 0 < old_size < size (RFC 9162 §2.1.4.2)."""
    # The root of a perfect old tree is a node of the new one; the proof leaves it out.
    steps = list(path) if old_size & (old_size - 1) else [old_root, *path]
    if not steps:
        raise Tampered("consistency", "the consistency proof is too short")
    index, last = old_size - 1, size - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    old = new = steps[0]
    for step in steps[1:]:
        if last == 0:
            raise Tampered("consistency", "the consistency proof is too long")
        if index & 1 or index == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while not index & 1:
                index, last = index >> 1, last >> 1
        else:
            new = node_hash(new, step)
        index, last = index >> 1, last >> 1
    if last:
        raise Tampered("consistency", "the consistency proof is too short")
    return old, new
