"""Events: what a lane remembers beside records, whoever reports it."""

import asyncio
import time

import orjson
import pytest
from support.batches import batch_of, terms_of
from support.draining import eventually

from crypto.entry import record_id
from crypto.receipt import verify_logged
from gateway.errors import Unavailable
from gateway.log.search import show, trace
from gateway.records import GATEWAY, Event


def identifier(reference, sender="moh", contract="death.v1"):
    return record_id(sender, contract, reference, "assert")


async def test_an_event_is_receipted_and_says_what_and_when(store):
    event = Event("moh", "ping.received", (("nonce", "abc"), ("size", 3)))
    before = time.time()
    (receipt,) = await store.log.note([event])
    verify_logged(receipt, store.policy("moh"))
    fields = orjson.loads(receipt.entry)
    assert (fields["v"], fields["kind"], fields["nonce"], fields["size"]) == (1, "ping.received", "abc", 3)
    assert fields["time"][:10] == time.strftime("%Y-%m-%d", time.gmtime(before))


async def test_events_of_several_lanes_are_receipted_in_the_order_given(store):
    events = [
        Event(lane, "ping.received", (("n", n),)) for n, lane in enumerate(["moh", GATEWAY, "moh", "cso"])
    ]
    receipts = await store.log.note(events)
    assert [orjson.loads(receipt.entry)["n"] for receipt in receipts] == [0, 1, 2, 3]
    assert [(receipt.lane, receipt.index) for receipt in receipts] == [
        ("moh", 1),
        (GATEWAY, 1),
        ("moh", 2),
        ("cso", 1),
    ]
    for receipt in receipts:
        verify_logged(receipt, store.policy(receipt.lane))


async def test_an_event_about_a_range_is_appended_once_however_often_it_is_reported(store):
    await store.log.append(batch_of(terms_of(), ["d/1", "d/2"]))
    event = Event("moh", "record.delivered", (("reference", "r-1"),), first=1, count=2)
    (first,) = await store.log.note([event])
    again = await store.log.note([event, event])
    assert [(one.index, one.entry) for one in again] == [(first.index, first.entry)] * 2
    store.spool.leave([event])
    store.spool.leave([event])
    assert eventually(lambda: store.db.execute("SELECT count(*) FROM spool").fetchone() == (0,))
    assert store.kinds("moh").count("record.delivered") == 1


@pytest.mark.parametrize(
    "event",
    [
        Event("moh", "a.b", (("v", 2),)),
        Event("../moh", "a.b", ()),
        Event("moh", "a.b", (("x", 2), ("x", 3))),
        Event("moh", "a.b", (("x", "y" * 5000),)),
        Event("moh", "a.b", (), first=0, count=257),
        Event("moh", "a.b", (), first=-1, count=2),
        Event("moh", "a.b", (("x", 1.5),)),
    ],
)
async def test_an_event_no_lane_can_hold_is_refused_where_it_is_made(store, event):
    with pytest.raises(ValueError):
        await store.log.note([event])
    with pytest.raises(ValueError):
        store.spool.leave([event])
    with pytest.raises(ValueError):
        await asyncio.to_thread(store.outbox.sent, [], [event])
    assert store.db.execute("SELECT count(*) FROM spool").fetchone() == (0,)


def test_what_another_process_leaves_is_appended_within_moments(store):
    store.spool.leave([Event(GATEWAY, "officer.searched", (("officer", "A. Hassan"), ("reason", "شكوى 12")))])
    assert eventually(lambda: store.records.checkpoint(GATEWAY) is not None)
    assert store.kinds(GATEWAY) == ["lane.opened", "officer.searched"]
    assert show(store.db, GATEWAY, 1).fields["reason"] == "شكوى 12"


async def test_what_is_left_while_nothing_can_be_signed_is_appended_later(store):
    await store.log.append(batch_of(terms_of(), ["d/1"]))
    store.signer.available = False
    store.spool.leave([Event("moh", "record.delivered", (), first=1, count=1)])
    with pytest.raises(Unavailable):
        await store.log.note([Event("moh", "ping.received", ())])
    store.signer.available = True
    assert eventually(lambda: store.db.execute("SELECT count(*) FROM spool").fetchone() == (0,))
    assert store.kinds("moh") == ["lane.opened", "record.accepted", "record.delivered"]


def test_the_spool_does_not_besiege_keys_that_cannot_be_reached(store):
    store.signer.available = False
    store.spool.leave([Event("moh", "ping.received", ())])
    assert eventually(lambda: store.signer.asked)
    asked = store.signer.asked
    time.sleep(1.0)  # five times the interval at which the spool is looked at
    assert store.signer.asked <= asked + 1
    store.signer.available = True
    assert eventually(lambda: store.records.checkpoint("moh"))


