"""The store: one SQLite file with the lanes, what was promised, and what waits to leave.

One process appends (`committer`); others read, and leave events in the spool. Rows of a lane are kept by
their *place*, lane number and index in one integer, so that an append is an append to the file as well: an
index over random values would cost a page of disk for every record (`tags` says how the two that are needed
avoid it).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

from gateway.errors import Unavailable

VERSION = 3
BUSY_S = 10.0  # others hold the write lock for milliseconds; whoever waits longer waits for a disk that hangs
CACHE_KIB = 64 * 1024  # keeps the tag index of about a million records in memory
WAL_PAGES = 4000  # 16 MiB before the file is brought up to date: larger means rarer and longer pauses
LANE_SHIFT = 48  # 2^48 entries a lane, 2^15 lanes
_LEVEL_SHIFT = 40
TILES = 1 << _LEVEL_SHIFT  # a level
LEVELS = 6  # of 8 bits each
_INDEX_MASK = (1 << LANE_SHIFT) - 1
_CHUNKS = (256, 64, 16, 4, 1)

_SCHEMA = """
CREATE TABLE round (  -- one row: how many were written
    number INTEGER NOT NULL
) STRICT;
CREATE TABLE lane (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, origin TEXT NOT NULL, size INTEGER NOT NULL,
    frontier BLOB NOT NULL  -- 32 bytes for each set bit of size, largest subtree first
) STRICT;
CREATE TABLE entry (place INTEGER PRIMARY KEY, octets BLOB NOT NULL) STRICT;
CREATE TABLE tile (  -- place: lane, level, number
    place INTEGER PRIMARY KEY, hashes BLOB NOT NULL
) STRICT;
CREATE TABLE checkpoint (  -- place: lane, size
    place INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, note TEXT NOT NULL
) STRICT;
CREATE INDEX checkpoint_time ON checkpoint (place >> 48, time_ms);
CREATE TABLE promise (
    place INTEGER PRIMARY KEY, record_id BLOB NOT NULL, fingerprint BLOB NOT NULL, salt BLOB NOT NULL
) STRICT;
CREATE TABLE tag (
    tag INTEGER NOT NULL, place INTEGER NOT NULL, PRIMARY KEY (tag, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE tag_young (round INTEGER PRIMARY KEY, postings BLOB NOT NULL) STRICT;
CREATE TABLE about (  -- events about a single record, by the record's place
    place INTEGER NOT NULL, event INTEGER NOT NULL, PRIMARY KEY (place, event)
) STRICT, WITHOUT ROWID;
CREATE TABLE chain (  -- what corrects or voids a record, by the places of both
    prior INTEGER NOT NULL, place INTEGER NOT NULL, voids INTEGER NOT NULL, PRIMARY KEY (prior, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX chain_void ON chain (prior, place) WHERE voids = 1;
CREATE TABLE span (  -- events about a range of a lane
    lane INTEGER NOT NULL REFERENCES lane, first INTEGER NOT NULL, count INTEGER NOT NULL, kind TEXT NOT NULL,
    event INTEGER NOT NULL, PRIMARY KEY (lane, first, count, kind)
) STRICT, WITHOUT ROWID;
CREATE TABLE submission (
    sender TEXT NOT NULL, id TEXT NOT NULL, contract TEXT NOT NULL, accepted INTEGER NOT NULL,
    quarantined INTEGER NOT NULL, duplicate INTEGER NOT NULL, refused INTEGER NOT NULL,
    digest BLOB,  -- set once it was received to its end: HMAC of the body's SHA-256
    PRIMARY KEY (sender, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE refusal (
    sender TEXT NOT NULL, submission TEXT NOT NULL, position INTEGER NOT NULL, code TEXT NOT NULL,
    field TEXT NOT NULL, rule TEXT NOT NULL, PRIMARY KEY (sender, submission, position),
    FOREIGN KEY (sender, submission) REFERENCES submission
) STRICT, WITHOUT ROWID;
CREATE TABLE queue_head (  -- the last checkpoint that went into a queue, which the next message names
    lane INTEGER NOT NULL REFERENCES lane, recipient TEXT NOT NULL, contract TEXT NOT NULL,
    size INTEGER NOT NULL, root BLOB NOT NULL, PRIMARY KEY (lane, recipient, contract)
) STRICT, WITHOUT ROWID;
CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    lane TEXT NOT NULL, recipient TEXT NOT NULL, contract TEXT NOT NULL,
    batch TEXT NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL, hold INTEGER NOT NULL,
    time_ms INTEGER NOT NULL, bytes INTEGER NOT NULL,
    packed BLOB NOT NULL  -- all of the message but the entries and the checkpoint (`leaving`)
) STRICT;
CREATE INDEX outbox_due ON outbox (hold, seq, bytes);
CREATE TABLE quarantine (  -- messages of one record each that wait for an officer, by the record's place
    place INTEGER PRIMARY KEY, recipient TEXT NOT NULL, contract TEXT NOT NULL, batch TEXT NOT NULL,
    time_ms INTEGER NOT NULL, bytes INTEGER NOT NULL, packed BLOB NOT NULL
) STRICT;
CREATE INDEX quarantine_time ON quarantine (time_ms);
CREATE TABLE spool (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, lane TEXT NOT NULL, kind TEXT NOT NULL, fields TEXT NOT NULL,
    record_id TEXT NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL, time_ms INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX spool_span ON spool (lane, kind, first, count) WHERE count > 0;
INSERT INTO round VALUES (0);
"""

Value = int | str | bytes | None
Row = Sequence[Value]


def place_of(lane: int, index: int) -> int:
    """Return the place of an index (or a tree size) in a lane."""
    return lane << LANE_SHIFT | index


def located(place: int) -> tuple[int, int]:
    """Return the lane's number and the index of a place."""
    return place >> LANE_SHIFT, place & _INDEX_MASK


def tile_place(lane: int, level: int, number: int) -> int:
    """Return the place of a tile of a lane."""
    return lane << LANE_SHIFT | level << _LEVEL_SHIFT | number


def open_writer(path: Path) -> sqlite3.Connection:
    """Open the store for writing, and make it if there is none. Every commit is on the disk when it returns.

    Raises:
        Unavailable: `unavailable.store`; the file cannot be used, or is of another version.
    """
    with translated():
        db = _connect(f"{_uri(path)}?mode=rwc")
        # Deleted pages hold ciphertext and leaf hashes; overwriting them with zeros would double the writes.
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = OFF",
            f"cache_size = -{CACHE_KIB}",
            f"wal_autocheckpoint = {WAL_PAGES}",
        ):
            db.execute(f"PRAGMA {pragma}")
        with transaction(db):
            if _version(db) == 0:
                for statement in _SCHEMA.strip().split(";\n"):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {VERSION}")
    return _checked(db)


def open_reader(path: Path) -> sqlite3.Connection:
    """Open the store for reading only.

    Raises:
        Unavailable: `unavailable.store`; there is none, or it is of another version.
    """
    with translated():
        db = _connect(f"{_uri(path)}?mode=ro")
        db.execute("PRAGMA query_only = ON")
        return _checked(db)


def open_spool(path: Path) -> sqlite3.Connection:
    """Open the store to leave events in its spool; durable like every write.

    Raises:
        Unavailable: `unavailable.store`; there is none, or it is of another version.
    """
    with translated():
        db = _connect(f"{_uri(path)}?mode=rw")
        db.execute("PRAGMA synchronous = FULL")
        return _checked(db)


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Write everything or nothing; durable once the block was left."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


@contextmanager
def snapshot(db: sqlite3.Connection) -> Iterator[None]:
    """Read everything in the block as it stood at one instant."""
    db.execute("BEGIN DEFERRED")
    try:
        yield
    finally:
        db.execute("ROLLBACK")


@contextmanager
def translated() -> Iterator[None]:
    """Raise what SQLite cannot do now, a full disk above all, as `unavailable.store`."""
    try:
        yield
    except sqlite3.Error as error:
        reason = getattr(
            error, "sqlite_errorname", type(error).__name__
        )  # absent when the module itself refuses
        raise Unavailable("unavailable.store", reason) from error


def insert(
    db: sqlite3.Connection, table: str, rows: Sequence[Row], *, verb: str = "INSERT", conflict: str = ""
) -> None:
    """Insert rows, many to a statement; `conflict` is an `ON CONFLICT` clause.

    Python gives up its lock for every step of a statement and, beside a busy thread, gets it back 5 ms
    later: 256 rows by `executemany` then take seconds, in one statement a moment.
    """
    done = 0
    for chunk in _CHUNKS:
        while len(rows) - done >= chunk:
            some = rows[done : done + chunk]
            statement = _insertion(verb, table, len(some[0]), chunk)
            db.execute(f"{statement} {conflict}", tuple(chain.from_iterable(some)))
            done += chunk


def select(db: sqlite3.Connection, query: str, values: Sequence[Value]) -> Iterator[Any]:
    """Run `query`, which ends in `IN`, for up to 256 of the values at a time."""
    for start in range(0, len(values), _CHUNKS[0]):
        some = values[start : start + _CHUNKS[0]]
        yield from db.execute(f"{query} ({','.join('?' * len(some))})", some).fetchall()


@lru_cache(maxsize=64)
def _insertion(verb: str, table: str, columns: int, rows: int) -> str:
    row = f"({','.join('?' * columns)})"
    return f"{verb} INTO {table} VALUES {','.join([row] * rows)}"


def _connect(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(
        uri, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=256
    )


def _uri(path: Path) -> str:
    return path.absolute().as_uri()


def _version(db: sqlite3.Connection) -> int:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    return int(version)


def _checked(db: sqlite3.Connection) -> sqlite3.Connection:
    version = _version(db)
    if version != VERSION:
        db.close()
        raise Unavailable(
            "unavailable.store", f"the file has version {version}, this program knows {VERSION}"
        )
    return db
