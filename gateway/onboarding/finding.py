"""One thing that was found about an agency's connection."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.codes import CODES
from gateway.errors import Fate

CLOCK_MOST_S = 60
"""As much as signatures and certificates forgive."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, and how it is: well when `code` is empty, otherwise what the code says.

    `detail` names the place: a host, a day, a number of seconds; never a value of a record.
    """

    about: str
    code: str = ""
    detail: str = ""

    @property
    def wrong(self) -> bool:
        """Whether somebody must do something now."""
        return bool(self.code) and self._fate is not Fate.NOTED

    @property
    def _fate(self) -> Fate:
        return CODES[self.code].fate if self.code in CODES else Fate.REJECTED

    @property
    def lines(self) -> tuple[str, ...]:
        """Return it in words, with what to do about it, in both languages."""
        place = f" ({self.detail})" if self.detail else ""
        if not self.code:
            return (f"ok    {self.about}{place}",)
        first = f"{'WRONG' if self.wrong else 'note '} {self.about}{place}: {self.code}"
        text = CODES.get(self.code)
        if text is None:
            return (first,)
        return (
            first,
            f"      {text.en}. {text.remedy_en}",
            f"      {text.ar}. {text.remedy_ar}",
        )


def clock(about: str, theirs: datetime) -> Finding:
    """Return what follows from the instant that another machine says it is now; UTC if it names no zone."""
    difference_s = (theirs.replace(tzinfo=theirs.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    code = "endpoint.clock" if abs(difference_s) > CLOCK_MOST_S else ""
    return Finding(about, code, f"{difference_s:+.0f} s")
