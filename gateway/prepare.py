"""Conform and seal: the part of a record's way that needs a processor and nothing else.

A pure function of its arguments and the contracts in force, so it runs in as many processes as there are cores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial

import contracts
from crypto.canonical import canonical
from crypto.encoding import b64url
from crypto.mac import Mac, mac
from crypto.seal import BatchHeader, Draft, Unsealed, record_id, seal
from gateway.events import Events
from gateway.moments import legal_date, rfc3339, uuid7
from gateway.records import (
    Batch,
    Framed,
    Held,
    Kept,
    Part,
    Refusal,
    Refused,
    Repeated,
    Terms,
)
from gateway.salts import seal_salts
from gateway.settled import CONFLICT, UNFOUNDED, Settled, Verdict

_Finish = Callable[[bytes], Kept]
"""Makes of a sealed salt what the log must know of a record."""


def prepare(
    catalogue: contracts.Catalogue,
    terms: Terms,
    parts: tuple[Part, ...],
    settled: Settled,
) -> Batch:
    """Conform the records of `parts` and seal those that do; `settled` as `ports.Prepare` says."""
    work = _Work(terms, settled, Events(terms), mac(terms.pseudonym_key), mac(terms.promise_key))
    binding = catalogue.binding(terms.sender, terms.contract)
    contract = catalogue.contract(terms.contract)
    for number, part in enumerate(parts):
        sent = _Sent(number, part, legal_date(part.received_ms), _shared(terms, part))
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
    entry: dict[str, object]
    """Members that the log entries of all its records have."""


@dataclass(slots=True)
class _Work:
    """A batch in the making."""

    terms: Terms
    settled: Settled
    events: Events
    pseudonym: Mac
    promise: Mac
    unsealed: list[Unsealed] = field(default_factory=list)
    kept: list[_Finish] = field(default_factory=list)
    held: list[tuple[Unsealed, _Finish]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    repeated: list[Repeated] = field(default_factory=list)
    fingerprints: dict[str, bytes] = field(default_factory=dict)

    def refuse(self, sent: _Sent, position: int, refusal: Refusal, source_ref: str = "") -> None:
        entry = {
            **sent.entry,
            "kind": "record.refused",
            "position": position,
            "code": refusal.code,
            "field": refusal.field,
            "rule": refusal.rule,
        }
        self.refused.append(Refused(sent.number, position, refusal, canonical(entry), source_ref))

    def take(
        self, sent: _Sent, framed: Framed, conformed: contracts.Conformed, contract: contracts.Contract
    ) -> None:
        terms = self.terms
        identifier = record_id(terms.sender, terms.contract, conformed.source_ref, conformed.op)
        verdict = self.settled.chained.get(identifier)
        if verdict in UNFOUNDED:
            self.refuse(sent, framed.position, UNFOUNDED[verdict], conformed.source_ref)
            return
        subject = self.pseudonym(conformed.nid.encode()) if conformed.nid else b""
        named = b64url(subject)
        octets = self.events.octets(identifier, conformed, named)
        fingerprint = self.promise(b"isnad-fingerprint/v1\0" + octets)
        first = self.fingerprints.setdefault(identifier, self.settled.promised.get(identifier, fingerprint))
        if first is not fingerprint:
            if first == fingerprint:
                self.repeated.append(Repeated(sent.number, framed.position, identifier, conformed.source_ref))
            else:
                self.refuse(sent, framed.position, CONFLICT, conformed.source_ref)
            return
        waits = verdict is Verdict.PRIOR_WAITS
        review = (*conformed.review, "review.prior") if waits else conformed.review
        entry = self._entry(sent, identifier, conformed, named, review)
        unsealed = Unsealed(entry, octets, framed.octets)
        finish = partial(
            Kept,
            sent.number,
            framed.position,
            identifier,
            conformed.source_ref,
            subject,
            fingerprint,
            about=conformed.about or "",
            logged=_logged(contract, conformed) if contract.logged else (),
            warnings=(*review, *conformed.warnings),
            priors=self._priors(conformed.prior_ref),
            voids=conformed.op == "void",
        )
        if review:
            self.held.append((unsealed, finish))
        else:
            self.unsealed.append(unsealed)
            self.kept.append(finish)

    def _priors(self, prior_ref: str | None) -> tuple[str, ...]:
        if prior_ref is None:
            return ()
        sender, contract = self.terms.sender, self.terms.contract
        return tuple(record_id(sender, contract, prior_ref, op) for op in ("assert", "correct", "void"))

    def _entry(
        self,
        sent: _Sent,
        identifier: str,
        conformed: contracts.Conformed,
        subject: str,
        review: tuple[str, ...],
    ) -> dict[str, object]:
        terms = self.terms
        entry: dict[str, object] = {
            **sent.entry,
            "kind": "record.accepted",
            "id": identifier,
            "recipient": terms.recipient,
            "source_ref": conformed.source_ref,
            "op": conformed.op,
            "freeze": terms.freeze,
        }
        if conformed.prior_ref:
            entry["prior_ref"] = conformed.prior_ref
        if subject:
            entry["subject"] = subject
        if review:
            entry["review"] = review
        return entry

    def batch(self, parts: tuple[Part, ...]) -> Batch:
        """Seal what was taken: what may go together, and each record that waits for itself."""
        draft, kept = self._sealed(self.unsealed, self.kept) if self.unsealed else (None, ())
        held = []
        for unsealed, finish in self.held:
            own, (one,) = self._sealed([unsealed], [finish])
            held.append(Held(one, own))
        return Batch(
            self.terms, parts, draft, kept, tuple(self.refused), tuple(self.repeated), held=tuple(held)
        )

    def _sealed(
        self, records: Sequence[Unsealed], finishes: Sequence[_Finish]
    ) -> tuple[Draft, tuple[Kept, ...]]:
        """Seal records that make one message."""
        terms = self.terms
        header = BatchHeader(
            batch=uuid7(),
            lane=terms.lane,
            sender=terms.sender,
            recipients=tuple(key.kid for key in terms.recipient_keys),
            contract=terms.contract,
            suite=terms.suite,
            count=len(records),
        )
        draft = seal(header, records, terms.recipient_keys)
        ids = [str(record.entry["id"]) for record in records]
        salts = seal_salts(terms.promise_key, list(zip(ids, draft.salts, strict=True)))
        return draft, tuple([finish(salt) for finish, salt in zip(finishes, salts, strict=True)])


def _shared(terms: Terms, part: Part) -> dict[str, object]:
    """Return the members that the log entries of all records of a part have, accepted ones and refused ones."""
    origin = {part.origin.channel: part.origin.certificate}
    if part.origin.signature:
        origin[part.origin.signature] = part.origin.key_id
    return {
        "v": 1,
        "sender": terms.sender,
        "contract": terms.contract,
        "agreement": terms.agreement,
        "submission": part.submission,
        "time": rfc3339(part.received_ms),
        "origin": origin,
    }


def _logged(contract: contracts.Contract, conformed: contracts.Conformed) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, str(conformed.payload[name])) for name in contract.logged if name in conformed.payload
    )
