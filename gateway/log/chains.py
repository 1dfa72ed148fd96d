"""Chains: a correction or a void names a record, and whether that one stands decides what becomes of it.

A record *stands* from the moment it is promised until it is voided, or refused by an officer. While an officer
has not decided about it, or about what voids it, it *waits*. A void never stands: there is nothing in it that
could be corrected or voided.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import StrEnum

import orjson

from gateway.log.store import Row, select
from gateway.records import Batch, Kept
from gateway.settled import Verdict

REFUSED = "record.refused_on_review"
"""The kind of the event that ends a record which an officer has refused."""


class Standing(StrEnum):
    """Whether what a record says is in force."""

    STANDS = "stands"
    WAITS = "waits"
    GONE = "gone"


class Chains:
    """What one round of the log does to chains, on top of what the store has.

    Args:
        db: the store.
        promised: the records that the round has appended so far, by id, each with its place.
    """

    def __init__(self, db: sqlite3.Connection, promised: Mapping[str, tuple[int, Kept]]) -> None:
        self._db = db
        self._promised = promised
        self._changed: dict[str, Standing] = {}  # what the round has changed so far

    def verdicts(self, batch: Batch, places: Mapping[str, int]) -> tuple[tuple[str, Verdict], ...]:
        """Return what is wrong with records of a batch that correct or void, by record id.

        Each is judged after those that were sent before it; one that cannot be appended counts for none after it.
        `places` has the records of the store that the batch names.
        """
        known = self._known(batch, places)
        wrong = []
        for kept, held in _in_order(batch):
            verdict = _judge(kept, known)
            has_to_wait = verdict is Verdict.PRIOR_WAITS
            if verdict is None or has_to_wait:
                known.update(list(_changed_by(kept, known, held=held or has_to_wait)))
            if verdict is not None and not (held and has_to_wait):
                wrong.append((kept.record_id, verdict))
        return tuple(wrong)

    def append(self, batch: Batch, places: Mapping[str, int]) -> list[Row]:
        """Take a batch that has got its place; return rows of `chain`: what is corrected or voided, and by what."""
        self._changed |= {one.kept.record_id: Standing.WAITS for one in batch.held}
        if not any(kept.priors for kept in batch.sealed):
            return []
        known, rows = self._known(batch, places), list[Row]()
        for kept, held in _in_order(batch):
            changed = dict(_changed_by(kept, known, held=held))
            known |= changed
            self._changed |= changed
            own, _ = self._promised[kept.record_id]
            for prior in _stated(kept):
                place = self._promised[prior][0] if prior in self._promised else places.get(prior)
                if place is not None:
                    rows.append((place, own, int(kept.voids)))
        return rows

    def _known(self, batch: Batch, places: Mapping[str, int]) -> dict[str, Standing]:
        """Return which of the records that a batch names stand, as the round leaves them so far."""
        named = {prior for kept in batch.sealed for prior in kept.priors}
        stored = standings(self._db, {places[prior] for prior in named if prior in places})
        known = {prior: stored[places[prior]] for prior in named if prior in places}
        known |= {prior: Standing.STANDS for prior in named if prior in self._promised}
        return known | {prior: self._changed[prior] for prior in named if prior in self._changed}


def standings(db: sqlite3.Connection, places: Collection[int], before: int = 1 << 63) -> dict[int, Standing]:
    """Return for each place of a record in the store whether the record stands.

    What voids it counts if its own place is below `before`.
    """
    voided_by = dict[int, list[int]]()
    # Its sender can correct a record as often as it likes: only what voids it is read, by an index of its own.
    query = "SELECT prior, place FROM chain INDEXED BY chain_void WHERE voids = 1 AND prior IN"
    for place, void in select(db, query, sorted(places)):
        if void < before:
            voided_by.setdefault(place, []).append(void)
    voids = {void for several in voided_by.values() for void in several}
    gone, waits = _refused(db, {*places, *voids}), _waiting(db, {*places, *voids})
    for place, several in voided_by.items():
        left = [void for void in several if void not in gone]
        if not waits.issuperset(left):
            gone.add(place)
        elif left:
            waits.add(place)
    return {
        place: Standing.GONE if place in gone else Standing.WAITS if place in waits else Standing.STANDS
        for place in places
    }


def _judge(kept: Kept, known: Mapping[str, Standing]) -> Verdict | None:
    """Say what is wrong with what a record corrects or voids; None if that stands, or if there is no such thing."""
    if not kept.priors:
        return None
    found = {known.get(prior) for prior in _stated(kept)}
    if Standing.STANDS in found:
        return None
    if Standing.WAITS in found:
        return Verdict.PRIOR_WAITS
    *_, void = kept.priors
    return Verdict.PRIOR_VOID if Standing.GONE in found or void in known else Verdict.PRIOR_MISSING


def _stated(kept: Kept) -> Sequence[str]:
    """Return the ids under which what a record corrects or voids may stand: as an assertion or a correction."""
    return [prior for prior in kept.priors[:2] if prior != kept.record_id]


def _changed_by(kept: Kept, known: Mapping[str, Standing], *, held: bool) -> Iterator[tuple[str, Standing]]:
    """Yield what a record that is appended changes: itself, and what it voids."""
    yield kept.record_id, Standing.WAITS if held else Standing.GONE if kept.voids else Standing.STANDS
    if kept.voids:
        for prior in _stated(kept):
            if known.get(prior) is Standing.STANDS:
                yield prior, Standing.WAITS if held else Standing.GONE


def _in_order(batch: Batch) -> list[tuple[Kept, bool]]:
    """Return a batch's records in the order in which they were sent, and whether each is held."""
    records = [*((kept, False) for kept in batch.kept), *((one.kept, True) for one in batch.held)]
    return sorted(records, key=lambda record: (record[0].part, record[0].position))


def _refused(db: sqlite3.Connection, places: Collection[int]) -> set[int]:
    """Return those of the places whose record was refused by an officer."""
    query = "SELECT about.place, octets FROM about JOIN entry ON entry.place = event WHERE about.place IN"
    events = select(db, query, sorted(places))
    return {place for place, octets in events if orjson.loads(octets)["kind"] == REFUSED}


def _waiting(db: sqlite3.Connection, places: Collection[int]) -> set[int]:
    """Return those of the places whose record waits for an officer."""
    return {place for (place,) in select(db, "SELECT place FROM quarantine WHERE place IN", sorted(places))}
