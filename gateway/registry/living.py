"""The snapshot in force, replaced while the gateway runs.

A change is read and checked in full before it counts. One that does not hold is refused and said aloud, and
what was in force stays so: a mistake in a file must not stop the exchange, and must not open it either. A mistake in
the contracts of one agency is that agency's: what else has changed counts.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

import structlog

from contracts.errors import Invalid
from gateway import metrics
from gateway.errors import Unavailable
from gateway.records import Event
from gateway.registry.snapshot import Digests, Signature, Snapshot, Sources, changes

POLL_S = 1.0
CONTRACTS_EVERY = 10
"""The contracts are looked at this many times less often: thousands of files, which change when somebody joins.

Each of them takes the interpreter from those who take records in, if only for microseconds.
"""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RegistryState:
    """How things stand: the registry's digest in force, since when (Unix ms), and why a later change is not.

    `problems` is empty while what is in force is what is on disk.
    """

    digest: str
    since_ms: int
    problems: tuple[str, ...]


class Living:
    """Holds the snapshot in force; `start` watches the files from a thread of its own.

    Args:
        sources: where snapshots come from.
        on_change: makes events durable for the gateway's lane (`ports.Spool.leave`) before a change comes
        into force;
            when it raises `Unavailable` the change waits.
        logged: the digests that the gateway's lane holds already, so that a restart logs only what has
            changed.
        poll_s: how often the configuration is looked at, in seconds; the contracts, `CONTRACTS_EVERY` times
            less often. A change counts once it has stood still for one look, so that a folder in the middle of
            being rewritten is not taken for a new one.

    Raises:
        Invalid: what is on disk at the start does not hold; there is nothing to fall back to.
        Unavailable: it cannot be logged.
    """

    def __init__(
        self,
        sources: Sources,
        on_change: Callable[[Sequence[Event]], None],
        *,
        logged: Digests | None = None,
        poll_s: float = POLL_S,
    ) -> None:
        self._sources = sources
        self._on_change = on_change
        self._poll_s = poll_s
        self._one_at_a_time = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._settled = self._look()
        self._put_in_force(sources.load(), logged or {})

    @property
    def current(self) -> Snapshot:
        """The snapshot in force. Take it once and work with that one: the next call may give another."""
        return self._snapshot

    def state(self) -> RegistryState:
        """Return how things stand, for `/health/ready`."""
        return self._state

    def reload(self) -> Snapshot:
        """Read everything again and put it in force.

        Raises:
            Invalid: it does not hold; what was in force stays.
            Unavailable: it cannot be logged now; what was in force stays.
        """
        with self._one_at_a_time:
            looked = self._look()
            try:
                self._put_in_force(self._sources.load(), self._snapshot.digests)
            except Invalid as error:
                self._refuse(tuple(map(str, error.problems)))
                raise
            except Unavailable as error:
                self._refuse((f"{error.code}: the change cannot be logged yet",))
                raise
            finally:
                self._settled = looked
            return self._snapshot

    def start(self) -> None:
        """Begin to watch the files."""
        self._thread = threading.Thread(target=self._watch, name="registry", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the watch."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        before = self._settled
        unlogged = False
        for looks in count(1):
            if self._stopping.wait(self._poll_s):
                return
            if looks % CONTRACTS_EVERY and before == self._settled:
                now = self._sources.config_signature(), before[1]
            else:  # also while something is changing: it must stand still as a whole
                now = self._look()
            if now == before and (unlogged or now != self._settled):
                unlogged = self._try_reload()
            before = now

    def _look(self) -> tuple[Signature, Signature]:
        return self._sources.config_signature(), self._sources.contracts_signature()

    def _try_reload(self) -> bool:
        """Reload, and say whether it is to be tried again although no file changes."""
        try:
            self.reload()
        except Invalid:
            return False
        except Unavailable:
            return True
        except Exception:  # the outermost loop: a watch that died would leave every later change unseen
            self._refuse(("the change could not be read; see registry.failed in the log",))
            log.exception("registry.failed")
        return False

    def _put_in_force(self, snapshot: Snapshot, before: Digests) -> None:
        if self._sources.in_force is not None:
            self._sources.in_force.put(snapshot.catalogue)
        events = changes(before, snapshot.digests)
        # First the log, then the change: nothing is ever decided by rules that the log does not know.
        if events:
            self._on_change(events)
        self._snapshot = snapshot
        self._state = RegistryState(snapshot.registry.digest, time.time_ns() // 1_000_000, ())
        metrics.REGISTRY_REFUSED.set(0)
        log.info("registry.loaded", digest=snapshot.registry.digest, count=len(events))
        if snapshot.left_out:
            self._refuse(tuple(map(str, snapshot.left_out)))

    def _refuse(self, problems: tuple[str, ...]) -> None:
        self._state = RegistryState(self._state.digest, self._state.since_ms, problems)
        metrics.REGISTRY_REFUSED.set(1)
        log.error("registry.refused", problems=problems)
