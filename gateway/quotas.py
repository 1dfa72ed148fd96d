"""How much each agency may send: token buckets for the second, a count for the day, and what is kept of it.

Kept in memory and per node: a restart forgives, and each of several nodes allows the whole quota. Quotas
guard the gateway against a sender gone wild; they account for nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.errors import Unavailable
from gateway.registry.agency_file import Quota

DAY_S = 24 * 3600
OFFICER_S = 60
"""When to ask again whether an officer has decided."""
REMOVAL_S = 3600
"""When to ask again whether messages were removed: their time is counted in days."""


@dataclass(slots=True)
class _Bucket:
    """Fills up to a size. May be drawn below zero, so that a large group never waits for ever."""

    level: float
    at_s: float

    def fill(self, rate: float, size: float, now_s: float) -> None:
        self.level = min(size, self.level + (now_s - self.at_s) * rate)
        self.at_s = now_s


@dataclass(slots=True)
class _Spent:
    """What one agency has used."""

    records: _Bucket
    submissions: _Bucket
    day_begun_s: float
    today: int = 0


class Quotas:
    """Counts what agencies send. `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._spent: dict[str, _Spent] = {}
        self._quarantined: Counter[str] = Counter()

    def submission(self, sender: str, quota: Quota) -> None:
        """Count one submission.

        Raises:
            Unavailable: `quota.submissions`, with the seconds until the next one may come.
        """
        bucket = self._of(sender, quota).submissions
        bucket.fill(quota.submissions_per_s, quota.submissions_per_s, self._clock())
        if bucket.level < 1:
            wait_s = math.ceil((1 - bucket.level) / quota.submissions_per_s)
            raise Unavailable("quota.submissions", f"{quota.submissions_per_s} submissions a second", wait_s)
        bucket.level -= 1

    def records(self, sender: str, quota: Quota, count: int) -> None:
        """Count `count` records, all of them or none.

        Raises:
            Unavailable: `quota.records` or `quota.records_per_day`, with the seconds until there is room
                again; `quota.quarantine`, until officers have decided about some of what waits.
        """
        if self._quarantined[sender] >= quota.quarantined_records:
            rule = f"at most {quota.quarantined_records} records that wait for an officer"
            raise Unavailable("quota.quarantine", rule, OFFICER_S)
        spent = self._of(sender, quota)
        wait_s = self.wait_s(sender, quota)
        if wait_s > 0:
            raise Unavailable("quota.records", f"{quota.records_per_s} records a second", math.ceil(wait_s))
        if spent.today + count > quota.records_per_day:
            left_s = math.ceil(spent.day_begun_s + DAY_S - self._clock())
            raise Unavailable("quota.records_per_day", f"{quota.records_per_day} records in 24 hours", left_s)
        spent.records.level -= count
        spent.today += count

    def kept_message(self, quota: Quota, used: int) -> None:
        """Let one more signed message of a sender be kept, whose kept ones take `used` octets.

        Raises:
            Unavailable: `quota.kept_messages`.
        """
        if used >= quota.kept_message_bytes:
            rule = f"at most {quota.kept_message_bytes} bytes of signed messages"
            raise Unavailable("quota.kept_messages", rule, REMOVAL_S)

    def quarantined(self, sender: str, count: int) -> None:
        """Count records that wait for an officer from now on."""
        self._quarantined[sender] += count

    def measured(self, quarantined: Mapping[str, int]) -> None:
        """Take over how many records of each sender wait, as the store has them."""
        self._quarantined = Counter(quarantined)

    def wait_s(self, sender: str, quota: Quota) -> float:
        """Return the seconds until this sender may send records again; 0 when it may now."""
        bucket = self._of(sender, quota).records
        bucket.fill(quota.records_per_s, quota.burst, self._clock())
        return max(0.0, (1 - bucket.level) / quota.records_per_s)

    def _of(self, sender: str, quota: Quota) -> _Spent:
        now_s = self._clock()
        spent = self._spent.get(sender)
        if spent is None:
            full = _Bucket(quota.burst, now_s), _Bucket(quota.submissions_per_s, now_s)
            spent = self._spent[sender] = _Spent(*full, day_begun_s=now_s)
        if now_s - spent.day_begun_s >= DAY_S:
            spent.day_begun_s, spent.today = now_s, 0
        return spent
