"""A lane with real keys, a recipient, and records: what the tests of sealing and opening are played with."""

import base64
import hashlib
import json
import time
from dataclasses import dataclass, field, replace

import msgspec
import rfc8785
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from crypto import hpke, merkle, note
from crypto.opening import Expectation, ExpectedLane, Link
from crypto.seal import BatchHeader, Draft, Unsealed, encode, pack, record_id, seal

SUITES = (hpke.Suite.HYBRID, hpke.Suite.CLASSICAL)
TIME_S = 1_750_000_000


@dataclass
class LogKeys:
    """The keys of a log, held here because no key service is part of these tests."""

    ed25519: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    mldsa44: MLDSA44PrivateKey = field(default_factory=MLDSA44PrivateKey.generate)

    def ed25519_public(self):
        return self.ed25519.public_key().public_bytes_raw()

    def mldsa44_public(self):
        return self.mldsa44.public_key().public_bytes_raw()

    def sign(self, checkpoint, suite):
        first = (self.ed25519_public(), self.ed25519.sign(note.ed25519_message(checkpoint)))
        if suite == hpke.Suite.CLASSICAL:
            return note.assemble(checkpoint, first)
        second = self.mldsa44.sign(note.mldsa44_message(checkpoint, TIME_S))
        return note.assemble(checkpoint, first, (self.mldsa44_public(), TIME_S, second))

    def policy(self, origin, suite):
        mldsa44 = (self.mldsa44_public(),) if suite == hpke.Suite.HYBRID else ()
        return note.LogPolicy(origin, suite, (self.ed25519_public(),), mldsa44)


@dataclass
class Lane:
    """An agency's lane: appends leaves, signs, and remembers where each queue stands."""

    keys: LogKeys
    suite: hpke.Suite
    name: str = "moh"
    leaves: list = field(default_factory=list)
    frontier: merkle.Frontier = field(default_factory=lambda: merkle.Frontier(0, ()))
    last: dict = field(default_factory=dict)

    @property
    def origin(self):
        return f"gate.example/{self.name}"

    def append(self, leaves):
        """Append and return the checkpoint and its note."""
        self.leaves += leaves
        self.frontier = self.frontier.append(leaves)
        checkpoint = note.Checkpoint(self.origin, self.frontier.size, self.frontier.root())
        return checkpoint, self.keys.sign(checkpoint, self.suite)

    def subtree(self, lo, hi):
        level = self.leaves[lo:hi]
        while len(level) > 1:
            level = [merkle.node_hash(a, b) for a, b in zip(level[::2], level[1::2], strict=True)]
        return level[0]

    def message(self, draft, queue="nea.death.v1"):
        """Append a draft and return the queue message."""
        before = self.frontier
        checkpoint, signed = self.append(draft.leaves)
        after = self.last.get(queue, note.Checkpoint(self.origin, 0, merkle.EMPTY_ROOT))
        self.last[queue] = checkpoint
        path = merkle.consistency_proof(after.size, checkpoint.size, self.subtree)
        return encoded(draft, before, signed, after, path)


def encoded(draft, before, signed, after, path):
    """The queue message of a draft that stands right behind the frontier `before`."""
    return encode(pack(draft, before, after, path), [entry.decode() for entry in draft.entries], signed)


class Memory:
    """Checkpoints in memory, keeping the port's promises."""

    def __init__(self):
        self.roots = {}
        self.links = {}

    def root_of(self, lane, size):
        return self.roots.get((lane, size))

    def overlaps(self, link):
        mine = (link.after.size, link.head.size)
        return any(
            link.after.size < head and after < link.head.size and (after, head) != mine
            for after, head in self.links.get((link.lane, link.recipient, link.contract), ())
        )

    def remember(self, link: Link):
        for point in (link.after, link.head):
            assert self.roots.setdefault((link.lane, point.size), point.root) == point.root
        queue = self.links.setdefault((link.lane, link.recipient, link.contract), set())
        queue.add((link.after.size, link.head.size))


