"""A small core in a process of its own, to be killed: commits a record into its own database, then says done.

`core_process.py FOLDER plain|remembering`. A remembering core tells the SDK which ids its database holds, so
that a second sight of a record would break the primary key there.
"""

import sqlite3
import sys
from pathlib import Path

from consumer_parts import consumer_on

from gateway.consumer.dispositions import Decision, Disposition


def main(folder, kind):
    core = sqlite3.connect(folder / "core.db", isolation_level=None)
    core.execute("PRAGMA journal_mode = WAL")
    core.execute("PRAGMA synchronous = OFF")  # it is the process that dies here, not the machine

    def committed(ids):
        marks = ",".join("?" * len(ids))
        rows = core.execute(f"SELECT id FROM seen WHERE id IN ({marks})", ids).fetchall()  # noqa: S608  marks
        return {row[0]: Disposition(Decision.APPLIED) for row in rows}

    decided = committed if kind == "remembering" else None
    with consumer_on(folder, lease_s=0.3, decided=decided) as consumer:
        say("ready")
        for delivery in consumer.waiting():
            core.execute("INSERT INTO seen VALUES (?)", [delivery.event["id"]])
            delivery.done("APPLIED")
            core.execute("INSERT INTO done VALUES (?)", [delivery.event["id"]])
    say("finished")


def say(word):
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
