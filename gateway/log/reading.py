"""What the log answers about what it holds, while the writer goes on.

Every read is on a connection of its thread's own and sees whole rounds only. Where one answer needs several
reads, the smaller thing is read first: what a lane has, it keeps.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crypto.entry import parse_entry
from crypto.errors import KeysUnavailable
from crypto.keys import PromiseKeys
from crypto.merkle import HASH_BYTES
from crypto.receipt import Receipt
from gateway.errors import Tampered, Unavailable
from gateway.log.ids import is_record_id, text_of
from gateway.log.lane import tile_reader
from gateway.log.promises import promised
from gateway.log.proofs import Place, Proofs, entry_at, lane_named, latest, receipt_at
from gateway.log.search import trace
from gateway.log.store import LEVELS, TILES, located, open_reader, place_of, select, translated
from gateway.log.tiles import WIDTH
from gateway.ports import SubmissionState
from gateway.records import Refusal
from gateway.salts import open_salt, salt_key
from gateway.settled import Promise


class Readers:
    """Reading connections to a store, one for each thread that asks."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._own = threading.local()
        self._all: list[sqlite3.Connection] = []

    def db(self) -> sqlite3.Connection:
        """Return this thread's connection.

        Raises:
            Unavailable: `unavailable.store`; there is no store, or it is of another version.
        """
        db: sqlite3.Connection | None = getattr(self._own, "db", None)
        if db is None:
            db = self._own.db = open_reader(self._path)
            self._all.append(db)
        return db

    def close(self) -> None:
        """Close the connections of all threads; none of them may be reading."""
        while self._all:
            self._all.pop().close()


class StoreRecords:
    """Implements `ports.Records`; safe to call from several threads.

    Every method may raise `Unavailable` with `unavailable.store`; `receipt` also with `unavailable.keys`, and
    `Tampered` when somebody changed what it is made of.
    """

    def __init__(self, path: Path, keys: PromiseKeys) -> None:
        self._readers = Readers(path)
        self._keys = keys

    def close(self) -> None:
        """Close the store; nothing may be reading."""
        self._readers.close()

    def receipt(self, record_id: str, sender: str) -> Receipt | None:
        """See `ports.Records.receipt`."""
        with translated():
            db = self._readers.db()
            promise = promised(db, record_id) if is_record_id(record_id) else None
            if promise is None:
                return None
            lane = lane_named(db, promise.lane)
            octets = entry_at(db, lane, promise.index)
            if octets is None or parse_entry(octets).sender != sender:
                return None
            return receipt_at(db, lane, promise.index, record_id, self._salt(promise))

    def receipts(self, indices: Sequence[int], sender: str) -> Mapping[int, Receipt]:
        """See `ports.Records.receipts`."""
        with translated():
            db = self._readers.db()
            lane = _lane(db, sender)
            if lane is None:
                return {}
            places = [place_of(lane.number, index) for index in indices]
            query = "SELECT place, record_id, fingerprint, salt FROM promise WHERE place IN"
            promises = [
                Promise(text_of(octets), sender, located(place)[1], fingerprint, salt)
                for place, octets, fingerprint, salt in select(db, query, places)
            ]
            proofs = Proofs(db, lane)
            return {one.index: proofs.receipt(one.index, one.record_id, self._salt(one)) for one in promises}

    def history(self, record_id: str, sender: str) -> Sequence[bytes]:
        """See `ports.Records.history`."""
        if not is_record_id(record_id):
            return []
        with translated():
            story = trace(self._readers.db(), record_id)
            return [found.entry for found in story] if story and story[0].lane == sender else []

    def submission(self, submission_id: str, sender: str) -> SubmissionState | None:
        """See `ports.Records.submission`."""
        with translated():
            db, key = self._readers.db(), (sender, submission_id)
            query = f"SELECT contract, accepted, quarantined, duplicate, refused, digest {_SUBMISSION}"
            row = db.execute(query, key).fetchone()
            if row is None:
                return None
            contract, accepted, quarantined, duplicate, refused, digest = row
            query = f"SELECT position, code, field, rule {_REFUSALS}"
            refusals = tuple((position, Refusal(*why)) for position, *why in db.execute(query, key))
            complete = digest is not None
            return SubmissionState(
                submission_id, contract, accepted, quarantined, duplicate, refused, complete, refusals
            )

    def submission_digest(self, submission_id: str, sender: str) -> bytes | None:
        """Return the digest of a submission received to its end, as `submission_digest` makes it."""
        with translated():
            query = f"SELECT digest {_SUBMISSION}"
            row = self._readers.db().execute(query, (sender, submission_id)).fetchone()
            return None if row is None else row[0]

    def checkpoint(self, lane: str) -> str | None:
        """See `ports.Records.checkpoint`."""
        with translated():
            db = self._readers.db()
            place = _lane(db, lane)
            return None if place is None else latest(db, place)[1]

    def tile(self, lane: str, level: int, index: int, width: int) -> bytes | None:
        """See `ports.Records.tile`."""
        with translated():
            db = self._readers.db()
            place = _lane(db, lane)
            if place is None or not _possible(level, index, width):
                return None
            hashes = tile_reader(db, place.number)(level, index)[: width * HASH_BYTES]
            return hashes if len(hashes) == width * HASH_BYTES else None

    def entries(self, lane: str, index: int, width: int) -> bytes | None:
        """See `ports.Records.entries`."""
        with translated():
            db = self._readers.db()
            place = _lane(db, lane)
            if place is None or not _possible(0, index, width):
                return None
            first = place_of(place.number, index * WIDTH)
            query = "SELECT octets FROM entry WHERE place BETWEEN ? AND ? ORDER BY place"
            rows = db.execute(query, (first, first + width - 1)).fetchall()
            if len(rows) != width:
                return None
            return b"".join(len(octets).to_bytes(2, "big") + octets for (octets,) in rows)

    def _salt(self, promise: Promise) -> bytes:
        try:
            key = self._keys.promise(promise.lane)
        except KeysUnavailable as error:
            raise Unavailable("unavailable.keys", "the salt of the receipt cannot be read now") from error
        try:
            return open_salt(AESGCM(salt_key(key)), promise.record_id, promise.salt)
        except InvalidTag as error:
            raise Tampered("tampered.log", "the salt of the receipt is not the one that was kept") from error


_SUBMISSION = "FROM submission WHERE (sender, id) = (?, ?)"
_REFUSALS = "FROM refusal WHERE (sender, submission) = (?, ?) ORDER BY position"


def _lane(db: sqlite3.Connection, name: str) -> Place | None:
    try:
        return lane_named(db, name)
    except LookupError:
        return None


def _possible(level: int, index: int, width: int) -> bool:
    """Whether a lane could have such a tile; others would be sought at another tile's place."""
    return 0 <= level < LEVELS and 0 <= index < TILES and 1 <= width <= WIDTH
