"""Instants and legal days, and names made of instants."""

from __future__ import annotations

import os
import time
from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

_FREE = ~(0xF << 76 | 0b11 << 62)
LEGAL_ZONE = ZoneInfo("Africa/Cairo")
"""Legal dates are plain dates on the wall calendar of the country."""


def now_ms() -> int:
    """Return the present instant (Unix ms)."""
    return time.time_ns() // 1_000_000


def legal_date(unix_ms: int) -> date:
    """Return the legal date at an instant (Unix ms)."""
    return _legal_date_of(unix_ms // 60_000)  # days begin on whole minutes


def rfc3339(unix_ms: int) -> str:
    """Write an instant as the log does: UTC, milliseconds (RFC 3339)."""
    return (
        datetime.fromtimestamp(unix_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def uuid7() -> str:
    """Return a UUIDv7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, then random bits."""
    return uuid_text(now_ms() << 80 | int.from_bytes(os.urandom(10)), 7)


def uuid_text(bits: int, version: int) -> str:
    """Return 128 bits as a UUID of a version (RFC 9562 §4), whose own six bits are put over theirs."""
    # A `uuid.UUID` in between takes as long as all else together, and one is made for every submission.
    text = f"{bits & _FREE | version << 76 | 0b10 << 62:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


@lru_cache(maxsize=64)
def _legal_date_of(minute: int) -> date:
    return datetime.fromtimestamp(minute * 60, LEGAL_ZONE).date()
