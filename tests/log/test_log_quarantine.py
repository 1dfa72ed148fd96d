"""What waits for an officer: sealed, promised, listed; and released or refused once, whatever happens meanwhile."""

import asyncio
from dataclasses import replace

import pytest
from support.batches import RECIPIENT, Stated, batch_of, chain_of, terms_of
from support.draining import eventually
from support.signing import LocalSigner

from crypto.entry import parse_entry, record_id
from crypto.hpke import Suite
from crypto.opening import Expectation, ExpectedLane, open_batch
from crypto.receipt import verify_logged
from gateway.consumer.ledger import LedgerFile
from gateway.log import decisions, quarantine
from gateway.log.chains import REFUSED
from gateway.log.search import trace
from gateway.records import GATEWAY
from gateway.settled import Known

SEX = ("review.nid.sex",)


def identifier(reference, op="assert"):
    return record_id("moh", "death.v1", reference, op)


def waits(reference, op="assert"):
    return Stated(reference, op, review=SEX)


def release(store, reference, freeze="pass", officer="amal"):
    event = decisions.released("moh", identifier(reference), officer, "released.confirmed", freeze)
    store.spool.leave([event])


def refuse(store, reference, officer="amal"):
    store.spool.leave([decisions.refused("moh", identifier(reference), officer, "refused.withdrawn")])


def waiting(store):
    return [parse_entry(one.entry).source_ref for one in quarantine.waiting(store.db)]


def kinds(store, reference):
    return [found.fields["kind"] for found in trace(store.db, identifier(reference))]


def outgoing(store):
    return [(one.first, one.count) for one in store.outbox.waiting(100)]


async def test_a_record_that_waits_is_promised_and_its_message_does_not_go(make_store):
    store = make_store(signer=LocalSigner(Suite.HYBRID))
    sealed = await store.log.append(
        chain_of(terms_of(), Stated("d/1"), waits("d/2"), Stated("d/3"), waits("d/4"))
    )
    assert (sealed.receipt.first, [one.first for one in sealed.held]) == (1, [3, 4])
    assert outgoing(store) == [(1, 2)]
    assert waiting(store) == ["d/2", "d/4"]
    receipt = store.records.receipt(identifier("d/2"), "moh")
    verify_logged(receipt, store.policy("moh"))
    assert parse_entry(receipt.entry).review == SEX
    state = store.records.submission("s-1", "moh")
    assert (state.accepted, state.quarantined) == (2, 2)


async def test_what_waits_does_not_fill_the_outbox(make_store):
    store = make_store(outbox_max_bytes=1)
    await store.log.append(chain_of(terms_of(), waits("d/1")))
    await store.log.append(chain_of(terms_of(), waits("d/2")))
    assert store.outbox.state().octets == 0


async def test_the_same_again_is_known_with_its_place(store):
    await store.log.append(chain_of(terms_of(), waits("d/1")))
    answer = await store.log.append(chain_of(terms_of(), waits("d/1")))
    assert isinstance(answer, Known)
    assert [(known.lane, known.index) for known in answer.promises] == [("moh", 1)]
    assert waiting(store) == ["d/1"]


async def test_a_released_record_goes_and_the_lane_says_who_let_it(store):
    await store.log.append(chain_of(terms_of(), waits("d/1"), Stated("d/2")))
    release(store, "d/1")
    assert eventually(lambda: outgoing(store) == [(1, 1), (2, 1)])
    assert waiting(store) == []
    _, event = trace(store.db, identifier("d/1"))
    assert (event.fields["kind"], event.fields["officer"]) == ("record.released", "amal")
    assert event.fields["why"] == "released.confirmed"


async def test_a_refused_record_never_goes_and_its_ciphertext_is_gone(store):
    await store.log.append(chain_of(terms_of(), waits("d/1")))
    refuse(store, "d/1")
    assert eventually(lambda: waiting(store) == [])
    assert outgoing(store) == []
    assert kinds(store, "d/1") == ["record.accepted", REFUSED]
    assert quarantine.message(store.db, identifier("d/1")) is None
    assert store.db.execute("SELECT count(*) FROM quarantine").fetchone() == (0,)


async def test_the_first_decision_counts_and_the_gateway_s_lane_knows_of_the_others(store):
    await store.log.append(chain_of(terms_of(), waits("d/1")))
    refuse(store, "d/1")
    release(store, "d/1", officer="badr")
    assert eventually(lambda: store.records.checkpoint(GATEWAY))
    refuse(store, "d/1", officer="camelia")
    release(store, "d/99", officer="dina")
    assert eventually(lambda: store.kinds(GATEWAY).count(decisions.TOO_LATE) == 3)
    assert kinds(store, "d/1") == ["record.accepted", REFUSED]
    assert outgoing(store) == []
    assert decisions.TOO_LATE not in store.kinds("moh")


