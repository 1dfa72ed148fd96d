from hashlib import sha256

import naive_tree
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.errors import Tampered
from crypto.merkle import (
    EMPTY_ROOT,
    Frontier,
    Growth,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
)
from crypto.tree_checks import inclusion_root, verify_consistency, verify_inclusion

LEAVES = [sha256(n.to_bytes(4, "big")).digest() for n in range(600)]
EMPTY = Frontier(0, ())

# The inputs and roots of the Certificate Transparency reference implementation, sizes 0 to 8.
REFERENCE_INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
REFERENCE_ROOTS = [
    bytes.fromhex(text)
    for text in (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]
REFERENCE_PATH_5_OF_8 = [
    bytes.fromhex(text)
    for text in (
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    )
]


def subtree(lo, hi):
    """A store that answers for aligned perfect subtrees only, as a tile store would."""
    width = hi - lo
    assert width & (width - 1) == 0
    assert lo % width == 0
    return naive_tree.mth(LEAVES[lo:hi])


def test_the_roots_and_a_proof_of_the_reference_implementation_come_out():
    leaves = [leaf_hash(octets) for octets in REFERENCE_INPUTS]
    for size, root in enumerate(REFERENCE_ROOTS):
        assert EMPTY.append(leaves[:size]).root() == root
    growth = Growth(EMPTY, leaves)
    assert list(inclusion_proof(5, 8, growth.subtree)) == REFERENCE_PATH_5_OF_8
    verify_inclusion(leaves[5], 5, 8, REFERENCE_PATH_5_OF_8, REFERENCE_ROOTS[8])


def test_for_every_size_to_130_root_frontier_and_inclusion_proofs_are_those_of_rfc_6962():
    for size in range(1, 131):
        leaves = LEAVES[:size]
        root = EMPTY.append(leaves).root()
        assert root == naive_tree.mth(leaves)
        for index in {0, 1, size // 3, size // 2, size - 2, size - 1} & set(range(size)):
            path = inclusion_proof(index, size, subtree)
            assert list(path) == naive_tree.path(index, leaves)
            verify_inclusion(leaves[index], index, size, path, root)


def test_for_every_pair_of_sizes_to_40_and_beyond_consistency_proofs_are_those_of_rfc_6962():
    for new in [*range(1, 41), 127, 128, 129, 130]:
        leaves = LEAVES[:new]
        root = naive_tree.mth(leaves)
        for old in range(1, new + 1):
            path = consistency_proof(old, new, subtree)
            assert list(path) == naive_tree.proof(old, leaves)
            verify_consistency(old, naive_tree.mth(LEAVES[:old]), new, root, path)


@given(st.integers(0, 300), st.integers(1, 256), st.data())
def test_a_batch_proves_its_leaves_and_the_tree_before_it_from_the_frontier_alone(before, count, data):
    frontier = EMPTY.append(LEAVES[:before])
    growth = Growth(frontier, LEAVES[before : before + count])
    size = before + count
    root = naive_tree.mth(LEAVES[:size])
    assert growth.frontier == frontier.append(LEAVES[before:size])
    assert growth.frontier.root() == root
    index = data.draw(st.integers(before, size - 1))
    path = inclusion_proof(index, size, growth.subtree)
    assert path == growth.path(index)
    assert list(path) == naive_tree.path(index, LEAVES[:size])
    proof = consistency_proof(before, size, growth.subtree)
    verify_consistency(before, frontier.root(), size, root, proof)


@given(st.lists(st.integers(0, 90), max_size=6))
def test_appending_in_any_portions_gives_one_tree(portions):
    frontier, size = EMPTY, 0
    for portion in portions:
        frontier = frontier.append(LEAVES[size : size + portion])
        size += portion
    assert frontier == EMPTY.append(LEAVES[:size])
    assert frontier.root() == naive_tree.mth(LEAVES[:size])


@given(st.integers(1, 200), st.data())
def test_an_inclusion_proof_changed_in_any_way_is_refused(size, data):
    index = data.draw(st.integers(0, size - 1))
    root, path = naive_tree.mth(LEAVES[:size]), naive_tree.path(index, LEAVES[:size])
    other = data.draw(st.integers(0, size - 1).filter(lambda n: n != index) if size > 1 else st.just(size))
    changed = [
        (LEAVES[599], index, size, path),
        (LEAVES[index], other, size, path),
        (LEAVES[index], index, size, [*path, LEAVES[0]]),
        (LEAVES[index], -1, size, path),
        (LEAVES[index], index, index, path),
        (LEAVES[index], index, 0, path),
        (LEAVES[index], index, 2**63, path),
        (LEAVES[index][:31], index, size, path),
    ]
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        flipped = bytes([path[at][0] ^ 1]) + path[at][1:]
        changed += [
            (LEAVES[index], index, size, path[:-1]),
            (LEAVES[index], index, size, path[1:]),
            (LEAVES[index], index, size, [*path[:at], flipped, *path[at + 1 :]]),
            (LEAVES[index], index, size, [*path[:at], path[at][:31], *path[at + 1 :]]),
        ]
    for leaf, at_index, of_size, with_path in changed:
        with pytest.raises(Tampered) as refusal:
            verify_inclusion(leaf, at_index, of_size, with_path, root)
        assert refusal.value.check == "tree"


def test_the_root_of_an_inclusion_proof_is_what_it_leads_to():
    path = naive_tree.path(3, LEAVES[:7])
    assert inclusion_root(LEAVES[3], 3, 7, path) == naive_tree.mth(LEAVES[:7])


@given(st.integers(2, 200), st.data())
def test_a_consistency_proof_changed_in_any_way_is_refused(size, data):
    old = data.draw(st.integers(1, size - 1))
    old_root, root = naive_tree.mth(LEAVES[:old]), naive_tree.mth(LEAVES[:size])
    path = naive_tree.proof(old, LEAVES[:size])
    at = data.draw(st.integers(0, len(path) - 1))
    flipped = bytes([path[at][0] ^ 1]) + path[at][1:]
    for old_size, of_root, new_size, new_root, with_path in [
        (old, LEAVES[0] if old > 1 else LEAVES[1], size, root, path),
        (old, old_root, size, old_root, path),
        (size, old_root, old, root, path),
        (0, old_root, size, root, []),
        (0, EMPTY_ROOT, size, root, path),
        (-1, old_root, size, root, path),
        (size, old_root, size, root, []),
        (size, root, size, root, path),
        (old, old_root, 2**63, root, path),
        (old, old_root, size, root, []),
        (old, old_root, size, root, path[:-1]),
        (old, old_root, size, root, path[1:]),
        (old, old_root, size, root, [*path, LEAVES[0]]),
        (old, old_root, size, root, [*path[:at], flipped, *path[at + 1 :]]),
    ]:
        with pytest.raises(Tampered) as refusal:
            verify_consistency(old_size, of_root, new_size, new_root, with_path)
        assert refusal.value.check == "consistency"


def test_a_node_is_not_taken_for_a_leaf():
    first, second = naive_tree.mth(LEAVES[:2]), naive_tree.mth(LEAVES[2:4])
    with pytest.raises(Tampered):
        verify_inclusion(first, 0, 4, [second], naive_tree.mth(LEAVES[:4]))


def test_a_smaller_tree_is_not_taken_for_a_larger_one():
    with pytest.raises(Tampered) as refusal:
        verify_consistency(1, LEAVES[0], 4, naive_tree.mth(LEAVES[:2]), [LEAVES[1]])
    assert refusal.value.check == "consistency"


def test_two_hashes_cut_at_another_place_are_refused():
    """31 bytes beside 33 hash to the same node as 32 beside 32."""
    both, root = LEAVES[0] + LEAVES[1], naive_tree.mth(LEAVES[:2])
    with pytest.raises(Tampered) as refusal:
        verify_inclusion(both[:31], 0, 2, [both[31:]], root)
    assert refusal.value.check == "tree"
    with pytest.raises(Tampered) as refusal:
        verify_consistency(1, both[:31], 2, root, [both[31:]])
    assert refusal.value.check == "consistency"


def test_every_tree_continues_the_empty_one_and_itself():
    root = naive_tree.mth(LEAVES[:5])
    verify_consistency(0, EMPTY_ROOT, 5, root, ())
    verify_consistency(5, root, 5, root, ())
    verify_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, ())
    assert consistency_proof(0, 5, subtree) == ()
    with pytest.raises(Tampered):
        verify_consistency(0, EMPTY_ROOT, 0, root, ())


@pytest.mark.parametrize(
    ("size", "hashes"),
    [(1, ()), (0, (bytes(32),)), (3, (bytes(32),)), (-1, ()), (1, (bytes(31),)), (2**63, (bytes(32),))],
)
def test_a_frontier_that_does_not_fit_its_size_is_refused(size, hashes):
    with pytest.raises(Tampered):
        Frontier(size, hashes)


def test_leaves_that_are_no_hashes_are_not_appended():
    with pytest.raises(Tampered):
        EMPTY.append([b"short"])


def test_proofs_are_not_made_for_leaves_that_are_not_there_or_trees_that_shrank():
    with pytest.raises(ValueError, match="no such leaf"):
        inclusion_proof(5, 5, subtree)
    for index in (3, 5):
        with pytest.raises(ValueError, match="no such leaf"):
            Growth(EMPTY.append(LEAVES[:4]), LEAVES[4:5]).path(index)
    with pytest.raises(ValueError, match="shrink"):
        consistency_proof(6, 5, subtree)


def test_a_growth_says_that_it_does_not_know_older_nodes():
    growth = Growth(EMPTY.append(LEAVES[:6]), LEAVES[6:8])
    with pytest.raises(LookupError):
        growth.subtree(0, 2)
