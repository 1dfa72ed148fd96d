"""Groups are prepared side by side and logged in the order in which their records came."""

from __future__ import annotations

import asyncio

import pytest

from crypto.hpke import Suite
from gateway.errors import Unavailable
from gateway.groups import MAX_RECORDS, Groups
from gateway.records import Framed, Origin, Outcome, Part, Status, Terms

TERMS = Terms("a", "moh", "nea", "death.v1", "moh", Suite.HYBRID, "pass", "", (), b"", b"")


def part(submission: str, number: int) -> Part:
    """A part that fills a group of its own; its records stand at `number`."""
    return Part(submission, Origin(""), 0, (Framed(number, b"{}"),) * MAX_RECORDS)


def answers(parts):
    return tuple((Outcome(one.records[0].position, Status.ACCEPTED),) for one in parts)


async def kept(groups: Groups, parts: list[Part]):
    return await asyncio.gather(*(groups.keep(TERMS, one) for one in parts), return_exceptions=True)


async def test_a_slow_group_is_logged_before_a_fast_one_that_came_later():
    logged, prepared = [], []

    async def promise(_terms, parts, turn):
        number = parts[0].records[0].position
        await asyncio.sleep(0.05 / number)  # the first to come is the last to be ready
        prepared.append(number)
        async with turn:
            logged.append(number)
            return answers(parts)

    outcomes = await kept(Groups(promise), [part("one", number) for number in range(1, 10)])
    assert logged == list(range(1, 10))
    assert prepared != logged
    assert [outcome[0].position for outcome in outcomes] == logged


async def test_less_than_a_whole_group_gathers_while_two_others_are_on_their_way():
    sizes, going_on = [], asyncio.Event()

    async def promise(_terms, parts, turn):
        sizes.append(len(parts))
        await going_on.wait()
        async with turn:
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

    async def promise(_terms, parts, turn):
        sizes.append(sum(len(one.records) for one in parts))
        await going_on.wait()
        async with turn:
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

    async def promise(_terms, parts, turn):
        sizes.append(sum(len(one.records) for one in parts))
        await going_on.wait()
        async with turn:
            return answers(parts)

    groups = Groups(promise)
    small = Part("one", Origin(""), 0, (Framed(1, b"{}"),))
    sending = asyncio.create_task(kept(groups, [small, part("two", 2)]))
    await asyncio.sleep(0.01)
    assert sizes == [1, MAX_RECORDS]
    going_on.set()
    await sending
    await groups.drain()


async def test_what_a_submission_sent_later_is_not_logged_when_what_came_before_could_not_be():
    logged = []

    async def promise(_terms, parts, turn):
        number = parts[0].records[0].position
        async with turn:
            if number == 2:
                raise Unavailable("unavailable.keys")
            logged.append((parts[0].submission, number))
            return answers(parts)

    sent = [part("one", 1), part("one", 2), part("one", 3), part("two", 4), part("one", 5)]
    outcomes = await kept(Groups(promise), sent)
    assert logged == [("one", 1), ("two", 4)], "another submission does not suffer for it"
    codes = [getattr(one, "code", "") for one in outcomes]
    assert codes == ["", "unavailable.keys", "unavailable.busy", "", "unavailable.busy"]


async def test_a_group_that_fails_before_its_turn_does_not_let_the_next_one_overtake():
    logged, slow = [], asyncio.Event()

    async def promise(_terms, parts, turn):
        number = parts[0].records[0].position
        if number == 1:
            await slow.wait()
        if number == 2:
            raise Unavailable("unavailable.workers")
        async with turn:
            logged.append(number)
            return answers(parts)

    sending = asyncio.create_task(kept(Groups(promise), [part(str(number), number) for number in (1, 2, 3)]))
    await asyncio.sleep(0.05)
    assert logged == []
    slow.set()
    await sending
    assert logged == [1, 3]


async def test_a_failure_is_forgotten_when_the_submission_is_sent_again():
    failing = True

    async def promise(_terms, parts, turn):
        async with turn:
            if failing:
                raise Unavailable("unavailable.keys")
            return answers(parts)

    groups = Groups(promise)
    with pytest.raises(Unavailable):
        await groups.keep(TERMS, part("one", 1))
    failing = False
    assert await groups.keep(TERMS, part("one", 1))


async def test_a_client_that_left_does_not_hold_up_the_next_one():
    going_on = asyncio.Event()

    async def promise(_terms, parts, turn):
        async with turn:
            await going_on.wait()
            if parts[0].records[0].position == 1:
                raise Unavailable("unavailable.keys")
            return answers(parts)

    groups = Groups(promise)
    left = asyncio.create_task(groups.keep(TERMS, part("one", 1)))
    await asyncio.sleep(0)
    left.cancel()
    again = asyncio.create_task(groups.keep(TERMS, part("one", 2)))
    await asyncio.sleep(0)
    going_on.set()
    assert await asyncio.gather(again, return_exceptions=True)
    assert await groups.keep(TERMS, part("one", 3)), "nothing of an earlier failure is left"
    await groups.drain()
