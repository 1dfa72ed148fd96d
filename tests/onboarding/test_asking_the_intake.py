"""The socket at which the process that fetches is asked to try: what it is asked, and what becomes of trouble."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.beside import ask
from gateway.onboarding.fetching import TRIALS, Try, fetching, trial_desk
from gateway.onboarding.finding import Finding

NOT_TRIED = [Finding("what the gateway fetches", "endpoint.not_tried")]


@asynccontextmanager
async def open_desk(folder: Path, trying: Try) -> AsyncIterator[None]:
    desk = trial_desk(folder, trying)
    await desk.start()
    try:
        yield
    finally:
        await desk.stop()


async def test_what_was_found_comes_back_as_it_was(tmp_path: Path) -> None:
    found = [Finding("the login"), Finding("listing the folder", "endpoint.folder", "/منه")]
    async with open_desk(tmp_path, lambda agency: found if agency == "cso" else []):
        assert await asyncio.to_thread(fetching, tmp_path, "cso") == found
        assert await asyncio.to_thread(fetching, tmp_path, "moh") == NOT_TRIED


async def test_trouble_of_ours_is_said_without_what_it_was_about(tmp_path: Path) -> None:
    def trying(_: str) -> list[Finding]:
        raise ValueError("28811034204512")

    async with open_desk(tmp_path, trying):
        found = await asyncio.to_thread(fetching, tmp_path, "cso")
    assert found == [Finding("what the gateway fetches", "unavailable.internal")]


async def test_one_agency_is_tried_at_a_time(tmp_path: Path) -> None:
    inside, most, lock = 0, 0, threading.Lock()
    first = threading.Event()

    def trying(_: str) -> list[Finding]:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        first.wait(0.2)  # long enough for the others to come in, if they could
        with lock:
            inside -= 1
        return [Finding("the login")]

    async with open_desk(tmp_path, trying):
        told = await asyncio.gather(*(asyncio.to_thread(fetching, tmp_path, "cso") for _ in range(3)))
    assert (told, most) == ([[Finding("the login")]] * 3, 1)


async def test_what_is_no_question_is_hung_up_on(tmp_path: Path) -> None:
    def asked(question: bytes) -> bool:
        try:
            ask(tmp_path, TRIALS, question)
        except OSError:
            return False
        return True

    async with open_desk(tmp_path, lambda _: []):
        for question in (b"", b"\x90", b"x" * (TRIALS.question_max_bytes + 1)):
            assert not await asyncio.to_thread(asked, question)
