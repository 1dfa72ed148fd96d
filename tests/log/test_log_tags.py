"""The index by tag finds everything it was given, whenever it is asked, however it was interrupted."""

import sqlite3
from collections import defaultdict
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.log.store import open_reader, open_writer, transaction
from gateway.log.tags import Tags, places, tag_of

TAGS = st.integers(0, 40).map(lambda n: tag_of(bytes([n * 6]) + bytes([n]) * 7))
ROUNDS = st.lists(
    st.tuples(st.lists(TAGS, max_size=6), st.sampled_from(["keep", "keep", "keep", "lose", "restart"])),
    max_size=60,
)


def fresh(path):
    for old in path.parent.glob(path.name + "*"):
        old.unlink()
    return open_writer(path)


@settings(max_examples=60, deadline=None)
@given(rounds=ROUNDS, waiting_max=st.sampled_from([1, 5, 50]))
def test_what_was_committed_is_found_and_what_was_not_is_not(tmp_path_factory, rounds, waiting_max):
    db = fresh(tmp_path_factory.getbasetemp() / "tags.db")
    db.execute("PRAGMA synchronous = OFF")
    index, expected, place, number = Tags(db, waiting_max), defaultdict(list), 0, 0
    for tags, then in rounds:
        number += 1
        postings = [(tag, place + n) for n, tag in enumerate(tags)]
        place += len(tags)
        turn = index.turn(postings)
        if then == "lose":
            db.execute("BEGIN IMMEDIATE")
            index.write(db, number, turn)
            db.execute("ROLLBACK")
            continue
        with transaction(db):
            index.write(db, number, turn)
        index.keep(number, turn)
        for tag, at in postings:
            expected[tag].append(at)
        if then == "restart":
            index = Tags(db, waiting_max)
        for tag in (*tags, tag_of(b"nowhere!")):
            assert index.places(db, [tag]) == places(db, tag) == expected[tag]
    assert index.places(db, list(expected)) == sorted(at for found in expected.values() for at in found)
    db.close()


def test_memory_and_the_young_rows_stay_bounded(tmp_path):
    db = fresh(tmp_path / "tags.db")
    db.execute("PRAGMA synchronous = OFF")
    index = Tags(db, 500)
    for number in range(1, 4000):
        turn = index.turn([(tag_of(sha256(b"%d" % number).digest()), number)])
        with transaction(db):
            index.write(db, number, turn)
        index.keep(number, turn)
        assert index.waiting <= 500
    (young,) = db.execute("SELECT count(*) FROM tag_young").fetchone()
    assert young <= 3 * 500
    assert db.execute("SELECT count(*) FROM tag").fetchone() == (3999 - index.waiting,)
    db.close()


def test_a_tag_that_stands_across_two_postings_is_no_hit(tmp_path):
    db = fresh(tmp_path / "tags.db")
    with transaction(db):
        db.execute("INSERT INTO tag_young VALUES (1, ?)", (bytes(range(32)),))
    assert places(db, tag_of(bytes(range(4, 12)))) == []
    assert places(db, tag_of(bytes(range(16, 24)))) == [int.from_bytes(bytes(range(24, 32)), "big")]
    db.close()


def test_the_store_can_be_read_but_not_written_by_readers(tmp_path):
    fresh(tmp_path / "tags.db").close()
    reader = open_reader(tmp_path / "tags.db")
    with pytest.raises(sqlite3.OperationalError):
        reader.execute("INSERT INTO tag VALUES (1, 1)")
    reader.close()
