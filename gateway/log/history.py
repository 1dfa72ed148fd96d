"""What the gateway's own lane says is in force: so that a restart logs only what has changed since."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from gateway.log.proofs import entry_at, lane_named, latest
from gateway.log.reading import Readers
from gateway.log.store import translated
from gateway.records import GATEWAY

CHANGED = ".changed"
INTRODUCED = "key.introduced"


def logged_digests(path: Path) -> dict[tuple[str, str], str]:
    """Return the last digest the lane holds of each agency, agreement, calendar and catalogue, by kind and name."""
    latest: dict[tuple[str, str], str] = {}
    for entry in _entries(path):
        if entry["kind"].endswith(CHANGED):
            latest[entry["kind"], entry["name"]] = entry["new"]
    return {what: digest for what, digest in latest.items() if digest}


def introduced_keys(path: Path) -> frozenset[str]:
    """Return the ids of the log keys that the lane has introduced."""
    return frozenset(entry["key_id"] for entry in _entries(path) if entry["kind"] == INTRODUCED)


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    readers = Readers(path)
    try:
        with translated():
            db = readers.db()
            try:
                lane = lane_named(db, GATEWAY)
            except LookupError:
                return
            for index in range(latest(db, lane)[0]):
                octets = entry_at(db, lane, index)
                if octets is not None:
                    yield orjson.loads(octets)
    finally:
        readers.close()
