"""Entries for what is no record: the octets that a lane remembers of an event."""

from __future__ import annotations

import re

from crypto.canonical import canonical
from crypto.entry import ENTRY_MAX_BYTES
from gateway.moments import rfc3339
from gateway.records import Event

SPAN_MAX = 256  # a range is a batch; a longer one would hide from the search for the ranges around an index
LANE = re.compile(r"[a-z][a-z0-9-]{0,62}")  # an agency's name, or the gateway's; part of the lane's origin
_OURS = frozenset({"v", "kind", "time", "about", "first", "count"})


def event_entry(event: Event, time_ms: int) -> bytes:
    """Return an event's log entry (RFC 8785); `time_ms` is when it happened (Unix ms).

    Raises:
        ValueError: a lane that cannot be, more than 4,096 bytes, a range that is none or is longer than a
            batch, a field that the entry already has, or one that JSON cannot hold.
    """
    if not LANE.fullmatch(event.lane):
        raise ValueError("no lane can have this name")
    names = [name for name, _ in event.fields]
    if len(set(names)) != len(names) or not _OURS.isdisjoint(names):
        raise ValueError("an event's field stands twice")
    if event.first < 0 or not 0 <= event.count <= SPAN_MAX:
        raise ValueError("an event is about one record, about at most 256 in a row, or about none")
    entry: dict[str, object] = {"v": 1, "kind": event.kind, "time": rfc3339(time_ms), **dict(event.fields)}
    if event.record_id:
        entry["about"] = event.record_id
    if event.count:
        entry |= {"first": event.first, "count": event.count}
    octets = canonical(entry)
    if len(octets) > ENTRY_MAX_BYTES:
        raise ValueError(f"an event's entry has at most {ENTRY_MAX_BYTES} bytes")
    return octets
