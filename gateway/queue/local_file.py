"""The embedded queue's file: its tables, and how it is opened."""

from __future__ import annotations

from pathlib import Path

from gateway.sqlite_file import SqliteFile

CODE = "unavailable.queue"
VERSION = 1
PRAGMAS = (
    "page_size = 32768",  # a sealed batch has hundreds of KiB: larger pages carry it faster than the usual 4 KiB
    "secure_delete = OFF",  # what is deleted was sealed
    "wal_autocheckpoint = 256",
)

# The body has a table of its own: a changed row is written again in full.
_SCHEMA = """
CREATE TABLE message (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice, so it orders a queue for good
    queue TEXT NOT NULL,
    id TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due_ms INTEGER NOT NULL DEFAULT 0,
    consumer TEXT,  -- who has it on lease
    reason TEXT,  -- the code it was parked with; NULL while it waits
    parked_ms INTEGER,
    UNIQUE (queue, id)
) STRICT;
CREATE INDEX message_waiting ON message (queue, seq) WHERE reason IS NULL;
CREATE TABLE body (seq INTEGER PRIMARY KEY, octets BLOB NOT NULL) STRICT;
CREATE TABLE consumer (id TEXT PRIMARY KEY, until_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""


def queue_file(path: Path) -> SqliteFile:
    """Open the queue's file.

    Raises:
        Unavailable: `unavailable.queue`.
    """
    return SqliteFile(path, _SCHEMA, version=VERSION, code=CODE, pragmas=PRAGMAS)
