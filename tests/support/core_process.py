"""A core on the SDK: commits each record into its own database, then says done. `CONSUMER_YAML DATABASE`."""

import sqlite3
import sys
from pathlib import Path

from gateway.core import connect


def main(config: Path, database: Path) -> None:
    db = sqlite3.connect(database, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE IF NOT EXISTS seen (id TEXT)")  # no key: what comes twice is to be seen twice
    with connect(config) as consumer:
        sys.stdout.write('{"event": "core.started"}\n')
        sys.stdout.flush()
        for delivery in consumer:
            db.execute("INSERT INTO seen VALUES (?)", [delivery.id])
            delivery.done("APPLIED")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
