"""The calendar says on which days the voter register may change, and counts the days as the law does."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.calendar import Calendar, Election, Season

ELECTION = {
    "id": "house-2030",
    "title": {"ar": "انتخابات", "en": "Election"},
    "called_on": date(2030, 9, 15),
    "print_on": date(2030, 10, 30),
    "polling_on": date(2030, 11, 10),
    "ends_on": date(2030, 11, 12),
    "scope": "national",
}


def calendar(*changes):
    return Calendar(elections=tuple(Election(**{**ELECTION, **change}) for change in changes))


@pytest.mark.parametrize(
    ("day", "season"),
    [
        (date(2030, 9, 14), Season.NORMAL),
        (date(2030, 9, 15), Season.CALLED),
        (date(2030, 10, 26), Season.CALLED),  # fifteen days before polling: the last day for exceptions
        (date(2030, 10, 27), Season.LOCKED),
        (date(2030, 11, 12), Season.LOCKED),
        (date(2030, 11, 13), Season.NORMAL),
    ],
)
def test_an_election_calls_then_locks_then_frees_the_register(day, season):
    assert calendar({}).season(day) is season


def test_printing_the_lists_early_moves_the_cut_off_to_the_day_before():
    early = date(2030, 10, 20)
    printed = calendar({"print_on": early})
    assert printed.season(early - timedelta(days=1)) is Season.CALLED
    assert printed.season(early) is Season.LOCKED


def test_in_a_called_season_a_death_passes_and_a_change_of_address_waits():
    day = date(2030, 10, 1)
    assert calendar({}).freeze("pass", day) == "pass"
    assert calendar({}).freeze("hold", day) == "hold"


def test_once_locked_everything_waits_and_otherwise_everything_passes():
    assert calendar({}).freeze("pass", date(2030, 11, 1)) == "hold"
    assert calendar({}).freeze("hold", date(2030, 1, 1)) == "pass"


def test_what_never_changes_the_register_never_waits():
    for day in (date(2030, 1, 1), date(2030, 10, 1), date(2030, 11, 1)):
        assert calendar({}).freeze("exempt", day) == "pass"


def test_the_strictest_of_two_elections_decides():
    by_election = {
        "id": "by-election",
        "called_on": date(2030, 10, 1),
        "print_on": date(2030, 10, 8),
        "polling_on": date(2030, 10, 25),
        "ends_on": date(2030, 10, 25),
        "scope": ("29",),
    }
    both = calendar({}, by_election)
    assert both.season(date(2030, 10, 2)) is Season.CALLED
    assert both.season(date(2030, 10, 9)) is Season.LOCKED
    assert both.season(date(2030, 10, 26)) is Season.CALLED


@pytest.mark.parametrize(
    "changes",
    [
        {"called_on": date(2030, 10, 27)},  # after the cut-off
        {"print_on": date(2030, 9, 15)},  # before anything could be done
        {"ends_on": date(2030, 11, 9)},
        {"polling_on": date(2030, 9, 20)},
        {"scope": ("1",)},
        {"scope": ()},
        {"scope": "district"},
    ],
)
def test_dates_and_scopes_that_cannot_be_are_refused(changes):
    with pytest.raises(ValidationError):
        calendar(changes)


def test_two_elections_must_not_share_an_id():
    with pytest.raises(ValidationError):
        calendar({}, {})


@given(st.dates(date(2030, 1, 1), date(2031, 12, 31)), st.sampled_from(["pass", "hold"]))
def test_a_hold_is_never_loosened_by_another_election(day, contract_class):
    one = calendar({}).freeze(contract_class, day)
    two = calendar({}, {"id": "second", "called_on": date(2030, 3, 1)}).freeze(contract_class, day)
    assert (one, two) != ("hold", "pass")
