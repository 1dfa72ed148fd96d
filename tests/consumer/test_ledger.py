import multiprocessing
import sqlite3
import uuid
from itertools import pairwise

import pytest
from consumer_parts import ledger_at
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.merkle import EMPTY_ROOT
from crypto.note import Checkpoint
from crypto.opening import Link
from gateway.consumer.ledger import LedgerFile
from gateway.errors import Unavailable


def root(size, history=0):
    return EMPTY_ROOT if size == 0 else bytes([history]) * 28 + size.to_bytes(4, "big")


def link(after, head, *, lane="moh", contract="death.v1", history=0):
    points = [Checkpoint(f"gate.example/{lane}", size, root(size, history)) for size in (after, head)]
    return Link(lane, "nea", contract, *points)


def ids(count):
    return [str(uuid.uuid5(uuid.NAMESPACE_OID, str(n))) for n in range(count)]


def test_a_root_is_remembered_across_restarts(tmp_path):
    with ledger_at(tmp_path / "ledger.db") as ledger:
        ledger.remember(link(0, 10))
    with ledger_at(tmp_path / "ledger.db") as ledger:
        assert ledger.root_of("moh", 10) == root(10)
        assert ledger.root_of("moh", 9) is None
        assert ledger.root_of("cso", 10) is None


def test_a_remembered_root_is_never_replaced(tmp_path):
    with ledger_at(tmp_path / "ledger.db") as ledger:
        ledger.remember(link(0, 10))
        ledger.remember(link(0, 10, history=1))
        assert ledger.root_of("moh", 10) == root(10)


def test_a_link_seen_again_does_not_overlap_itself(tmp_path):
    with ledger_at(tmp_path / "ledger.db") as ledger:
        ledger.remember(link(3, 10))
        assert not ledger.overlaps(link(3, 10))


@pytest.mark.parametrize(("after", "head"), [(3, 9), (4, 10), (2, 5), (0, 4), (5, 7), (9, 12), (0, 20)])
def test_a_link_that_covers_part_of_another_overlaps(tmp_path, after, head):
    with ledger_at(tmp_path / "ledger.db") as ledger:
        ledger.remember(link(3, 10))
        assert ledger.overlaps(link(after, head))


@pytest.mark.parametrize(("after", "head"), [(0, 3), (10, 11), (1, 2), (12, 20)])
def test_links_before_behind_and_apart_do_not_overlap(tmp_path, after, head):
    with ledger_at(tmp_path / "ledger.db") as ledger:
        ledger.remember(link(3, 10))
        assert not ledger.overlaps(link(after, head))


def test_queues_of_one_lane_do_not_overlap_each_other(tmp_path):
    with ledger_at(tmp_path / "ledger.db") as ledger:
        ledger.remember(link(3, 10))
        assert not ledger.overlaps(link(4, 12, contract="service-status.v1"))


@settings(max_examples=40, deadline=None)
@given(
    cuts=st.sets(st.integers(1, 60), min_size=1, max_size=12),
    order=st.randoms(use_true_random=False),
    probe=st.tuples(st.integers(0, 60), st.integers(0, 60)).filter(lambda pair: pair[0] < pair[1]),
)
def test_overlaps_answers_like_comparing_with_every_link(tmp_path_factory, cuts, order, probe):
    sizes = [0, *sorted(cuts)]
    links = [pair for pair in pairwise(sizes) if order.random() < 0.7]
    order.shuffle(links)
    with ledger_at(tmp_path_factory.mktemp("ledger") / "ledger.db") as ledger:
        for pair in links:
            ledger.remember(link(*pair))
        expected = any(
            probe[0] < head and after < probe[1] and (after, head) != probe for after, head in links
        )
        assert ledger.overlaps(link(*probe)) == expected


