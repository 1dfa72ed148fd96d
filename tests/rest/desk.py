"""A gateway in memory behind the real adapter: real certificates, real receipts, and a body framed by lines.

It keeps a lane for each agency and signs with its own key. A record is a JSON object with a `ref`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crypto.canonical import canonical
from crypto.entry import record_id
from crypto.hpke import Suite
from crypto.merkle import Frontier, leaf_hash
from crypto.note import Checkpoint, LogPolicy, assemble, ed25519_message
from crypto.pki import PeerRefused, PeerVerifier, fingerprint
from crypto.receipt import BatchReceipt, Receipt
from gateway.doors import Gateway, Published, Request
from gateway.errors import Rejected, Unavailable
from gateway.ports import SubmissionState
from gateway.records import Event, Origin, Outcome, Outcomes, Refusal, Status, Submission
from gateway.refusals import Refusals

ORIGIN = "test.isnad.example"
GROUP = 256
KINDS = {"application/json", "application/x-ndjson"}


@dataclass
class Lane:
    name: str
    frontier: Frontier = field(default_factory=lambda: Frontier(0, ()))
    entries: list[bytes] = field(default_factory=list)
    checkpoint: str = ""


@dataclass
class Desk:
    """See the module. `gate` holds every group back until it is set."""

    verifier: PeerVerifier
    agencies: dict[str, str] = field(default_factory=dict)
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    lanes: dict[str, Lane] = field(default_factory=dict)
    promises: dict[str, tuple[str, Receipt]] = field(default_factory=dict)
    states: dict[str, SubmissionState] = field(default_factory=dict)
    digests: dict[str, bytes] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    envelopes: dict[str, bytes] = field(default_factory=dict)
    refusals: Refusals = field(default_factory=Refusals)
    trouble: Unavailable | None = None
    ready: bool = True

    @property
    def gateway(self) -> Gateway:
        return Gateway(
            self.accept,
            self,
            self,
            self.note,
            self,
            self,
            self.refusals,
            self.published,
            self.agreed,
            self.health,
            self,
            self,
        )

    @property
    def policy(self) -> LogPolicy:
        public = self.key.public_key().public_bytes_raw()
        return LogPolicy(f"{ORIGIN}/moh", Suite.CLASSICAL, (public,))

    # Identities
    def identify(self, certificate: bytes | None) -> tuple[str, Origin]:
        if certificate is None:
            raise Rejected("identity.certificate_missing", "a client certificate must be shown")
        try:
            self.verifier.verify(certificate, datetime.now(UTC))
        except PeerRefused as error:
            raise Rejected(f"identity.{error.reason}", "the certificate must be acceptable") from error
        agency = self.agencies.get(fingerprint(certificate))
        if agency is None:
            raise Rejected("identity.unknown", "the certificate must be registered")
        return agency, Origin(fingerprint(certificate))

    # Accept
    async def accept(self, submission: Submission) -> AsyncIterator[Outcomes]:
        if submission.contract != "death.v1":
            await self.note([Event(submission.sender, "submission.refused", (("code", "contract.unknown"),))])
            raise Rejected("contract.unknown", "there must be such a contract", "contract")
        if submission.media_type not in KINDS:
            raise Rejected("contract.media_type", "the media type must be the binding's", "Content-Type")
        digest = hashlib.sha256()
        async for group in _groups(submission, digest):
            if self.trouble:
                raise self.trouble
            yield self._append(submission, group)
            await asyncio.sleep(0)
        self.digests[submission.id] = digest.digest()
        self._count(submission, (), complete=True)

    def _append(self, submission: Submission, group: Sequence[tuple[int, bytes]]) -> Outcomes:
        lane = self.lanes.setdefault(submission.sender, Lane(submission.sender))
        outcomes: dict[int, Outcome] = {}
        fresh: list[tuple[int, str, bytes, bytes]] = []
        for position, octets in group:
            try:
                record = json.loads(octets)
            except ValueError:
                refusal = Refusal("record.json.syntax", "", "a record must be one JSON object in UTF-8")
                outcomes[position] = Outcome(position, Status.REFUSED, refusal=refusal)
                continue
            identifier = record_id(submission.sender, submission.contract, record["ref"], "assert")
            if identifier in self.promises or identifier in {known for _, known, _, _ in fresh}:
                index = self.promises[identifier][1].index
                outcomes[position] = Outcome(position, Status.DUPLICATE, identifier, lane.name, index)
                continue
            entry = canonical(
                {"v": 1, "kind": "record.accepted", "id": identifier, "origin": submission.origin.signature}
            )
            fresh.append((position, identifier, os.urandom(32), entry))
        leaves = tuple(leaf_hash(entry) for *_, entry in fresh)
        before, lane.frontier = lane.frontier, lane.frontier.append(leaves)
        lane.checkpoint = self._signed(lane)
        batch = BatchReceipt(lane.name, before, leaves, lane.checkpoint)
        for n, (position, identifier, salt, entry) in enumerate(fresh):
            lane.entries.append(entry)
            outcome = Outcome(
                position, Status.ACCEPTED, identifier, lane.name, before.size + n, salt, entry, batch=batch
            )
            self.promises[identifier] = (submission.sender, Receipt.from_json(outcome.receipt_json()))
            outcomes[position] = outcome
        answered = [outcomes[position] for position in sorted(outcomes)]
        self._count(submission, answered, complete=False)
        return answered

    def _count(self, submission: Submission, outcomes: Outcomes, *, complete: bool) -> None:
        state = self.states.get(submission.id)
        counts = Counter({status: getattr(state, status.value) for status in Status} if state else {})
        counts.update(outcome.status for outcome in outcomes)
        refusals = state.refusals if state else ()
        refusals += tuple((outcome.position, outcome.refusal) for outcome in outcomes if outcome.refusal)
        self.states[submission.id] = SubmissionState(
            submission.id,
            submission.contract,
            **{status.value: counts[status] for status in Status},
            complete=complete,
            refusals=refusals,
        )

    def _signed(self, lane: Lane) -> str:
        checkpoint = Checkpoint(f"{ORIGIN}/{lane.name}", lane.frontier.size, lane.frontier.root())
        public = self.key.public_key().public_bytes_raw()
        return assemble(checkpoint, (public, self.key.sign(ed25519_message(checkpoint))))

    # Note
    async def note(self, events: Sequence[Event]) -> Sequence[Receipt]:
        if self.trouble:
            raise self.trouble
        receipts = []
        for event in events:
            self.events.append(event)
            lane = self.lanes.setdefault(event.lane, Lane(event.lane))
            entry = canonical({"v": 1, "kind": event.kind} | dict(event.fields))
            before, lane.frontier = lane.frontier, lane.frontier.append([leaf_hash(entry)])
            lane.entries.append(entry)
            lane.checkpoint = self._signed(lane)
            batch = BatchReceipt(lane.name, before, (leaf_hash(entry),), lane.checkpoint)
            receipts.append(batch.expand(before.size, "", b"", entry))
        return receipts

    # Records
    def receipt(self, record_id: str, sender: str) -> Receipt | None:
        owner, receipt = self.promises.get(record_id, ("", None))
        return receipt if owner == sender else None

    def history(self, record_id: str, sender: str) -> Sequence[bytes]:
        receipt = self.receipt(record_id, sender)
        return [] if receipt is None else [receipt.entry]

    def submission(self, submission_id: str, sender: str) -> SubmissionState | None:
        return self.states.get(submission_id) if sender == "moh" else None

    def checkpoint(self, lane: str) -> str | None:
        return self.lanes[lane].checkpoint if lane in self.lanes else None

    def tile(self, lane: str, level: int, index: int, width: int) -> bytes | None:
        if lane not in self.lanes or level or index * 256 + width > len(self.lanes[lane].entries):
            return None
        entries = self.lanes[lane].entries[index * 256 : index * 256 + width]
        return b"".join(leaf_hash(entry) for entry in entries)

    def entries(self, lane: str, index: int, width: int) -> bytes | None:
        if lane not in self.lanes or index * 256 + width > len(self.lanes[lane].entries):
            return None
        entries = self.lanes[lane].entries[index * 256 : index * 256 + width]
        return b"".join(len(entry).to_bytes(2) + entry for entry in entries)

    # Signatures
    def verify(self, sender: str, origin: Origin, request: Request) -> Origin:
        signed = f"{sender} {request.method} {request.target} ".encode() + request.body
        expected = hashlib.sha256(signed).hexdigest().encode()
        if dict(request.headers).get(b"jws-signature") != expected:
            raise Rejected("origin.wrong_signature", "the signature must verify")
        return Origin(origin.certificate, "jws", "test-key")

    # Envelopes
    async def keep(self, submission: Submission, envelope: bytes) -> None:
        self.envelopes[submission.id] = envelope

    # Decryption
    def decrypt(self, envelope: bytes) -> bytes:  # noqa: ARG002  as the door has it
        raise Rejected("origin.undecryptable", "what is encrypted must be for the gateway")

    def certificate(self) -> str:
        raise Unavailable("unavailable.keys", "nothing is decrypted here")

    # Replays
    def check(self, submission: Submission, digest: bytes) -> None:
        if self.digests.get(submission.id, digest) != digest:
            raise Rejected(
                "submission.idempotency_key_reused", "a key stands for one body", "Idempotency-Key"
            )

    def agreed(self, *asked: object) -> None:
        raise AssertionError(f"REST leaves that to accept: {asked}")

    def published(self, agency: str) -> Sequence[Published]:
        assert agency == "moh"
        schema: Mapping[str, object] = {"type": "object", "required": ["ref"]}
        example = '{"ref":"<1>"}'
        return [
            Published(
                "death.v1", "Deaths", "الوفيات", "A <death>", "حالة وفاة", tuple(sorted(KINDS)), schema, None,
                ("rest",),
                {"application/json": example},
            )
        ]  # fmt: skip

    def health(self) -> tuple[bool, Mapping[str, str]]:
        return self.ready, {"store": "ready", "keys": "ready" if self.ready else "sealed"}


async def _groups(submission: Submission, digest: hashlib._Hash) -> AsyncIterator[list[tuple[int, bytes]]]:
    group: list[tuple[int, bytes]] = []
    position, rest = 0, b""
    async for chunk in submission.body:
        digest.update(chunk)
        *lines, rest = (rest + chunk).split(b"\n")
        if submission.media_type == "application/json":
            rest = b"\n".join([*lines, rest])
            continue
        for line in lines:
            position += 1
            group.append((position, line))
            if len(group) == GROUP:
                yield group
                group = []
        if group:
            yield group
            group = []
    if submission.media_type == "application/json" and rest.startswith(b"["):
        group = [(n, json.dumps(one).encode()) for n, one in enumerate(json.loads(rest), 1)]
    elif rest:
        group = [(position + 1, rest)]
    if group:
        yield group
