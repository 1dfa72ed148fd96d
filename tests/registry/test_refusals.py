"""Whoever is turned away is remembered, and cannot make the log grow by knocking more often."""

import pytest

from gateway.errors import Unavailable
from gateway.records import GATEWAY
from gateway.refusals import TOLD_APART, Refusals


class Kept:
    """A spool that may be full."""

    def __init__(self):
        self.events, self.full = [], False

    def leave(self, events):
        if self.full:
            raise Unavailable("unavailable.store", "full")
        self.events += events


def left(refusals):
    kept = Kept()
    refusals.leave(kept)
    return kept.events


def test_the_same_refusal_is_one_event_with_its_number():
    refusals = Refusals()
    for _ in range(1000):
        refusals.stranger("identity.unknown", "ab" * 32)
    (event,) = left(refusals)
    assert (event.lane, event.kind) == (GATEWAY, "stranger.refused")
    assert dict(event.fields) == {"certificate": "ab" * 32, "code": "identity.unknown", "times": 1000}
    assert left(refusals) == []


def test_what_a_quota_puts_off_stands_in_the_senders_lane():
    refusals = Refusals()
    refusals.agency("moh", "quota.records")
    (event,) = left(refusals)
    assert (event.lane, event.kind) == ("moh", "submission.deferred")


def test_so_many_strangers_are_told_apart_and_the_others_are_counted_together():
    refusals = Refusals()
    for number in range(10 * TOLD_APART):
        refusals.stranger("identity.unknown", f"{number:064x}")
    events = left(refusals)
    assert len(events) <= TOLD_APART + 1
    assert sum(dict(event.fields)["times"] for event in events) == 10 * TOLD_APART


def test_what_the_spool_does_not_take_is_left_the_next_time():
    refusals, spool = Refusals(), Kept()
    refusals.stranger("identity.handshake")
    spool.full = True
    with pytest.raises(Unavailable):
        refusals.leave(spool)
    refusals.stranger("identity.handshake")
    spool.full = False
    refusals.leave(spool)
    (event,) = spool.events
    assert dict(event.fields)["times"] == 2
