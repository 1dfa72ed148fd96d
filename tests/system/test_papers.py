"""What the demonstration sends: invented people only, and every record gets from its contract what it foretells."""

from collections import Counter
from datetime import date

import pytest

import contracts
from contracts.nid import birth_date, check_digit
from gateway.demo import ministry, register
from gateway.demo.papers import ACCEPTED, CONFLICT, DUPLICATE, QUARANTINED
from gateway.demo.people import Generation, person

MANY = 4000
# The day after a leap day, the day on which those of 29 February come of age, and days of no interest.
DAYS = [date(2026, 7, 1), date(2026, 3, 1), date(2027, 12, 31), date(2028, 2, 29)]


@pytest.fixture(scope="module")
def catalogue():
    return contracts.load()


def fates(catalogue, agency, pile, today, seen):
    """What becomes of each record of a submission, by its contract and by what was `seen` before."""
    binding = catalogue.binding(agency, pile.contract)
    splitter = binding.splitter(1 << 20, pile.media_type)
    pieces = [piece for chunk in pile.chunks() for piece in splitter.feed(chunk)] + splitter.close()
    for piece in pieces:
        try:
            if piece.refusal:
                raise piece.refusal
            conformed = binding.conform(piece.octets, today)
        except contracts.Refused as refused:
            yield refused.code
            continue
        first = seen.setdefault((pile.contract, conformed.source_ref, conformed.op), conformed.payload)
        if first is conformed.payload:
            yield QUARANTINED if conformed.review else ACCEPTED
        else:
            yield DUPLICATE if first == conformed.payload else CONFLICT


@pytest.mark.parametrize("today", DAYS)
@pytest.mark.parametrize(
    ("agency", "submissions"), [("moh", ministry.submissions), ("cso", register.submissions)]
)
def test_every_record_gets_what_it_foretells(catalogue, agency, submissions, today):
    piles = list(submissions(MANY if today == DAYS[0] else 600, today))
    seen = {}
    for pile in piles:
        foretold = [paper.fate for paper in pile.papers]
        assert list(fates(catalogue, agency, pile, today, seen)) == foretold
    told = Counter(paper.fate for pile in piles for paper in pile.papers)
    assert told[ACCEPTED] > 0.9 * sum(told.values())
    assert told[QUARANTINED] or today != DAYS[0]
    assert told[DUPLICATE]
    assert told[CONFLICT]


def test_every_kind_of_fault_occurs():
    piles = [*ministry.submissions(MANY, DAYS[0]), *register.submissions(MANY, DAYS[0])]
    told = {paper.fate for pile in piles for paper in pile.papers}
    kinds = [*ministry.NOTIFICATIONS.faults, *register.REGISTRATIONS.faults, *register.ENTITLEMENTS.faults]
    assert told >= {code for code, _ in kinds}


def test_the_same_numbers_give_the_same_submissions():
    def octets():
        return [b"".join(pile.chunks()) for pile in register.submissions(500, DAYS[0])]

    assert octets() == octets()


def test_as_many_records_are_sent_as_were_asked_for():
    for count in (1, 2, 9, 1601):
        for submissions in (ministry.submissions, register.submissions):
            assert sum(len(pile.papers) for pile in submissions(count, DAYS[0])) == count


def test_nobody_shares_a_national_id_and_nobody_can_be_real():
    generation = Generation(date(1999, 12, 1), 60)
    people = [person(generation, number) for number in range(6000)]
    assert len({one.nid for one in people}) == len(people)
    for one in people:
        assert birth_date(one.nid) == one.born.isoformat()
        assert 41 <= int(one.nid[7:9]) <= 75
        assert (one.nid[12] in "13579") == (one.sex == "M")
        assert check_digit(one.nid[:13]) == one.nid[13]


def test_a_generation_that_is_full_says_so():
    with pytest.raises(ValueError, match="at most"):
        person(Generation(date(2000, 1, 1), 1), 5000)
