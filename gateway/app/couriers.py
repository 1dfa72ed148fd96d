"""One courier for each agency that the gateway delivers to, each in a thread: a slow agency delays no other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import structlog

from gateway import exchange
from gateway.app.board import OK
from gateway.errors import IsnadError
from gateway.mailbox import Mailbox
from gateway.ports import Delivery, Ledger, Opener, Outbound, Queue, Spool
from gateway.registry import Agency
from gateway.registry.agency_file import ByEndpoint, ByInbox
from gateway.registry.by_sftp import ByServer
from gateway.registry.snapshot import Snapshot

PREFETCH = 4
RETRY_S = 2.0

log = structlog.get_logger()


class Couriers:
    """Starts and ends couriers as the registry says. `outbound` makes the way to an agency with an endpoint."""

    def __init__(
        self,
        *,
        queue: Queue,
        opener: Opener,
        ledger: Ledger,
        spool: Spool,
        mailbox: Mailbox,
        outbound: Callable[[Agency], Outbound],
    ) -> None:
        self._queue = queue
        self._opener = opener
        self._ledger = ledger
        self._spool = spool
        self._mailbox = mailbox
        self._outbound = outbound
        self._snapshot: Snapshot | None = None
        self._threads: list[threading.Thread] = []
        self._ending = threading.Event()
        self._trouble: dict[str, str] = {}

    def serve(self, snapshot: Snapshot) -> None:
        """Have a courier for each agency of a snapshot; nothing happens while it stays the same."""
        if snapshot is self._snapshot:
            return
        self.stop()
        self._snapshot, self._ending, self._trouble = snapshot, threading.Event(), {}
        for agency in snapshot.registry.agencies.values():
            queues = sorted(
                f"{agency.name}.{agreement.file.contract}"
                for agreement in snapshot.registry.agreements
                if agreement.file.recipient == agency.name
            )
            if queues and isinstance(agency.file.delivery, ByEndpoint | ByServer | ByInbox):
                thread = threading.Thread(
                    target=self._run, args=(agency, queues, self._ending), name=f"courier-{agency.name}"
                )
                self._threads.append(thread)
                thread.start()

    def stop(self) -> None:
        """End all couriers; each finishes the batch it has in hand."""
        self._ending.set()
        while self._threads:
            self._threads.pop().join()

    def word(self) -> str:
        """Return `ok`, or which couriers cannot reach the queue."""
        return ", ".join(f"{name}: {code}" for name, code in sorted(self._trouble.items())) or OK

    def _run(self, agency: Agency, queues: list[str], ending: threading.Event) -> None:
        with asyncio.Runner() as runner:
            while not ending.is_set():
                try:
                    self._carry(agency, queues, ending, runner)
                except IsnadError as error:
                    self._trouble[agency.name] = error.code
                    log.warning("courier.held_up", agency=agency.name, code=error.code)
                    ending.wait(RETRY_S)
                except Exception:  # the outermost loop: what was in hand comes again
                    self._trouble[agency.name] = "unavailable.internal"
                    log.exception("courier.broken", agency=agency.name)
                    ending.wait(RETRY_S)

    def _carry(
        self, agency: Agency, queues: list[str], ending: threading.Event, runner: asyncio.Runner
    ) -> None:
        settle = self._way(agency)
        with self._queue.consume(queues, PREFETCH) as deliveries:
            for delivery in deliveries:
                self._trouble.pop(agency.name, None)
                if delivery is not None:
                    settle(delivery, runner)
                if ending.is_set():
                    return

    def _way(self, agency: Agency) -> Callable[[Delivery, asyncio.Runner], None]:
        way = agency.file.delivery
        if not isinstance(way, ByEndpoint | ByServer):
            return lambda delivery, _: self._mailbox.collect(delivery, agency.name)
        outbound = self._outbound(agency)

        def hand(delivery: Delivery, runner: asyncio.Runner) -> None:
            runner.run(
                exchange.deliver(
                    delivery,
                    opener=self._opener,
                    ledger=self._ledger,
                    outbound=outbound,
                    spool=self._spool,
                    attempts=way.attempts,
                )
            )

        return hand