def test_handled_records_are_told_apart_across_restarts(tmp_path):
    first, second, third = ids(3)
    with ledger_at(tmp_path / "ledger.db") as ledger:
        ledger.handled([first, second])
        ledger.handled([second])
    with ledger_at(tmp_path / "ledger.db") as ledger:
        assert ledger.unhandled([first, second, third]) == {third}


def test_a_large_batch_of_ids_is_one_question(tmp_path):
    with ledger_at(tmp_path / "ledger.db") as ledger:
        ledger.handled(ids(1500))
        assert ledger.unhandled(ids(1600)) == frozenset(ids(1600)[1500:])


def test_two_consumers_share_one_file(tmp_path):
    (record,) = ids(1)
    with ledger_at(tmp_path / "ledger.db") as one, ledger_at(tmp_path / "ledger.db") as other:
        one.handled([record])
        assert other.unhandled([record]) == frozenset()


def test_what_is_not_an_id_is_refused(tmp_path):
    with ledger_at(tmp_path / "ledger.db") as ledger, pytest.raises(ValueError, match="UUID"):
        ledger.handled(["abcd"])


def test_a_handled_record_takes_few_bytes(tmp_path):
    with ledger_at(tmp_path / "ledger.db") as ledger:
        ledger.handled(ids(20_000))
    assert (tmp_path / "ledger.db").stat().st_size < 20_000 * 40


def test_a_stop_is_remembered_until_it_is_cleared(tmp_path):
    with ledger_at(tmp_path / "ledger.db") as ledger:
        ledger.stop("moh", "tampered.history")
        ledger.stop("moh", "tampered.tree")
    with ledger_at(tmp_path / "ledger.db") as ledger:
        stop = ledger.stops()["moh"]
        assert stop.code == "tampered.history"
        assert ledger.clear("moh", "officer", "the agency's log was restored from a backup")
        assert ledger.stops() == {}
        assert not ledger.clear("moh", "officer", "again")


def test_after_a_cleared_stop_history_begins_anew_and_the_old_one_stays_in_the_file(tmp_path):
    path = tmp_path / "ledger.db"
    with ledger_at(path) as ledger:
        ledger.remember(link(0, 10))
        ledger.stop("moh", "tampered.history")
        assert ledger.root_of("moh", 10) == root(10)
        ledger.clear("moh", "officer", "looked into")
        assert ledger.root_of("moh", 10) is None
        assert not ledger.overlaps(link(0, 12))
        ledger.remember(link(0, 10, history=1))
        assert ledger.root_of("moh", 10) == root(10, 1)
    rows = (
        sqlite3.connect(path)
        .execute("SELECT epoch, root FROM root WHERE size = 10 ORDER BY epoch")
        .fetchall()
    )
    assert rows == [(0, root(10)), (1, root(10, 1))]
    rows = sqlite3.connect(path).execute("SELECT cleared_by, why FROM stop").fetchall()
    assert rows == [("officer", "looked into")]


def test_a_file_of_a_later_version_is_not_touched(tmp_path):
    path = tmp_path / "ledger.db"
    with ledger_at(path):
        pass
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(Unavailable, match=r"unavailable\.ledger"):
        LedgerFile(path)


def test_a_file_that_is_no_ledger_is_refused(tmp_path):
    (tmp_path / "ledger.db").write_bytes(b"something else " * 1000)
    with pytest.raises(Unavailable, match=r"unavailable\.ledger"):
        LedgerFile(tmp_path / "ledger.db")


def _open_and_mark(path, barrier, records):
    barrier.wait(20)
    with ledger_at(path) as ledger:
        for record in records:
            ledger.handled([record])


def test_consumers_that_start_at_the_same_instant_agree_on_a_new_file(tmp_path):
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(3)
    parts = [ids(60)[n::3] for n in range(3)]
    workers = [
        context.Process(target=_open_and_mark, args=(tmp_path / "ledger.db", barrier, part)) for part in parts
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    with ledger_at(tmp_path / "ledger.db") as ledger:
        assert ledger.unhandled(ids(60)) == frozenset()
