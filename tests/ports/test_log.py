"""What `gateway.ports` promises of the log, its records, its outbox and its spool."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.batches import batch_of, terms_of
from support.stores import Store

from crypto.entry import record_id
from crypto.merkle import leaf_hash
from crypto.note import verify
from crypto.receipt import verify_logged
from gateway.errors import Unavailable
from gateway.log.rounds import REMEMBERED
from gateway.ports import Log, Outbox, Records, Spool
from gateway.records import Event, SealedBatch
from gateway.settled import Early, Known


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "store.db")
    # The protocols, so that mypy and the reader see which promises are asked for.
    log: Log = opened.log
    records: Records = opened.records
    outbox: Outbox = opened.outbox
    spool: Spool = opened.spool
    assert all((log, records, outbox, spool))
    yield opened
    opened.close()


def identifier(reference: str) -> str:
    return record_id("moh", "death.v1", reference, "assert")


async def fill(store: Store, many: int) -> None:
    for start in range(0, many, 100):
        await store.log.append(batch_of(terms_of(), [f"d/{n}" for n in range(start, min(start + 100, many))]))


async def test_what_append_returned_is_seen_by_everyone_at_once(store: Store) -> None:
    sealed = await store.log.append(batch_of(terms_of(), ["d/1"]))
    assert isinstance(sealed, SealedBatch)
    assert sealed.receipt is not None
    assert store.records.history(identifier("d/1"), "moh")
    assert store.records.checkpoint("moh") == sealed.receipt.checkpoint
    (outgoing,) = store.outbox.waiting(10)
    assert (outgoing.lane, outgoing.recipient, outgoing.first) == ("moh", "nea", sealed.receipt.first)


async def test_known_writes_nothing(store: Store) -> None:
    await store.log.append(batch_of(terms_of(), ["d/1"]))
    checkpoint = store.records.checkpoint("moh")
    assert isinstance(await store.log.append(batch_of(terms_of(), ["d/2", "d/1"], refused=[3])), Known)
    assert store.records.checkpoint("moh") == checkpoint
    assert len(store.outbox.waiting(10)) == 1
    state = store.records.submission("s-1", "moh")
    assert state is not None
    assert (state.accepted, state.refused) == (1, 0)


async def test_a_batch_is_taken_after_the_one_it_follows_and_not_before(store: Store) -> None:
    terms = terms_of()
    second = batch_of(terms, ["d/2"])
    assert isinstance(await store.log.append(second, 2, after=1), Early)
    assert store.records.history(identifier("d/2"), "moh") == []
    answers = await asyncio.gather(
        store.log.append(batch_of(terms, ["d/1"]), 1),
        store.log.append(second, 2, after=1),
        store.log.append(batch_of(terms, ["d/1", "d/3"]), 3, after=2),
        store.log.append(batch_of(terms, ["d/4"]), 4, after=3),
    )
    assert [type(answer) for answer in answers] == [SealedBatch, SealedBatch, Known, Early]
    assert isinstance(await store.log.append(batch_of(terms, ["d/4"]), 4, after=2), SealedBatch)


async def test_a_batch_does_not_follow_one_that_could_not_be_written(store: Store) -> None:
    terms = terms_of()
    unsound = replace(batch_of(terms, ["d/1", "d/2"]), kept=())
    answers = await asyncio.gather(
        store.log.append(unsound, 1),
        store.log.append(batch_of(terms, ["d/3"]), 2, after=1),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers] == [Unavailable, Early]
    assert store.records.checkpoint("moh") is None


async def test_what_the_log_has_no_longer_in_mind_cannot_be_followed(store: Store) -> None:
    terms, refusals = terms_of(), batch_of(terms_of("cso"), [], refused=[1])
    await store.log.append(batch_of(terms, ["d/1"]), 1)
    await asyncio.gather(*(store.log.append(refusals, 1 + n) for n in range(1, REMEMBERED + 1)))
    assert isinstance(await store.log.append(batch_of(terms, ["d/2"]), 1 << 20, after=1), Early)
    assert isinstance(await store.log.append(batch_of(terms, ["d/2"]), 1 << 20, after=2), SealedBatch)
    store.reopen()
    assert isinstance(await store.log.append(batch_of(terms, ["d/3"]), 1 << 21, after=1 << 20), Early)


async def test_a_lane_is_followed_by_its_checkpoint_tiles_and_entries_alone(store: Store) -> None:
    await fill(store, 600)
    note = store.records.checkpoint("moh")
    assert note is not None
    checkpoint = verify(note, store.policy("moh"))
    assert checkpoint.size == 601
    leaves = []
    for number, width in enumerate((256, 256, 89)):
        tile = store.records.tile("moh", 0, number, width)
        bundle = store.records.entries("moh", number, width)
        assert tile is not None
        assert bundle is not None
        for n in range(width):
            length = int.from_bytes(bundle[:2], "big")
            entry, bundle = bundle[2 : 2 + length], bundle[2 + length :]
            leaves.append(leaf_hash(entry))
            assert tile[n * 32 : n * 32 + 32] == leaves[-1]
        assert bundle == b""
    above = store.records.tile("moh", 1, 0, 2)
    assert above is not None
    assert len(above) == 64


@pytest.mark.parametrize(
    ("level", "index", "width"),
    [
        (0, 0, 0),
        (0, 0, 257),
        (0, 0, 12),
        (0, 1, 1),
        (1, 0, 1),
        (-1, 0, 1),
        (0, -1, 1),
        (0, 1 << 40, 1),
        (200, 0, 1),
    ],
)
async def test_what_a_lane_does_not_have_is_not_there(
    store: Store, level: int, index: int, width: int
) -> None:
    await fill(store, 10)
    await store.log.append(batch_of(terms_of("cso"), ["c/1"]))
    assert store.records.tile("moh", level, index, width) is None
    if level == 0:
        assert store.records.entries("moh", index, width) is None


async def test_a_lane_nobody_wrote_to_has_nothing(store: Store) -> None:
    assert store.records.checkpoint("moi") is None
    assert store.records.tile("moi", 0, 0, 1) is None
    assert store.records.entries("moi", 0, 1) is None
    assert store.records.submission("s-1", "moi") is None
    assert store.records.history(identifier("d/1"), "moh") == []
    assert store.records.history("' OR 1=1 --", "moh") == []


async def test_every_receipt_is_against_one_checkpoint_and_verifies(store: Store) -> None:
    await fill(store, 300)
    for reference in ("d/0", "d/99", "d/100", "d/254", "d/255", "d/256", "d/299"):
        receipt = store.records.receipt(identifier(reference), "moh")
        assert receipt is not None
        assert verify_logged(receipt, store.policy("moh")).size == 301


async def test_records_answer_in_every_thread(store: Store) -> None:
    await fill(store, 20)
    ids = [identifier(f"d/{n}") for n in range(20)]
    receipts = await asyncio.gather(*(asyncio.to_thread(store.records.receipt, one, "moh") for one in ids))
    assert [receipt.index for receipt in receipts if receipt] == list(range(1, 21))


async def test_the_outbox_keeps_the_order_of_a_lane_and_repeats_what_was_not_sent(store: Store) -> None:
    await fill(store, 500)
    first = store.outbox.waiting(3)
    assert [outgoing.first for outgoing in first] == [1, 101, 201]
    assert store.outbox.waiting(3) == first
    await asyncio.to_thread(store.outbox.sent, first[:2], [])
    assert [outgoing.first for outgoing in store.outbox.waiting(10)] == [201, 301, 401]
    await asyncio.to_thread(store.outbox.sent, first[:2], [])  # once more, as after a crash
    assert len(store.outbox.waiting(10)) == 3


async def test_a_range_is_noted_once_by_note_by_the_spool_and_by_the_outbox(store: Store) -> None:
    await fill(store, 2)
    event = Event("moh", "record.delivered", (("reference", "r"),), first=1, count=2)
    store.spool.leave([event, event])
    await asyncio.to_thread(store.outbox.sent, store.outbox.waiting(10), [event])
    (receipt,) = await store.log.note([event])
    verify_logged(receipt, store.policy("moh"))
    await store.log.append(batch_of(terms_of(), ["d/next"]))  # whatever waited in the spool is in by now
    assert store.kinds("moh").count("record.delivered") == 1
