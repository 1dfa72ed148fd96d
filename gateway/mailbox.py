"""The inbox: records that wait for an agency to fetch them, kept sealed in one SQLite file until it does.

A batch is verified when it comes, kept as it came, opened each time the agency asks, and forgotten when the
last of its records was acknowledged. So plaintext exists only while it is answered, and the file holds
none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import structlog

from gateway.errors import Tampered, Unavailable
from gateway.exchange import set_aside
from gateway.ports import Delivery, Opener, Spool
from gateway.records import Event, Handed, Message
from gateway.sqlite_file import SqliteFile

VERSION = 1
KEYS_RETRY_S = 5.0
REFERENCE = "inbox"
LANE_STOPPED = "tampered.lane_stopped"

_SCHEMA = """
CREATE TABLE message (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, recipient TEXT NOT NULL, queue TEXT NOT NULL,
    lane TEXT NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL,
    left INTEGER NOT NULL,  -- records not yet acknowledged
    body BLOB,  -- NULL once the lane was told: the id stays, because a queue may bring it again
    spoiled TEXT  -- the code of what is wrong with a body that did verify when it came
) STRICT;
CREATE INDEX message_waiting ON message (recipient, seq) WHERE left > 0 AND spoiled IS NULL;
CREATE INDEX message_unsettled ON message (seq) WHERE left = 0 AND body IS NOT NULL;
CREATE TABLE waiting (
    record TEXT NOT NULL PRIMARY KEY, message INTEGER NOT NULL REFERENCES message
) STRICT, WITHOUT ROWID;
CREATE INDEX waiting_message ON waiting (message);
"""

log = structlog.get_logger()


class Mailbox:
    """The inboxes of all agencies that fetch. Safe to call from several threads, not from several processes.

    Every method may raise `Unavailable` with `unavailable.store`; then nothing was changed.
    """

    def __init__(self, path: Path, opener: Opener, spool: Spool) -> None:
        self._opener = opener
        self._spool = spool
        self._file = SqliteFile(
            path, _SCHEMA, version=VERSION, code="unavailable.store", pragmas=("foreign_keys = ON",)
        )
        self._settle()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def collect(self, delivery: Delivery, recipient: str) -> None:
        """Take a batch from the queue into an agency's inbox: `exchange.deliver` for those who fetch."""
        try:
            # Step 1. Open: nothing in it is believed before all of it is verified.
            records = self._opener.open(delivery.message)
        except Tampered as error:
            self._spool.leave([set_aside(delivery.message, error)])
            delivery.park(error.code)
            return
        except Unavailable:
            delivery.retry(KEYS_RETRY_S)
            return
        # Step 2. Keep it, still sealed; a batch that came before is not kept again.
        self._keep(recipient, delivery.message, records)
        # Step 3. Only now may the queue forget. The lane is told when the agency has acknowledged.
        delivery.ack()

    def fetch(self, agency: str, limit: int) -> Sequence[Handed]:
        """Return up to `limit` records that wait for an agency, oldest first, until it acknowledges them.

        Raises:
            Unavailable: the keys to open them cannot be had now.
        """
        fetched: list[Handed] = []
        for seq, message in self._waiting(agency):
            fetched += self._opened(seq, message)
            if len(fetched) >= limit:
                break
        return fetched[:limit]

    def acknowledge(self, agency: str, record_ids: Sequence[str]) -> int:
        """Forget records that an agency says it has; return how many of them were waiting.

        Durable on return. Ids that do not wait for this agency are passed over, so that it may say so twice.
        """
        acknowledged = 0
        with self._file.transaction() as db:
            for record_id in record_ids:
                gone = db.execute(
                    "DELETE FROM waiting WHERE record = ?"
                    " AND (SELECT recipient FROM message WHERE seq = message) = ? RETURNING message",
                    [record_id, agency],
                ).fetchall()
                db.executemany("UPDATE message SET left = left - 1 WHERE seq = ?", gone)
                acknowledged += len(gone)
        self._settle()
        return acknowledged

    def _keep(self, recipient: str, message: Message, records: Sequence[Handed]) -> None:
        lane, first = records[0].lane, records[0].index
        with self._file.transaction() as db:
            kept = db.execute(
                "INSERT OR IGNORE INTO message (id, recipient, queue, lane, first, count, left, body)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [message.id, recipient, message.queue, lane, first, len(records), len(records), message.body],
            )
            if kept.rowcount:
                ids = [(record.record_id, kept.lastrowid) for record in records]
                db.executemany("INSERT INTO waiting VALUES (?, ?)", ids)

    def _waiting(self, agency: str) -> Iterator[tuple[int, Message]]:
        seq = 0
        while rows := self._file.rows(
            "SELECT seq, id, queue, body FROM message WHERE recipient = ? AND seq > ?"
            " AND left > 0 AND spoiled IS NULL ORDER BY seq LIMIT 1",
            [agency, seq],
        ):
            seq, identifier, queue, body = rows[0]
            yield seq, Message(identifier, queue, body)

    def _opened(self, seq: int, message: Message) -> Sequence[Handed]:
        try:
            records = self._opener.open(message)
        except Tampered as error:
            log.error("message.tampered", queue=message.queue, batch=message.id, code=error.code)  # noqa: TRY400
            if error.code != LANE_STOPPED:  # a stopped lane waits for an officer; its batches are still good
                self._spool.leave([set_aside(message, error)])
                with self._file.transaction() as db:
                    db.execute("UPDATE message SET spoiled = ? WHERE seq = ?", [error.code, seq])
            return []
        still = {row[0] for row in self._file.rows("SELECT record FROM waiting WHERE message = ?", [seq])}
        return [record for record in records if record.record_id in still]

    def _settle(self) -> None:
        """Tell the lanes of batches that are wholly acknowledged, and then forget what they held."""
        # Step 1. Which are they?
        settled = self._file.rows(
            "SELECT seq, lane, first, count FROM message WHERE left = 0 AND body IS NOT NULL ORDER BY seq", []
        )
        if not settled:
            return
        # Step 2. Tell. The spool takes an event about a range once, so a crash from here on repeats nothing.
        self._spool.leave(
            [
                Event(lane, "record.delivered", (("reference", REFERENCE),), first=first, count=count)
                for _, lane, first, count in settled
            ]
        )
        # Step 3. Forget; the ids stay.
        with self._file.transaction() as db:
            db.executemany("UPDATE message SET body = NULL WHERE seq = ?", [(row[0],) for row in settled])
