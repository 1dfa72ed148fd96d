"""A store with its writer and its readers, and keys of this process's own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.batches import LaneKeys
from support.signing import LocalSigner

from crypto.hpke import Suite
from gateway.log.committer import Committer
from gateway.log.outbox import StoreOutbox
from gateway.log.reading import Readers, StoreRecords
from gateway.log.spool import StoreSpool

GATEWAY_ORIGIN = "gate.example"


@dataclass
class Store:
    """A store in use, which can be closed and opened again."""

    path: Path
    signer: LocalSigner = field(default_factory=lambda: LocalSigner(Suite.CLASSICAL))
    outbox_max_bytes: int = 1 << 30

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        self.log = Committer(
            self.path, self.signer, origin=GATEWAY_ORIGIN, outbox_max_bytes=self.outbox_max_bytes
        )
        self.records = StoreRecords(self.path, LaneKeys())
        self.outbox = StoreOutbox(self.path, self.log)
        self.spool = StoreSpool(self.path)
        self.readers = Readers(self.path)

    def close(self) -> None:
        for part in (self.log, self.records, self.outbox, self.spool, self.readers):
            part.close()

    def reopen(self) -> None:
        self.close()
        self.open()

    @property
    def db(self):
        return self.readers.db()

    def policy(self, lane: str):
        return self.signer.policy(f"{GATEWAY_ORIGIN}/{lane}")


@pytest.fixture
def make_store(tmp_path: Path) -> Iterator[Callable[..., Store]]:
    made: list[Store] = []

    def make(**settings) -> Store:
        made.append(Store(tmp_path / "store.db", **settings))
        return made[-1]

    yield make
    for store in made:
        store.close()


@pytest.fixture
def store(make_store) -> Store:
    return make_store()
