"""The embedded queue: one SQLite file, for a gateway and its consumers on one host.

Any number of processes may open the file. A consumer holds messages on lease and renews the lease while it
lives; what a dead one held comes again when its lease has run out. Instants are Unix ms of the host's clock,
because leases and delays must mean the same in every process and after a restart. The file keeps the largest
size it ever had.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from gateway.errors import Unavailable
from gateway.queue.local_file import queue_file
from gateway.queue.parking import Parked
from gateway.records import Message
from gateway.sqlite_file import SqliteFile

IDLE_S = 1.0
POLL_S = 0.025
LEASE_S = 15.0
RENEWALS_A_LEASE = 3

_FREE = "(consumer IS NULL OR consumer NOT IN (SELECT id FROM consumer WHERE until_ms > :now))"
_NEXT = f"""
SELECT seq FROM message WHERE queue = :queue AND reason IS NULL AND due_ms <= :now AND {_FREE}
ORDER BY seq LIMIT 1
"""  # noqa: S608  constants only
_LEASE = (
    "UPDATE message SET consumer = :consumer, attempts = attempts + 1 WHERE seq = :seq RETURNING id, attempts"
)

log = structlog.get_logger()


class LocalQueue:
    """A `ports.Queue`, and its parking, in the file at `path`, which is made when there is none.

    A consumer that dies gives its messages back after `lease_s` seconds.
    """

    def __init__(self, path: Path, *, lease_s: float = LEASE_S) -> None:
        self._path = path
        self._lease_s = lease_s
        self._file = queue_file(path)

    def publish(self, messages: Sequence[Message]) -> None:
        """As `ports.Queue` says; what is in its queue already, or parked, is not put there twice."""
        with self._file.transaction() as file:
            for message in messages:
                put = file.execute(
                    "INSERT INTO message (queue, id) VALUES (?, ?) ON CONFLICT DO NOTHING",
                    (message.queue, message.id),
                )
                if put.rowcount:
                    file.execute("INSERT INTO body VALUES (?, ?)", (put.lastrowid, message.body))

    @contextmanager
    def consume(self, queues: Sequence[str], prefetch: int) -> Iterator[Iterator[Lease | None]]:
        """As `ports.Queue` says, with up to `prefetch` unsettled deliveries of each queue at a time."""
        consumer = _Consumer(queue_file(self._path), queues, prefetch, self._lease_s)
        try:
            yield iter(consumer)
        finally:
            consumer.close()

    def depth(self, queue: str) -> int:
        """As `ports.Queue` says; what is on lease does not wait."""
        query = f"SELECT count(*) FROM message WHERE queue = :queue AND reason IS NULL AND {_FREE}"  # noqa: S608
        return int(self._file.rows(query, {"queue": queue, "now": _now_ms()})[0][0])

    def parked_depth(self, queue: str) -> int:
        """As `Parking` says."""
        query = "SELECT count(*) FROM message WHERE queue = ? AND reason IS NOT NULL"
        return int(self._file.rows(query, (queue,))[0][0])

    def parked(self, queue: str, limit: int) -> Sequence[Parked]:
        """As `Parking` says."""
        rows = self._file.rows(
            "SELECT id, queue, reason, parked_ms, length(octets) FROM message JOIN body USING (seq)"
            " WHERE queue = ? AND reason IS NOT NULL ORDER BY parked_ms, seq LIMIT ?",
            (queue, limit),
        )
        return [Parked(*row) for row in rows]

    def requeue(self, queue: str, ids: Collection[str]) -> Sequence[str]:
        """As `Parking` says."""
        with self._file.transaction() as file:
            return [
                id_
                for id_ in ids
                if file.execute(
                    "UPDATE message SET reason = NULL, parked_ms = NULL, attempts = 0, due_ms = 0"
                    " WHERE queue = ? AND id = ? AND reason IS NOT NULL",
                    (queue, id_),
                ).rowcount
            ]

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@dataclass(slots=True)
class Lease:
    """A `ports.Delivery` of the embedded queue; settling one whose lease ran out does nothing.

    Each of the three raises `Unavailable` when the file cannot be written; the message then stays on lease.
    """

    message: Message
    attempt: int
    seq: int
    consumer: _Consumer

    def ack(self) -> None:
        """As `ports.Delivery` says."""
        self.consumer.forget(self)

    def retry(self, after_s: float) -> None:
        """As `ports.Delivery` says."""
        due_ms = _now_ms() + round(after_s * 1000)
        self.consumer.settle(self, "due_ms = :due_ms", {"due_ms": due_ms})

    def park(self, reason: str) -> None:
        """As `ports.Delivery` says."""
        self.consumer.settle(self, "reason = :reason, parked_ms = :now", {"reason": reason, "now": _now_ms()})


class _Consumer:
    """Takes messages one by one, and renews the lease on all it holds from a thread of its own."""

    def __init__(self, file: SqliteFile, queues: Sequence[str], prefetch: int, lease_s: float) -> None:
        self._file = file
        self._queues = list(queues)
        self._prefetch = prefetch
        self._lease_s = lease_s
        self._id = str(uuid.uuid4())
        self._held: dict[int, str] = {}  # queue by seq
        self._closing = threading.Event()
        self._renew()
        self._renewal = threading.Thread(target=self._keep, name="isnad-lease", daemon=True)
        self._renewal.start()

    def __iter__(self) -> Iterator[Lease | None]:
        """Yield leases as they come, None when none came for a second."""
        idle_since = time.monotonic()
        while True:
            lease = self._take()
            if lease is not None:
                yield lease
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since < IDLE_S:
                time.sleep(POLL_S)
            else:
                yield None
                idle_since = time.monotonic()

    def settle(self, lease: Lease, change: str, values: Mapping[str, str | int]) -> None:
        """Change the message of a lease that is still held, and hold it no longer."""
        with self._file.transaction() as file:
            changed = file.execute(
                f"UPDATE message SET consumer = NULL, {change} WHERE seq = :seq AND consumer = :consumer",  # noqa: S608
                {**values, "seq": lease.seq, "consumer": self._id},
            )
        self._let_go(lease, changed.rowcount)

    def forget(self, lease: Lease) -> None:
        """Delete the message of a lease that is still held."""
        with self._file.transaction() as file:
            deleted = file.execute(
                "DELETE FROM message WHERE seq = ? AND consumer = ?", (lease.seq, self._id)
            )
            if deleted.rowcount:
                file.execute("DELETE FROM body WHERE seq = ?", (lease.seq,))
        self._let_go(lease, deleted.rowcount)

    def close(self) -> None:
        """Give back what is held."""
        self._closing.set()
        self._renewal.join()
        with suppress(Unavailable), self._file.transaction() as file:  # if not, the lease runs out
            file.execute("UPDATE message SET consumer = NULL WHERE consumer = ?", (self._id,))
            file.execute("DELETE FROM consumer WHERE id = ?", (self._id,))
        self._file.close()

    def _let_go(self, lease: Lease, changed: int) -> None:
        if self._held.pop(lease.seq, None) is None:
            raise RuntimeError("a delivery is settled once")
        if not changed:
            log.warning("queue.lease_lost", queue=lease.message.queue)

    def _take(self) -> Lease | None:
        """Lease the next message, from the queues in turn."""
        held = Counter(self._held.values())
        for queue in [queue for queue in self._queues if held[queue] < self._prefetch]:
            if not self._file.rows(_NEXT, {"queue": queue, "now": _now_ms()}):
                continue  # a look costs microseconds, and writing only to find nothing would cost an fsync
            with self._file.transaction() as file:
                found = file.execute(_NEXT, {"queue": queue, "now": _now_ms()}).fetchone()
                if found is None:
                    continue  # another consumer was quicker
                (seq,) = found
                id_, attempts = file.execute(_LEASE, {"consumer": self._id, "seq": seq}).fetchone()
                (octets,) = file.execute("SELECT octets FROM body WHERE seq = ?", (seq,)).fetchone()
            self._held[seq] = queue
            self._queues.remove(queue)
            self._queues.append(queue)
            return Lease(Message(id_, queue, octets), attempts, seq, self)
        return None

    def _keep(self) -> None:
        while not self._closing.wait(self._lease_s / RENEWALS_A_LEASE):
            try:
                self._renew()
            except (
                Unavailable
            ) as error:  # there is a second chance, and then others may have what is held here
                log.warning("queue.lease_not_renewed", code=error.code, rule=error.rule)

    def _renew(self) -> None:
        now_ms = _now_ms()
        until_ms = now_ms + round(self._lease_s * 1000)
        with self._file.transaction() as file:
            file.execute("DELETE FROM consumer WHERE until_ms <= ?", (now_ms,))
            file.execute("INSERT OR REPLACE INTO consumer VALUES (?, ?)", (self._id, until_ms))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