def unsealed(number, *, contract="death.v1", octets=None, **changes):
    """A record with Arabic in it, and its entry."""
    reference = f"وفاة/{number}"
    entry = {
        "v": 1,
        "kind": "record.accepted",
        "id": record_id("moh", contract, reference, "assert"),
        "sender": "moh",
        "recipient": "nea",
        "contract": contract,
        "agreement": "moh-nea-2026",
        "source_ref": reference,
        "op": "assert",
        "submission": "0198c0de-0000-7000-8000-000000000001",
        "time": "2026-01-31T08:00:00.000Z",
        "subject": "kq2z",
        "origin": {"mtls": "ab" * 32, "jws": "moh-1"},
        "freeze": "pass",
        **changes,
    }
    octets = octets if octets is not None else f'{{"data":{{"name":"محمد {number}"}},"id":"x"}}'.encode()
    return Unsealed(entry, octets, b"<r>" + octets + b"</r>")


def header(suite, count, recipients=("nea-1",), **changes):
    fields = {
        "batch": "0198c0de-0000-7000-8000-000000000002",
        "lane": "moh",
        "sender": "moh",
        "recipients": tuple(recipients),
        "contract": "death.v1",
        "suite": suite,
        "count": count,
    }
    return BatchHeader(**{**fields, **changes})


@dataclass
class Exchange:
    """Everything between one sender and one recipient."""

    suite: hpke.Suite
    keys: LogKeys = field(default_factory=LogKeys)
    seed: bytes = b"\x07" * 32

    def __post_init__(self):
        self.lane = Lane(self.keys, self.suite)
        self.private = hpke.PrivateKey.from_seed("nea-1", self.suite, self.seed)
        self.seen = Memory()
        self.expected = Expectation(
            recipient="nea",
            suites=frozenset((self.suite,)),
            keys={"nea-1": self.private},
            lanes={"moh": ExpectedLane("moh", self.keys.policy(self.lane.origin, self.suite))},
        )

    def seal(self, records):
        return seal(header(self.suite, len(records)), records, [self.private.public()])

    def message(self, count=3, start=0):
        return self.lane.message(self.seal([unsealed(start + n) for n in range(count)]))

    def expecting(self, **changes):
        return replace(self.expected, **changes)


def forge(head, records, publics, *, batch_key=b"\x09" * 32):
    """Seal pairs of (function from salt to entry octets, record octets) as `seal` would, but unchecked.

    A second statement of the format, from its description alone; it lets tests play a sealer that lies.
    """
    octets = head if isinstance(head, bytes) else head.octets()
    header_hash = hashlib.sha256(octets).digest()
    sealed = []
    for position, (entry_of, record) in enumerate(records):
        key, salt = forged_secrets(batch_key, position)
        entry = entry_of(salt)
        ciphertext = AESGCM(key).encrypt(bytes(12), record, header_hash + entry)
        sealed.append((entry, ciphertext, salt))
    info = b"isnad-batch/v1\0" + header_hash
    keys = [{"kid": key.kid, "ek": text64(hpke.wrap(key, info, batch_key))} for key in publics]
    return Draft(
        octets,
        json.dumps(keys).encode(),
        msgspec.msgpack.encode([ciphertext for _, ciphertext, _ in sealed]),
        tuple(e for e, _, _ in sealed),
        tuple(hashlib.sha256(b"\0" + e).digest() for e, _, _ in sealed),
        tuple(salt for _, _, salt in sealed),
    )


def forged_secrets(batch_key, position):
    info = b"isnad-record/v1\0" + position.to_bytes(4, "big")
    okm = HKDFExpand(hashes.SHA256(), 64, info).derive(batch_key)
    return okm[:32], okm[32:]


def forged_entry(record, **changes):
    """The entry of a record as a function of its salt; `changes` are applied last."""

    def with_salt(salt):
        members = {
            **record.entry,
            "commitment": text64(hashlib.sha256(b"isnad-commitment/v1\0" + salt + record.octets).digest()),
            "source_commitment": text64(hashlib.sha256(b"isnad-source/v1\0" + salt + record.source).digest()),
            **changes,
        }
        return rfc8785.dumps({name: value for name, value in members.items() if value is not None})

    return with_salt


def text64(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def measure(run, count, seconds=0.5):
    """Runs per second of `run`, times `count`."""
    started, rounds = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        run()
        rounds += 1
    return count * rounds / (time.perf_counter() - started)
