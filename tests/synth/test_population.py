"""The population: nobody twice, nobody real, the same people on every machine."""

from collections import Counter
from datetime import date
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.nid import birth_date, check_digit
from contracts.rules import anniversary
from gateway.synth import demography
from gateway.synth.people import MAX_PERSONS, Population

UNTIL = date(2026, 6, 30)
# Days on which the last group has as many days as a stride of the population, a leap day, and the day after one.
DAYS = [UNTIL, date(2026, 5, 29), date(2026, 10, 25), date(2028, 2, 29), date(2026, 3, 1), date(2027, 1, 1)]


def everybody(population: Population):
    return [population.person(number) for number in range(population.persons)]


@pytest.mark.parametrize("until", DAYS)
def test_nobody_has_a_number_that_another_has_or_that_a_real_person_could_have(until):
    people = everybody(Population("seed", 8_000, until))
    assert len({person.nid for person in people}) == len(people)
    for person in people:
        assert birth_date(person.nid) == person.born
        assert int(person.nid[7:9]) == int(person.gov) + 40
        assert (person.nid[12] in "13579") == (person.sex == "M")
        assert check_digit(person.nid[:13]) == person.nid[13]
        assert anniversary(person.born, 18) <= until.isoformat()


@settings(max_examples=25, deadline=None)
@given(st.text(), st.integers(1, 3_000), st.dates(date(2024, 1, 1), date(2032, 12, 31)))
def test_whatever_the_seed_the_size_and_the_day_everybody_is_somebody_else(seed, persons, until):
    people = everybody(Population(seed, persons, until))
    assert len({person.nid for person in people}) == persons
    assert all(len(person.parts) == 4 and len(person.mother_parts) == 3 for person in people)


def test_seventy_million_are_known_at_once_and_one_by_one():
    population = Population("seed", 70_000_000, UNTIL)
    some = {population.person(number).nid for number in range(0, 70_000_000, 35_000)}
    assert len(some) == 2_000
    assert (
        int(max(nid[9:13] for nid in some)) < 1_000
    )  # serials of a day stay far below what there is room for


def test_the_same_seed_is_the_same_people_for_ever():
    people = everybody(Population("isnad", 500, UNTIL))
    assert sha256(repr([tuple(person) for person in people]).encode()).hexdigest() == EXPECTED
    assert people != everybody(Population("another", 500, UNTIL))


EXPECTED = "ee8d46e3d4072d1409a348df1397d756d8a4af6d20c450c504dc12c96758759e"


def test_they_live_and_die_as_people_do():
    population = Population("seed", 20_000, UNTIL)
    people = everybody(population)
    where = Counter(person.gov for person in people)
    share = demography.GOVERNORATES["01"] / sum(demography.GOVERNORATES.values())
    assert where["01"] / len(people) == pytest.approx(share, rel=0.05)
    assert Counter(person.sex for person in people)["F"] / len(people) == pytest.approx(0.5, abs=0.02)
    ages = sorted(UNTIL.year - int(person.born[:4]) for person in people)
    assert 34 <= ages[len(ages) // 2] <= 44
    dead = [person for person in people if population.dies(person.number, 12) is not None]
    assert len(dead) / len(people) == pytest.approx(0.0082, rel=0.25)
    assert sum(int(person.born[:4]) < 1966 for person in dead) > len(dead) / 2


def test_names_are_lines_of_fathers_so_that_there_are_homonyms():
    people = everybody(Population("seed", 20_000, UNTIL))
    (most_usual, times), *_ = Counter(person.parts for person in people).most_common(1)
    assert times > 3, most_usual
    copts = [person for person in people if "جرجس" in person.parts]
    assert copts
    assert not any("محمد" in person.parts for person in copts)


@pytest.mark.parametrize("persons", [0, -1, MAX_PERSONS + 1])
def test_a_population_that_cannot_be_is_refused(persons):
    with pytest.raises(ValueError, match="a population has"):
        Population("seed", persons, UNTIL)