async def test_a_decision_in_another_lane_s_name_decides_nothing(store):
    await store.log.append(chain_of(terms_of(), waits("d/1")))
    store.spool.leave([decisions.released("cso", identifier("d/1"), "eve", "released.confirmed", "pass")])
    assert eventually(lambda: store.records.checkpoint(GATEWAY))
    assert waiting(store) == ["d/1"]
    assert kinds(store, "d/1") == ["record.accepted"]


async def test_what_the_freeze_holds_waits_for_its_end_after_the_officer_as_well(store):
    await store.log.append(chain_of(terms_of(), waits("d/1")))
    release(store, "d/1", freeze="hold")
    assert eventually(lambda: store.outbox.state().held == 1)
    assert outgoing(store) == []
    assert store.log.release(2**62) == 1
    assert outgoing(store) == [(1, 1)]
    assert kinds(store, "d/1") == ["record.accepted", "record.released", "record.released"]


async def test_the_recipient_s_history_holds_whether_a_record_comes_late_or_never(make_store, tmp_path):
    store = make_store(signer=LocalSigner(Suite.HYBRID))
    terms = terms_of()
    await store.log.append(chain_of(terms, Stated("d/1"), waits("d/2"), waits("d/3")))
    await store.log.append(batch_of(terms, ["d/4", "d/5"]))
    await store.log.append(chain_of(terms, waits("d/6")))
    await store.log.append(batch_of(terms, ["d/7"]))
    expected = Expectation(
        recipient="nea",
        suites=frozenset({Suite.HYBRID}),
        keys={RECIPIENT.kid: RECIPIENT},
        lanes={"moh": ExpectedLane("moh", store.policy("moh"))},
    )
    ledger = LedgerFile(tmp_path / "ledger.db")

    def opened():
        messages = store.outbox.waiting(100)
        records = [
            one for message in messages for one in open_batch(message.message.body, expected, ledger).records
        ]
        store.outbox.sent(messages, [])
        return [one.entry.source_ref for one in records]

    assert opened() == ["d/1", "d/4", "d/5", "d/7"]
    for reference in ("d/6", "d/2"):  # the later one first
        release(store, reference)
        assert eventually(lambda: outgoing(store))
        assert opened() == [reference]
    refuse(store, "d/3")
    await store.log.append(batch_of(terms, ["d/8"]))
    assert opened() == ["d/8"]
    ledger.close()


async def test_what_was_decided_while_the_writer_was_away_is_carried_out_when_it_is_back(store):
    await store.log.append(chain_of(terms_of(), waits("d/1"), waits("d/2")))
    store.log.close()
    release(store, "d/1")
    refuse(store, "d/2")
    assert [one.decided for one in quarantine.waiting(store.db)] == ["record.released", REFUSED]
    store.reopen()
    assert eventually(lambda: waiting(store) == [])
    assert outgoing(store) == [(1, 1)]


async def test_without_a_signature_nothing_is_decided_and_the_decision_stays(store):
    await store.log.append(chain_of(terms_of(), waits("d/1")))
    store.signer.available = False
    asked = store.signer.asked
    release(store, "d/1")
    assert eventually(lambda: store.signer.asked > asked)
    assert (waiting(store), outgoing(store)) == (["d/1"], [])
    store.signer.available = True
    assert eventually(lambda: outgoing(store) == [(1, 1)])


async def test_how_many_wait_and_since_when_is_known(store):
    assert quarantine.state(store.db) == quarantine.QuarantineState(0, 0)
    await store.log.append(chain_of(terms_of(), waits("d/1")))
    (oldest,) = quarantine.waiting(store.db)
    await store.log.append(chain_of(terms_of(), waits("d/2")))
    assert quarantine.state(store.db) == quarantine.QuarantineState(2, oldest.since_ms)


async def test_many_wait_side_by_side(store):
    terms = terms_of()
    batches = [chain_of(terms, *(waits(f"{n}/{m}") for m in range(40))) for n in range(4)]
    await asyncio.gather(*(store.log.append(batch) for batch in batches))
    for n in range(4):
        for m in range(40):
            release(store, f"{n}/{m}")
    assert eventually(lambda: len(store.outbox.waiting(1000)) == 160)
    assert waiting(store) == []
    assert store.kinds("moh").count("record.released") == 160


# -- chains


async def verdicts(store, *records):
    answer = await store.log.append(chain_of(terms_of(), *records))
    return dict(answer.chained) if isinstance(answer, Known) else {}


CORRECTION, VOID = Stated("d/2", "correct", "d/1"), Stated("d/3", "void", "d/1")


async def test_what_is_corrected_or_voided_must_have_been_sent_before(store):
    assert await verdicts(store, CORRECTION) == {identifier("d/2", "correct"): "prior missing"}
    assert await verdicts(store, CORRECTION, Stated("d/1")) == {identifier("d/2", "correct"): "prior missing"}
    other = chain_of(terms_of(contract="civil-status.v1"), Stated("d/1"))
    await store.log.append(other)
    assert await verdicts(store, CORRECTION) == {identifier("d/2", "correct"): "prior missing"}
    assert await verdicts(store, Stated("d/1")) == {}
    assert await verdicts(store, CORRECTION) == {}
    assert await verdicts(store, VOID) == {}


