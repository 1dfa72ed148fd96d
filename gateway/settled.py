"""What the log says of records that it will not append as they stand, and what their senders are told then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.records import Refusal


@dataclass(frozen=True, slots=True)
class Promise:
    """What the log already holds under a record id. `fingerprint` and `salt` as in `records.Kept`."""

    record_id: str
    lane: str
    index: int
    fingerprint: bytes
    salt: bytes


class Verdict(StrEnum):
    """What the log says of a record that corrects or voids, and that it will not append as it stands."""

    PRIOR_MISSING = "prior missing"
    """It corrects or voids what its sender never handed over under this contract."""
    PRIOR_VOID = "prior void"
    """It corrects or voids what does not stand: a void, or what was voided or refused on review."""
    PRIOR_WAITS = "prior waits"
    """It corrects or voids what waits for an officer, so it has to wait as well."""


@dataclass(frozen=True, slots=True)
class Known:
    """The answer to a batch of which the log knows something that `prepare` did not; nothing of it was appended.

    `promises` are of records promised before. Only when there are none, `chained` holds the verdicts about records
    that correct or void, by record id.
    """

    promises: tuple[Promise, ...]
    chained: tuple[tuple[str, Verdict], ...] = ()


@dataclass(frozen=True, slots=True)
class Early:
    """The answer to a batch that came before the one it follows was in the log; nothing of it was appended."""


@dataclass(slots=True)
class Settled:
    """What the log has said so far of records that wait to be appended, by record id.

    `promised` has the fingerprints of those promised before, `chained` what is wrong with what others correct or void.
    """

    promised: dict[str, bytes] = field(default_factory=dict)
    chained: dict[str, Verdict] = field(default_factory=dict)

    def learn(self, known: Known) -> None:
        """Add what the log has said now."""
        self.promised.update((promise.record_id, promise.fingerprint) for promise in known.promises)
        self.chained.update(known.chained)


CONFLICT = Refusal(
    "record.conflict",
    "source_ref",
    "a reference names one content; send a correction under its own reference",
)
UNFOUNDED: Mapping[Verdict | None, Refusal] = {
    Verdict.PRIOR_MISSING: Refusal(
        "record.prior_missing",
        "prior_ref",
        "it names a record that was handed over before, or earlier in the same submission",
    ),
    Verdict.PRIOR_VOID: Refusal(
        "record.prior_void",
        "prior_ref",
        "it names a record that stands: no void, and neither voided nor refused on review",
    ),
}
"""Why a record is refused that corrects or voids what the log says this of."""
