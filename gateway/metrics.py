"""The gateway's numbers, all in one place, for Prometheus.

No label ever holds what a client chose: senders come from the registry, contracts and codes from their lists.
"""

from __future__ import annotations

import re
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from gateway.codes import CODES
from gateway.records import Status

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
REGISTRY = CollectorRegistry()

_CONTRACT = re.compile(r"[a-z][a-z0-9-]{0,59}\.v[1-9][0-9]?")
_OTHER = "other"

# Buckets around what is expected: a record durable within 10 ms, a stream's group within 100 ms, trouble
# above 1 s.
_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.03, 0.06, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

_RECORDS = Counter(
    "isnad_records_total", "Records answered", ("sender", "contract", "status", "code"), registry=REGISTRY
)
_ERRORS = Counter(
    "isnad_errors_total", "Submissions and connections answered with an error", ("code",), registry=REGISTRY
)
ACCEPT_SECONDS = Histogram(
    "isnad_accept_seconds",
    "From a submission's first octet to its last outcome",
    buckets=_SECONDS,
    registry=REGISTRY,
)
APPEND_SECONDS = Histogram(
    "isnad_append_seconds",
    "From a group's records handed to the log until they are signed and durable",
    buckets=_SECONDS,
    registry=REGISTRY,
)
BATCH_RECORDS = Histogram(
    "isnad_batch_records",
    "Records sealed together",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
    registry=REGISTRY,
)
OUTBOX_MESSAGES = Gauge("isnad_outbox_messages", "Batches that wait for the queue", registry=REGISTRY)
OUTBOX_BYTES = Gauge("isnad_outbox_bytes", "Octets of the batches that wait for the queue", registry=REGISTRY)
QUARANTINE_RECORDS = Gauge("isnad_quarantine_records", "Records that wait for an officer", registry=REGISTRY)
QUARANTINE_OLDEST_SECONDS = Gauge(
    "isnad_quarantine_oldest_seconds", "Age of the oldest record that waits for an officer", registry=REGISTRY
)
QUEUE_UP = Gauge("isnad_queue_up", "1 while the queue takes messages", registry=REGISTRY)
RELAY_LAG_SECONDS = Gauge(
    "isnad_relay_lag_seconds", "Age of the oldest batch that waits for the queue", registry=REGISTRY
)
KEYS_READY = Gauge("isnad_keys_ready", "1 while keys can be used", registry=REGISTRY)
KEYS_LOGIN_SECONDS = Gauge(
    "isnad_keys_login_seconds", "What is left of the login to the key server", registry=REGISTRY
)
CERTIFICATE_EXPIRY = Gauge(
    "isnad_certificate_expiry_timestamp_seconds",
    "When the gateway's own certificate expires",
    registry=REGISTRY,
)
REGISTRY_REFUSED = Gauge(
    "isnad_registry_refused",
    "1 while a change of the configuration is refused and the old one in force",
    registry=REGISTRY,
)
FILES_WAITING = Gauge("isnad_files_waiting", "Files that are whole and not yet answered", registry=REGISTRY)
FILES_BYTES_LEFT = Gauge(
    "isnad_files_bytes_left", "Octets of those files that were not read yet", registry=REGISTRY
)
FILES_OVERDUE = Gauge(
    "isnad_files_overdue", "Parts of batches that did not come within a day of the others", registry=REGISTRY
)
FILES_OLDEST_SECONDS = Gauge(
    "isnad_files_oldest_seconds", "Age of the oldest file that is not yet answered", registry=REGISTRY
)
LOG_FIELDS_DROPPED = Counter(
    "isnad_log_fields_dropped_total",
    "Log fields left out because they are not on the list",
    registry=REGISTRY,
)
LOG_VALUES_MASKED = Counter(
    "isnad_log_values_masked_total",
    "Log values masked because they looked like a national ID",
    registry=REGISTRY,
)


def count_records(sender: str, contract: str, status: Status, code: str = "", count: int = 1) -> None:
    """Count records that were answered; `sender` is an authenticated agency, `code` a refusal's."""
    _records(sender, contract, status, code).inc(count)


def count_error(code: str) -> None:
    """Count a submission or connection that was answered with an error."""
    _ERRORS.labels(_known(code)).inc()


def exposition() -> bytes:
    """Return all metrics in Prometheus' text format."""
    return generate_latest(REGISTRY)


@lru_cache(maxsize=4096)
def _records(sender: str, contract: str, status: Status, code: str) -> Counter:
    contract = contract if _CONTRACT.fullmatch(contract) else _OTHER
    return _RECORDS.labels(sender, contract, status.value, _known(code))


def _known(code: str) -> str:
    return code if not code or code in CODES else _OTHER
