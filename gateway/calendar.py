"""The electoral calendar: when the voter register may change, and when a change has to wait.

    NORMAL    everything passes
    CALLED    voters are called: what the law lets pass goes on (deaths, enforceable orders), the rest waits
    LOCKED    after the cut-off nothing changes the register until polling is over

Law 45/2014 on political rights, Art. 16: no change once voters are called, except an enforceable judgment or
the deletion of the dead, at least fifteen days before polling. Dates come from `calendar.yaml`, never from
code.
"""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from gateway.configuration import Bilingual, Document

LOCKED_BEFORE_POLLING = timedelta(days=15)
"""Art. 16: at least fifteen days before the polling date, so that day itself still passes."""
BEFORE_PRINTING = timedelta(days=1)
"""Printed lists cannot change: practice ran deletions to the day before printing."""

Freeze = Literal["pass", "hold"]
FreezeClass = Literal["pass", "hold", "exempt"]
"""What a contract says of itself; `exempt` is what never changes the register, and so never waits."""
Governorate = Annotated[str, StringConstraints(pattern=r"^[0-9]{2}$")]


class Season(StrEnum):
    """How far the register may change on a day; ordered by how little."""

    NORMAL = "normal"
    CALLED = "called"
    LOCKED = "locked"


class Election(Document):
    """One election or referendum; every date is a plain date in Cairo.

    `polling_on` is the first day of polling, from which the law counts; `ends_on` the last one, runoffs
    included. `scope` is `national`, or the governorates (two digits each) that vote. Which of them a citizen
    belongs to stands inside the sealed record, so an election of any scope freezes the whole register here:
    what is held too much is handed over afterwards, what passed too much could not be taken back.
    """

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{1,63}$")]
    title: Bilingual
    called_on: date
    print_on: date
    polling_on: date
    ends_on: date
    scope: Literal["national"] | Annotated[tuple[Governorate, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _in_order(self) -> Election:
        if not self.called_on <= self.cut_off < self.polling_on <= self.ends_on:
            raise ValueError(
                "dates must be in order: called_on, the cut-off (the earlier of 15 days before polling_on "
                "and the day before print_on), polling_on, ends_on"
            )
        return self

    @property
    def cut_off(self) -> date:
        """The last day on which what the law lets pass does pass."""
        return min(self.polling_on - LOCKED_BEFORE_POLLING, self.print_on - BEFORE_PRINTING)

    def season(self, day: date) -> Season:
        """Return what this election makes of a day."""
        if not self.called_on <= day <= self.ends_on:
            return Season.NORMAL
        return Season.CALLED if day <= self.cut_off else Season.LOCKED


class Calendar(Document):
    """All elections that are known; the strictest one decides about a day."""

    elections: tuple[Election, ...]

    @model_validator(mode="after")
    def _each_once(self) -> Calendar:
        if len({election.id for election in self.elections}) != len(self.elections):
            raise ValueError("two elections have the same id")
        return self

    def season(self, day: date) -> Season:
        """Return how far the register may change on a day (a legal date, Cairo)."""
        seasons = {election.season(day) for election in self.elections}
        return next((season for season in (Season.LOCKED, Season.CALLED) if season in seasons), Season.NORMAL)

    def freeze(self, contract_class: FreezeClass, day: date) -> Freeze:
        """Return whether a record passes on a day or is held.

        `contract_class` is what the contract says of itself: in a called election its records `pass` or are
        on `hold`; those of an `exempt` one do not change the register and pass always.
        """
        if contract_class == "exempt":
            return "pass"
        match self.season(day):
            case Season.NORMAL:
                return "pass"
            case Season.CALLED:
                return contract_class
            case Season.LOCKED:
                return "hold"
