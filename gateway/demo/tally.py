"""What an agency, the authority's core and the demonstration count, and whether it all adds up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from gateway.demo.papers import ACCEPTED, DUPLICATE, QUARANTINED


class Flow(msgspec.Struct):
    """What became of the records that an agency sent under one contract.

    `quarantined` ones wait for an officer. `refused` counts by code. `unforetold` counts records with another fate
    than they were made for, and `returned` those accepted ones for which an answer of the authority has come back.
    """

    contract: str
    media_type: str
    sent: int = 0
    accepted: int = 0
    quarantined: int = 0
    duplicate: int = 0
    refused: dict[str, int] = {}
    unforetold: int = 0
    returned: int = 0

    def count(self, fate: str, foretold: str) -> None:
        """Count one record that was answered."""
        if fate == ACCEPTED:
            self.accepted += 1
        elif fate == QUARANTINED:
            self.quarantined += 1
        elif fate == DUPLICATE:
            self.duplicate += 1
        else:
            self.refused[fate] = self.refused.get(fate, 0) + 1
        self.unforetold += fate != foretold

    @property
    def answered(self) -> int:
        """How many records the gateway has answered."""
        return self.accepted + self.quarantined + self.duplicate + sum(self.refused.values())


class Told(msgspec.Struct):
    """What an agency says of itself from time to time.

    `strange` counts answers of the authority for no record of this agency's. `finished` means that all was sent
    and answered; `failed` holds the code of what ended it early.
    """

    agency: str
    flows: list[Flow]
    outcomes: dict[str, int] = {}
    strange: int = 0
    finished: bool = False
    failed: str = ""


class Delivered(msgspec.Struct):
    """What the authority's core says of itself: records it was handed, and how many came more than once."""

    delivered: int = 0
    again: int = 0


class Tally(msgspec.Struct):
    """The whole exchange, counted by those who took part in it."""

    agencies: list[Told]
    core: Delivered
    sending_s: float = 0.0
    whole_s: float = 0.0

    def flows(self) -> Iterator[tuple[str, Flow]]:
        """Yield each agency's name with each of its flows."""
        for told in self.agencies:
            for flow in told.flows:
                yield told.agency, flow

    def refused(self) -> dict[str, int]:
        """Return how many records were refused with each code."""
        codes: dict[str, int] = {}
        for _, flow in self.flows():
            for code, count in flow.refused.items():
                codes[code] = codes.get(code, 0) + count
        return codes

    def outcomes(self) -> dict[str, int]:
        """Return how often the authority decided what."""
        decided: dict[str, int] = {}
        for told in self.agencies:
            for outcome, count in told.outcomes.items():
                decided[outcome] = decided.get(outcome, 0) + count
        return decided

    @property
    def sent(self) -> int:
        """How many records the agencies sent."""
        return sum(flow.sent for _, flow in self.flows())

    @property
    def answered(self) -> int:
        """How many of them the gateway answered."""
        return sum(flow.answered for _, flow in self.flows())

    @property
    def accepted(self) -> int:
        """How many of them are in the log and on their way."""
        return sum(flow.accepted for _, flow in self.flows())

    @property
    def quarantined(self) -> int:
        """How many of them are in the log and wait for an officer."""
        return sum(flow.quarantined for _, flow in self.flows())

    @property
    def returned(self) -> int:
        """How many answers of the authority have come back."""
        return sum(flow.returned for _, flow in self.flows())

    @property
    def settled(self) -> bool:
        """Whether nothing is under way any more."""
        finished = all(told.finished for told in self.agencies)
        return finished and self.core.delivered >= self.accepted and self.returned >= self.core.delivered


class Check(msgspec.Struct):
    """Two numbers that must be the same, and what they are."""

    says: str
    left: int
    right: int

    @property
    def holds(self) -> bool:
        """Whether they are."""
        return self.left == self.right


def checks(tally: Tally, asked: int) -> Sequence[Check]:
    """Return everything that must hold when `asked` records were to be sent."""
    others = tally.quarantined + sum(flow.duplicate for _, flow in tally.flows())
    refused = sum(tally.refused().values())
    wrong = sum(flow.unforetold for _, flow in tally.flows())
    strange = sum(told.strange for told in tally.agencies)
    return (
        Check("records asked for = sent", asked, tally.sent),
        Check(
            "sent = accepted + quarantined + duplicate + refused",
            tally.sent,
            tally.accepted + others + refused,
        ),
        Check("accepted = delivered to the authority", tally.accepted, tally.core.delivered),
        Check("delivered = dispositions returned", tally.core.delivered, tally.returned),
        Check("records with another fate than foretold", 0, wrong),
        Check("records handed to the authority twice", 0, tally.core.again),
        Check("answers to the wrong agency", 0, strange),
    )
