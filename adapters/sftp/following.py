"""How far a file is, as those who look on are told: by the command line, and now and then by the log."""

from __future__ import annotations

import time

import structlog

from adapters.sftp.entry import Entry
from gateway.files import FileProgress

TELL_S = 30.0
"""How often the log says how far a file is."""

log = structlog.get_logger()


def progress_of(entry: Entry) -> FileProgress:
    """Return how far a file is."""
    return FileProgress(
        submission=entry.id,
        agency=entry.agency,
        contract=entry.contract,
        name=entry.name,
        state=entry.state.value,
        size=entry.size,
        landed_ms=entry.landed_ms,
        begun_ms=entry.begun_ms,
        ended_ms=entry.ended_ms,
        records=entry.position,
        expected=entry.expected,
        read_bytes=entry.read_bytes,
        accepted=entry.accepted,
        duplicate=entry.duplicate,
        quarantined=entry.quarantined,
        refused=entry.refused,
        missing=entry.missing,
        code=entry.code,
    )


def tell(entry: Entry) -> None:
    """Have the log say how far a file is, how fast it goes, and how long it will take."""
    one, now_ms = progress_of(entry), time.time_ns() // 1_000_000
    log.info(
        "file.progressed",
        submission=entry.id,
        sender=entry.agency,
        contract=entry.contract,
        records=one.records,
        expected=one.total,
        records_per_s=round(one.rate(now_ms), 1),
        left_s=one.left_s(now_ms),
    )
