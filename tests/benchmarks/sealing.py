"""Sealing a batch of 256 records: alone, and together with conforming them, as a worker does."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from support.batches import ORIGIN, terms_of
from support.signing import LocalSigner

import contracts
from benchmarks.figures import Figure, rate
from benchmarks.records import CANONICAL_BYTES, notification
from contracts.folder import SHIPPED
from crypto.hpke import Suite
from crypto.merkle import EMPTY_ROOT, Frontier
from crypto.note import Checkpoint
from crypto.seal import BatchHeader, Draft, Unsealed, encode, pack, seal
from gateway.prepare import prepare
from gateway.records import Framed, Part
from gateway.settled import Settled

BATCH = 256
ORIGIN_OF_LANE = "gate.example/moh"
NOW_MS = int(datetime(2026, 7, 1, tzinfo=UTC).timestamp() * 1000)


def run() -> list[Figure]:
    """Measure, in processor time of one core; takes about fifteen seconds."""
    aes = _aes()
    return [figure for suite in Suite for figure in _figures(suite, aes)]


def _figures(suite: Suite, aes: float) -> list[Figure]:
    catalogue = contracts.load(SHIPPED, profile="synthetic")
    terms = replace(terms_of(suite=suite), catalogue=catalogue.digest)
    framed = tuple(Framed(n, notification(n).rstrip()) for n in range(1, BATCH + 1))
    parts = (Part("01a202de-db85-73a8-9309-6c8990f39400", ORIGIN, NOW_MS, framed),)

    def prepared() -> Draft:
        batch = prepare(catalogue, terms, parts, Settled())
        if batch.draft is None or batch.refused:
            raise RuntimeError("the made-up records are refused")
        return batch.draft

    draft, signer = prepared(), LocalSigner(suite)
    header = msgspec.json.decode(draft.header, type=BatchHeader)
    unsealed = [
        Unsealed(_without_commitments(entry), os.urandom(CANONICAL_BYTES), one.octets)
        for entry, one in zip(draft.entries, framed, strict=True)
    ]

    def sealed() -> None:
        """Seal a batch, append it to a tree, sign the tree and write the message."""
        made = seal(header, unsealed, terms.recipient_keys)
        grown = Frontier(0, ()).append(made.leaves)
        (note,) = signer.sign([Checkpoint(ORIGIN_OF_LANE, grown.size, grown.root())], NOW_MS // 1000)
        packed = pack(made, Frontier(0, ()), Checkpoint(ORIGIN_OF_LANE, 0, EMPTY_ROOT), ())
        encode(packed, [entry.decode() for entry in made.entries], note)

    name, unit = f"{suite.value}, {BATCH} x 1 KiB", "records/s per core"
    limit = "AES-256-GCM alone, encrypting 1 KiB"
    return [
        Figure(f"seal and sign: {name}", rate(sealed, BATCH), unit, limit, aes, goal=25_000),
        Figure(f"conform and seal: {name}", rate(prepared, BATCH), unit, limit, aes),
    ]


def _without_commitments(entry: bytes) -> dict[str, object]:
    members: dict[str, object] = orjson.loads(entry)
    del members["commitment"], members["source_commitment"]
    return members


def _aes() -> float:
    key, nonce, octets = AESGCM(os.urandom(32)), bytes(12), bytes(CANONICAL_BYTES)
    return rate(lambda: [key.encrypt(nonce, octets, b"") for _ in range(BATCH)], BATCH)
