"""What somebody has to look at is kept for an officer; what corrects or voids must have something to do it to."""

import os
from functools import partial
from pathlib import Path

import pytest
from support.batches import LaneKeys
from support.sample_records import ndjson, notification
from support.stores import Store

import contracts
from crypto.entry import parse_entry
from crypto.hpke import PrivateKey, Suite
from crypto.receipt import Receipt, verify_logged
from gateway import exchange
from gateway.groups import Groups
from gateway.log.quarantine import waiting
from gateway.prepare import prepare
from gateway.records import Framed, Origin, Part, Status, Terms
from gateway.settled import Settled

CATALOGUE = contracts.load(profile="synthetic")
JULY_2026_MS = 1_782_900_000_000
WRONG = {"gender": "أنثى"}
"""The national ID says another sex."""


@pytest.fixture
def store(tmp_path: Path):
    opened = Store(tmp_path / "store.db")
    yield opened
    opened.close()


def terms() -> Terms:
    key = PrivateKey.from_seed("nea-1", Suite.HYBRID, os.urandom(32)).public()
    return Terms(
        agreement="moh-nea-death.v1",
        sender="moh",
        recipient="nea",
        contract="death.v1",
        lane="moh",
        suite=Suite.HYBRID,
        freeze="pass",
        catalogue=CATALOGUE.digest,
        recipient_keys=(key,),
        pseudonym_key=LaneKeys().pseudonym("moh"),
        promise_key=LaneKeys().promise("moh"),
    )


def part(*records, submission="0" * 36) -> Part:
    lines = ndjson(records).splitlines()
    framed = tuple(Framed(n, line) for n, line in enumerate(lines, 1))
    return Part(submission, Origin("0" * 64), JULY_2026_MS, framed)


def told(action, reference, amends):
    return notification(reference) | {"action": action, "amends": amends}


amended, cancelled = partial(told, "AMEND"), partial(told, "CANCEL")


async def promised(store, *records):
    """Have records promised, and return what became of each: its outcome, or the code of its refusal."""

    async def prepared(terms, parts, settled):
        return prepare(CATALOGUE, terms, parts, settled)

    groups = Groups(partial(exchange.promise, prepare=prepared, log=store.log))
    return await groups.keep(terms(), part(*records))


def fates(outcomes):
    return [one.refusal.code if one.refusal else one.status.value for one in outcomes]


def test_a_national_id_that_disagrees_with_the_record_is_sealed_for_itself():
    batch = prepare(CATALOGUE, terms(), (part(notification("a"), notification("b", **WRONG)),), Settled())
    assert [kept.source_ref for kept in batch.kept] == ["a"]
    (held,) = batch.held
    assert held.kept.warnings == ("review.nid.sex",)
    assert parse_entry(held.draft.entries[0]).review == ("review.nid.sex",)
    assert len(batch.draft.entries) == 1


async def test_its_sender_is_told_with_a_receipt_and_the_rest_goes_on(store):
    outcomes = await promised(store, notification("a"), notification("b", **WRONG), notification("c"))
    assert fates(outcomes) == ["accepted", "quarantined", "accepted"]
    quarantined = outcomes[1]
    assert quarantined.warnings == ("review.nid.sex",)
    assert verify_logged(Receipt.from_json(quarantined.receipt_json()), store.policy("moh")).size == 4
    assert [one.count for one in store.outbox.waiting(10)] == [2]


async def test_the_same_again_is_a_duplicate_and_other_content_a_conflict(store):
    (first,) = await promised(store, notification("b", **WRONG))
    again = await promised(store, notification("b", **WRONG), notification("b"), notification("b", **WRONG))
    assert fates(again) == ["duplicate", "record.conflict", "duplicate"]
    assert {(one.lane, one.index) for one in again if not one.refusal} == {(first.lane, first.index)}


async def test_a_submission_of_records_that_wait_is_answered_and_sends_nothing(store):
    outcomes = await promised(store, *(notification(f"n{n}", **WRONG) for n in range(20)))
    assert {one.status for one in outcomes} == {Status.QUARANTINED}
    assert len(list(waiting(store.db))) == 20
    assert store.outbox.waiting(10) == []


async def test_what_corrects_or_voids_nothing_is_refused_and_the_rest_is_taken(store):
    outcomes = await promised(
        store,
        notification("a"),
        amended("a2", "a"),
        cancelled("a3", "nothing"),
        cancelled("a4", "a2"),
        cancelled("a5", "a4"),
        amended("a6", "a2"),
        notification("b"),
    )
    void, missing = "record.prior_void", "record.prior_missing"
    accepted = "accepted"
    assert fates(outcomes) == [accepted, accepted, missing, accepted, void, void, accepted]
    assert {one.refusal.field for one in outcomes if one.refusal} == {"prior_ref"}
    assert fates(await promised(store, cancelled("z", "a"), amended("y", "a"))) == [accepted, void]


async def test_what_names_a_record_that_waits_waits_as_well(store):
    outcomes = await promised(store, notification("b", **WRONG), amended("b2", "b"), cancelled("b3", "b2"))
    assert fates(outcomes) == ["quarantined"] * 3
    assert [one.warnings for one in outcomes] == [("review.nid.sex",), ("review.prior",), ("review.prior",)]
    entries = [parse_entry(one.entry) for one in waiting(store.db)]
    assert [(one.source_ref, one.prior_ref) for one in entries] == [("b", ""), ("b2", "b"), ("b3", "b2")]


async def test_a_file_with_bad_chains_sent_again_gets_the_same_answers(store):
    records = notification("a"), cancelled("v", "a"), cancelled("w", "a"), amended("x", "nothing")
    first, again = [fates(await promised(store, *records)) for _ in range(2)]
    assert first == ["accepted", "accepted", "record.prior_void", "record.prior_missing"]
    assert again == ["duplicate", "duplicate", "record.prior_void", "record.prior_missing"]
