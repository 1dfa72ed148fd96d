"""What many wait for is done for all of them at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from adapters.sftp.together import Together


async def test_what_comes_while_work_is_done_is_done_together_afterwards():
    done: list[list[int]] = []
    begun, go = asyncio.Event(), asyncio.Event()

    async def work(items: Sequence[int]) -> None:
        done.append(list(items))
        begun.set()
        await go.wait()

    together = Together(work)
    first = asyncio.create_task(together(1))
    await begun.wait()
    others = [asyncio.create_task(together(number)) for number in (2, 3, 4)]
    await asyncio.sleep(0)
    go.set()
    await asyncio.gather(first, *others)
    assert done == [[1], [2, 3, 4]]


async def test_a_failure_is_told_to_those_it_concerns_and_to_nobody_after_them():
    async def work(items: Sequence[int]) -> None:
        if 1 in items:
            raise OSError

    together = Together(work)
    assert [
        type(each) for each in await asyncio.gather(together(1), together(2), return_exceptions=True)
    ] == [
        OSError,
        OSError,
    ]
    await together(3)


async def test_who_does_not_wait_any_more_keeps_nobody_from_being_answered():
    done: list[int] = []

    async def work(items: Sequence[int]) -> None:
        await asyncio.sleep(0)
        done.extend(items)

    together = Together(work)
    gone, stays = asyncio.create_task(together(1)), asyncio.create_task(together(2))
    await asyncio.sleep(0)
    gone.cancel()
    await stays
    with pytest.raises(asyncio.CancelledError):
        await gone
    await together.end()
    assert done == [1, 2]
