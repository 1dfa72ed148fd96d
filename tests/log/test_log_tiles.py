"""Tiles hold the tree of RFC 6962, whatever the lengths of the appends were."""

from hashlib import sha256

from hypothesis import example, given, settings
from hypothesis import strategies as st

from crypto.merkle import Frontier, consistency_proof, inclusion_proof
from crypto.tree_checks import verify_consistency, verify_inclusion
from gateway.log.lane import new_lane
from gateway.log.tiles import Tiles

LENGTHS = st.lists(st.integers(1, 300), min_size=1, max_size=8)


@settings(max_examples=40, deadline=None)
@given(lengths=LENGTHS, data=st.data())
@example(lengths=[256, 256, 1], data=None)
@example(lengths=[255, 1, 1], data=None)
def test_every_proof_from_tiles_verifies(lengths, data):
    lane, stored, frontiers = new_lane(1, "moh", "gate.example/moh"), {}, [Frontier(0, ())]
    for length in lengths:
        leaves = [sha256(b"%d" % n).digest() for n in range(lane.size, lane.size + length)]
        appended = lane.append(leaves)
        stored |= appended.touched
        lane = appended.after
        frontiers.append(lane.frontier)
    tiles = Tiles(lambda level, number: stored[level, number])
    size, root = lane.size, lane.frontier.root()
    some = range(size) if data is None else [data.draw(st.integers(0, size - 1)) for _ in range(3)]
    for index in some:
        path = inclusion_proof(index, size, tiles.subtree)
        verify_inclusion(sha256(b"%d" % index).digest(), index, size, path, root)
    for old in frontiers[1:]:
        path = consistency_proof(old.size, size, tiles.subtree)
        verify_consistency(old.size, old.root(), size, root, path)
    assert frontiers[-1] == Frontier(0, ()).append([sha256(b"%d" % n).digest() for n in range(size)])


def test_tiles_of_two_levels_have_the_widths_that_c2sp_says():
    lane = new_lane(1, "moh", "gate.example/moh").append([sha256(b"%d" % n).digest() for n in range(70_000)])
    assert {at: len(hashes) // 32 for at, hashes in lane.touched.items() if at[0]} == {
        (1, 0): 256,
        (1, 1): 70_000 // 256 - 256,
        (2, 0): 1,
    }
    assert [len(edge) // 32 for edge in lane.after.edge] == [70_000 % 256, 70_000 // 256 - 256, 1]
