"""Groups are prepared side by side and logged in the order in which their records came."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import pytest
from support.batches import batch_of, terms_of
from support.signing import LocalSigner
from support.stores import Store

from crypto.entry import record_id
from crypto.hpke import Suite
from gateway.errors import Unavailable
from gateway.groups import IN_FLIGHT, MAX_RECORDS, Groups
from gateway.records import Framed, Origin, Outcome, Part, SealedBatch, Status
from gateway.settled import Early, Known

TERMS = terms_of()


class HeldSigner(LocalSigner):
    """Signs once it is let."""

    def __init__(self) -> None:
        super().__init__(Suite.CLASSICAL)
        self.let = threading.Event()

    def sign(self, checkpoints, time_s):
        assert self.let.wait(30)
        return super().sign(checkpoints, time_s)


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "store.db", signer=HeldSigner())
    yield made
    made.signer.let.set()
    made.close()


def part(submission: str, number: int) -> Part:
    """A part that fills a group of its own; its records stand at `number`."""
    return Part(submission, Origin(""), 0, (Framed(number, b"{}"),) * MAX_RECORDS)


def answers(parts):
    return tuple((Outcome(one.records[0].position, Status.ACCEPTED),) for one in parts)


def number_of(parts) -> int:
    return parts[0].records[0].position


async def kept(groups: Groups, parts: list[Part]):
    return await asyncio.gather(*(groups.keep(TERMS, one) for one in parts), return_exceptions=True)


def logged(store: Store, numbers, kind: str = "d") -> list[int]:
    """Return those of these numbers whose records are in the log, in its order."""
    ids = {number: record_id("moh", "death.v1", f"{kind}/{number}", "assert") for number in numbers}
    found = {number: store.records.receipt(one, "moh") for number, one in ids.items()}
    return sorted((number for number in found if found[number]), key=lambda number: found[number].index)


def codes(outcomes) -> list[str]:
    return [getattr(one, "code", "") for one in outcomes]


async def settles() -> None:
    """Let everything go as far as it goes while nothing is signed."""
    for _ in range(100):
        await asyncio.sleep(0.001)


class Promises:
    """Promises one record of each group under its number. Those of `unsound` the log cannot write."""

    def __init__(self, store: Store, unsound=()) -> None:
        self.store = store
        self.unsound = unsound
        self.asked: list[int] = []
        self.told: list[tuple[int, type]] = []

    async def append(self, batch, number=0, after=0):
        """Append to the log, and remember what it said."""
        self.asked.append(number)
        answer = await self.store.log.append(batch, number, after)
        self.told.append((number, type(answer)))
        return answer

    async def __call__(self, _terms, parts, turn):
        """Do what `exchange.promise` does, without contracts."""
        number = number_of(parts)
        batch = batch_of(TERMS, [f"d/{number}", f"also/{number}"], submission=parts[0].submission)
        if number in self.unsound:
            batch = replace(batch, kept=batch.kept[:1])
        while isinstance(await turn.append(batch, self), Known):
            batch = batch_of(TERMS, [f"also/{number}"], submission=parts[0].submission)
        return answers(parts)


async def test_a_slow_group_is_logged_before_a_fast_one_that_came_later(store):
    store.signer.let.set()
    promises, prepared = Promises(store), []

    async def promise(terms, parts, turn):
        await asyncio.sleep(0.05 / number_of(parts))  # the first to come is the last to be ready
        prepared.append(number_of(parts))
        return await promises(terms, parts, turn)

    numbers = list(range(1, 10))
    outcomes = await kept(Groups(promise), [part("one", number) for number in numbers])
    assert logged(store, numbers) == numbers
    assert prepared != numbers
    assert [outcome[0].position for outcome in outcomes] == numbers


async def test_groups_go_to_the_log_before_the_former_is_answered(store):
    promises = Promises(store)
    numbers = list(range(1, IN_FLIGHT + 1))
    sending = asyncio.create_task(kept(Groups(promises), [part("one", number) for number in numbers]))
    await settles()
    assert len(promises.asked) == IN_FLIGHT
    store.signer.let.set()
    assert codes(await sending) == [""] * IN_FLIGHT
    assert len(promises.asked) == IN_FLIGHT, "and none has to go there twice"
    assert logged(store, numbers) == numbers
    assert store.signer.asked <= 2, "the first alone, and the others in one round"


async def test_less_than_a_whole_group_gathers_while_two_others_are_on_their_way():
    sizes, going_on = [], asyncio.Event()

    async def promise(_terms, parts, _turn):
        sizes.append(len(parts))
        await going_on.wait()
        return answers(parts)

    groups = Groups(promise)
    small = [Part(str(number), Origin(""), 0, (Framed(number, b"{}"),)) for number in range(1, 40)]
    sending = asyncio.create_task(kept(groups, small))
    await asyncio.sleep(0.01)
    assert sizes == [1, 1]
    going_on.set()
    outcomes = await sending
    assert sizes == [1, 1, 37]
    assert [outcome[0].position for outcome in outcomes] == list(range(1, 40))


async def test_a_second_group_goes_once_it_is_as_large_as_the_one_on_its_way():
    sizes, going_on = [], asyncio.Event()

    async def promise(_terms, parts, _turn):
        sizes.append(sum(len(one.records) for one in parts))
        await going_on.wait()
        return answers(parts)

    groups = Groups(promise)

    def send(count: int) -> asyncio.Task[object]:
        one = Part("one", Origin(""), 0, (Framed(1, b"{}"),) * count)
        return asyncio.create_task(groups.keep(TERMS, one))

    sending = [send(10), *(send(3) for _ in range(3))]
    await asyncio.sleep(0.01)
    assert sizes == [10]
    sending.append(send(1))
    await asyncio.sleep(0.01)
    assert sizes == [10, 10]
    sending.append(send(20))
    await asyncio.sleep(0.01)
    assert sizes == [10, 10], "two that are not full are enough"
    going_on.set()
    await asyncio.gather(*sending)
    assert sizes == [10, 10, 20]


async def test_a_whole_group_goes_beside_one_that_is_not():
    sizes, going_on = [], asyncio.Event()

    async def promise(_terms, parts, _turn):
        sizes.append(sum(len(one.records) for one in parts))
        await going_on.wait()
        return answers(parts)

    groups = Groups(promise)
    small = Part("one", Origin(""), 0, (Framed(1, b"{}"),))
    sending = asyncio.create_task(kept(groups, [small, part("two", 2)]))
    await asyncio.sleep(0.01)
    assert sizes == [1, MAX_RECORDS]
    going_on.set()
    await sending
    await groups.drain()


async def test_what_a_submission_sent_later_is_not_logged_when_what_came_before_could_not_be(store):
    sent = [part("one", 1), part("one", 2), part("one", 3), part("two", 4), part("one", 5)]
    sending = asyncio.create_task(kept(Groups(Promises(store, unsound=[2])), sent))
    await settles()
    store.signer.let.set()
    outcomes = await sending
    assert logged(store, range(1, 6)) == [1, 4], "another submission does not suffer for it"
    assert codes(outcomes) == ["", "unavailable.store", "unavailable.busy", "", "unavailable.busy"]


async def test_nothing_overtakes_a_group_of_which_some_was_promised_before(store):
    store.signer.let.set()
    assert isinstance(await store.log.append(batch_of(TERMS, ["d/2"])), SealedBatch)
    store.signer.let.clear()
    promises, numbers = Promises(store), [1, 2, 3, 4]
    sending = asyncio.create_task(kept(Groups(promises), [part("one", number) for number in numbers]))
    await settles()
    store.signer.let.set()
    assert codes(await sending) == [""] * 4
    assert logged(store, numbers, "also") == numbers
    first = promises.asked[0]
    assert [(number - first + 1, kind) for number, kind in promises.told] == [
        (1, SealedBatch),
        (2, Known),
        (3, Early),
        (4, Early),
        (2, SealedBatch),
        (3, SealedBatch),
        (4, SealedBatch),
    ]


async def test_a_group_that_fails_before_its_turn_does_not_let_the_next_one_overtake(store):
    store.signer.let.set()
    promises, slow = Promises(store), asyncio.Event()

    async def promise(terms, parts, turn):
        if number_of(parts) == 1:
            await slow.wait()
        if number_of(parts) == 2:
            raise Unavailable("unavailable.workers")
        return await promises(terms, parts, turn)

    sending = asyncio.create_task(kept(Groups(promise), [part(str(number), number) for number in (1, 2, 3)]))
    await settles()
    assert promises.asked == []
    slow.set()
    await sending
    assert logged(store, [1, 2, 3]) == [1, 3]


async def test_a_failure_is_forgotten_when_the_submission_is_sent_again(store):
    store.signer.let.set()
    store.signer.available = False
    groups = Groups(Promises(store))
    with pytest.raises(Unavailable):
        await groups.keep(TERMS, part("one", 1))
    store.signer.available = True
    assert await groups.keep(TERMS, part("one", 1))


async def test_a_client_that_left_does_not_hold_up_the_next_one(store):
    groups = Groups(Promises(store, unsound=[1]))
    left = asyncio.create_task(groups.keep(TERMS, part("one", 1)))
    await asyncio.sleep(0)
    left.cancel()
    again = asyncio.create_task(groups.keep(TERMS, part("one", 2)))
    await asyncio.sleep(0)
    store.signer.let.set()
    assert await asyncio.gather(again, return_exceptions=True)
    assert await groups.keep(TERMS, part("one", 3)), "nothing of an earlier failure is left"
    await groups.drain()
