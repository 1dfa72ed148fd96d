"""A core on the SDK: commits each record into its own database, then says done. `CONSUMER_YAML DATABASE`.

It answers from its database when it is asked what it has committed, so that its own death between the two
brings nothing twice.
"""

import sqlite3
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway.consumer.core import connect
from gateway.consumer.dispositions import Decision, Disposition


def main(config: Path, database: Path) -> None:
    db = sqlite3.connect(database, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE IF NOT EXISTS seen (id TEXT)")  # no key: what comes twice is to be seen twice

    def committed(record_ids: Sequence[str]) -> Mapping[str, Disposition]:
        marks = ",".join("?" * len(record_ids))
        rows = db.execute(f"SELECT id FROM seen WHERE id IN ({marks})", record_ids).fetchall()  # noqa: S608  marks
        return {record_id: Disposition(Decision.APPLIED) for (record_id,) in rows}

    with connect(config, committed) as consumer:
        sys.stdout.write('{"event": "core.started"}\n')
        sys.stdout.flush()
        for delivery in consumer:
            db.execute("INSERT INTO seen VALUES (?)", [delivery.id])
            delivery.done(Decision.APPLIED.value)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
