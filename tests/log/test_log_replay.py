"""An auditor replays a lane: whoever changed the store without the keys is found, and the place is named."""

import asyncio
import sqlite3

import pytest
from support.batches import batch_of, terms_of
from support.signing import LocalSigner
from support.stores import Store

from crypto.hpke import Suite
from crypto.merkle import leaf_hash
from gateway.errors import Tampered
from gateway.log.replay import verify_lane
from gateway.log.store import place_of, tile_place
from gateway.records import Event

SIZE = 615


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A lane of more than two tiles, written in batches of different lengths, closed."""
    store = Store(tmp_path_factory.mktemp("replay") / "store.db")

    async def fill():
        await store.log.append(batch_of(terms_of("cso"), ["x/1"]))  # lane 1, so that ours is not the first
        start = 0
        for count in (1, 255, 10, 100, 3, 240, 1):
            batch = batch_of(
                terms_of(), [f"d/{n}" for n in range(start, start + count)], refused=[1] if count == 3 else []
            )
            await store.log.append(batch)
            start += count
        await store.log.note([Event("moh", "ping.received", (("n", n),)) for n in range(3)])

    asyncio.run(fill())
    store.close()
    return store


@pytest.fixture
def audited(written, tmp_path):
    """A copy of the store to spoil, and how to audit it."""
    path = tmp_path / "copy.db"
    path.write_bytes(written.path.read_bytes())
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA synchronous = OFF")
    yield db, lambda: verify_lane(db, "moh", written.policy("moh"))
    db.close()


def place(db, index):
    return place_of(number(db), index)


def number(db):
    return db.execute("SELECT id FROM lane WHERE name = 'moh'").fetchone()[0]


def octets(db, index):
    return db.execute("SELECT octets FROM entry WHERE place = ?", (place(db, index),)).fetchone()[0]


def put(db, index, entry):
    db.execute("UPDATE entry SET octets = ? WHERE place = ?", (entry, place(db, index)))


def shift(db, first, by):
    """Move every entry from `first` on by one place."""
    query = "SELECT place FROM entry WHERE place >= ? AND place < ? ORDER BY place"
    rows = db.execute(query, (place(db, first), place(db, 1 << 40))).fetchall()
    db.execute("BEGIN")
    for (at,) in rows[::-by]:
        db.execute("UPDATE entry SET place = ? WHERE place = ?", (at + by, at))
    db.execute("COMMIT")


def test_an_untouched_lane_holds(audited):
    _, audit = audited
    replayed = audit()
    assert (replayed.lane, replayed.size, replayed.checkpoints) == ("moh", SIZE, 8)


def assert_found(audit, index, what):
    with pytest.raises(Tampered, match=what) as error:
        audit()
    assert (error.value.code, error.value.field) == ("tampered.log", str(index))


@pytest.mark.parametrize("index", [0, 1, 255, 256, 511, 512, SIZE - 1])
def test_a_changed_entry_is_named(audited, index):
    db, audit = audited
    put(db, index, octets(db, index).replace(b'"v":1', b'"v":2'))
    assert_found(audit, index, "the entry was changed")


@pytest.mark.parametrize("index", [0, 255, 256, SIZE - 1])
def test_a_removed_entry_is_named(audited, index):
    db, audit = audited
    db.execute("DELETE FROM entry WHERE place = ?", (place(db, index),))
    assert_found(audit, index, "the entry was removed")


@pytest.mark.parametrize("index", [1, 255, 256, SIZE - 2])
def test_a_removed_entry_is_named_even_if_the_others_closed_ranks(audited, index):
    db, audit = audited
    db.execute("DELETE FROM entry WHERE place = ?", (place(db, index),))
    shift(db, index + 1, -1)
    assert_found(audit, index, "was removed, and those behind it moved")


@pytest.mark.parametrize("index", [1, 256, 300])
def test_an_added_entry_is_named(audited, index):
    db, audit = audited
    shift(db, index, +1)
    db.execute("INSERT INTO entry VALUES (?, ?)", (place(db, index), b'{"v":1}'))
    assert_found(audit, index, "an entry was added here")


def test_an_entry_added_at_the_end_is_named(audited):
    db, audit = audited
    db.execute("INSERT INTO entry VALUES (?, ?)", (place(db, SIZE), b'{"v":1}'))
    assert_found(audit, SIZE, "added behind the end")


@pytest.mark.parametrize(("one", "other"), [(3, 4), (10, 400), (255, 256)])
def test_reordered_entries_are_named_with_the_place_they_belong_at(audited, one, other):
    db, audit = audited
    first, second = octets(db, one), octets(db, other)
    put(db, one, second)
    put(db, other, first)
    assert_found(audit, one, f"it belongs at index {other}")


def test_an_entry_changed_together_with_its_leaf_is_found_by_the_signed_checkpoints(audited):
    db, audit = audited
    entry = octets(db, 300).replace(b'"v":1', b'"v":2')
    put(db, 300, entry)
    at = tile_place(number(db), 0, 1)
    (hashes,) = db.execute("SELECT hashes FROM tile WHERE place = ?", (at,)).fetchone()
    changed = hashes[: 44 * 32] + leaf_hash(entry) + hashes[45 * 32 :]
    db.execute("UPDATE tile SET hashes = ? WHERE place = ?", (changed, at))
    assert_found(audit, 267, "not every entry up to index 366 is the one that was signed")


def test_a_changed_tile_above_the_leaves_is_found(audited):
    db, audit = audited
    db.execute(
        "UPDATE tile SET hashes = zeroblob(length(hashes)) WHERE place = ?", (tile_place(number(db), 1, 0),)
    )
    assert_found(audit, 0, "tile 0 of level 1")


def test_a_checkpoint_signed_by_other_keys_is_found(audited, written):
    db, audit = audited
    forged = LocalSigner(Suite.CLASSICAL, seed=b"\x55" * 32)
    with pytest.raises(Tampered, match="the checkpoint of size 2 does not hold"):
        verify_lane(db, "moh", forged.policy("gate.example/moh"))
    (note,) = db.execute("SELECT note FROM checkpoint WHERE place = ?", (place(db, 257),)).fetchone()
    spoiled = note[:-20] + ("A" if note[-20] != "A" else "B") + note[-19:]
    db.execute("UPDATE checkpoint SET note = ? WHERE place = ?", (spoiled, place(db, 257)))
    assert_found(audit, 2, "the checkpoint of size 257 does not hold")


def test_a_missing_last_checkpoint_is_found(audited):
    db, audit = audited
    db.execute("DELETE FROM checkpoint WHERE place = ?", (place(db, SIZE),))
    assert_found(audit, SIZE - 3, "no checkpoint covers the entries")


def test_another_log_s_lane_is_not_this_one(audited, written):
    db, _ = audited
    with pytest.raises(Tampered, match="another log"):
        verify_lane(db, "moh", written.policy("cso"))
    with pytest.raises(LookupError):
        verify_lane(db, "moi", written.policy("moi"))
