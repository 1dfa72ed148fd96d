"""The outbox: messages that are in the log and not yet in the queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from gateway.log.leaving import body_parts, message_body
from gateway.log.quarantine import QuarantineState, by_lane
from gateway.log.quarantine import state as quarantine_state
from gateway.log.reading import Readers
from gateway.log.store import LANE_SHIFT, translated
from gateway.ports import Outgoing
from gateway.records import Event, Message


@dataclass(frozen=True, slots=True)
class OutboxState:
    """How many messages wait, how many of them the freeze holds, their octets, and since when (Unix ms).

    `oldest_ms` is that of the oldest message that may go, or 0 when none waits.
    """

    messages: int
    held: int
    octets: int
    oldest_ms: int


class Writer(Protocol):
    """Whoever writes the store."""

    def sent(self, outgoing: Sequence[Outgoing], events: Sequence[Event]) -> None:
        """See `ports.Outbox.sent`; returns once it is durable."""


class StoreOutbox:
    """Implements `ports.Outbox`. Reads for itself, and has the log's writer do the writing."""

    def __init__(self, path: Path, writer: Writer) -> None:
        self._readers = Readers(path)
        self._writer = writer

    def waiting(self, limit: int, besides: Sequence[Outgoing] = ()) -> Sequence[Outgoing]:
        """See `ports.Outbox.waiting`. Messages held by the freeze wait until they are released.

        Raises:
            Unavailable: `unavailable.store`.
        """
        with translated():
            first, last = (besides[0].seq, besides[-1].seq) if besides else (0, 0)
            return [_outgoing(row) for row in self._readers.db().execute(_WAITING, (first, last, limit))]

    def sent(self, outgoing: Sequence[Outgoing], events: Sequence[Event]) -> None:
        """See `ports.Outbox.sent`.

        Raises:
            ValueError: an event that no lane can hold.
            Unavailable: `unavailable.store`; nothing was changed.
        """
        self._writer.sent(outgoing, events)

    def state(self) -> OutboxState:
        """Return what an operator should know.

        Raises:
            Unavailable: `unavailable.store`.
        """
        counts = "SELECT count(*), coalesce(sum(hold), 0), coalesce(sum(bytes), 0) FROM outbox"
        oldest = "SELECT time_ms FROM outbox WHERE hold = 0 ORDER BY seq LIMIT 1"
        with translated():
            db = self._readers.db()
            messages, held, octets = db.execute(counts).fetchone()
            (oldest_ms,) = db.execute(oldest).fetchone() or (0,)
        return OutboxState(messages, held, octets, oldest_ms)

    def quarantine(self) -> QuarantineState:
        """Return the same of what waits for an officer, and is not in the outbox yet.

        Raises:
            Unavailable: `unavailable.store`.
        """
        with translated():
            return quarantine_state(self._readers.db())

    def quarantined(self) -> Mapping[str, int]:
        """Return how many records of each sender wait for an officer.

        Raises:
            Unavailable: `unavailable.store`.
        """
        with translated():
            return by_lane(self._readers.db())

    def close(self) -> None:
        """Close the store; nothing may be reading."""
        self._readers.close()


# One statement: every other is one more time that the thread waits for the interpreter.
_PARTS = body_parts(f"((lane.id << {LANE_SHIFT}) + first)", "count")
_WAITING = f"""
SELECT seq, batch, recipient, contract, outbox.lane, first, count, {_PARTS}
FROM outbox JOIN lane ON lane.name = outbox.lane WHERE hold = 0 AND (seq < ? OR seq > ?) ORDER BY seq LIMIT ?
"""  # noqa: S608  constants


def _outgoing(row: Sequence[Any]) -> Outgoing:
    seq, batch, recipient, contract, lane, first, count, *parts = row
    message = Message(batch, f"{recipient}.{contract}", message_body(*parts))
    return Outgoing(seq, message, recipient, lane, first, count)
