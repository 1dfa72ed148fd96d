"""Open sealed batches (`ports.Opener`): `crypto.opening` with a recipient's own keys, lanes and memory.

A lane that showed two histories is stopped: from then on nothing of it is believed until somebody has looked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

import crypto.errors
from crypto.batch import parse_header
from crypto.hpke import Suite
from crypto.keys import LogPublicKeys, RecipientPrivateKeys
from crypto.note import LogPolicy
from crypto.opening import Expectation, ExpectedLane, Link, Opened, OpenedRecord, open_batch
from gateway.consumer.ledger import LedgerFile
from gateway.errors import Tampered, Unavailable
from gateway.records import Handed, Message


class LogKeys(Protocol):
    """Where the public halves of the gateway's log keys come from."""

    def public_keys(self) -> LogPublicKeys:
        """Return every key version that verifies now.

        Raises:
            KeysUnavailable: they cannot be read now.
        """


@dataclass(frozen=True, slots=True)
class PinnedLogKeys:
    """Log keys that were handed over on paper or in a policy file: nobody can exchange them from afar."""

    keys: LogPublicKeys

    def public_keys(self) -> LogPublicKeys:
        """See `LogKeys.public_keys`."""
        return self.keys


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom batches are opened, and what is accepted.

    `kids` names each recipient's key ids, `lanes` each accepted lane's sender. `origin` is the gateway's: the
    checkpoints of a lane have the origin `<origin>/<lane>`. With `suites` hybrid alone, they need both
    signatures.
    """

    kids: Mapping[str, Sequence[str]]
    lanes: Mapping[str, str]
    origin: str
    suites: frozenset[Suite]


class BatchOpener:
    """Opens batches for the recipients of a reader. Safe to call from several threads."""

    def __init__(
        self, reader: Reader, keys: RecipientPrivateKeys, log_keys: LogKeys, ledger: LedgerFile
    ) -> None:
        self._reader = reader
        self._keys = keys
        self._log_keys = log_keys
        self._ledger = ledger
        self._lanes: Mapping[str, ExpectedLane] = {}

    def open(self, message: Message) -> Sequence[Handed]:
        """See `ports.Opener.open`; the recipient is the one that the message's queue is named after."""
        try:
            opened = self._open(message)
            return [_handed(opened, record) for record in opened.records]
        except crypto.errors.KeysUnavailable as error:
            raise Unavailable("unavailable.keys", str(error)) from error
        except crypto.errors.Tampered as error:
            if error.check == "history":
                # The lane's name can be believed: its checkpoint's signatures were verified before.
                self._ledger.stop(_lane(message.body), error.code)
            raise Tampered(error.code, error.detail) from error

    def _open(self, message: Message) -> Opened:
        recipient, _, _ = message.queue.partition(".")
        seen = _Seen(self._ledger)
        try:
            return open_batch(message.body, self._expectation(recipient), seen)
        except crypto.errors.Tampered as error:
            if error.check != "signature":
                raise
            # A log key may have been rotated since the keys were read.
            before, self._lanes = self._lanes, {}
            if self._read_lanes() == before:
                raise
        return open_batch(message.body, self._expectation(recipient), seen)

    def _expectation(self, recipient: str) -> Expectation:
        kids = self._reader.kids.get(recipient, ())
        return Expectation(
            recipient=recipient,
            suites=self._reader.suites,
            keys={kid: self._keys.private(kid) for kid in kids},
            lanes=self._lanes or self._read_lanes(),
        )

    def _read_lanes(self) -> Mapping[str, ExpectedLane]:
        reader, keys = self._reader, self._log_keys.public_keys()
        suite = Suite.HYBRID if reader.suites == {Suite.HYBRID} else Suite.CLASSICAL
        self._lanes = {
            lane: ExpectedLane(
                sender, LogPolicy(f"{reader.origin}/{lane}", suite, keys.ed25519, keys.mldsa44)
            )
            for lane, sender in reader.lanes.items()
        }
        return self._lanes


@dataclass(frozen=True, slots=True)
class _Seen:
    """The ledger's memory of checkpoints; asked only about lanes whose signatures were verified."""

    ledger: LedgerFile

    def root_of(self, lane: str, size: int) -> bytes | None:
        if lane in self.ledger.stops():
            raise Tampered("tampered.lane_stopped", "an operator must look at the lane and clear it")
        return self.ledger.root_of(lane, size)

    def overlaps(self, link: Link) -> bool:
        return self.ledger.overlaps(link)

    def remember(self, link: Link) -> None:
        self.ledger.remember(link)


class _Named(msgspec.Struct):
    """What a CloudEvent says of itself, as far as its log entry says it too."""

    id: str
    source: str
    type: str
    sourceref: str
    op: str


class _Headed(msgspec.Struct):
    header: str


_EVENT = msgspec.json.Decoder(_Named)
_MESSAGE = msgspec.json.Decoder(_Headed)


def _handed(opened: Opened, record: OpenedRecord) -> Handed:
    entry = record.entry
    try:
        event = _EVENT.decode(record.octets)
    except msgspec.DecodeError as error:
        raise crypto.errors.Tampered("agreement", "the record is not an event") from error
    if (event.id, event.source, event.type, event.sourceref, event.op) != (
        entry.id,
        f"urn:isnad:agency:{entry.sender}",
        f"eg.nea.{entry.contract}",
        entry.source_ref,
        entry.op,
    ):
        raise crypto.errors.Tampered("agreement", "the record and its entry name different things")
    return Handed(
        record_id=entry.id,
        sender=entry.sender,
        contract=entry.contract,
        lane=opened.header.lane,
        index=record.index,
        event=record.octets,
        batch=opened.evidence,
        salt=record.salt,
        entry=record.entry_octets,
    )


def _lane(message: bytes) -> str:
    return parse_header(_MESSAGE.decode(message).header.encode()).lane
