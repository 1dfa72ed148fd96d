"""Every error the exchange can answer with: three fates, one code each, and what to do about it.

    IsnadError
    ├── Rejected      the sender must change something; names the field and the rule
    ├── Unavailable   nothing was promised; retry later
    └── Tampered      what was read is not what was written: quarantine and alarm

A code is a stable dotted string and the same everywhere: problem type, log field, heading in `docs/errors.md`.
`gateway/codes.yaml` says of each what it means and what to do about it.
"""

from __future__ import annotations

from enum import StrEnum

from gateway.records import Refusal


class Fate(StrEnum):
    """What the one who meets the error does next."""

    REJECTED = "rejected"
    UNAVAILABLE = "unavailable"
    TAMPERED = "tampered"
    REVIEW = "review"
    """Nothing yet: an officer decides."""
    NOTED = "noted"
    """Nothing: what the code accompanies was accepted."""


class IsnadError(Exception):
    """An error with a code. Its text never holds a value of a record."""

    def __init__(self, code: str, rule: str = "", field: str = "") -> None:
        super().__init__(f"{code}: {rule}" if rule else code)
        self.code = code
        self.rule = rule
        self.field = field

    @property
    def refusal(self) -> Refusal:
        """Return the error as it is written into an answer or a log entry."""
        return Refusal(self.code, self.field, self.rule)


class Rejected(IsnadError):  # noqa: N818  the exchange's own words
    """The sender must change something before it tries again."""


class Unavailable(IsnadError):  # noqa: N818
    """Nothing was promised and nothing is wrong with the submission: try again after `retry_after_s` seconds."""

    def __init__(self, code: str, rule: str = "", retry_after_s: int = 5) -> None:
        super().__init__(code, rule)
        self.retry_after_s = retry_after_s


class Tampered(IsnadError):  # noqa: N818
    """What was read is not what was written. Set it aside, keep it, and raise the alarm."""
