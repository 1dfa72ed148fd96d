"""From an agency to here: what the log says that it tried, and how that ended."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from typing import Any

from gateway.log import search
from gateway.onboarding.finding import Finding
from gateway.records import GATEWAY

ENTRIES_MOST = 10_000
TAKEN = frozenset({"ping.received", "record.accepted"})
REFUSED = frozenset(
    {
        "submission.refused",
        "submission.deferred",
        "stranger.refused",
        "record.refused",
        "file.refused",
        "file.denied",
        "answer.refused",
    }
)


def tries(
    db: sqlite3.Connection, agency: str, from_ms: int, until_ms: int, operations: str
) -> Iterator[Finding]:
    """Yield what the agency tried within a span of time (Unix ms), and which strangers knocked meanwhile.

    `operations` says how it can do the test operation, for one that has sent nothing; empty if it need not.
    A stranger may be the agency itself, with a certificate that is not registered: nobody else can tell.
    """
    entries = list(_entries(db, agency, from_ms, until_ms))
    taken = Counter(entry["kind"] for entry in entries if entry["kind"] in TAKEN)
    refused = Counter(str(entry["code"]) for entry in entries if entry["kind"] in REFUSED)
    if not taken and operations:
        yield Finding("a test message from the agency", "agency.silent", operations)
    for kind, times in sorted(taken.items()):
        yield Finding(kind, detail=f"{times} times")
    for code, times in sorted(refused.items()):
        yield Finding("what the agency sent", code, f"{times} times")
    strangers = Counter[str]()
    for entry in _entries(db, GATEWAY, from_ms, until_ms):
        if entry["kind"] == "stranger.refused":
            strangers[str(entry["code"])] += int(entry.get("times", 1))
    for code, times in sorted(strangers.items()):
        yield Finding("somebody who was not known", code, f"{times} times")


def _entries(db: sqlite3.Connection, lane: str, from_ms: int, until_ms: int) -> Iterator[dict[str, Any]]:
    try:
        found = search.by_time(db, lane, from_ms, until_ms, ENTRIES_MOST)
    except LookupError:
        return  # the agency has sent nothing yet
    yield from (one.fields for one in found)