async def test_in_one_batch_what_came_before_counts_as_well(store):
    assert await verdicts(store, Stated("d/1"), CORRECTION, Stated("d/4", "void", "d/2")) == {}
    assert kinds(store, "d/1") == ["record.accepted", "record.accepted"], "and it knows what corrects it"


async def test_in_one_round_what_another_batch_appended_counts_as_well(store):
    terms = terms_of()
    batches = [
        chain_of(terms, one) for one in (Stated("d/1"), CORRECTION, VOID, Stated("d/4", "void", "d/1"))
    ]
    answers = await asyncio.gather(*(store.log.append(batch) for batch in batches))
    assert [isinstance(answer, Known) for answer in answers] == [False, False, False, True]
    assert dict(answers[-1].chained) == {identifier("d/4", "void"): "prior void"}


@pytest.mark.parametrize("reopened", [False, True])
@pytest.mark.parametrize(
    "late", [Stated("d/9", "void", "d/1"), Stated("d/9", "correct", "d/1"), Stated("d/9", "void", "d/3")]
)
async def test_what_is_void_can_neither_be_voided_nor_corrected(store, late, reopened):
    assert await verdicts(store, Stated("d/1"), VOID) == {}
    if reopened:
        store.reopen()
    assert await verdicts(store, late) == {identifier("d/9", late.op): "prior void"}
    assert await verdicts(store, Stated("e/1"), Stated("e/2", "void", "e/1"), replace(late, prior="e/1")) == {
        identifier("d/9", late.op): "prior void"
    }


async def test_a_record_may_void_under_its_own_reference_and_not_twice(store):
    assert await verdicts(store, Stated("d/1"), Stated("d/1", "void", "d/1")) == {}
    assert await verdicts(store, Stated("d/2", "void", "d/1")) == {identifier("d/2", "void"): "prior void"}
    assert await verdicts(store, Stated("d/5", "void", "d/5")) == {identifier("d/5", "void"): "prior missing"}


async def test_what_names_a_waiting_record_has_to_wait_with_it(store):
    await verdicts(store, waits("d/1"))
    held = replace(CORRECTION, review=("review.prior",))
    assert await verdicts(store, CORRECTION) == {identifier("d/2", "correct"): "prior waits"}
    assert await verdicts(store, held) == {}
    release(store, "d/1")
    assert eventually(lambda: outgoing(store))
    assert await verdicts(store, VOID) == {}


async def test_what_was_refused_on_review_cannot_be_corrected(store):
    await verdicts(store, waits("d/1"))
    refuse(store, "d/1")
    assert eventually(lambda: waiting(store) == [])
    assert await verdicts(store, CORRECTION) == {identifier("d/2", "correct"): "prior void"}


async def test_a_void_that_waits_keeps_what_it_voids_in_suspense_until_it_is_decided(store):
    suspense = Stated("d/4", "correct", "d/1")
    assert await verdicts(store, Stated("d/1"), replace(VOID, review=SEX)) == {}
    assert await verdicts(store, suspense) == {identifier("d/4", "correct"): "prior waits"}
    event = decisions.refused("moh", identifier("d/3", "void"), "amal", "refused.withdrawn")
    store.spool.leave([event])
    assert eventually(lambda: waiting(store) == [])
    assert await verdicts(store, suspense) == {}


async def test_of_two_voids_that_wait_the_earlier_one_is_decided_about_first(store):
    first, second = replace(VOID, review=SEX), Stated("d/4", "void", "d/1", ("review.prior",))
    assert await verdicts(store, Stated("d/1"), first) == {}
    assert await verdicts(store, second) == {}

    def standing():
        return [quarantine.prior_standing(store.db, one) for one in quarantine.waiting(store.db)]

    assert standing() == ["stands", "waits"]
    store.spool.leave(
        [decisions.released("moh", identifier("d/3", "void"), "amal", "released.confirmed", "pass")]
    )
    assert eventually(lambda: len(waiting(store)) == 1)
    assert standing() == ["gone"]
    late = Stated("d/5", "correct", "d/1")
    assert await verdicts(store, late) == {identifier("d/5", "correct"): "prior void"}


async def test_however_often_a_record_is_corrected_its_story_stays_short(store):
    terms = terms_of()
    corrections = [Stated(f"c/{n}", "correct", "d/1") for n in range(250)]
    await store.log.append(chain_of(terms, Stated("d/1"), *corrections))
    story = trace(store.db, identifier("d/1"))
    assert len(story) == 1 + 100
    assert story[-1].fields["source_ref"] == "c/249"


async def test_one_that_cannot_be_appended_counts_for_nothing_after_it(store):
    nothing, other = Stated("d/2", "void", "d/0"), Stated("d/4", "correct", "d/2")
    assert await verdicts(store, Stated("d/1"), nothing, other, CORRECTION) == {
        identifier("d/2", "void"): "prior missing",
        identifier("d/4", "correct"): "prior missing",
    }
