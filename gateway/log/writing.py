"""A planned round on its way to the disk: one transaction, everything or nothing."""

from __future__ import annotations

import hmac
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence

from crypto.seal import pack
from gateway.log.decisions import Decided
from gateway.log.lane import Lane
from gateway.log.planned import Sealed, Where
from gateway.log.round import Round
from gateway.log.store import Row, insert, located, place_of, select, transaction
from gateway.log.tags import Turn
from gateway.records import Batch, Kept, Refused, Repeated

REFUSALS_MAX = 1000
"""Refusals kept for a submission's answer; every one of them is in the lane."""


class Stale(Exception):  # noqa: N818  what the round was planned on
    """Another writer was here since the round was planned: plan it again."""


def write(
    round_: Round, notes: Mapping[Where, str], turn: Turn, *, spooled: Sequence[int], released: Sequence[int]
) -> int:
    """Write a round whose checkpoints were signed; return the octets it put into the outbox.

    `spooled` are the spool's rows that became events, `released` the outbox's that may go now.

    Raises:
        Stale: nothing was written.
        sqlite3.Error: nothing was written.
    """
    db, time_ms = round_.db, round_.time_ms
    all_packed = [(sealed, _packed(sealed)) for sealed in round_.sealed]
    messages = [_outgoing(sealed, packed, time_ms) for sealed, packed in all_packed if not sealed.held]
    held = [_held(sealed, packed, time_ms, round_) for sealed, packed in all_packed if sealed.held]
    with transaction(db):
        # What was planned holds for the store as it was after the round before; a fork would be a lane's end.
        if not db.execute(
            "UPDATE round SET number = number + 1 WHERE number = ?", (round_.number - 1,)
        ).rowcount:
            raise Stale
        insert(db, "lane", [_lane(lane) for lane in round_.lanes.values()], conflict=_LANE_GREW)
        insert(db, "entry", round_.entries)
        insert(db, "tile", list(round_.tiles.items()), verb="INSERT OR REPLACE")
        insert(db, "checkpoint", [(_place(round_, where), time_ms, note) for where, note in notes.items()])
        insert(db, "promise", round_.promises)
        insert(db, "about", round_.abouts)
        insert(db, "chain", round_.chain)
        insert(db, "span", [(*span, index) for span, index in round_.spans.items()])
        insert(db, "queue_head", _heads(round_), verb="INSERT OR REPLACE")
        insert(db, f"outbox ({_OUTBOX})", messages)
        insert(db, "quarantine", held)
        _decide(db, round_.decided, time_ms)
        round_.state.tags.write(db, round_.number, turn)
        _count(db, round_.batches)
        _each(db, "DELETE FROM spool WHERE seq IN", spooled)
        _each(db, "UPDATE outbox SET hold = 0 WHERE seq IN", released)
    return sum(len(packed) for sealed, packed in all_packed if not sealed.held)


_LANE_GREW = "ON CONFLICT (id) DO UPDATE SET size = excluded.size, frontier = excluded.frontier"
_OUTBOX = "lane, recipient, contract, batch, first, count, hold, time_ms, bytes, packed"
_COUNTED = """ON CONFLICT (sender, id) DO UPDATE SET accepted = accepted + excluded.accepted,
 quarantined = quarantined + excluded.quarantined, duplicate = duplicate + excluded.duplicate,
 refused = refused + excluded.refused,
 digest = coalesce(excluded.digest, digest)"""


def submission_digest(promise_key: bytes, digest: bytes) -> bytes:
    """Return the digest of a submission's body as the store keeps it: it cannot be guessed from."""
    return hmac.digest(promise_key, b"isnad-submission/v1\0" + digest, "sha256")


def _packed(sealed: Sealed) -> bytes:
    return pack(sealed.draft, sealed.frontier, sealed.after, sealed.consistency)


