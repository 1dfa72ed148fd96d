"""Conform and seal: the part of a record's way that needs a processor and nothing else.

A pure function of its arguments and the contracts in force, so it runs in as many processes as there are cores.
"""

from __future__ import annotations

import hmac
import os
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import contracts
from crypto.canonical import canonical
from crypto.seal import BatchHeader, Unsealed, record_id, seal
from gateway.records import Batch, Framed, Kept, Part, Refusal, Refused, Repeated, Terms

LEGAL_ZONE = ZoneInfo("Africa/Cairo")
"""Legal dates are plain dates on the wall calendar of the country."""


def prepare(
    catalogue: contracts.Catalogue, terms: Terms, parts: tuple[Part, ...], settled: Mapping[str, bool]
) -> Batch:
    """Conform the records of `parts` and seal those that do; `settled` as `ports.Prepare` says."""
    work = _Work(terms, {identifier for identifier, same in settled.items() if same})
    work.conflicting = {identifier for identifier, same in settled.items() if not same}
    binding = catalogue.binding(terms.sender, terms.contract)
    contract = catalogue.contract(terms.contract)
    for number, part in enumerate(parts):
        sent = _Sent(number, part, _legal_date(part.received_ms), _rfc3339(part.received_ms))
        for framed in part.records:
            if framed.refusal is not None:
                work.refuse(sent, framed.position, framed.refusal)
                continue
            try:
                conformed = binding.conform(framed.octets, sent.today)
            except contracts.Refused as error:
                work.refuse(sent, framed.position, Refusal(error.code, error.field, error.rule))
            else:
                work.take(sent, framed, conformed, contract)
    return work.batch(parts)


@dataclass(frozen=True, slots=True)
class _Sent:
    """A part, and what its records share."""

    number: int
    part: Part
    today: date
    time: str


@dataclass(slots=True)
class _Work:
    """A batch in the making."""

    terms: Terms
    repeated_before: set[str]
    conflicting: set[str] = field(default_factory=set)
    unsealed: list[Unsealed] = field(default_factory=list)
    kept: list[Callable[[bytes], Kept]] = field(default_factory=list)  # given the sealed salt
    refused: list[Refused] = field(default_factory=list)
    repeated: list[Repeated] = field(default_factory=list)
    fingerprints: dict[str, bytes] = field(default_factory=dict)

    def refuse(self, sent: _Sent, position: int, refusal: Refusal) -> None:
        terms = self.terms
        entry = {
            "v": 1,
            "kind": "record.refused",
            "sender": terms.sender,
            "contract": terms.contract,
            "agreement": terms.agreement,
            "submission": sent.part.submission,
            "position": position,
            "time": sent.time,
            "code": refusal.code,
            "field": refusal.field,
            "rule": refusal.rule,
            "origin": _origin(sent.part),
        }
        self.refused.append(Refused(sent.number, position, refusal, canonical(entry)))

    def take(
        self, sent: _Sent, framed: Framed, conformed: contracts.Conformed, contract: contracts.Contract
    ) -> None:
        terms = self.terms
        identifier = record_id(terms.sender, terms.contract, conformed.source_ref, conformed.op)
        if identifier in self.repeated_before:
            self.repeated.append(Repeated(sent.number, framed.position, identifier))
            return
        if identifier in self.conflicting:
            self.refuse(sent, framed.position, CONFLICT)
            return
        subject = _pseudonym(terms.pseudonym_key, conformed.nid)
        octets = canonical(_event(terms, identifier, conformed, subject))
        fingerprint = hmac.digest(terms.promise_key, b"isnad-fingerprint/v1\0" + octets, "sha256")
        first = self.fingerprints.setdefault(identifier, fingerprint)
        if first is not fingerprint:
            if first == fingerprint:
                self.repeated.append(Repeated(sent.number, framed.position, identifier))
            else:
                self.refuse(sent, framed.position, CONFLICT)
            return
        self.unsealed.append(
            Unsealed(self._entry(sent, identifier, conformed, subject), octets, framed.octets)
        )
        logged = tuple(
            (name, str(conformed.payload[name])) for name in contract.logged if name in conformed.payload
        )
        self.kept.append(
            partial(
                Kept,
                sent.number,
                framed.position,
                identifier,
                conformed.source_ref,
                subject,
                fingerprint,
                about=conformed.about or "",
                logged=logged,
                warnings=(*conformed.review, *conformed.warnings),
            )
        )

    def _entry(
        self, sent: _Sent, identifier: str, conformed: contracts.Conformed, subject: bytes
    ) -> dict[str, object]:
        terms = self.terms
        entry: dict[str, object] = {
            "v": 1,
            "kind": "record.accepted",
            "id": identifier,
            "sender": terms.sender,
            "recipient": terms.recipient,
            "contract": terms.contract,
            "agreement": terms.agreement,
            "source_ref": conformed.source_ref,
            "op": conformed.op,
            "submission": sent.part.submission,
            "time": sent.time,
            "origin": _origin(sent.part),
            "freeze": terms.freeze,
        }
        if conformed.prior_ref:
            entry["prior_ref"] = conformed.prior_ref
        if subject:
            entry["subject"] = _b64(subject)
        if conformed.review:
            entry["review"] = conformed.review
        return entry

    def batch(self, parts: tuple[Part, ...]) -> Batch:
        """Seal what was taken."""
        terms, draft, kept = self.terms, None, list[Kept]()
        if self.unsealed:
            header = BatchHeader(
                batch=str(uuid7()),
                lane=terms.lane,
                sender=terms.sender,
                recipients=tuple(key.kid for key in terms.recipient_keys),
                contract=terms.contract,
                suite=terms.suite,
                count=len(self.unsealed),
            )
            draft = seal(header, self.unsealed, terms.recipient_keys)
            cipher = AESGCM(salt_key(terms.promise_key))
            kept = [
                finish(seal_salt(cipher, str(record.entry["id"]), salt))
                for finish, record, salt in zip(self.kept, self.unsealed, draft.salts, strict=True)
            ]
        return Batch(terms, parts, draft, tuple(kept), tuple(self.refused), tuple(self.repeated))


