"""The relay: from the outbox into the queue, in the order of the lanes, until the queue has confirmed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import structlog

from gateway.errors import Unavailable
from gateway.ports import Outbox, Outgoing, Queue
from gateway.records import Event

AT_ONCE = 16
"""Messages published together, while as many are read: at 256 records of 1.4 KiB each about 6 MiB, and 64 MiB at the
very most."""
LOOK_S = 0.2
"""How often the outbox is looked into when nobody says that there is something."""
GATHER_S = 0.2
"""How long messages gather after some were relayed: every time costs two transactions and a signature."""
BACKOFF_FIRST_S, BACKOFF_LONGEST_S = 1.0, 5.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RelayState:
    """How the relay is doing, for readiness and metrics.

    `waiting` counts what it has in hand, up to `AT_ONCE`; `problem` is empty while all is well; `relayed_ms`
    is the Unix time at which the outbox was last seen empty or its messages confirmed, 0 before that.
    """

    waiting: int
    relayed_ms: int
    problem: str


class Relay:
    """Runs in a thread of its own between `start` and `stop`.

    When `reads_queue(recipient)` says that a recipient takes messages from the queue itself, one counts as
    delivered once it is there; for the others, whoever hands it over will say so.
    """

    def __init__(self, outbox: Outbox, queue: Queue, reads_queue: Callable[[str], bool]) -> None:
        self._outbox = outbox
        self._queue = queue
        self._reads_queue = reads_queue
        self._state = RelayState(0, 0, "")
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="isnad-relay", daemon=True)
        self._reader = ThreadPoolExecutor(1, "isnad-relay-reads")
        self._read: Future[Sequence[Outgoing]] | None = None

    @property
    def state(self) -> RelayState:
        """How the relay is doing now."""
        return self._state

    def start(self) -> None:
        """Begin to relay."""
        self._thread.start()

    def wake(self) -> None:
        """Say that there is something in the outbox; from any thread."""
        self._wake.set()

    def stop(self, timeout_s: float) -> bool:
        """Finish what is under way and end; False when that takes longer than `timeout_s`.

        Either way nothing is lost: what is not marked as sent is published again by the next relay.
        """
        self._stopping.set()
        self._wake.set()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            return False
        self._reader.shutdown()
        return True

    def _run(self) -> None:
        backoff_s = BACKOFF_FIRST_S
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                relayed = self._relay()
            except Unavailable as error:
                self._say(error.code, error.rule)
            except Exception as error:  # outermost loop: whatever it is, the messages are still in the outbox
                log.exception("relay.broken")
                self._say("unavailable.queue", type(error).__name__)
            else:
                if self._state.problem:
                    log.info("relay.recovered")
                self._state = RelayState(0, time.time_ns() // 1_000_000, "")
                backoff_s = BACKOFF_FIRST_S
                if not relayed:
                    self._wake.wait(LOOK_S)
                elif relayed < AT_ONCE:
                    self._stopping.wait(GATHER_S)
                continue
            self._stopping.wait(backoff_s)
            backoff_s = min(backoff_s * 2, BACKOFF_LONGEST_S)

    def _relay(self) -> int:
        """Relay what waits, up to `AT_ONCE` messages, and return how many those were."""
        # Step 1. Take what waits; it stays in the outbox. Where there may be more, that is read meanwhile.
        read, self._read = self._read, None
        outgoing = self._outbox.waiting(AT_ONCE) if read is None else read.result()
        if outgoing:
            self._state = replace(self._state, waiting=len(outgoing))
            full = len(outgoing) == AT_ONCE
            following = self._reader.submit(self._outbox.waiting, AT_ONCE, outgoing) if full else None
            # Step 2. Publish. On return, the queue has confirmed all of it.
            self._queue.publish([one.message for one in outgoing])
            # Step 3. Only now may the outbox forget: should this process end before, they go out again, and
            # consumers drop what they know.
            self._outbox.sent(
                outgoing, [_delivered(one) for one in outgoing if self._reads_queue(one.recipient)]
            )
            self._read = following
        return len(outgoing)

    def _say(self, code: str, rule: str) -> None:
        if rule != self._state.problem:
            log.warning("relay.held_up", code=code, rule=rule)
        self._state = replace(self._state, problem=rule or code)


def _delivered(one: Outgoing) -> Event:
    """Return what the lane remembers of a batch that its recipient takes from the queue itself."""
    reference = f"queue:{one.message.queue}"
    return Event(one.lane, "record.delivered", (("reference", reference),), first=one.first, count=one.count)