def _outgoing(sealed: Sealed, packed: bytes, time_ms: int) -> Row:
    """Return a message's row of the outbox."""
    terms, batch = sealed.terms, sealed.batch_id
    first, count, hold = sealed.frontier.size, len(sealed.draft.entries), int(terms.freeze == "hold")
    return (
        terms.lane,
        terms.recipient,
        terms.contract,
        batch,
        first,
        count,
        hold,
        time_ms,
        len(packed),
        packed,
    )


def _held(sealed: Sealed, packed: bytes, time_ms: int, round_: Round) -> Row:
    """Return a message's row of the quarantine."""
    terms = sealed.terms
    place = place_of(round_.lanes[terms.lane].number, sealed.frontier.size)
    return place, terms.recipient, terms.contract, sealed.batch_id, time_ms, len(packed), packed


def _decide(db: sqlite3.Connection, decided: Mapping[int, Decided], time_ms: int) -> None:
    """Carry out what officers have decided, by the places of the records."""
    for place, decision in decided.items():
        if decision.released:
            hold = int(decision.freeze == "hold")
            db.execute(_RELEASE, (decision.lane, located(place)[1], hold, time_ms, place))
        db.execute("DELETE FROM quarantine WHERE place = ?", (place,))


_RELEASE = f"""INSERT INTO outbox ({_OUTBOX})
 SELECT ?, recipient, contract, batch, ?, 1, ?, ?, bytes, packed FROM quarantine WHERE place = ?"""  # noqa: S608  constants


def _lane(lane: Lane) -> Row:
    return lane.number, lane.name, lane.origin, lane.size, b"".join(lane.frontier.hashes)


def _heads(round_: Round) -> list[Row]:
    heads: dict[Row, Row] = {}
    for sealed in round_.sealed:  # in order, so that the last batch into a queue stays
        checkpoint = round_.checkpoints[sealed.checkpoint]
        number = round_.lanes[sealed.terms.lane].number
        heads[number, sealed.terms.recipient, sealed.terms.contract] = (checkpoint.size, checkpoint.root)
    return [(*queue, *head) for queue, head in heads.items()]


def _count(db: sqlite3.Connection, batches: Sequence[Batch]) -> None:
    """Add what became of the records to the numbers of their submissions, and keep the refusals."""
    counts: dict[tuple[str, str, str], list[int]] = {}
    refusals: dict[tuple[str, str], list[Row]] = {}
    for batch in batches:
        sender, contract = batch.terms.sender, batch.terms.contract
        ids = [part.submission for part in batch.parts]
        held = [one.kept for one in batch.held]
        columns: Sequence[Sequence[Kept | Repeated | Refused]] = (
            batch.kept,
            held,
            batch.repeated,
            batch.refused,
        )
        for column, members in enumerate(columns):
            for part, many in Counter(one.part for one in members).items():
                counts.setdefault((sender, ids[part], contract), [0, 0, 0, 0])[column] += many
        for one in batch.refused:
            row = (sender, ids[one.part], one.position, one.refusal.code, one.refusal.field, one.refusal.rule)
            refusals.setdefault((sender, ids[one.part]), []).append(row)
    ended = {
        (batch.terms.sender, part.submission): submission_digest(batch.terms.promise_key, part.digest)
        for batch in batches
        for part in batch.parts
        if part.digest
    }
    for submission, rows in refusals.items():
        query = "SELECT refused FROM submission WHERE (sender, id) = (?, ?)"
        (before,) = db.execute(query, submission).fetchone() or (0,)
        refusals[submission] = rows[: max(0, REFUSALS_MAX - before)]
    insert(
        db,
        "submission",
        [(*key, *numbers, ended.get(key[:2])) for key, numbers in counts.items()],
        conflict=_COUNTED,
    )
    for rows in refusals.values():
        insert(db, "refusal", rows, verb="INSERT OR IGNORE")


def _each(db: sqlite3.Connection, statement: str, rows: Sequence[int]) -> None:
    for _ in select(db, statement, rows):
        pass


def _place(round_: Round, where: Where) -> int:
    name, size = where
    return place_of(round_.lanes[name].number, size)
