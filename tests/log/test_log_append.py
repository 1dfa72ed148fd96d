"""What an agency, a recipient and an auditor see of an append."""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace

import orjson
import pytest
from support.batches import RECIPIENT, batch_of, octets_of_record, terms_of
from support.signing import LocalSigner
from support.stores import Store

from crypto.entry import record_id
from crypto.hpke import Suite
from crypto.opening import Expectation, ExpectedLane, open_batch
from crypto.receipt import verify_logged, verify_receipt
from gateway.errors import Tampered, Unavailable
from gateway.log.replay import verify_lane
from gateway.log.store import VERSION
from gateway.records import Event, SealedBatch
from gateway.settled import Known


def identifier(reference, sender="moh", contract="death.v1"):
    return record_id(sender, contract, reference, "assert")


async def test_an_accepted_record_gets_a_receipt_that_holds_offline(make_store):
    store = make_store(signer=LocalSigner(Suite.HYBRID))
    terms = terms_of()
    batch = batch_of(terms, ["d/1", "d/2"], name="محمد")
    sealed = await store.log.append(batch)
    assert isinstance(sealed, SealedBatch)
    receipt = sealed.receipt.expand(2, identifier("d/2"), batch.draft.salts[1], batch.draft.entries[1])
    entry = verify_receipt(receipt, store.policy("moh"), octets=octets_of_record(terms, "d/2", name="محمد"))
    assert (entry.source_ref, entry.sender) == ("d/2", "moh")


async def test_the_receipt_asked_for_later_is_against_the_latest_checkpoint(store):
    terms = terms_of()
    await store.log.append(batch_of(terms, ["d/1"]))
    await store.log.append(batch_of(terms, [f"d/{n}" for n in range(2, 40)]))
    receipt = store.records.receipt(identifier("d/1"), "moh")
    entry = verify_receipt(receipt, store.policy("moh"), octets=octets_of_record(terms, "d/1"))
    assert entry.id == identifier("d/1")
    assert verify_logged(receipt, store.policy("moh")).size == 40
    assert store.records.receipt(identifier("d/1"), "cso") is None, "another agency's receipt"
    assert store.records.receipt(identifier("d/99"), "moh") is None
    assert store.records.receipt("no-id", "moh") is None


async def test_many_receipts_asked_for_at_once_are_those_asked_for_one_by_one(store):
    terms = terms_of()
    for first in (1, 200):
        await store.log.append(batch_of(terms, [f"d/{n}" for n in range(first, first + 199)]))
    await store.log.append(batch_of(terms_of(sender="cso"), ["c/1"]))
    found = store.records.receipts([1, 256, 257, 0, 398, 399, 1 << 40], "moh")
    assert list(found) == [1, 256, 257, 398], "what opens the lane is no record, and there are no more"
    for index, receipt in found.items():
        assert receipt == store.records.receipt(identifier(f"d/{index}"), "moh")
        verify_receipt(receipt, store.policy("moh"), octets=octets_of_record(terms, f"d/{index}"))
    assert store.records.receipts([1], "nobody") == {}


async def test_a_receipt_whose_salt_somebody_changed_is_not_made(store):
    await store.log.append(batch_of(terms_of(), ["d/1"]))
    with closing(sqlite3.connect(store.path)) as db, db:
        db.execute("UPDATE promise SET salt = zeroblob(60)")
    with pytest.raises(Tampered) as caught:
        store.records.receipt(identifier("d/1"), "moh")
    assert caught.value.code == "tampered.log"


async def test_a_lane_begins_with_an_entry_that_says_so(store):
    await store.log.append(batch_of(terms_of(), ["d/1"]))
    opened = orjson.loads(store.records.entries("moh", 0, 1)[2:])
    assert (opened["kind"], opened["lane"], opened["origin"]) == ("lane.opened", "moh", "gate.example/moh")


async def test_a_record_promised_before_is_known_and_nothing_of_its_batch_is_written(store):
    terms = terms_of()
    first = batch_of(terms, ["d/1", "d/2"], n=1)
    await store.log.append(first)
    before = store.records.checkpoint("moh")
    answer = await store.log.append(batch_of(terms, ["d/3", "d/2"], refused=[3], n=2))
    assert isinstance(answer, Known)
    (promise,) = answer.promises
    assert (promise.record_id, promise.lane, promise.index) == (identifier("d/2"), "moh", 2)
    assert promise.fingerprint == first.kept[1].fingerprint
    assert store.records.checkpoint("moh") == before
    assert store.records.history(identifier("d/3"), "moh") == []


async def test_a_promise_is_remembered_after_a_restart(store):
    terms = terms_of()
    await store.log.append(batch_of(terms, ["d/1"]))
    store.reopen()
    answer = await store.log.append(batch_of(terms, ["d/1"]))
    assert isinstance(answer, Known)
    assert store.records.receipt(identifier("d/1"), "moh").index == 1


