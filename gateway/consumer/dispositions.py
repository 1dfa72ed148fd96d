"""What a recipient answers for a record it was handed, in the words of the contract `disposition.v1`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

CONTRACT = "disposition.v1"
_FIELD_PATH = re.compile(r"(/[a-z0-9_]+)*")  # RFC 6901, with the names that contracts give to fields
_FIELD_PATH_MAX = 200


class Decision(StrEnum):
    """What the recipient did with the record."""

    APPLIED = "APPLIED"
    DUPLICATE = "DUPLICATE"
    REJECTED = "REJECTED"
    HELD_FREEZE = "HELD_FREEZE"
    PENDING_REVIEW = "PENDING_REVIEW"
    NO_SUCH_VOTER = "NO_SUCH_VOTER"
    VOIDED = "VOIDED"


class Reason(StrEnum):
    """Why it did not simply apply it."""

    SCHEMA = "SCHEMA"
    SIGNATURE = "SIGNATURE"
    NID_FORMAT = "NID_FORMAT"
    NID_UNKNOWN = "NID_UNKNOWN"
    NAME_CONFLICT = "NAME_CONFLICT"
    DOB_CONFLICT = "DOB_CONFLICT"
    NOT_FINAL = "NOT_FINAL"
    NO_OPEN_BAR = "NO_OPEN_BAR"
    OUT_OF_ORDER = "OUT_OF_ORDER"
    LATE = "LATE"
    FROZEN = "FROZEN"


INTERIM = frozenset({Decision.HELD_FREEZE, Decision.PENDING_REVIEW})
"""What is not the last word: another answer is owed for the record, and corrects this one."""


@dataclass(frozen=True, slots=True)
class Disposition:
    """A recipient's answer for one record.

    `field_path` is a JSON Pointer (RFC 6901) into the event's `data`, of lower-case names and digits, at most
    200 characters, or empty. It names a field; an answer never repeats a value.

    Raises:
        ValueError: an answer other than APPLIED without a code, or a path that is no JSON Pointer.
    """

    outcome: Decision
    code: Reason | None = None
    field_path: str = ""

    def __post_init__(self) -> None:
        if (self.code is None) != (self.outcome is Decision.APPLIED):
            raise ValueError("an answer has a code exactly when it is not APPLIED")
        if len(self.field_path) > _FIELD_PATH_MAX or not _FIELD_PATH.fullmatch(self.field_path):
            raise ValueError("field_path must be a JSON Pointer of at most 200 characters")

    @classmethod
    def of(cls, outcome: str, code: str = "", field_path: str = "") -> Disposition:
        """Return the disposition that these words name.

        Raises:
            ValueError: not words of the contract, or not together.
        """
        return cls(Decision(outcome), Reason(code) if code else None, field_path)
