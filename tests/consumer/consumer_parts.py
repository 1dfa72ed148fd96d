"""A sender's lane with real keys, and a recipient: what the tests of opening and consuming play with."""

import contextlib
import time
import uuid
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from crypto import hpke, merkle, note
from crypto.canonical import canonical
from crypto.keys import LogPublicKeys
from crypto.seal import BatchHeader, Unsealed, encode, pack, record_id, seal
from gateway.consumer.consumer import Consumer
from gateway.consumer.ledger import LedgerFile
from gateway.consumer.opening import BatchOpener, PinnedLogKeys, Reader
from gateway.queue.local import LocalQueue
from gateway.records import Message

ORIGIN = "gate.example"
QUEUE = "nea.death.v1"
SEED = b"\x07" * 32
LOG_SEED = b"\x0b" * 32


@dataclass
class SigningKeys:
    """The gateway's log keys; the same seed makes the same keys in another process."""

    seed: bytes = LOG_SEED

    def __post_init__(self):
        self.ed25519 = Ed25519PrivateKey.from_private_bytes(self.seed)
        self.mldsa44 = MLDSA44PrivateKey.from_seed_bytes(self.seed)

    def public_keys(self):
        return LogPublicKeys(
            (self.ed25519.public_key().public_bytes_raw(),), (self.mldsa44.public_key().public_bytes_raw(),)
        )

    def sign(self, checkpoint):
        time_s = int(time.time())
        public = self.public_keys()
        return note.assemble(
            checkpoint,
            (public.ed25519[0], self.ed25519.sign(note.ed25519_message(checkpoint))),
            (public.mldsa44[0], time_s, self.mldsa44.sign(note.mldsa44_message(checkpoint, time_s))),
        )


@dataclass
class Lane:
    """An agency's lane: seals batches, appends and signs them, and remembers where each queue stands."""

    name: str = "moh"
    keys: SigningKeys = field(default_factory=SigningKeys)
    leaves: list = field(default_factory=list)
    frontier: merkle.Frontier = field(default_factory=lambda: merkle.Frontier(0, ()))
    last: dict = field(default_factory=dict)

    @property
    def origin(self):
        return f"{ORIGIN}/{self.name}"

    def message(self, count=3, start=0, *, queue=QUEUE, events=None, kids=("nea-1",)):
        """Return the queue message of a batch of records numbered from `start`."""
        contract = queue.partition(".")[2]
        records = [unsealed(n, self.name, contract) for n in range(start, start + count)]
        if events is not None:
            records = [
                Unsealed(record.entry, canonical(event), record.source)
                for record, event in zip(records, events, strict=True)
            ]
        header = BatchHeader(
            batch=str(uuid.uuid4()),
            lane=self.name,
            sender=self.name,
            recipients=kids,
            contract=contract,
            suite=hpke.Suite.HYBRID,
            count=count,
        )
        draft = seal(header, records, [private(kid).public() for kid in kids])
        before = self.frontier
        checkpoint, signed = self.append(draft.leaves)
        after = self.last.get(queue, note.Checkpoint(self.origin, 0, merkle.EMPTY_ROOT))
        self.last[queue] = checkpoint
        path = merkle.consistency_proof(after.size, checkpoint.size, self.subtree)
        return Message(
            header.batch,
            queue,
            encode(pack(draft, before, after, path), [entry.decode() for entry in draft.entries], signed),
        )

    def append(self, leaves):
        self.leaves += leaves
        self.frontier = self.frontier.append(leaves)
        checkpoint = note.Checkpoint(self.origin, self.frontier.size, self.frontier.root())
        return checkpoint, self.keys.sign(checkpoint)

    def subtree(self, lo, hi):
        level = self.leaves[lo:hi]
        while len(level) > 1:
            level = [merkle.node_hash(a, b) for a, b in zip(level[::2], level[1::2], strict=True)]
        return level[0]

    def ids(self, count=3, start=0, contract="death.v1"):
        return [identifier(n, self.name, contract) for n in range(start, start + count)]


def identifier(number, sender="moh", contract="death.v1"):
    return record_id(sender, contract, f"death/{number}", "assert")


def event(number, sender="moh", contract="death.v1", **changes):
    """A canonical record with Arabic in it; its national ID is of the range kept for made-up people."""
    return {
        "specversion": "1.0",
        "id": identifier(number, sender, contract),
        "source": f"urn:isnad:agency:{sender}",
        "type": f"eg.nea.{contract}",
        "datacontenttype": "application/json",
        "sourceref": f"death/{number}",
        "op": "assert",
        "data": {"person": {"name": {"full": f"محمد عبد الرحمن {number}"}}, "note_ar": "قيد وفاة " * 46},
        **changes,
    }


def unsealed(number, sender, contract):
    entry = {
        "v": 1,
        "kind": "record.accepted",
        "id": identifier(number, sender, contract),
        "sender": sender,
        "recipient": "nea",
        "contract": contract,
        "agreement": "moh-nea-2026",
        "source_ref": f"death/{number}",
        "op": "assert",
        "submission": "0198c0de-0000-7000-8000-000000000001",
        "time": "2026-01-31T08:00:00.000Z",
        "subject": "kq2z",
        "origin": {"mtls": "ab" * 32},
        "freeze": "pass",
    }
    return Unsealed(entry, canonical(event(number, sender, contract)), b"<r/>")


def private(kid):
    return hpke.PrivateKey.from_seed(kid, hpke.Suite.HYBRID, (SEED + kid.encode())[-32:])


class OwnKeys:
    """A recipient's private keys, derived from a seed of the tests."""

    def private(self, kid):
        return private(kid)


def reader(lanes=("moh", "cso")):
    return Reader(
        kids={"nea": ("nea-1",)},
        lanes={lane: lane for lane in lanes},
        origin=ORIGIN,
        suites=frozenset({hpke.Suite.HYBRID}),
    )


def opener(ledger, log_keys=None, keys=None):
    return BatchOpener(
        reader(), keys or OwnKeys(), log_keys or PinnedLogKeys(SigningKeys().public_keys()), ledger
    )


@contextlib.contextmanager
def ledger_at(path):
    ledger = LedgerFile(path)
    try:
        yield ledger
    finally:
        ledger.close()


@contextlib.contextmanager
def consumer_on(folder, *, lease_s=1.0, decided=None, keys=None):
    """A consumer of `folder`'s embedded queue and ledger."""
    queue = LocalQueue(folder / "queue.db", lease_s=lease_s)
    with contextlib.closing(queue), ledger_at(folder / "ledger.db") as ledger:
        yield Consumer(
            queue=queue,
            queues=[QUEUE],
            opener=opener(ledger, keys=keys),
            ledger=ledger,
            decided=decided or (lambda _: {}),
        )


def publish(folder, *messages):
    with contextlib.closing(LocalQueue(folder / "queue.db")) as queue:
        queue.publish(messages)


def parked(folder, queue=QUEUE):
    with contextlib.closing(LocalQueue(folder / "queue.db")) as at:
        return [one.reason for one in at.parked(queue, 100)]


def depth(folder, queue=QUEUE):
    with contextlib.closing(LocalQueue(folder / "queue.db")) as at:
        return at.depth(queue)
