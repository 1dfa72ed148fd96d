"""Processes die, and clients vanish, in the middle of long streams."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.auditor import Auditor
from support.draining import eventually
from support.participants import core, owed, promised, small_site, unhandled
from support.sample_records import ndjson, notification

from gateway.demo.duplex import NDJSON, Gate, submit
from gateway.demo.running import Running
from gateway.demo.site import Site, isnad
from gateway.errors import Rejected, Unavailable

RECORDS = 2000
EARLY = 300
"""Answers after which something happens; the rest is still coming."""
LEASE_S = 15.0


@dataclass
class Exchange:
    """A site, its processes and its auditor."""

    site: Site
    serve: Running
    gate: Gate
    auditor: Auditor

    def stream(self, name: str, count: int = RECORDS) -> list[bytes]:
        """Return a body of many records, a hundred at a time."""
        numbers = [f"MOH-{name}-{n:06}" for n in range(count)]
        return [ndjson(map(notification, numbers[n : n + 100])) for n in range(0, count, 100)]

    def answers(self, body: list[bytes]) -> AsyncIterator[dict]:
        return submit(self.gate, "death.v1", NDJSON, body)

    async def whole(self, body: list[bytes]) -> list[dict]:
        """Hand over a body until the answer to it is complete."""
        for _ in range(50):
            try:
                return [line async for line in self.answers(body)]
            except (Unavailable, OSError):
                await asyncio.sleep(0.2)
        raise AssertionError("the gateway never answered")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    with small_site(tmp_path_factory.mktemp("site")) as made:
        serve = made.serve()
        auditor = Auditor(made)
        yield Exchange(made, serve, Gate(made.url, made.client(made.issue("moh"))), auditor)
        auditor.close()


async def test_a_worker_that_is_killed_in_the_middle_of_a_stream_costs_no_record(running: Exchange) -> None:
    body, lines, killed = running.stream("worker"), [], []
    async for line in running.answers(body):
        lines.append(line)
        if len(lines) == EARLY:
            killed = children(running.serve, "isnad-worker")
            os.kill(killed[0], signal.SIGKILL)
    assert lines[-1]["summary"]["accepted"] == RECORDS
    assert not set(children(running.serve, "isnad-worker")) & set(killed[:1])
    running.auditor.holds(promised(lines))


async def test_the_process_of_the_log_killed_in_the_middle_of_a_stream_takes_nothing_back_and_comes_again(
    running: Exchange,
) -> None:
    body, lines, told = running.stream("log"), [], ""
    (log,) = children(running.serve, "isnad-log")

    def killing() -> Iterator[bytes]:
        for number, chunk in enumerate(body):
            if number == len(body) // 2:
                os.kill(log, signal.SIGKILL)
            yield chunk

    # What was on its way was not promised; had everything until then been answered, nothing was lost at all.
    try:
        async for line in running.answers(killing()):
            lines.append(line)  # noqa: PERF401  what was said before the error counts
    except Rejected as error:
        told = error.code
    assert told in {"", "unavailable.store", "unavailable.busy"}
    running.auditor.holds(promised(lines))
    again = await running.whole(body)
    assert children(running.serve, "isnad-log") != [log]
    assert promised(lines).items() <= promised(again).items()
    assert len(promised(again)) == RECORDS


async def test_a_gateway_that_is_killed_in_the_middle_of_a_stream_keeps_what_it_said(
    running: Exchange,
) -> None:
    body, lines = running.stream("gateway"), []
    with pytest.raises((Unavailable, OSError)):  # noqa: PT012  in the middle of it
        async for line in running.answers(body):
            lines.append(line)
            if len(lines) == EARLY:
                running.serve.kill()
    running.serve = running.site.serve()
    before = promised(lines)
    running.auditor.holds(before)
    again = await running.whole(body)
    assert again[-1]["summary"]["duplicate"] >= len(before)
    assert before.items() <= promised(again).items()
    assert len(promised(again)) == RECORDS


async def test_a_client_that_vanishes_in_the_middle_of_a_stream_finds_it_all_when_it_comes_back(
    running: Exchange,
) -> None:
    body, heard, before = running.stream("client"), [], running.auditor.size("moh")

    def without_end() -> Iterator[bytes]:
        yield from body
        while True:
            yield b"\n" * 65536

    async with aclosing(running.answers(without_end())) as lines:
        async for line in lines:
            heard.append(line)
            if len(heard) == EARLY:
                break
    running.auditor.holds(promised(heard))
    again = await running.whole(body)
    assert promised(heard).items() <= promised(again).items()
    assert again[-1]["summary"]["duplicate"] >= len(promised(heard))
    refused = [
        entry["code"]
        for entry in running.auditor.entries("moh", before)
        if entry["kind"] == "submission.refused"
    ]
    assert refused == ["submission.interrupted"]


def test_an_open_command_that_is_killed_brings_back_what_was_not_answered_and_nothing_else(
    running: Exchange,
) -> None:
    everything = running.auditor.accepted("moh")
    first = Opening(running.site)
    for _ in range(EARLY):
        first.answer()
    first.kill()
    # What it had read of the answers it had kept; the others it can only ask for again.
    waiting = unhandled(running.site, everything)
    assert len(everything) - EARLY <= len(waiting) < len(everything)
    time.sleep(LEASE_S)
    second = Opening(running.site)
    assert sorted(second.answer() for _ in waiting) == sorted(waiting)
    second.end()
    assert unhandled(running.site, everything) == frozenset()


def test_afterwards_every_record_is_in_the_log_once_and_delivered_once(running: Exchange) -> None:
    # The ledger is shared: what `isnad open` was given answers for does not come past the SDK again.
    following = core(running.site)
    assert eventually(lambda: owed(running.site) == 0)
    assert eventually(lambda: running.auditor.outbox() == 0)
    assert following.seen() == []
    running.auditor.verify()
    running.auditor.accepted_once()
    assert running.auditor.unsettled(running.auditor.accepted("moh")) == []


def children(serve: Running, name: str) -> list[int]:
    """Return the processes of a gateway that have this name."""
    pid = serve.popen.pid
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(one) for one in found if Path(f"/proc/{one}/comm").read_text().strip() == name]


class Opening:
    """`isnad open --to ndjson`, and a core that reads its lines."""

    def __init__(self, site: Site) -> None:
        config, descriptors = site.consumer()
        self._process = subprocess.Popen(
            [*isnad("open"), "--config", str(config), "--to", "ndjson"],
            env={**os.environ, **site.admit("nea")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=descriptors,
        )
        for descriptor in descriptors:
            os.close(descriptor)

    def event(self) -> dict:
        """Read the next record."""
        return json.loads(self._process.stdout.readline())

    def answer(self) -> str:
        """Read the next record and answer it; return its id."""
        identifier = self.event()["id"]
        self._process.stdin.write(json.dumps({"id": identifier, "outcome": "APPLIED"}).encode() + b"\n")
        self._process.stdin.flush()
        return identifier

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def end(self) -> None:
        """Say that there are no more answers, and wait until it has ended."""
        self._process.stdin.close()
        self._process.stdout.read()
        assert self._process.wait() == 0