async def test_of_two_batches_of_one_round_with_the_same_record_the_second_is_told_of_the_first(store):
    terms = terms_of()
    batches = [batch_of(terms, ["d/1", f"own/{n}"]) for n in range(8)]
    answers = await asyncio.gather(*(store.log.append(batch) for batch in batches))
    assert [type(answer) for answer in answers] == [SealedBatch] + [Known] * 7
    assert {promise.index for answer in answers[1:] for promise in answer.promises} == {1}


async def test_every_queue_message_opens_and_is_linked_to_the_one_before_it(make_store):
    store = make_store(signer=LocalSigner(Suite.HYBRID))
    death, civil = terms_of(), terms_of(contract="civil-status.v1")
    rounds = [
        [batch_of(death, ["d/1"])],
        [batch_of(civil, ["c/1", "c/2"]), batch_of(death, ["d/2"], refused=[2, 3]), batch_of(civil, ["c/3"])],
        [batch_of(death, [f"d/{n}" for n in range(10, 266)])],
        [batch_of(civil, ["c/4"]), batch_of(terms_of("cso"), ["x/1"])],
    ]
    for batches in rounds:
        await asyncio.gather(*(store.log.append(batch) for batch in batches))
    seen = Seen()
    opened = []
    for outgoing in store.outbox.waiting(100):
        opened.append(open_batch(outgoing.message.body, expectation(store, "moh", "cso"), seen))
        assert outgoing.message.queue == f"nea.{opened[-1].header.contract}"
        assert (outgoing.first, outgoing.count) == (opened[-1].evidence.first, len(opened[-1].records))
        assert outgoing.message.id == opened[-1].header.batch
    assert sum(len(batch.records) for batch in opened) == 1 + 2 + 1 + 1 + 256 + 1 + 1
    # Without what was seen before, the links alone join each queue's messages into one history, in any order.
    fresh = Seen()
    for outgoing in reversed(store.outbox.waiting(100)):
        open_batch(outgoing.message.body, expectation(store, "moh", "cso"), fresh)


class Seen:
    """Implements `crypto.opening.Checkpoints`."""

    def __init__(self):
        self.roots, self.links = {}, set()

    def root_of(self, lane, size):
        return self.roots.get((lane, size))

    def overlaps(self, link):
        return any(
            (other.lane, other.recipient, other.contract) == (link.lane, link.recipient, link.contract)
            and other != link
            and max(other.after.size, link.after.size) < min(other.head.size, link.head.size)
            for other in self.links
        )

    def remember(self, link):
        self.links.add(link)
        self.roots |= {(link.lane, end.size): end.root for end in (link.after, link.head)}


def expectation(store, *lanes):
    return Expectation(
        recipient="nea",
        suites=frozenset({Suite.HYBRID}),
        keys={RECIPIENT.kid: RECIPIENT},
        lanes={lane: ExpectedLane(lane, store.policy(lane)) for lane in lanes},
    )


async def test_a_batch_of_refusals_alone_is_logged_and_sends_nothing(store):
    sealed = await store.log.append(batch_of(terms_of(), [], refused=[1, 2], submission="s-9"))
    assert sealed.receipt is None
    assert store.outbox.waiting(10) == []
    assert verify_lane(store.db, "moh", store.policy("moh")).size == 3
    state = store.records.submission("s-9", "moh")
    assert (state.accepted, state.refused, state.complete) == (0, 2, False)
    assert [(position, refusal.code) for position, refusal in state.refusals] == [
        (1, "record.schema"),
        (2, "record.schema"),
    ]


async def test_a_submission_adds_up_and_is_complete_once_it_is_closed(store):
    terms = terms_of()
    await store.log.append(batch_of(terms, ["d/1", "d/2"], submission="s-1"))
    await store.log.append(batch_of(terms, ["d/3"], refused=[5], repeated=[(4, "d/1")], submission="s-1"))
    assert store.records.submission("s-1", "moh").complete is False
    await store.log.close_submission("s-1", terms, b"\x01" * 32)
    state = store.records.submission("s-1", "moh")
    assert (state.accepted, state.duplicate, state.refused, state.complete) == (3, 1, 1, True)
    assert store.records.submission("s-1", "cso") is None, "another agency's submission"
    assert b"\x01" * 32 not in store.path.read_bytes()


async def test_a_submission_that_is_all_in_one_part_is_complete_as_soon_as_it_is_kept(store):
    batch = batch_of(terms_of(), ["d/1"], submission="s-1")
    (part,) = batch.parts
    await store.log.append(replace(batch, parts=(replace(part, digest=b"\x01" * 32),)))
    assert store.records.submission("s-1", "moh").complete
    at_once = store.records.submission_digest("s-1", "moh")
    await store.log.append(batch_of(terms_of(), ["d/2"], submission="s-1"))
    assert store.records.submission_digest("s-1", "moh") == at_once
    await store.log.close_submission("s-1", terms_of(), b"\x01" * 32)
    assert store.records.submission_digest("s-1", "moh") == at_once
    assert b"\x01" * 32 not in store.path.read_bytes()


