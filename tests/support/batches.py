"""Batches as `prepare` makes them, without contracts: real sealing, made-up records."""

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass

import msgspec

from crypto.batch import BatchHeader
from crypto.canonical import canonical
from crypto.entry import record_id
from crypto.hpke import PrivateKey, Suite
from crypto.seal import Unsealed, seal
from gateway.moments import uuid7
from gateway.records import Batch, Framed, Held, Kept, Origin, Part, Refusal, Refused, Repeated, Terms
from gateway.salts import seal_salts

RECIPIENT = PrivateKey.from_seed("nea-1", Suite.HYBRID, b"\x07" * 32)
CITIZEN = "29001014100017"  # of the range kept for made-up people
ORIGIN = Origin("ab" * 32)
OPS = ("assert", "correct", "void")


class LaneKeys:
    """Implements `PseudonymKeys` and `PromiseKeys`: a lane's secrets follow from its name."""

    def pseudonym(self, lane: str) -> bytes:
        return hmac.digest(b"p" * 32, lane.encode(), "sha256")

    def promise(self, lane: str) -> bytes:
        return hmac.digest(b"q" * 32, lane.encode(), "sha256")


def terms_of(sender="moh", recipient="nea", contract="death.v1", freeze="pass", suite=Suite.HYBRID) -> Terms:
    keys = LaneKeys()
    recipient_key = (
        RECIPIENT if suite == RECIPIENT.suite else PrivateKey.from_seed("nea-1", suite, b"\x07" * 32)
    )
    return Terms(
        agreement=f"{sender}-{recipient}-2026",
        sender=sender,
        recipient=recipient,
        contract=contract,
        lane=sender,
        suite=suite,
        freeze=freeze,
        catalogue="0" * 64,
        recipient_keys=(recipient_key.public(),),
        pseudonym_key=keys.pseudonym(sender),
        promise_key=keys.promise(sender),
    )


def pseudonym(lane: str, citizen: str) -> bytes:
    return hmac.digest(LaneKeys().pseudonym(lane), citizen.encode(), "sha256")


def octets_of_record(terms: Terms, reference: str, **data) -> bytes:
    identifier = record_id(terms.sender, terms.contract, reference, "assert")
    return canonical({"id": identifier, "sourceref": reference, "data": data})


def batch_of(
    terms, references, *, refused=(), repeated=(), submission="s-1", citizen="", about=(), logged=(), **data
):
    """Return a batch of records under these references, all of one submission.

    `refused` and `repeated` name positions (and for the latter, references) that were not sealed; `about`
    holds the ids of the records that these answer.
    """
    subject = hmac.digest(terms.pseudonym_key, citizen.encode(), "sha256") if citizen else b""
    unsealed, kept = [], []
    for position, reference in enumerate(references, 1):
        identifier = record_id(terms.sender, terms.contract, reference, "assert")
        octets = octets_of_record(terms, reference, **data)
        unsealed.append(Unsealed(_entry(terms, reference, submission, subject), octets, b"<r/>"))
        fingerprint = hmac.digest(terms.promise_key, b"isnad-fingerprint/v1\0" + octets, "sha256")
        answered = about[position - 1] if about else ""
        kept.append(
            Kept(0, position, identifier, reference, subject, fingerprint, b"", answered, tuple(logged), ())
        )
    draft = None
    if unsealed:
        draft, kept = _drafted(terms, list(zip(kept, unsealed, strict=True)))
    part = Part(submission, ORIGIN, 0, tuple(Framed(n, b"<r/>") for n in range(1, len(references) + 1)))
    return Batch(
        terms,
        (part,),
        draft,
        tuple(kept),
        tuple(_refused(terms, submission, position) for position in refused),
        tuple(
            Repeated(0, position, record_id(terms.sender, terms.contract, reference, "assert"))
            for position, reference in repeated
        ),
    )


@dataclass(frozen=True)
class Stated:
    """One record of `chain_of`: what `op` does to the record under `prior`; with `review` codes it is held."""

    reference: str
    op: str = "assert"
    prior: str = ""
    review: tuple[str, ...] = ()


def chain_of(terms, *records, submission="s-1"):
    """Return a batch of records that correct and void each other, in the order in which they were sent."""
    together, held = [], []
    for position, stated in enumerate(records, 1):
        octets = octets_of_record(terms, stated.reference, op=stated.op, prior=stated.prior)
        entry = _entry(terms, stated.reference, submission, b"", stated.op)
        entry |= {"prior_ref": stated.prior} if stated.prior else {}
        entry |= {"review": stated.review} if stated.review else {}
        names = terms.sender, terms.contract
        kept = Kept(
            0,
            position,
            record_id(*names, stated.reference, stated.op),
            stated.reference,
            b"",
            hmac.digest(terms.promise_key, octets, "sha256"),
            b"",
            "",
            (),
            stated.review,
            tuple(record_id(*names, stated.prior, op) for op in OPS) if stated.prior else (),
            stated.op == "void",
        )
        (held if stated.review else together).append((kept, Unsealed(entry, octets, b"<r/>")))
    draft, kept = _drafted(terms, together) if together else (None, ())
    alone = [_drafted(terms, [one]) for one in held]
    part = Part(submission, ORIGIN, 0, tuple(Framed(n, b"<r/>") for n in range(1, len(records) + 1)))
    return Batch(terms, (part,), draft, kept, (), (), held=tuple(Held(one, own) for own, (one,) in alone))


def _drafted(terms, records):
    header = BatchHeader(
        batch=uuid7(),
        lane=terms.lane,
        sender=terms.sender,
        recipients=tuple(key.kid for key in terms.recipient_keys),
        contract=terms.contract,
        suite=terms.suite,
        count=len(records),
    )
    draft = seal(header, [unsealed for _, unsealed in records], terms.recipient_keys)
    ids = [kept.record_id for kept, _ in records]
    salts = seal_salts(terms.promise_key, list(zip(ids, draft.salts, strict=True)))
    return draft, tuple(
        msgspec.structs.replace(kept, salt=salt) for (kept, _), salt in zip(records, salts, strict=True)
    )


def _entry(terms, reference, submission, subject, op="assert"):
    entry = {
        "v": 1,
        "kind": "record.accepted",
        "id": record_id(terms.sender, terms.contract, reference, op),
        "sender": terms.sender,
        "recipient": terms.recipient,
        "contract": terms.contract,
        "agreement": terms.agreement,
        "source_ref": reference,
        "op": op,
        "submission": submission,
        "time": "2026-01-31T08:00:00.000Z",
        "origin": {"mtls": ORIGIN.certificate},
        "freeze": terms.freeze,
    }
    if subject:
        entry["subject"] = urlsafe_b64encode(subject).rstrip(b"=").decode()
    return entry


def _refused(terms, submission, position):
    refusal = Refusal("record.schema", "/data", "required")
    entry = {
        "v": 1,
        "kind": "record.refused",
        "sender": terms.sender,
        "contract": terms.contract,
        "submission": submission,
        "position": position,
        "time": "2026-01-31T08:00:00.000Z",
        "code": refusal.code,
        "field": refusal.field,
        "rule": refusal.rule,
    }
    return Refused(0, position, refusal, canonical(entry))
