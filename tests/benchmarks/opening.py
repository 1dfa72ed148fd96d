"""Opening as a recipient does it: all nine checks, the ledger's memory, and the event beside its evidence."""

from __future__ import annotations

import os
import tempfile
from itertools import cycle
from pathlib import Path

from consumer.consumer_parts import Lane, ledger_at, opener
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks.figures import Figure, rate

BATCH = 256
BATCHES = 8
RECORD_BYTES = 1024


def run() -> list[Figure]:
    """Measure, in processor time of one core; takes about five seconds."""
    lane = Lane()
    messages = [lane.message(BATCH, BATCH * n) for n in range(BATCHES)]
    with tempfile.TemporaryDirectory() as folder, ledger_at(Path(folder) / "ledger.db") as ledger:
        ours, turn = opener(ledger), cycle(messages)
        opened = rate(lambda: ours.open(next(turn)), BATCH)
        proved = rate(lambda: [handed.receipt for handed in ours.open(next(turn))], BATCH)
    key, nonce = AESGCM(os.urandom(32)), bytes(12)
    sealed = key.encrypt(nonce, bytes(RECORD_BYTES), b"")
    bare = rate(lambda: [key.decrypt(nonce, sealed, b"") for _ in range(BATCH)], BATCH)
    limit = "AES-256-GCM alone, decrypting 1 KiB"
    return [
        Figure("open", opened, "records/s per core", limit, bare, goal=25_000),
        Figure("open, with each record's receipt", proved, "records/s per core", limit, bare),
    ]
