"""A word for each thing that a process depends on, for `/health/ready`; and the figures of it, for the metrics."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from crypto.openbao import Session
from gateway import metrics
from gateway.app.board import OK
from gateway.log.outbox import StoreOutbox
from gateway.queue.relay import Relay
from gateway.registry.living import Living
from gateway.settings import Store

DISK_LEAST_BYTES = 64 << 20
"""What a large round of the log and bringing the file up to date after it may take."""


def keys_word(session: Session) -> str:
    """Return `ok`, or what is wrong with the key server or the login to it."""
    health = session.health()
    metrics.KEYS_READY.set(health.ready)
    metrics.KEYS_LOGIN_SECONDS.set(health.token_s)
    if not health.reachable:
        return "unreachable"
    if health.sealed:
        return "sealed"
    return OK if health.ready else "logged out: admit the process again"


def store_word(outbox: StoreOutbox, store: Store) -> str:
    """Return `ok`, or why the store takes nothing more."""
    if shutil.disk_usage(Path(store.path).parent).free < DISK_LEAST_BYTES:
        return "disk full"
    state = outbox.state()
    quarantine = outbox.quarantine()
    metrics.QUARANTINE_RECORDS.set(quarantine.records)
    metrics.QUARANTINE_OLDEST_SECONDS.set(_age_s(quarantine.oldest_ms))
    metrics.OUTBOX_MESSAGES.set(state.messages)
    metrics.OUTBOX_BYTES.set(state.octets)
    metrics.RELAY_LAG_SECONDS.set(_age_s(state.oldest_ms))
    return OK if state.octets < store.outbox_max_bytes else "outbox full"


def queue_word(relay: Relay) -> str:
    """Return `ok`, or what keeps messages from the queue."""
    state = relay.state
    metrics.QUEUE_UP.set(not state.problem)
    return state.problem or OK


def registry_word(living: Living) -> str:
    """Return `ok`, or why a change of the configuration is not in force."""
    problems = living.state().problems
    return OK if not problems else f"a change is refused: {problems[0]}"


def _age_s(since_ms: int) -> float:
    """Return how long ago an instant was (Unix ms); 0 when there is none."""
    return max(0.0, time.time() - since_ms / 1000) if since_ms else 0.0
