"""What the process that fetches from an agency finds on its way there, for a command that has none of its keys.

The command names an agency; where that agency's servers are, the process knows from the registry in force. So who may
ask can have nothing done with the process's keys but what it does anyway.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import structlog

from gateway.beside import Desk, Place, ask
from gateway.onboarding.finding import Finding

TRIALS = Place("trials.sock", 1024, 300.0)
"""A server that does not answer takes the longest: four addresses, each until it is given up."""
ABOUT = "what the gateway fetches"
NOT_TRIED = "endpoint.not_tried"

log = structlog.get_logger()

Try = Callable[[str], Sequence[Finding]]
"""Tries every way by which an agency is fetched from. Blocks."""


class _Asked(msgspec.Struct, frozen=True):
    agency: str


def trial_desk(folder: Path, trying: Try) -> Desk:
    """Return what tries when asked, in the process that fetches."""
    one_at_a_time = asyncio.Lock()

    async def reply(question: bytes) -> bytes:
        agency = msgspec.msgpack.decode(question, type=_Asked).agency
        async with one_at_a_time:
            return msgspec.msgpack.encode(await asyncio.to_thread(_tried, trying, agency))

    return Desk(folder, TRIALS, reply)


def fetching(folder: Path, agency: str) -> list[Finding]:
    """Ask the process that fetches to try the ways to an agency, and return what it found. Blocks."""
    try:
        reply = ask(folder, TRIALS, msgspec.msgpack.encode(_Asked(agency)))
        found = msgspec.msgpack.decode(reply, type=list[Finding])
    except (OSError, msgspec.MsgspecError):
        found = []
    return found or [Finding(ABOUT, NOT_TRIED)]


def _tried(trying: Try, agency: str) -> list[Finding]:
    try:
        return list(trying(agency))
    except Exception:  # the outermost loop of the desk
        log.exception("trial.failed", agency=agency)
        return [Finding(ABOUT, "unavailable.internal")]
