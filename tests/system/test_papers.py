"""What the demonstration sends: invented people only, and every record gets from its contract what it foretells."""

from collections import Counter
from datetime import date

import pytest
from support.outcomes import outcome

import contracts
from gateway.demo.papers import ACCEPTED, DUPLICATE, QUARANTINED, SENDS, submissions

CONFLICT = "record.conflict"
MANY = 4000
# The day after a leap day, the day on which those of 29 February come of age, and days of no interest.
DAYS = [date(2026, 7, 1), date(2026, 3, 1), date(2027, 12, 31), date(2028, 2, 29)]


@pytest.fixture(scope="module")
def catalogue():
    return contracts.load()


def fates(catalogue, agency, pile, today, seen):
    """What becomes of each record of a submission, by its contract and by what was `seen` before."""
    binding = catalogue.binding(agency, pile.contract)
    for piece in pieces(binding, pile):
        result, code, *_ = outcome(binding, piece, today, seen)
        yield code if result == "refused" else result


def pieces(binding, pile):
    splitter = binding.splitter(1 << 20, pile.media_type)
    return [piece for chunk in pile.chunks() for piece in splitter.feed(chunk)] + splitter.close()


@pytest.mark.parametrize("today", DAYS)
@pytest.mark.parametrize("agency", SENDS)
def test_every_record_gets_what_it_foretells(catalogue, agency, today):
    piles = list(submissions(catalogue, agency, MANY if today == DAYS[0] else 600, today))
    seen = {contract: {} for contract in SENDS[agency]}
    for pile in piles:
        foretold = [paper.fate for paper in pile.papers]
        assert list(fates(catalogue, agency, pile, today, seen[pile.contract])) == foretold
    told = Counter(paper.fate for pile in piles for paper in pile.papers)
    assert told[ACCEPTED] > 0.9 * sum(told.values())
    assert told[QUARANTINED] or today != DAYS[0]
    assert told[DUPLICATE]
    assert told[CONFLICT]


def test_the_same_day_gives_the_same_submissions(catalogue):
    def octets():
        return [b"".join(pile.chunks()) for pile in submissions(catalogue, "cso", 500, DAYS[0])]

    assert octets() == octets()


def test_as_many_records_are_sent_as_were_asked_for(catalogue):
    for count in (1, 2, 9, 1601):
        for agency in SENDS:
            piles = submissions(catalogue, agency, count, DAYS[0])
            assert sum(len(pile.papers) for pile in piles) == count


def test_both_who_notify_deaths_speak_of_the_same_ones(catalogue):
    dead = {}
    for agency in ("moh", "cso"):
        binding = catalogue.binding(agency, "death.v1")
        for pile in submissions(catalogue, agency, 300, DAYS[0]):
            if pile.contract == "death.v1":
                splitter = binding.splitter(1 << 20, pile.media_type)
                pieces = [
                    piece for chunk in pile.chunks() for piece in splitter.feed(chunk)
                ] + splitter.close()
                dead[agency] = set(numbers(binding, pieces))
    assert len(dead["cso"]) > 50
    assert len(dead["cso"] - dead["moh"]) < 0.1 * len(dead["cso"])


def numbers(binding, sent):
    for piece in sent:
        try:
            yield binding.conform(piece.octets, DAYS[0]).nid
        except contracts.Refused:
            continue
