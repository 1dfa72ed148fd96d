"""A store in use: its writer, its readers, and keys of this process's own."""

from dataclasses import dataclass, field
from pathlib import Path

from support.batches import LaneKeys
from support.signing import LocalSigner

from crypto.hpke import Suite
from crypto.keys import CheckpointSigner
from crypto.note import LogPolicy
from gateway.log.committer import Committer
from gateway.log.outbox import StoreOutbox
from gateway.log.reading import Readers, StoreRecords
from gateway.log.replay import verify_lane
from gateway.log.search import show
from gateway.log.spool import StoreSpool

GATEWAY_ORIGIN = "gate.example"


@dataclass
class Store:
    """A store in use, which can be closed and opened again."""

    path: Path
    signer: CheckpointSigner = field(default_factory=lambda: LocalSigner(Suite.CLASSICAL))
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

    def policy(self, lane: str) -> LogPolicy:
        public = self.signer.public_keys()
        suite = Suite.HYBRID if public.mldsa44 else Suite.CLASSICAL
        return LogPolicy(f"{GATEWAY_ORIGIN}/{lane}", suite, public.ed25519, public.mldsa44)

    def kinds(self, lane: str) -> list[str]:
        """The kinds of a lane's entries, once the lane was verified in full."""
        size = verify_lane(self.db, lane, self.policy(lane)).size
        return [show(self.db, lane, index).fields["kind"] for index in range(size)]
