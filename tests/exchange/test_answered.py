"""The socket between the process that asks agencies and the one that takes records."""

from __future__ import annotations

import asyncio
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.answered import ANSWER_MAX_BYTES, ANSWERS, Given, Take, answer_desk, hand_in
from gateway.errors import IsnadError, Rejected, Unavailable

GIVEN = Given("ppo", "verification.v1", "ab" * 32, b"<said/>")


@asynccontextmanager
async def open_desk(folder: Path, take: Take) -> AsyncIterator[None]:
    desk = answer_desk(folder, take)
    await desk.start()
    try:
        yield
    finally:
        await desk.stop()


async def test_an_answer_is_handed_in_and_taken(tmp_path: Path) -> None:
    came: list[Given] = []

    async def take(given: Given) -> None:
        came.append(given)

    async with open_desk(tmp_path, take):
        await asyncio.to_thread(hand_in, tmp_path, GIVEN)
    assert came == [GIVEN]
    assert "said" not in repr(came)


@pytest.mark.parametrize(
    "error",
    [Rejected("soap.answer", "as the WSDL says", "answer"), Unavailable("unavailable.keys", "sealed", 17)],
    ids=["rejected", "unavailable"],
)
async def test_what_is_refused_is_refused_on_the_other_side(tmp_path: Path, error: IsnadError) -> None:
    async def take(_: Given) -> None:
        raise error

    async with open_desk(tmp_path, take):
        with pytest.raises(type(error)) as raised:
            await asyncio.to_thread(hand_in, tmp_path, GIVEN)
    assert vars(raised.value) == vars(error)


async def test_an_error_of_ours_says_nothing_of_the_answer(tmp_path: Path) -> None:
    async def take(given: Given) -> None:
        raise ValueError(given.envelope)

    async with open_desk(tmp_path, take):
        with pytest.raises(Unavailable) as raised:
            await asyncio.to_thread(hand_in, tmp_path, GIVEN)
    assert (raised.value.code, "said" in str(raised.value)) == ("unavailable.internal", False)


async def test_without_anybody_there_the_agency_is_to_be_asked_again(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        hand_in(tmp_path, GIVEN)
    (tmp_path / ANSWERS.name).touch()
    with pytest.raises(Unavailable):
        hand_in(tmp_path, GIVEN)


async def nobody(_: Given) -> None:
    raise AssertionError("nothing of this is an answer")


@pytest.mark.parametrize(
    "octets",
    [(ANSWER_MAX_BYTES + 1).to_bytes(4), b"\0\0\0\5hello", b"\0\0\0\1\x90"],
    ids=["long", "text", "empty"],
)
async def test_what_is_no_answer_is_hung_up_on(tmp_path: Path, octets: bytes) -> None:
    def tried() -> bytes:
        with socket.socket(socket.AF_UNIX) as wire:
            wire.settimeout(30)
            wire.connect(str(tmp_path / ANSWERS.name))
            wire.sendall(octets)
            return wire.recv(1)

    async with open_desk(tmp_path, nobody):
        assert await asyncio.to_thread(tried) == b""


async def test_only_its_user_may_connect_and_a_killed_process_leaves_nothing_in_the_way(
    tmp_path: Path,
) -> None:
    folder = tmp_path / ("long" * 40)  # longer than the address of a socket may be
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / ANSWERS.name))
    (tmp_path / ANSWERS.name).rename(folder / ANSWERS.name)
    came: list[Given] = []

    async def take(given: Given) -> None:
        came.append(given)

    async with open_desk(folder, take):
        assert stat.S_IMODE((folder / ANSWERS.name).stat().st_mode) == 0o600
        await asyncio.to_thread(hand_in, folder, GIVEN)
    assert came == [GIVEN]
