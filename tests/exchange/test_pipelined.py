"""Results come in order, as soon as they are there, and none is lost to an error that comes after it."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Unavailable
from gateway.pipeline import PIPELINE, pipelined, within
from gateway.records import Framed


async def numbers(count: int) -> AsyncIterator[int]:
    for number in range(count):
        yield number


@given(st.lists(st.integers(0, 3), max_size=30))
def test_results_come_in_order_whichever_is_ready_first(turns: list[int]):
    async def work(number: int) -> int:
        for _ in range(turns[number]):
            await asyncio.sleep(0)
        return number

    async def run() -> list[int]:
        return [result async for result in pipelined(work, numbers(len(turns)))]

    assert asyncio.run(run()) == list(range(len(turns)))


async def test_a_result_does_not_wait_for_the_next_item():
    more = asyncio.Event()

    async def source() -> AsyncIterator[int]:
        yield 1
        await more.wait()
        yield 2

    async def work(number: int) -> int:
        return number

    results = pipelined(work, source())
    assert await asyncio.wait_for(anext(results), 1) == 1
    more.set()
    assert [result async for result in results] == [2]


async def test_an_error_of_the_source_comes_after_the_results_before_it():
    async def source() -> AsyncIterator[int]:
        yield 1
        yield 2
        raise ConnectionError

    async def work(number: int) -> int:
        await asyncio.sleep(0.01)
        return number

    got: list[int] = []
    with pytest.raises(ConnectionError):
        await _read(pipelined(work, source()), got)
    assert got == [1, 2]


async def test_an_error_of_the_work_comes_after_the_results_before_it():
    async def work(number: int) -> int:
        if number == 3:
            raise ValueError
        return number

    got: list[int] = []
    with pytest.raises(ValueError):
        await _read(pipelined(work, numbers(10)), got)
    assert got == [0, 1, 2]


async def test_no_more_than_the_pipeline_holds_is_read_ahead_of_a_slow_reader():
    read = 0

    async def source() -> AsyncIterator[int]:
        nonlocal read
        for number in range(100):
            read += 1
            yield number

    async def work(number: int) -> int:
        return number

    results = pipelined(work, source())
    await anext(results)
    await asyncio.sleep(0.05)
    assert read <= PIPELINE + 2
    await results.aclose()


async def test_who_stops_reading_waits_for_what_is_under_way_and_ends_the_source():
    done, ended = [], []

    async def source() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def work(number: int) -> int:
        await asyncio.sleep(0.02 * number)
        done.append(number)
        return number

    results = pipelined(work, source())
    await anext(results)
    await results.aclose()
    assert done == [1, 2]
    assert ended == [True]


async def test_what_was_yielded_is_freed_without_a_garbage_collector():
    class Result:
        pass

    async def work(number: int) -> Result:
        return Result()

    gc.collect()
    gc.disable()
    try:
        yielded = [weakref.ref(result) async for result in pipelined(work, numbers(3))]
        await asyncio.sleep(0)
        assert [one() for one in yielded] == [None] * 3
    finally:
        gc.enable()


async def test_nothing_comes_of_nothing():
    async def work(number: int) -> int:
        return number

    assert [result async for result in pipelined(work, numbers(0))] == []


async def _read(results: AsyncIterator[int], into: list[int]) -> None:
    async for result in results:
        into.append(result)  # noqa: PERF401  what came before an error is what is looked at


async def test_nothing_goes_before_what_the_quota_holds_back():
    left, kept = 10, []

    def spend(records: int) -> None:
        nonlocal left
        if records > left:
            raise Unavailable("quota.records_per_day")
        left -= records

    async def groups() -> AsyncIterator[tuple[Framed, ...]]:
        for size in (4, 4, 4, 1):  # of the last one there would be room
            yield tuple(Framed(n, b"{}") for n in range(size))

    async def keep(group: tuple[Framed, ...]) -> None:
        kept.append(len(group))

    with pytest.raises(Unavailable):
        [result async for result in pipelined(keep, within(spend, groups()))]
    assert kept == [4, 4]
