"""The processes that prepare records: many questions at a time, and none is lost with a process."""

import asyncio
import os
import signal
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.records import notification
from support.batches import ORIGIN, terms_of
from support.draining import eventually

import contracts
from contracts.folder import SHIPPED
from crypto.hpke import Suite
from gateway.errors import Unavailable
from gateway.records import Framed, Part, Terms
from gateway.settled import Settled, Verdict
from gateway.workers import SMALL_BYTES, SMALL_RECORDS, Workers

NOW_MS = 1_782_864_000_000
GROUPS = 12


@pytest.fixture(scope="module")
def catalogue() -> contracts.Catalogue:
    return contracts.load(SHIPPED, profile="synthetic")


@pytest.fixture(scope="module")
def terms(catalogue) -> Terms:
    return replace(terms_of(suite=Suite.HYBRID), catalogue=catalogue.digest)


@pytest.fixture(params=["each group by a worker", "small groups by who asks"])
async def workers(request, catalogue):
    at_hand = (lambda: catalogue) if request.param == "small groups by who asks" else None
    with closing(Workers(SHIPPED, "synthetic", 2, at_hand)) as made:
        yield made


def part(first: int, count: int = 3) -> tuple[Part, ...]:
    records = tuple(Framed(n, notification(first + n).rstrip()) for n in range(1, count + 1))
    return (Part(f"submission {first}", ORIGIN, NOW_MS, records),)


def processes() -> list[int]:
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(one) for one in children if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]


def both() -> list[int]:
    """Return the two processes, once both are what they are to be."""
    assert eventually(lambda: len(processes()) == 2)
    return processes()


async def test_groups_asked_for_together_are_each_answered_with_their_own_records(workers, terms):
    asked = [part(10 * n) for n in range(GROUPS)]
    batches = await asyncio.gather(*(workers(terms, parts, Settled()) for parts in asked))
    assert [batch.parts for batch in batches] == asked
    assert all(batch.terms is terms and len(batch.kept) == 3 for batch in batches)
    assert len({kept.record_id for batch in batches for kept in batch.kept}) == 3 * GROUPS


async def test_what_was_settled_before_is_not_sealed_again(workers, terms):
    first = await workers(terms, part(0), Settled())
    same, other, third = first.kept
    settled = Settled({same.record_id: same.fingerprint, other.record_id: third.fingerprint})
    again = await workers(terms, part(0), settled)
    assert [repeated.record_id for repeated in again.repeated] == [same.record_id]
    assert [refused.refusal.code for refused in again.refused] == ["record.conflict"]
    assert len(again.kept) == 1


async def test_what_has_to_wait_with_its_prior_is_sealed_for_itself(workers, terms):
    first = await workers(terms, part(0), Settled())
    _, waits, _ = first.kept
    again = await workers(terms, part(0), Settled(chained={waits.record_id: Verdict.PRIOR_WAITS}))
    assert [one.kept.record_id for one in again.held] == [waits.record_id]
    assert [len(one.draft.entries) for one in again.held] == [1]
    assert len(again.kept) == 2


async def test_a_killed_process_costs_no_group(workers, terms):
    await workers(terms, part(0), Settled())
    before = both()
    waiting = [asyncio.create_task(workers(terms, part(10 * n, 100), Settled())) for n in range(GROUPS)]
    await asyncio.sleep(0)
    for process in before:
        os.kill(process, signal.SIGKILL)
    assert [len(batch.kept) for batch in await asyncio.gather(*waiting)] == [100] * GROUPS
    assert not set(before) & set(processes())


async def test_a_wire_that_cannot_be_used_costs_no_group(workers, terms):
    for worker in workers._workers:
        worker._ours.close()
    batch = await workers(terms, part(0), Settled())
    assert len(batch.kept) == 3


async def test_contracts_that_are_not_on_disk_are_unavailable(workers, terms):
    with pytest.raises(Unavailable) as refused:
        await workers(replace(terms, catalogue="0" * 64), part(0), Settled())
    assert refused.value.code == "unavailable.contracts"
    assert (await workers(terms, part(0), Settled())).kept


async def test_a_fault_of_ours_costs_one_group_and_no_process(workers, terms):
    await workers(terms, part(0), Settled())
    before = both()
    with pytest.raises(Unavailable) as refused:
        await workers(replace(terms, contract="unheard-of.v1"), part(0), Settled())
    assert (refused.value.code, refused.value.rule) == ("unavailable.internal", "")
    assert (await workers(terms, part(0), Settled())).kept
    assert processes() == before


async def test_nobody_is_left_behind_when_the_workers_are_closed(terms):
    with closing(Workers(SHIPPED, "synthetic", 2)) as made:
        await made(terms, part(0), Settled())
        assert processes()
    assert not processes()


@pytest.mark.parametrize(
    ("count", "digest", "by_a_worker"),
    [
        (SMALL_RECORDS, "", False),
        (SMALL_RECORDS + 1, "", True),
        (1, "0" * 64, True),  # of contracts that are in force no longer, or not yet
    ],
)
async def test_a_worker_is_asked_for_what_is_large_or_of_other_contracts(
    catalogue, terms, count, digest, by_a_worker
):
    at_hand = replace(catalogue, digest=digest or catalogue.digest)
    with closing(Workers(SHIPPED, "synthetic", 1, lambda: at_hand)) as made:
        asking = asyncio.ensure_future(made(terms, part(0, count), Settled()))
        await asyncio.sleep(0)
        assert asking.done() is not by_a_worker
        assert len((await asking).kept) == count


async def test_a_few_long_records_are_not_small(catalogue, terms):
    long = (Part("submission", ORIGIN, NOW_MS, (Framed(1, b" " * SMALL_BYTES + notification(1).rstrip()),)),)
    with closing(Workers(SHIPPED, "synthetic", 1, lambda: catalogue)) as made:
        asking = asyncio.ensure_future(made(terms, long, Settled()))
        await asyncio.sleep(0)
        assert not asking.done()
        await asking
