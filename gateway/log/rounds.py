"""Rounds of the log, one after the other: plan, sign, write, answer."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice

import structlog

from crypto.keys import CheckpointSigner
from crypto.receipt import BatchReceipt
from gateway.errors import Unavailable
from gateway.log.planned import Noted, Placed, Sealed, Where
from gateway.log.proofs import Proofs, lane_named
from gateway.log.requests import Append, Note, Release, Signed
from gateway.log.round import Round, State
from gateway.log.spool import spooled
from gateway.log.tags import Tags
from gateway.log.writing import Stale, write
from gateway.moments import now_ms
from gateway.records import Batch, Event, SealedBatch
from gateway.settled import Early, Known

ATTEMPTS = 5
RELEASE_MAX = 256
"""Held batches let go in one round."""
REMEMBERED = 4096
"""Batches whose numbers are kept in mind: more than there are on their way at a time."""
_LANES = "SELECT id, name FROM lane"
_LAST_TIME = """
SELECT coalesce(max((SELECT max(time_ms) FROM checkpoint WHERE place >> 48 = lane.id)), 0) FROM lane
"""

Answer = Callable[[], None]
"""Answers a request of a round that is durable."""
_AnswerWith = Callable[[Mapping[Where, str]], None]
log = structlog.get_logger()


class Rounds:
    """Does rounds on one connection to the store, and remembers the store's edge between them."""

    def __init__(
        self, db: sqlite3.Connection, signer: CheckpointSigner, *, origin: str, outbox_max_bytes: int
    ) -> None:
        self._db = db
        self._signer = signer
        self._origin = origin
        self._outbox_max_bytes = outbox_max_bytes
        self._state: State | None = None
        self._logged: dict[int, None] = {}  # the numbers of batches, oldest first

    def do(self, requests: Sequence[Signed], *, with_spool: bool) -> list[Answer]:
        """Write one round and return how its requests are answered; if this raises, nothing was written.

        Raises:
            KeysUnavailable: the checkpoints cannot be signed now.
            Unavailable, sqlite3.Error: the store cannot take it now.
            Exception: whatever a request that should not exist makes of it.
        """
        for _ in range(ATTEMPTS):
            try:
                return self._once(requests, with_spool=with_spool)
            except Stale:
                continue
        raise Unavailable("unavailable.store", "another process keeps writing to the store")

    def measure_outbox(self) -> None:
        """Count the outbox again, after messages were taken out."""
        if self._state is not None:
            self._state.outbox_bytes = _measured_outbox(self._db)

    def _once(self, requests: Sequence[Signed], *, with_spool: bool) -> list[Answer]:
        state = self._state or _load(self._db)
        round_ = Round(self._db, state, self._origin, state.number + 1, max(now_ms(), state.time_ms))

        # 1. Plan. Batches come first, for each must be the end of its lane's tree at its own checkpoint.
        answers = [self._append(round_, one) for one in requests if isinstance(one, Append)]
        waiting = spooled(self._db) if with_spool else {}
        left = round_.decide(waiting.values())
        held = {one: _held(self._db, one.before_ms) for one in requests if isinstance(one, Release)}
        notes_asked = [one for one in requests if isinstance(one, Note)]
        released = {seq: noted for rows in held.values() for seq, noted in rows.items()}
        asked = [noted for one in notes_asked for noted in one.noted]
        wheres = round_.note([*asked, *round_.disposed, *released.values(), *left])
        checkpoints = round_.finish()

        # 2. Sign. The store is not locked meanwhile: others may leave events in the spool.
        signed = self._signer.sign(checkpoints, round_.time_ms // 1000) if checkpoints else []
        notes = dict(zip(round_.checkpoints, signed, strict=True))

        # 3. Write. Should this fail, it is not certain what the disk holds: the state is read again.
        if checkpoints or round_.batches or waiting or released:
            turn = state.tags.turn(round_.postings)
            self._state = None
            added = write(round_, notes, turn, spooled=list(waiting), released=list(released))
            state.tags.keep(round_.number, turn)
            for lane in round_.lanes.values():
                if lane.number not in state.names:
                    log.info("lane.opened", lane=lane.name)
            self._state = replace(
                state,
                number=round_.number,
                time_ms=round_.time_ms,
                lanes={**state.lanes, **round_.lanes},
                names={**state.names, **{lane.number: name for name, lane in round_.lanes.items()}},
                outbox_bytes=state.outbox_bytes + added,
            )
            self._remember(round_.numbers)
            if round_.decided:
                self.measure_outbox()
        else:
            self._state = state

        # 4. Answer, once the caller sees fit. Only now is anything promised.
        return [
            *(partial(answer, notes) for answer in answers),
            *self._answers_to(notes_asked, wheres),
            *(partial(one.future.set_result, len(rows)) for one, rows in held.items()),
        ]

    def _append(self, round_: Round, request: Append) -> _AnswerWith:
        """Plan a batch; return how it is answered."""
        batch, future = request.batch, request.future
        if request.after and request.after not in self._logged and request.after not in round_.numbers:
            return lambda _: future.set_result(Early())
        known = round_.known(batch)
        chained = () if known else round_.chained(batch)
        if known or chained:
            return lambda _: future.set_result(Known(known, chained))
        planned = sum(len(sealed.draft.ciphertexts) for sealed in round_.sealed if not sealed.held)
        if batch.draft is not None and round_.state.outbox_bytes + planned >= self._outbox_max_bytes:
            full = Unavailable(
                "unavailable.outbox_full", "the queue has to take messages before more are accepted"
            )
            return lambda _: future.set_exception(full)
        placed = round_.append(batch)
        if request.number:
            round_.numbers.append(request.number)
        return lambda notes: future.set_result(_sealed(batch, placed, notes))

    def _remember(self, numbers: Sequence[int]) -> None:
        self._logged.update(dict.fromkeys(numbers))
        for oldest in [*islice(self._logged, max(len(self._logged) - REMEMBERED, 0))]:
            del self._logged[oldest]

    def _answers_to(self, requests: Sequence[Note], wheres: Sequence[Where]) -> Iterator[Answer]:
        """Return how requests are answered whose events stand at these places, one after the other."""
        done = 0
        proofs: dict[str, Proofs] = {}
        for request in requests:
            yield partial(self._answer_note, request, wheres[done : done + len(request.noted)], proofs)
            done += len(request.noted)

    def _answer_note(self, request: Note, wheres: Sequence[Where], proofs: dict[str, Proofs]) -> None:
        receipts = []
        for (name, index), noted in zip(wheres, request.noted, strict=True):
            if name not in proofs:
                proofs[name] = Proofs(self._db, lane_named(self._db, name))
            receipts.append(proofs[name].receipt(index, noted.event.record_id))
        request.future.set_result(receipts)


def _sealed(batch: Batch, placed: Placed, notes: Mapping[Where, str]) -> SealedBatch:
    receipt = None if placed.together is None else _receipt(placed.together, notes)
    return SealedBatch(batch, receipt, tuple(_receipt(one, notes) for one in placed.held))


def _receipt(sealed: Sealed, notes: Mapping[Where, str]) -> BatchReceipt:
    return BatchReceipt(sealed.terms.lane, sealed.frontier, sealed.draft.leaves, notes[sealed.checkpoint])


def _load(db: sqlite3.Connection) -> State:
    """Read what the writer has to remember."""
    (number,) = db.execute("SELECT number FROM round").fetchone()
    (time_ms,) = db.execute(_LAST_TIME).fetchone()
    names = dict(db.execute(_LANES).fetchall())
    return State(number, time_ms, {}, names, Tags(db), _measured_outbox(db))


def _measured_outbox(db: sqlite3.Connection) -> int:
    (octets,) = db.execute("SELECT coalesce(sum(bytes), 0) FROM outbox").fetchone()
    return int(octets)


def _held(db: sqlite3.Connection, before_ms: int) -> dict[int, Noted]:
    """Return the oldest held batches, by their number in the outbox, with the event that lets each go."""
    query = "SELECT seq, lane, first, count FROM outbox WHERE hold = 1 AND time_ms < ? ORDER BY seq LIMIT ?"
    at_ms = now_ms()
    return {
        seq: Noted(Event(lane, "record.released", (), first=first, count=count), at_ms)
        for seq, lane, first, count in db.execute(query, (before_ms, RELEASE_MAX))
    }
