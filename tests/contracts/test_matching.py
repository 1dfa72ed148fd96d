"""The national ID finds a person; the name says whether the number was written down right."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.matching import Match, match, name_key, suffices

NID, OTHER = "29001014112345", "29001014154321"
NAME = "إيمان عبد الرحمن مصطفى الشافعي"


def person(name=NAME, nid=NID):
    return {"nid": nid, "name": {"full": name, "parts": name.split()}}


@pytest.mark.parametrize(
    "spelling",
    [
        NAME,
        "ايمان عبدالرحمن مصطفي الشافعى",
        "إيمــان عبد الرَّحمن مصطفى الشافعي",
        "\u200fإيمان  عبد الرحمن مصطفى الشافعي\u200f",
        "ایمان عبد الرحمن مصطفی الشافعی",
        "\ufe87\ufef3\ufee4\ufe8e\ufee5 عبد الرحمن مصطفى الشافعي",
    ],
)
def test_spellings_of_one_name_are_one(spelling):
    assert match(person(spelling), NID, NAME) is Match.NAME_KEY


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ("إيمان عبد الرحمن", Match.NAME_PARTIAL),
        ("إيمان عبد الرحمن محمود الشافعي", Match.NAME_PARTIAL),
        ("عبد الرحمن إيمان الشافعي مصطفى", Match.NAME_CONFLICT),
        ("إيمان محمود سيد علي", Match.NAME_CONFLICT),
        ("محمود سيد", Match.NAME_CONFLICT),
    ],
)
def test_parts_count_in_their_places(told, found):
    assert match(person(told), NID, NAME) is found


def test_a_name_without_the_number_finds_nobody():
    assert match(person(nid=OTHER), NID, NAME) is Match.NO_NID
    assert match({"name": person()["name"]}, NID, NAME) is Match.NO_NID


def test_a_record_that_names_by_number_alone_fits_by_it():
    assert match({"nid": NID}, NID, NAME) is Match.NAME_KEY


def test_what_may_be_applied_without_a_look():
    assert suffices(Match.NAME_KEY, "deprivation.v1")
    assert suffices(Match.NAME_PARTIAL, "death.v1", "REGISTERED")
    assert not suffices(Match.NAME_PARTIAL, "death.v1", "NOTIFIED")
    assert not suffices(Match.NAME_PARTIAL, "deprivation.v1")
    assert not suffices(Match.NAME_CONFLICT, "death.v1", "REGISTERED")
    assert not suffices(Match.NO_NID, "death.v1", "REGISTERED")


@given(st.text(max_size=40))
def test_a_key_is_its_own_key(name):
    key = name_key(name)
    assert name_key(" ".join(key)) == key
