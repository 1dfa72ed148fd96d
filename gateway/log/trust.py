"""Which keys a lane's checkpoints may be signed with: those the key server has now, and retired ones they vouch for.

A key server lets go of key versions in the course of years, and what they signed must still be provable then. The
gateway's own lane introduces every key, with its public half; whoever signs that lane today answers for all of it.
"""

from __future__ import annotations

import sqlite3
from base64 import b64decode
from dataclasses import replace

import orjson

from crypto.errors import Tampered as NotAuthentic
from crypto.note import LogPolicy, verify
from crypto.openbao.signer import ED25519_KEY, MLDSA44_KEY
from gateway.errors import Tampered
from gateway.log.history import INTRODUCED
from gateway.log.proofs import entry_at, lane_named, latest
from gateway.log.replay import verify_lane
from gateway.records import GATEWAY


def with_retired(db: sqlite3.Connection, policy: LogPolicy) -> LogPolicy:
    """Return the policy of the gateway's lane with the retired keys that this lane introduces.

    `policy` holds the keys of today. Retired keys are believed only when the lane's latest checkpoint holds under
    those of today and every entry of the lane is as it was signed; otherwise `policy` itself is returned.
    """
    try:
        lane = lane_named(db, GATEWAY)
        size, note = latest(db, lane)
        known = replace(
            policy,
            ed25519=_with(policy.ed25519, _introduced(db, size, ED25519_KEY)),
            mldsa44=_with(policy.mldsa44, _introduced(db, size, MLDSA44_KEY)) if policy.mldsa44 else (),
        )
        if known != policy:
            verify(note, policy)
            verify_lane(db, GATEWAY, known)
    except (LookupError, ValueError, NotAuthentic, Tampered):
        return policy
    return known


def _introduced(db: sqlite3.Connection, size: int, name: str) -> list[bytes]:
    """Return the public halves of a log key's versions that the lane introduces below a size, oldest first."""
    lane, found = lane_named(db, GATEWAY), []
    for index in range(size):
        entry = orjson.loads(entry_at(db, lane, index) or b"{}")
        if entry.get("kind") == INTRODUCED and entry["name"] == name:
            found.append(b64decode(entry["public"]))
    return found


def _with(keys: tuple[bytes, ...], introduced: list[bytes]) -> tuple[bytes, ...]:
    return (*(key for key in introduced if key not in keys), *keys)