CONFLICT = Refusal(
    "record.conflict",
    "source_ref",
    "a reference names one content; send a correction under its own reference",
)


def salt_key(promise_key: bytes) -> bytes:
    """Return the 32-byte key under which a lane's salts are kept."""
    return hmac.digest(promise_key, b"isnad-salt/v1\0", "sha256")


def seal_salt(cipher: AESGCM, identifier: str, salt: bytes) -> bytes:
    """Return a salt as the store keeps it: whoever holds the store alone cannot guess at records with it."""
    nonce = os.urandom(12)
    return nonce + cipher.encrypt(nonce, salt, identifier.encode())


def open_salt(cipher: AESGCM, identifier: str, sealed: bytes) -> bytes:
    """Return the 32-byte salt that `seal_salt` kept."""
    return cipher.decrypt(sealed[:12], sealed[12:], identifier.encode())


def uuid7() -> uuid.UUID:
    """Return a UUIDv7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, then random bits."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 0x7 << 76
    return uuid.UUID(int=value & ~(0b11 << 62) | 0b10 << 62)


def _event(
    terms: Terms, identifier: str, conformed: contracts.Conformed, subject: bytes
) -> dict[str, object]:
    """Return the canonical record: a CloudEvent (1.0) that is the same at every retry, so it names no instant."""
    name, _, _ = terms.contract.rpartition(".")
    event: dict[str, object] = {
        "specversion": "1.0",
        "id": identifier,
        "source": f"urn:isnad:agency:{terms.sender}",
        "type": f"eg.nea.{terms.contract}",
        "dataschema": f"urn:isnad:contract:{name}:{terms.contract.removeprefix(name + '.')}",
        "datacontenttype": "application/json",
        "sourceref": conformed.source_ref,
        "op": conformed.op,
        "data": conformed.payload,
    }
    if conformed.prior_ref:
        event["priorref"] = conformed.prior_ref
    if subject:
        event["subject"] = _b64(subject)
    return event


def _pseudonym(key: bytes, national_id: str | None) -> bytes:
    return hmac.digest(key, national_id.encode(), "sha256") if national_id else b""


def _origin(part: Part) -> dict[str, str]:
    origin = {part.origin.channel: part.origin.certificate}
    if part.origin.signature:
        origin[part.origin.signature] = part.origin.key_id
    return origin


def _b64(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def _legal_date(unix_ms: int) -> date:
    return datetime.fromtimestamp(unix_ms / 1000, LEGAL_ZONE).date()


def _rfc3339(unix_ms: int) -> str:
    return (
        datetime.fromtimestamp(unix_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )
