"""Who may exchange what with whom, decided by the registry, the contracts and the calendar in force.

Default deny: what no agreement covers at this instant is refused, whatever the reason that it is not covered.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass

import contracts
from crypto.errors import KeysUnavailable
from crypto.hpke import Suite
from crypto.keys import PromiseKeys, PseudonymKeys, RecipientPublicKeys
from gateway.errors import Rejected, Unavailable
from gateway.groups import MAX_BYTES, MAX_RECORDS
from gateway.moments import legal_date
from gateway.quotas import Quotas
from gateway.records import Framed, Refusal, Submission, Terms
from gateway.refusals import Refusals
from gateway.registry import Agreement, Quota
from gateway.registry.snapshot import Snapshot

RECORD_MAX_BYTES = 256 * 1024
"""No record is larger, whatever its binding says: a sealed batch must stay a message that a queue carries."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What intake may know of keys."""

    recipients: RecipientPublicKeys
    pseudonyms: PseudonymKeys
    promises: PromiseKeys


class ByRegistry:
    """Implements `ports.Rules`. `in_force` returns the snapshot to decide by."""

    def __init__(
        self,
        in_force: Callable[[], Snapshot],
        keys: Keys,
        quotas: Quotas,
        suite: Suite,
        refusals: Refusals,
    ) -> None:
        self._in_force = in_force
        self._keys = keys
        self._quotas = quotas
        self._suite = suite
        self._refusals = refusals
        self._terms: dict[tuple[str, str], Terms] = {}
        self._terms_of = in_force()

    def terms(self, sender: str, recipient: str, contract: str, at_ms: int) -> Terms:
        """See `ports.Rules.terms`. Asks the key server the first time an agreement is used; see `warm`."""
        snapshot = self._in_force()
        agreement = _agreement(snapshot, sender, recipient, contract, at_ms)
        held = freeze(snapshot, agreement.file.recipient, contract, at_ms)
        if snapshot is not self._terms_of:
            self._terms_of, self._terms = snapshot, {}
        known = self._terms.get((agreement.file.id, held))
        if known is None:
            known = self._terms[agreement.file.id, held] = self._made(snapshot, agreement, held)
        return known

    def warm(self, at_ms: int) -> None:
        """Fetch the keys of every agreement in force at an instant, so that no submission waits for them.

        Raises:
            Unavailable: some cannot be had now.
        """
        for agreement in self._in_force().registry.agreements:
            if agreement.covers(at_ms):
                self.terms(*agreement.exchange, at_ms)

    def agreed(self, sender: str, contract: str, at_ms: int) -> None:
        """See `doors.Agreed`."""
        in_force_now(self._in_force(), sender, "", contract, at_ms)

    def admit(self, submission: Submission) -> None:
        """See `ports.Rules.admit`.

        Raises:
            Rejected: `agreement.adapter`, `contract.media_type`, `agreement.origin_signature_required`,
                `agreement.encryption_*`.
            Unavailable: `quota.submissions`.
        """
        snapshot = self._in_force()
        agreement = _agreement(
            snapshot, submission.sender, submission.recipient, submission.contract, submission.received_ms
        )
        ways = snapshot.registry.agencies[submission.sender].file.adapter
        if submission.adapter not in ways:
            raise Rejected("agreement.adapter", f"one of {', '.join(ways)}")
        allowed = snapshot.catalogue.binding(submission.sender, submission.contract).media_types
        if submission.media_type not in allowed:
            raise Rejected("contract.media_type", f"one of {', '.join(allowed)}", "Content-Type")
        if agreement.file.origin_signature == "required" and not submission.origin.signature:
            raise Rejected("agreement.origin_signature_required", "the agreement demands an origin signature")
        if agreement.file.body_encryption == "required" and not submission.encrypted:
            raise Rejected("agreement.encryption_required", "the agreement demands an encrypted Body")
        if agreement.file.body_encryption == "refused" and submission.encrypted:
            raise Rejected("agreement.encryption_refused", "the agreement allows no encrypted Body")
        try:
            self._quotas.submission(submission.sender, _quota(snapshot, submission.sender))
        except Unavailable as error:
            raise self._put_off(submission.sender, error) from None

    def spend(self, sender: str, contract: str, records: int) -> None:
        """See `ports.Rules.spend`: a quota is the agency's, over all its contracts.

        Raises:
            Rejected: `identity.unknown`; the agency was taken out of the registry in the meantime.
        """
        del contract
        try:
            self._quotas.records(sender, _quota(self._in_force(), sender), records)
        except Unavailable as error:
            raise self._put_off(sender, error) from None

    def keep_message(self, sender: str, used: int) -> None:
        """Let one more signed message of a sender be kept, whose kept ones take `used` octets.

        Raises:
            Rejected: `identity.unknown`; the agency was taken out of the registry in the meantime.
            Unavailable: `quota.kept_messages`.
        """
        try:
            self._quotas.kept_message(_quota(self._in_force(), sender), used)
        except Unavailable as error:
            raise self._put_off(sender, error) from None

    async def frame(
        self, sender: str, contract: str, media_type: str, body: AsyncIterator[bytes]
    ) -> AsyncIterator[Sequence[Framed]]:
        """See `ports.Rules.frame`. A stream under way is slowed down to its sender's quota, not cut off."""
        snapshot = self._in_force()
        quota = _quota(snapshot, sender)
        splitter = snapshot.catalogue.binding(sender, contract).splitter(RECORD_MAX_BYTES, media_type)
        began = False
        async for data in body:
            for group in _groups(splitter.feed(data)):
                if began:
                    await asyncio.sleep(self._quotas.wait_s(sender, quota))
                began = True
                yield group
        for group in _groups(splitter.close()):
            yield group

    def _put_off(self, sender: str, error: Unavailable) -> Unavailable:
        """Count what a quota put off, for the sender's lane."""
        self._refusals.agency(sender, error.code)
        return error

    def _made(self, snapshot: Snapshot, agreement: Agreement, held: str) -> Terms:
        sender, recipient, contract = agreement.exchange
        try:
            return Terms(
                agreement=agreement.file.id,
                sender=sender,
                recipient=recipient,
                contract=contract,
                lane=sender,
                suite=self._suite,
                freeze=held,
                catalogue=snapshot.catalogue.digest,
                recipient_keys=tuple(
                    self._keys.recipients.public(kid)
                    for kid in snapshot.registry.agencies[recipient].file.recipient_keys
                ),
                pseudonym_key=self._keys.pseudonyms.pseudonym(sender),
                promise_key=self._keys.promises.promise(sender),
            )
        except KeysUnavailable as error:
            raise Unavailable("unavailable.keys", str(error)) from error


def _agreement(snapshot: Snapshot, sender: str, recipient: str, contract: str, at_ms: int) -> Agreement:
    """Return the one agreement that covers this."""
    between = snapshot.registry.between(sender, contract)
    # By far the most senders have agreed with one recipient about a contract, once.
    if len(between) == 1 and between[0].covers(at_ms) and recipient in ("", between[0].file.recipient):
        return between[0]
    now = in_force_now(snapshot, sender, recipient, contract, at_ms)
    if len(now) > 1:
        raise Rejected("agreement.recipient_ambiguous", "name the recipient", "recipient")
    return now[0]


def in_force_now(
    snapshot: Snapshot, sender: str, recipient: str, contract: str, at_ms: int
) -> Sequence[Agreement]:
    """Return the agreements that cover this at an instant (Unix ms), of any recipient when `recipient` is empty.

    Raises:
        Rejected: there is none: `contract.unknown`, `agreement.missing`, `.not_yet_valid` or `.expired`.
    """
    if contract not in snapshot.catalogue.contracts:
        raise Rejected("contract.unknown", "there must be a contract of this name", "contract")
    agreed = [
        agreement
        for agreement in snapshot.registry.between(sender, contract)
        if recipient in ("", agreement.file.recipient)
    ]
    now = [agreement for agreement in agreed if agreement.covers(at_ms)]
    if now:
        return now
    if any(at_ms < agreement.from_ms for agreement in agreed):
        raise Rejected("agreement.not_yet_valid", "the agreement must have begun", "contract")
    if agreed:
        raise Rejected("agreement.expired", "the agreement must not have ended", "contract")
    raise Rejected("agreement.missing", "an agreement must cover sender, recipient and contract", "contract")


def _quota(snapshot: Snapshot, sender: str) -> Quota:
    agency = snapshot.registry.agencies.get(sender)
    if agency is None:
        raise Rejected("identity.unknown", "the agency must still be registered")
    return agency.file.quota


def freeze(snapshot: Snapshot, recipient: str, contract: str, at_ms: int) -> str:
    """Return whether a record passes at an instant (Unix ms), or is on `hold` until an electoral freeze is over.

    Only what goes to the keeper of the voter register can change it; answers and questions pass.
    """
    if snapshot.registry.agencies[recipient].file.role != "authority":
        return "pass"
    return snapshot.calendar.freeze(snapshot.catalogue.contract(contract).freeze, legal_date(at_ms))


def _groups(pieces: Sequence[contracts.Piece]) -> Iterator[tuple[Framed, ...]]:
    """Yield what was cut out so far, in groups of at most 256 records or 1 MiB; nothing lingers for more."""
    group: list[Framed] = []
    octets = 0
    for piece in pieces:
        octets += len(piece.octets)
        if group and (len(group) == MAX_RECORDS or octets > MAX_BYTES):
            yield tuple(group)
            group, octets = [], len(piece.octets)
        group.append(_framed(piece))
    if group:
        yield tuple(group)


def _framed(piece: contracts.Piece) -> Framed:
    if piece.refusal is None:
        return Framed(piece.position, piece.octets)
    return Framed(piece.position, b"", Refusal(piece.refusal.code, piece.refusal.field, piece.refusal.rule))
