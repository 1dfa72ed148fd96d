"""The exchange log at a million entries: appending, proving, searching. Signing has figures of its own."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from statistics import median

import msgspec
from support.batches import batch_of, pseudonym, terms_of
from support.signing import LocalSigner
from support.stores import Store

from benchmarks.figures import Figure
from crypto.batch import BatchHeader
from crypto.encoding import b64url
from crypto.entry import record_id
from crypto.hpke import Suite
from crypto.merkle import leaf_hash
from crypto.seal import Draft
from gateway.log.proofs import lane_named, proof_at
from gateway.log.search import by_record, by_reference, by_subject
from gateway.moments import uuid7
from gateway.records import Batch, Kept, Part, Terms
from gateway.salts import seal_salts
from gateway.settled import Known

ENTRIES = 1_000_000
BATCH = 256
CIPHERTEXTS_BYTES = 256 * (1024 + 16)  # of 256 records of 1 KiB


def run(entries: int = ENTRIES) -> list[Figure]:
    """Measure; at a million entries it takes about a minute and 2 GB of disk."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store.db", signer=LocalSigner(Suite.CLASSICAL))
        try:
            return asyncio.run(_figures(store, entries))
        finally:
            store.close()


async def _figures(store: Store, entries: int) -> list[Figure]:
    terms = terms_of()
    for batch in _batches(terms, "fill", entries // BATCH, octets=2000):
        await store.log.append(batch)
        await asyncio.to_thread(_relay, store)
    return [
        await _appending(store, terms),
        await _singles("64 lanes", store, [terms_of(f"agency-{n}") for n in range(64)]),
        await _singles("1 lane", store, [terms_of()] * 64),
        await _recognising(store, terms),
        *_reading(store, terms, entries),
    ]


async def _appending(store: Store, terms: Terms) -> Figure:
    batches = list(_batches(terms, "big", 120, octets=CIPHERTEXTS_BYTES))
    began = time.perf_counter()
    waiting: set[asyncio.Future[object]] = set()
    for batch in batches:  # as many at a time as one agreement has on its way
        if len(waiting) >= 4:
            _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        waiting.add(asyncio.ensure_future(store.log.append(batch)))
        await asyncio.to_thread(_relay, store)
    await asyncio.wait(waiting)
    rate = len(batches) * BATCH / (time.perf_counter() - began)
    limit = _bare_disk(store)
    return Figure(
        "log: append 256 x 1 KiB", rate, "records/s", "the same octets, fsynced", limit, goal=25_000
    )


def _relay(store: Store) -> None:
    """Take messages out of the outbox, as the relay does meanwhile."""
    store.outbox.sent(store.outbox.waiting(4), [])


def _bare_disk(store: Store) -> float:
    """Return the records a second for which the disk takes a batch's octets alone: entries and message."""
    octets = os.urandom(CIPHERTEXTS_BYTES + BATCH * 1000)
    path = store.path.with_name("bare")
    with path.open("wb", buffering=0) as file:
        began = time.perf_counter()
        for _ in range(30):
            file.write(octets)
            os.fsync(file.fileno())
        took = time.perf_counter() - began
    path.unlink()
    return 30 * BATCH / took


async def _singles(name: str, store: Store, of: list[Terms]) -> Figure:
    batches = [[batch_of(terms, [f"{name}/{n}/{m}"]) for m in range(12)] for n, terms in enumerate(of)]

    async def client(own: list[Batch]) -> None:
        for batch in own:
            await store.log.append(batch)

    began = time.perf_counter()
    await asyncio.gather(*(client(own) for own in batches))
    rate = sum(map(len, batches)) / (time.perf_counter() - began)
    limit = await _bare_round(store)
    return Figure(
        f"log: append single records, 64 at a time, {name}", rate, "records/s", "rounds of one", limit
    )


async def _bare_round(store: Store) -> float:
    """Return how many records a second go one after the other: one round each."""
    batches = [batch_of(terms_of(), [f"bare/{time.monotonic_ns()}/{n}"]) for n in range(30)]
    began = time.perf_counter()
    for batch in batches:
        await store.log.append(batch)
    return len(batches) / (time.perf_counter() - began)


async def _recognising(store: Store, terms: Terms) -> Figure:
    (batch,) = _batches(terms, "fill", 1, octets=10)
    times = []
    for _ in range(10):
        began = time.perf_counter()
        assert isinstance(await store.log.append(batch), Known)
        times.append((time.perf_counter() - began) * 1000)
    return Figure("log: recognise 256 repeated records", median(times), "ms", "none", 0.0)


def _reading(store: Store, terms: Terms, entries: int) -> Iterator[Figure]:
    db = store.db
    numbers = [sha256(b"%d" % n).digest()[0] * entries // 256 // BATCH * BATCH for n in range(40)]
    old, young = f"fill/{numbers[0]}", "big/30719"

    def look_up(n: int) -> None:
        identifier = record_id("moh", terms.contract, f"fill/{numbers[n]}", "assert")
        _found(store.records.receipt(identifier, "moh"))

    lane = lane_named(db, "moh")
    yield _figure("log: prove an entry", lambda n: _found(proof_at(db, lane, numbers[n])), 5.0)
    yield _figure("log: look a record up and prove it", look_up, 20.0)
    for name, reference in (("an old", old), ("a young", young)):
        identifier = record_id("moh", terms.contract, reference, "assert")
        searches: dict[str, Callable[[], object]] = {
            "id": partial(by_record, db, identifier),
            "reference": partial(by_reference, db, "moh", reference),
            "citizen": partial(by_subject, db, "moh", _subject(reference)),
        }
        for by, search in searches.items():
            yield _figure(f"log: search {name} record by {by}", partial(_searched, search), 20.0)


def _searched(search: Callable[[], object], _: int) -> None:
    _found(search())


def _found(found: object) -> None:
    assert found, "nothing was found"


def _figure(name: str, act: Callable[[int], None], goal_ms: float) -> Figure:
    times = []
    for n in range(20):
        began = time.perf_counter()
        act(n)
        times.append(time.perf_counter() - began)
    return Figure(name, median(times) * 1000, "ms", "none", 0.0, goal=goal_ms, at_most=True)


def _subject(reference: str) -> bytes:
    return pseudonym("moh", reference)


def _batches(terms: Terms, name: str, count: int, *, octets: int) -> Iterator[Batch]:
    """Yield batches with the lengths of sealed ones; what is in them was never encrypted."""
    template = batch_of(terms, [f"{name}/0"], citizen="c")
    assert template.draft is not None
    entry = template.draft.entries[0]
    old_id, old_ref = template.kept[0].record_id.encode(), f"{name}/0".encode()
    old_subject = b64url(template.kept[0].subject).encode()
    ciphertexts = msgspec.msgpack.encode([bytes(octets // BATCH)] * BATCH)
    for number in range(count):
        kept, entries = [], []
        for n in range(number * BATCH, (number + 1) * BATCH):
            reference = f"{name}/{n}"
            identifier, subject = (
                record_id(terms.sender, terms.contract, reference, "assert"),
                _subject(reference),
            )
            own = entry.replace(old_id, identifier.encode()).replace(old_subject, b64url(subject).encode())
            entries.append(own.replace(b'"' + old_ref + b'"', b'"' + reference.encode() + b'"'))
            (salt,) = seal_salts(terms.promise_key, [(identifier, template.draft.salts[0])])
            kept.append(Kept(0, n, identifier, reference, subject, salt[:32], salt, "", (), ()))
        header = BatchHeader(
            batch=uuid7(), lane=terms.lane, sender=terms.sender, recipients=("nea-1",),
            contract=terms.contract, suite=terms.suite, count=BATCH,
        )  # fmt: skip
        leaves = tuple(map(leaf_hash, entries))
        draft = Draft(
            header.octets(), template.draft.keys, ciphertexts, tuple(entries), leaves, template.draft.salts
        )
        yield replace(
            template, draft=draft, kept=tuple(kept), parts=(Part("s-1", template.parts[0].origin, 0, ()),)
        )