async def test_an_empty_submission_can_be_closed(store):
    await store.log.close_submission("s-0", terms_of(), b"\x01" * 32)
    state = store.records.submission("s-0", "moh")
    assert (state.accepted, state.complete) == (0, True)


async def test_of_a_submission_s_refusals_the_first_thousand_are_kept_and_all_are_in_the_lane(store):
    for start in range(1, 1100, 250):
        await store.log.append(batch_of(terms_of(), [], refused=range(start, start + 250)))
    state = store.records.submission("s-1", "moh")
    assert (state.refused, len(state.refusals)) == (1250, 1000)
    assert verify_lane(store.db, "moh", store.policy("moh")).size == 1251


async def test_without_a_signature_nothing_is_written_and_the_next_append_goes_on(store):
    terms = terms_of()
    await store.log.append(batch_of(terms, ["d/1"]))
    store.signer.available = False
    with pytest.raises(Unavailable) as error:
        await store.log.append(batch_of(terms, ["d/2"]))
    assert error.value.code == "unavailable.keys"
    assert store.records.history(identifier("d/2"), "moh") == []
    assert len(store.outbox.waiting(10)) == 1
    store.signer.available = True
    assert isinstance(await store.log.append(batch_of(terms, ["d/2"])), SealedBatch)
    assert verify_lane(store.db, "moh", store.policy("moh")).size == 3


async def test_while_nothing_can_be_signed_the_outbox_empties_and_submissions_close(store):
    terms = terms_of()
    await store.log.append(batch_of(terms, ["d/1"]))
    store.signer.available = False
    await asyncio.to_thread(store.outbox.sent, store.outbox.waiting(1), [])
    await store.log.close_submission("s-1", terms, b"\x02" * 32)
    assert store.outbox.waiting(10) == []
    assert store.records.submission("s-1", "moh").complete


async def test_a_full_outbox_refuses_records_until_the_queue_has_taken_some(make_store):
    store = make_store(outbox_max_bytes=4000)
    terms = terms_of()
    await store.log.append(batch_of(terms, ["d/1"], pad="x" * 4000))
    with pytest.raises(Unavailable) as error:
        await store.log.append(batch_of(terms, ["d/2"]))
    assert error.value.code == "unavailable.outbox_full"
    await store.log.append(batch_of(terms, [], refused=[1]))  # needs no room
    await asyncio.to_thread(store.outbox.sent, store.outbox.waiting(1), [])
    assert isinstance(await store.log.append(batch_of(terms, ["d/2"])), SealedBatch)


async def test_a_full_outbox_stays_full_over_a_restart(make_store):
    store = make_store(outbox_max_bytes=4000)
    await store.log.append(batch_of(terms_of(), ["d/1"], pad="x" * 4000))
    store.reopen()
    with pytest.raises(Unavailable):
        await store.log.append(batch_of(terms_of(), ["d/2"]))


async def test_a_batch_that_cannot_be_written_takes_no_other_one_with_it(store):
    sound = batch_of(terms_of("moi"), ["p/1"])
    unreadable = replace(sound, draft=replace(sound.draft, header=b"{}"))
    uneven = batch_of(terms_of("moi"), ["p/2", "p/3"])
    uneven = replace(uneven, kept=uneven.kept[:1])
    answers = await asyncio.gather(
        store.log.append(batch_of(terms_of(), ["d/1"])),
        store.log.append(unreadable),
        store.log.append(batch_of(terms_of("cso"), ["x/1"])),
        store.log.append(uneven),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers] == [SealedBatch, Unavailable, SealedBatch, Unavailable]
    assert store.records.checkpoint("moi") is None
    assert isinstance(await store.log.append(sound), SealedBatch)


async def test_two_writers_on_one_store_never_fork_a_lane(store):
    second = Store(store.path, signer=store.signer)
    terms = terms_of()
    try:
        for n in range(12):
            writer = (store, second)[n % 2].log
            await asyncio.gather(
                writer.append(batch_of(terms, [f"d/{n}"])),
                (second, store)[n % 2].log.append(batch_of(terms, [f"e/{n}"])),
            )
        assert isinstance(await second.log.append(batch_of(terms, ["d/0"])), Known)
        assert isinstance(await store.log.append(batch_of(terms, ["d/1"])), Known)
    finally:
        second.close()
    assert verify_lane(store.db, "moh", store.policy("moh")).size == 25


async def test_a_store_of_another_version_is_refused(store):
    store.close()
    db = sqlite3.connect(store.path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(Unavailable, match="version 99"):
        store.log.__class__(store.path, store.signer, origin="gate.example", outbox_max_bytes=1)
    db = sqlite3.connect(store.path)
    db.execute(f"PRAGMA user_version = {VERSION}")
    db.close()
    store.open()


async def test_what_is_asked_after_closing_is_refused(store):
    store.log.close()
    with pytest.raises(Unavailable):
        await store.log.append(batch_of(terms_of(), ["d/1"]))
    with pytest.raises(Unavailable):
        await store.log.note([Event("moh", "ping.received", ())])
