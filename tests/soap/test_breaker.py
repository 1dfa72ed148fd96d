"""When an agency's service is left alone, and when it is tried again."""

from __future__ import annotations

import pytest

from adapters.soap.breaker import FAILURES, REST_S, Breaker
from adapters.soap.seen import FRESH_S, Seen
from gateway.errors import Rejected, Unavailable


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def broken(clock: Clock) -> Breaker:
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        breaker.enter()
        breaker.failed()
    return breaker


def test_after_some_failures_there_is_a_rest() -> None:
    clock = Clock()
    breaker = broken(clock)
    with pytest.raises(Unavailable) as refused:
        breaker.enter()
    assert refused.value.retry_after_s >= REST_S
    clock.now += REST_S
    breaker.enter()


def test_after_the_rest_one_tries_while_others_wait() -> None:
    clock = Clock()
    breaker = broken(clock)
    clock.now += REST_S
    breaker.enter()
    with pytest.raises(Unavailable):
        breaker.enter()
    breaker.succeeded()
    for _ in range(3):
        breaker.enter()


def test_what_answers_in_between_begins_anew() -> None:
    breaker = Breaker(Clock())
    for _ in range(3 * FAILURES):
        breaker.enter()
        breaker.failed()
        breaker.enter()
        breaker.succeeded()


def test_a_signed_message_is_seen_once_as_long_as_it_is_fresh() -> None:
    clock = Clock()
    seen = Seen(clock)
    seen.check(b"one", known=False)
    clock.now += FRESH_S - 1
    with pytest.raises(Rejected, match="replayed"):
        seen.check(b"one", known=False)
    with pytest.raises(Rejected, match="replayed"):
        seen.check(b"two", known=True)
    seen.check(b"two", known=False)
