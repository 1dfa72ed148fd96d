"""What became of each record that was promised together with others, sorted by where it came from."""

from __future__ import annotations

from collections.abc import Mapping

from crypto.receipt import BatchReceipt
from crypto.seal import Draft
from gateway.records import Kept, Outcome, Outcomes, SealedBatch, Status
from gateway.settled import Promise


def by_part(sealed: SealedBatch, earlier: Mapping[str, Promise]) -> tuple[Outcomes, ...]:
    """Return each part's outcomes, in order of position.

    `earlier` has, by record id, what was promised before of the records that are repeated.
    """
    batch = sealed.batch
    answers: list[list[Outcome]] = [[] for _ in batch.parts]
    places = {known.record_id: (known.lane, known.index) for known in earlier.values()}

    def put(kept: Kept, status: Status, draft: Draft, n: int, receipt: BatchReceipt) -> None:
        outcome = Outcome(
            position=kept.position,
            status=status,
            record_id=kept.record_id,
            lane=receipt.lane,
            index=receipt.first + n,
            salt=draft.salts[n],
            entry=draft.entries[n],
            warnings=kept.warnings,
            batch=receipt,
            reference=kept.source_ref,
        )
        places[kept.record_id] = outcome.lane, outcome.index
        answers[kept.part].append(outcome)

    if batch.draft is not None and sealed.receipt is not None:
        for n, kept in enumerate(batch.kept):
            put(kept, Status.ACCEPTED, batch.draft, n, sealed.receipt)
    for one, own in zip(batch.held, sealed.held, strict=True):
        put(one.kept, Status.QUARANTINED, one.draft, 0, own)
    for repeated in batch.repeated:
        lane, index = places[repeated.record_id]
        answers[repeated.part].append(
            Outcome(
                repeated.position,
                Status.DUPLICATE,
                repeated.record_id,
                lane,
                index,
                reference=repeated.source_ref,
            )
        )
    for refused in batch.refused:
        answers[refused.part].append(
            Outcome(refused.position, Status.REFUSED, refusal=refused.refusal, reference=refused.source_ref)
        )
    return tuple(sorted(outcomes, key=lambda outcome: outcome.position) for outcomes in answers)
