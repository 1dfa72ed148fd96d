"""A small submission is recognised as one without making anybody wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256

import pytest

from gateway.pipeline import Measured, sole


async def octets(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def cut(body: Measured, *, at_the_end: bool) -> AsyncIterator[bytes]:
    """Cut a body into its chunks: each as it comes, or all of them once the body has ended."""
    chunks = []
    async for chunk in body:
        chunks.append(chunk)
        if not at_the_end:
            yield chunk
    if at_the_end:
        for chunk in chunks:
            yield chunk


@pytest.mark.parametrize("chunks", [(), (b"a",), (b"a", b"b"), (b"a", b"b", b"c")])
@pytest.mark.parametrize("at_the_end", [True, False])
async def test_no_item_is_lost_and_only_a_single_one_known_to_be_the_last_stands_alone(chunks, at_the_end):
    body = Measured(octets(*chunks))
    only, others = await sole(cut(body, at_the_end=at_the_end), body)
    assert (only is not None) == (at_the_end and len(chunks) == 1)
    assert [*filter(None, [only]), *[item async for item in others]] == list(chunks)
    assert body.ended
    assert body.digest == sha256(b"".join(chunks)).digest()


async def test_an_item_does_not_wait_for_the_rest_of_its_body():
    more = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"a"
        await more.wait()

    body = Measured(slowly())
    only, items = await asyncio.wait_for(sole(cut(body, at_the_end=False), body), 1)
    assert only is None
    assert await asyncio.wait_for(anext(items), 1) == b"a"
    assert not body.ended
    more.set()
    assert [item async for item in items] == []
