"""Batches of which parts were sent and others never came: nobody but the clock would notice when it is the last one."""

from __future__ import annotations

import structlog

from adapters.sftp.journal import Journal
from gateway import metrics
from gateway.doors import Note
from gateway.records import Event

OVERDUE_S = 24 * 3600
"""How long nothing more of a batch may come: exports write their parts within hours."""

log = structlog.get_logger()


async def report_overdue(journal: Journal, note: Note, now_ms: int) -> None:
    """Have the log, the metrics and each agency's lane say which batches are incomplete, once until more of one comes.

    Raises:
        Unavailable: not now; call it again.
    """
    overdue = journal.overdue(now_ms - OVERDUE_S * 1000)
    metrics.FILES_OVERDUE.set(sum(batch.missing for batch in overdue))
    for batch in overdue:
        if batch.reported:
            continue
        # By its latest part: what an agency calls its batches is not for the log.
        fields = (
            ("submission", batch.latest), ("contract", batch.contract), ("total", batch.total),
            ("missing", batch.missing),
        )  # fmt: skip
        await note([Event(batch.agency, "file.overdue", fields)])
        journal.reported(batch, now_ms)
        log.warning(
            "file.overdue",
            submission=batch.latest,
            sender=batch.agency,
            contract=batch.contract,
            count=batch.missing,
        )