def test_a_row_of_the_spool_that_is_no_event_stops_nothing_and_is_remembered(store):
    store.spool._db.execute("INSERT INTO spool VALUES (NULL, 'moh', 'a.b', 'no json', '', 0, 0, 0)")
    store.spool._db.execute("INSERT INTO spool VALUES (NULL, '', 'a.b', '[[1,2]]', '', 0, 0, 0)")
    store.spool.leave([Event("moh", "ping.received", ())])
    assert eventually(lambda: store.db.execute("SELECT count(*) FROM spool").fetchone() == (0,))
    assert store.kinds("moh") == ["lane.opened", "ping.received"]
    assert store.kinds(GATEWAY) == ["lane.opened", "event.malformed", "event.malformed"]


async def test_the_lane_of_a_record_remembers_the_answer_of_the_one_it_was_sent_to(store):
    await store.log.append(batch_of(terms_of(), ["d/1", "d/2"]))
    answers = terms_of("nea", "moh", "disposition.v1")
    logged = (("outcome", "REJECTED"), ("code", "NID_UNKNOWN"))
    about = [identifier("d/2"), identifier("d/none"), "no-id"]
    await store.log.append(batch_of(answers, ["a/1", "a/2", "a/3"], about=about, logged=logged))
    assert store.kinds("moh") == ["lane.opened", "record.accepted", "record.accepted", "record.disposed"]
    disposed = show(store.db, "moh", 3).fields
    assert (disposed["about"], disposed["outcome"], disposed["code"]) == (
        identifier("d/2"),
        "REJECTED",
        "NID_UNKNOWN",
    )
    assert disposed["disposition"] == identifier("a/1", "nea", "disposition.v1")


async def test_nobody_else_s_answer_gets_into_the_lane_of_a_record(store):
    await store.log.append(batch_of(terms_of(), ["d/1"]))
    await store.log.append(
        batch_of(terms_of("moi", "moh", "disposition.v1"), ["a/1"], about=[identifier("d/1")])
    )
    assert store.kinds("moh") == ["lane.opened", "record.accepted"]


async def test_a_held_batch_waits_until_it_is_released(store):
    await store.log.append(batch_of(terms_of(freeze="hold"), ["d/1", "d/2"]))
    await store.log.append(batch_of(terms_of(contract="civil-status.v1"), ["c/1"]))
    assert [outgoing.message.queue for outgoing in store.outbox.waiting(10)] == ["nea.civil-status.v1"]
    state = store.outbox.state()
    assert (state.messages, state.held) == (2, 1)
    assert await asyncio.to_thread(store.log.release, 0) == 0
    now_ms = int(time.time() * 1000) + 1000
    assert await asyncio.to_thread(store.log.release, now_ms) == 1
    assert await asyncio.to_thread(store.log.release, now_ms) == 0
    assert [outgoing.message.queue for outgoing in store.outbox.waiting(10)] == [
        "nea.death.v1",
        "nea.civil-status.v1",
    ]
    released = show(store.db, "moh", 4).fields
    assert (released["kind"], released["first"], released["count"]) == ("record.released", 1, 2)


async def test_what_was_sent_is_forgotten_and_its_delivery_logged(store):
    await store.log.append(batch_of(terms_of(), ["d/1"]))
    await store.log.append(batch_of(terms_of(), ["d/2"]))
    (first, _) = store.outbox.waiting(10)
    delivered = Event(
        "moh", "record.delivered", (("reference", "queue:nea.death.v1"),), first=first.first, count=1
    )
    await asyncio.to_thread(store.outbox.sent, [first], [delivered])
    assert [outgoing.first for outgoing in store.outbox.waiting(10)] == [2]
    assert eventually(lambda: store.kinds("moh")[-1] == "record.delivered")
    assert store.outbox.state().messages == 1


async def test_a_trace_tells_everything_that_happened_to_a_record(store):
    await store.log.append(batch_of(terms_of(freeze="hold"), [f"d/{n}" for n in range(5)]))
    await asyncio.to_thread(store.log.release, int(time.time() * 1000) + 1000)
    await store.log.note([Event("moh", "record.delivered", (("reference", "r"),), first=1, count=5)])
    await store.log.note([Event("moh", "record.delivered", (("reference", "other"),), first=6, count=1)])
    about = identifier("d/3")
    await store.log.append(
        batch_of(
            terms_of("nea", "moh", "disposition.v1"), ["a/1"], about=[about], logged=(("outcome", "APPLIED"),)
        )
    )
    await store.log.note([Event("moh", "evidence.exported", (("officer", "A"),), record_id=about)])
    story = [found.fields["kind"] for found in trace(store.db, about)]
    assert story == [
        "record.accepted",
        "record.released",
        "record.delivered",
        "record.disposed",
        "evidence.exported",
    ]
    assert [found.fields["kind"] for found in trace(store.db, identifier("d/2"))] == story[:3]
    assert trace(store.db, identifier("d/99")) == []
