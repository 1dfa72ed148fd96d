"""What was promised under a record's id."""

from __future__ import annotations

import sqlite3

from gateway.log.ids import octets_of
from gateway.log.proofs import lane_numbered
from gateway.log.store import located, select
from gateway.log.tags import places, tag_of
from gateway.settled import Promise


def promised(db: sqlite3.Connection, record_id: str) -> Promise | None:
    """Return what was promised under an id.

    Raises:
        ValueError: not a record id.
    """
    octets = octets_of(record_id)
    query = "SELECT place, record_id, fingerprint, salt FROM promise WHERE place IN"
    for place, other, fingerprint, salt in select(db, query, places(db, tag_of(octets))):
        if other == octets:
            number, index = located(place)
            return Promise(record_id, lane_numbered(db, number).name, index, fingerprint, salt)
    return None
