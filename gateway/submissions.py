"""What every adapter makes of a submission: its id, how many of its records had which outcome, and their states."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence

import orjson

from gateway import metrics
from gateway.moments import uuid7, uuid_text
from gateway.records import Outcomes, Status

_STATUSES = tuple(status.value for status in Status)


class Whole:
    """A body that is there as a whole, in one piece: what `Submission.body` yields."""

    def __init__(self, octets: bytes) -> None:
        self._octets: bytes | None = octets

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return the body."""
        return self

    async def __anext__(self) -> bytes:
        """Return all of it, once."""
        octets, self._octets = self._octets, None
        if octets is None:
            raise StopAsyncIteration
        return octets


def submission_id(sender: str, idempotency_key: str) -> str:
    """Return a submission's id: the same for the same sender and key (UUIDv8), otherwise new (UUIDv7)."""
    if not idempotency_key:
        return uuid7()
    name = b"isnad-submission/v1\0" + sender.encode() + b"\0" + idempotency_key.encode()
    return uuid_text(int.from_bytes(hashlib.sha256(name).digest()[:16]), 8)


def state_of(history: Sequence[bytes]) -> str:
    """Return what last happened to a record, in a word: the kind of the latest event in its history.

    `history` has log entries as `ports.Records.history` returns them. Other records, which correct or void this
    one, are no events.
    """
    own, *others = map(orjson.loads, history)
    events = [str(entry["kind"]) for entry in others if entry["kind"] != own["kind"]]
    if events:
        return events[-1].removeprefix("record.")
    return str(Status.QUARANTINED if own.get("review") else Status.ACCEPTED)


class Counts:
    """How many records of a submission had which outcome."""

    def __init__(self) -> None:
        self._counted: dict[tuple[Status, str], int] = {}

    def add(self, outcomes: Outcomes) -> None:
        """Count outcomes."""
        counted = self._counted
        for outcome in outcomes:
            key = outcome.status, outcome.refusal.code if outcome.refusal else ""
            counted[key] = counted.get(key, 0) + 1

    def of(self, status: Status) -> int:
        """Return how many records became this."""
        return sum(count for (counted, _), count in self._counted.items() if counted is status)

    def only(self, status: Status) -> bool:
        """Return whether every record became this."""
        return all(counted is status for counted, _ in self._counted)

    def as_json(self) -> dict[str, int]:
        """Return the counts by outcome."""
        counts = dict.fromkeys(_STATUSES, 0)
        for (status, _), count in self._counted.items():
            counts[status] += count
        return counts

    def report(self, sender: str, contract: str) -> None:
        """Add to the metrics."""
        for (status, code), count in self._counted.items():
            metrics.count_records(sender, contract, status, code, count)
