"""One round of the log, planned in memory: batches and events get their places, and nothing is written yet.

Planning reads the store and changes nothing, not even what the writer remembers. So a round whose
checkpoints cannot be signed, or that the disk does not take, is simply dropped; and the store's write lock
is held for the writing alone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import orjson

from crypto.batch import parse_header
from crypto.merkle import leaf_hash
from crypto.note import Checkpoint
from crypto.seal import Draft
from gateway.log.chains import Chains
from gateway.log.decisions import Decided, decided, is_decision, too_late, waits_at
from gateway.log.events import event_entry
from gateway.log.ids import ids_octets, is_record_id
from gateway.log.lane import Appended, Lane, load_lane, new_lane, tile_reader
from gateway.log.planned import Noted, Placed, Sealed, Where
from gateway.log.store import Row, located, place_of, select, tile_place
from gateway.log.tags import Posting, Tags, tags_of
from gateway.log.tiles import Read
from gateway.records import Batch, Event, Kept, Terms
from gateway.settled import Promise, Verdict

Span = tuple[int, int, int, str]
"""A lane's number, the first index and the length of a range, and the kind of the event about it."""


@dataclass(slots=True)
class State:
    """What the writer remembers between rounds: the same as the store holds, or it is thrown away."""

    number: int  # of the last round
    time_ms: int  # of the last round
    lanes: dict[str, Lane]
    names: dict[int, str]  # of every lane, by number
    tags: Tags
    outbox_bytes: int


@dataclass(slots=True)
class Round:
    """What a round will write."""

    db: sqlite3.Connection
    state: State
    origin: str
    number: int
    time_ms: int
    lanes: dict[str, Lane] = field(default_factory=dict)
    entries: list[Row] = field(default_factory=list)
    promises: list[Row] = field(default_factory=list)
    abouts: list[Row] = field(default_factory=list)
    chain: list[Row] = field(default_factory=list)
    spans: dict[Span, int] = field(default_factory=dict)
    tiles: dict[int, bytes] = field(default_factory=dict)
    postings: list[Posting] = field(default_factory=list)
    checkpoints: dict[Where, Checkpoint] = field(default_factory=dict)
    sealed: list[Sealed] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)  # of batches that others may follow
    disposed: list[Noted] = field(default_factory=list)
    decided: dict[int, Decided] = field(default_factory=dict)  # by the record's place
    promised: dict[str, tuple[int, Kept]] = field(default_factory=dict)  # with the record's place
    chains: Chains = field(init=False)
    _places: dict[str, int] = field(default_factory=dict)  # of records promised before this round

    def __post_init__(self) -> None:
        self.chains = Chains(self.db, self.promised)

    def known(self, batch: Batch) -> tuple[Promise, ...]:
        """Return what was promised before, in the store or in this round, of the batch's records."""
        ids = [kept.record_id for kept in batch.sealed]
        found = [self._promise(record_id) for record_id in ids if record_id in self.promised]
        for record_id, (place, fingerprint, salt) in self._promised_before(ids).items():
            number, index = located(place)
            found.append(Promise(record_id, self.state.names[number], index, fingerprint, salt))
        return tuple(found)

    def chained(self, batch: Batch) -> tuple[tuple[str, Verdict], ...]:
        """Return what is wrong with what records of the batch correct or void; none was promised before."""
        priors = [prior for kept in batch.sealed for prior in kept.priors]
        if not priors:
            return ()
        self._locate(priors)
        return self.chains.verdicts(batch, self._places)

    def append(self, batch: Batch) -> Placed:
        """Give a batch its place, in which there is nothing that `known` or `chained` has to say."""
        # Refusals first: a batch's message proves that its records are the end of the tree at its checkpoint.
        if batch.refused:
            self._grow(batch.terms.lane, [refused.entry for refused in batch.refused])
        self.batches.append(batch)
        terms, draft = batch.terms, batch.draft
        together = None if draft is None else self._promise_all(terms, draft, batch.kept, held=False)
        held = [self._promise_all(terms, one.draft, (one.kept,), held=True) for one in batch.held]
        self.chain += self.chains.append(batch, self._places)
        return Placed(together, tuple(held))

    def decide(self, noted: Iterable[Noted]) -> list[Noted]:
        """Take officers' decisions to what waits for them, and return the events to be appended."""
        events = [*noted]
        self._locate([one.event.record_id for one in events if is_decision(one.event)])
        for n, one in enumerate(events):
            if is_decision(one.event):
                place = self._places.get(one.event.record_id)
                if place is None or place in self.decided or not waits_at(self.db, place, one.event.lane):
                    events[n] = Noted(too_late(one.event), one.time_ms)
                else:
                    self.decided[place] = decided(one.event)
        return events

    def note(self, noted: Sequence[Noted]) -> list[Where]:
        """Append events, after every batch of the round, and return where each stands.

        An event about a range that the lane already has keeps its place.
        """
        places: dict[int, Where] = {}
        by_lane: dict[str, list[int]] = {}
        for n, one in enumerate(noted):
            by_lane.setdefault(one.event.lane, []).append(n)
        self._locate([one.event.record_id for one in noted if one.event.record_id])
        for name, members in by_lane.items():
            entries: list[bytes] = []
            lane = self._lane(name)
            for n in members:
                event = noted[n].event
                span = (lane.number, event.first, event.count, event.kind)
                index = self._spanned(span) if event.count else None
                if index is None:
                    index = lane.size + len(entries)
                    entries.append(event_entry(event, noted[n].time_ms))
                    if event.count:
                        self.spans[span] = index
                    if event.record_id in self._places:
                        self.abouts.append((self._places[event.record_id], place_of(lane.number, index)))
                places[n] = name, index
            self._grow(name, entries)
        return [places[n] for n in range(len(noted))]

    def finish(self) -> list[Checkpoint]:
        """Return the checkpoints to sign: one for each batch, and one for each lane as it is left."""
        for name, lane in self.lanes.items():
            self.checkpoints.setdefault((name, lane.size), lane.checkpoint())
        return list(self.checkpoints.values())

    def _promise_all(self, terms: Terms, draft: Draft, kept: Sequence[Kept], *, held: bool) -> Sealed:
        """Give the records of one message their places."""
        if len(kept) != len(draft.entries):
            raise ValueError("a batch whose records and entries do not match")
        sealed = self._seal(terms, draft, held=held)
        first = place_of(self._lane(terms.lane).number, sealed.frontier.size)
        places, ids = range(first, first + len(kept)), ids_octets([one.record_id for one in kept])
        about = [(place, one.subject) for place, one in zip(places, kept, strict=True) if one.subject]
        self.promises += [
            (place, octets, one.fingerprint, one.salt)
            for place, octets, one in zip(places, ids, kept, strict=True)
        ]
        self.postings += zip(tags_of(ids), places, strict=True)
        self.postings += zip(
            tags_of([subject for _, subject in about]), [place for place, _ in about], strict=True
        )
        self.promised |= {one.record_id: (place, one) for place, one in zip(places, kept, strict=True)}
        self._dispose([one for one in kept if one.about], terms.sender)
        return sealed

    def _seal(self, terms: Terms, draft: Draft, *, held: bool) -> Sealed:
        """Append a draft's entries and say what its message needs to know."""
        before = self._lane(terms.lane)
        appended = self._append(before, draft.entries, draft.leaves)
        checkpoint, queue = appended.after.checkpoint(), (terms.recipient, terms.contract)
        where = terms.lane, checkpoint.size
        self.checkpoints[where] = checkpoint
        after = before.head(queue)
        sealed = Sealed(
            terms,
            draft,
            parse_header(draft.header).batch,
            before.frontier,
            where,
            after,
            appended.consistency(after, self._tile_reader(before.number)),
            held,
        )
        self.sealed.append(sealed)
        self.lanes[terms.lane] = appended.after.with_head(queue, checkpoint)
        return sealed

    def _dispose(self, answers: Sequence[Kept], sender: str) -> None:
        """Have a record's lane remember the answer of the one it was sent to, and of nobody else."""
        self._locate([kept.about for kept in answers])
        places = {kept.about: self._places[kept.about] for kept in answers if kept.about in self._places}
        rows = select(self.db, "SELECT place, octets FROM entry WHERE place IN", sorted(set(places.values())))
        recipients = {place: orjson.loads(octets)["recipient"] for place, octets in rows}
        for kept in answers:
            place = places.get(kept.about)
            if place is not None and recipients.get(place) == sender:
                name = self.state.names[located(place)[0]]
                fields = (("disposition", kept.record_id), *kept.logged)
                self.disposed.append(Noted(Event(name, "record.disposed", fields, kept.about), self.time_ms))

    def _grow(self, name: str, entries: Sequence[bytes]) -> None:
        if entries:
            appended = self._append(self._lane(name), entries, [leaf_hash(entry) for entry in entries])
            self.lanes[name] = appended.after

    def _append(self, lane: Lane, entries: Sequence[bytes], leaves: Sequence[bytes]) -> Appended:
        self.entries += [
            (place_of(lane.number, index), entry) for index, entry in enumerate(entries, lane.size)
        ]
        appended = lane.append(leaves)
        for (level, tile), hashes in appended.touched.items():
            self.tiles[tile_place(lane.number, level, tile)] = hashes
        return appended

    def _lane(self, name: str) -> Lane:
        """Return a lane as this round has it so far; a new one begins with an entry that says so."""
        lane = self.lanes.get(name) or self.state.lanes.get(name) or load_lane(self.db, name)
        if lane is None:
            number = 1 + max((*self.state.names, *(lane.number for lane in self.lanes.values())), default=0)
            lane = new_lane(number, name, f"{self.origin}/{name}")
            self.lanes[name] = lane
            opened = Event(name, "lane.opened", (("lane", name), ("origin", lane.origin)))
            self._grow(name, [event_entry(opened, self.time_ms)])
            lane = self.lanes[name]
        return lane

    def _spanned(self, span: Span) -> int | None:
        """Return the index of the event about a range, if the lane has it."""
        if span not in self.spans:
            query = "SELECT event FROM span WHERE (lane, first, count, kind) = (?, ?, ?, ?)"
            row = self.db.execute(query, span).fetchone()
            return None if row is None else int(row[0])
        return self.spans[span]

    def _promise(self, record_id: str) -> Promise:
        """Return what this round promises under an id."""
        place, kept = self.promised[record_id]
        number, index = located(place)
        names = {lane.number: name for name, lane in self.lanes.items()}
        return Promise(record_id, names[number], index, kept.fingerprint, kept.salt)

    def _promised_before(self, ids: Sequence[str]) -> dict[str, tuple[int, bytes, bytes]]:
        """Return place, fingerprint and salt of those of the ids that the store has promised."""
        sought = dict(zip(ids_octets(ids), ids, strict=True))
        candidates = self.state.tags.places(self.db, tags_of(list(sought)))
        query = "SELECT place, record_id, fingerprint, salt FROM promise WHERE place IN"
        return {
            sought[octets]: (place, fingerprint, salt)
            for place, octets, fingerprint, salt in select(self.db, query, candidates)
            if octets in sought  # a tag is only half of an id
        }

    def _locate(self, ids: Sequence[str]) -> None:
        """Find the places of records that were promised before this round."""
        ids = [record_id for record_id in ids if record_id not in self._places and is_record_id(record_id)]
        if ids:
            self._places |= {record_id: found[0] for record_id, found in self._promised_before(ids).items()}

    def _tile_reader(self, number: int) -> Read:
        """Read a lane's tiles as this round leaves them so far."""
        stored = tile_reader(self.db, number)

        def read(level: int, tile: int) -> bytes:
            return self.tiles.get(tile_place(number, level, tile)) or stored(level, tile)

        return read
