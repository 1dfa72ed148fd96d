"""The population: N adults on a given day, each of whom follows from the seed and a number.

Nobody is counted twice because nobody is drawn: the population is divided into groups by birth year and
governorate, and the members of a group are spread over the days of the year. A member's place among those born
that day is the serial of the national ID. So no counter has to be shared, and every shard knows everybody.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from math import gcd
from typing import NamedTuple

from contracts.nid import SYNTHETIC_OFFSET, check_digit
from gateway.synth import demography, names
from gateway.synth.chance import DRAWN, MILLION, Key

MAX_PERSONS = 100_000_000
STRETCH = 1_000
"""So many persons, from a multiple of it on, are drawn for at once."""
_DAYS_A_YEAR = 365
_FORTH, _BACK = 7, 3  # 7 · 3 leaves 1 over 20: one undoes the other
_MEMBERS = 20  # a group's members come in twenties: ten women and ten men
_COPTS = {"24": 4, "25": 4, "26": 4}  # of twenty; fewer elsewhere
_COPTS_ELSEWHERE = 2
_STRIDES = (149, 151)  # primes: neighbours in a group are not born on neighbouring days
_SPREAD = 37
_OLD = 2000  # born before: century digit 2
_FATHERS_AGE, _MOTHERS_AGE, _AGES = 20, 18, 21
_YEAR = 100  # the year in a group's code: 195201 is those born in Cairo in 1952
_unpacked: Callable[[bytes], tuple[int, int, int]] = struct.Struct(">IQQ").unpack_from
_LOW = 0xFFFFFFFF
_STRETCHES_KEPT = 4  # a run asks for every stretch once for each flow, one stretch after the other


class Person(NamedTuple):
    """Somebody who does not exist. `born` is an ISO date, `sex` M or F, `gov` the governorate of birth.

    `parts` and `mother_parts` are own name, father's, grandfather's and great-grandfather's.
    """

    number: int
    nid: str
    born: str
    sex: str
    gov: str
    parts: tuple[str, ...]
    mother_parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Group:
    """Those born in one year in one governorate; `days` of that year count."""

    code: int
    """Year and governorate in one number."""
    year: int
    gov: str
    size: int
    days: int
    copts: int
    turn: int
    """Where its twenties begin, so that in small groups nobody comes first everywhere."""
    deaths_per_million: int


class Population:
    """N adults as of the day `until`."""

    def __init__(self, seed: str, persons: int, until: date) -> None:
        """Divide the population.

        Raises:
            ValueError: `persons` is not of 1 to `MAX_PERSONS`.
        """
        if not 0 < persons <= MAX_PERSONS:
            raise ValueError(f"a population has 1 to {MAX_PERSONS} persons")
        self.key = Key(seed)
        self.persons = persons
        self.until = until
        self.tag = f"{self.key.number('tag') & 0xFFFF:04x}"  # in references, so that two seeds share none
        self._groups, self._starts = _divide(persons, until)
        self._parents = {group.code: group for group in self._groups if group.size >= _MEMBERS}
        self._stride, self._shift = _permutation(self.key, persons)
        self._most_deaths = max(group.deaths_per_million for group in self._groups)
        self.deaths = lru_cache(_STRETCHES_KEPT)(self._deaths)

    def person(self, number: int) -> Person:
        """Return person `number`, from 0 to N - 1."""
        group, member = self._member(number)
        twenty, place = _place(group, member)
        man, coptic = place % 2 == 1, place < group.copts
        born, nid = _identity(group, twenty, place)
        name, father, mother = _unpacked(self.key.digest((group.code << 32 | member).to_bytes(8)))
        parts = (names.given(name, man=man, coptic=coptic), *self._fathers(group, father, 3, coptic=coptic))
        maternal, her_name, her_father = self._mother(group, mother, coptic=coptic)
        her_parts = (her_name, *self._fathers(maternal, her_father, 2, coptic=coptic))
        return Person(number, nid, born, "M" if man else "F", group.gov, parts, her_parts)

    def born(self, number: int) -> str:
        """Return the birth date alone, ISO: much cheaper than the person."""
        group, member = self._member(number)
        return _birth_date(group, *_place(group, member)).isoformat()

    def born_since(self, year: int, among: range) -> list[int]:
        """Return those `among` whom who were born in a year or later."""
        start = bisect_right(self._groups, year - 1, key=lambda group: group.year)
        if start == len(self._groups):
            return []
        first, stride, turn, persons = self._starts[start], self._stride, self._shift, self.persons
        return [number for number in among if (number * stride + turn) % persons >= first]

    def dies(self, number: int, months: int) -> int | None:
        """Return how many days before `until` a person dies, in a window of `months`, or None."""
        return self.deaths(number // STRETCH, months).get(number)

    def _deaths(self, stretch: int, months: int) -> Mapping[int, int]:
        """Return who of stretch `stretch`, from 0, dies in a window of `months`, and how many days before `until`."""
        days, found = months * _DAYS_A_YEAR // 12, dict[int, int]()
        draws = self.key.draws(f"deaths {stretch}", STRETCH)
        likeliest = _limit(self._most_deaths, months)
        for number, draw in enumerate(draws[: self.persons - stretch * STRETCH], stretch * STRETCH):
            if draw < likeliest:
                group, _ = self._member(number)
                limit = _limit(group.deaths_per_million, months)
                if draw < limit:
                    found[number] = draw * days // limit
        return found

    def _member(self, number: int) -> tuple[_Group, int]:
        index = (number * self._stride + self._shift) % self.persons
        at = bisect_right(self._starts, index) - 1
        return self._groups[at], index - self._starts[at]

    def _mother(self, group: _Group, drawn: int, *, coptic: bool) -> tuple[_Group, str, int]:
        """Return a mother's group, her name, and what tells her father."""
        older = self._older(group, _MOTHERS_AGE + (drawn & 0xFFFF) % _AGES)
        place = _first(group, coptic=coptic) + (drawn >> 48) % _couples(group, coptic=coptic) * 2
        name, father, _ = _unpacked(self.key.digest(_relative(older, drawn, place)))
        return older, names.given(name, man=False, coptic=coptic), father

    def _fathers(self, group: _Group, drawn: int, many: int, *, coptic: bool) -> list[str]:
        """Return the given names of father, grandfather and so on, of whom `drawn` tells the first."""
        found, table, digest = [], names.table(man=True, coptic=coptic), self.key.digest
        first, couples = _first(group, coptic=coptic) + 1, _couples(group, coptic=coptic)
        for _ in range(many):
            group = self._older(group, _FATHERS_AGE + (drawn & 0xFFFF) % _AGES)
            place = first + (drawn >> 48) % couples * 2
            name, drawn, _ = _unpacked(digest(_relative(group, drawn, place)))
            found.append(table[name >> names.UNUSED_BITS])
        return found

    def _older(self, group: _Group, years: int) -> _Group:
        """Return those born in the same governorate so many years before; parents may be older than anybody alive."""
        code = group.code - years * _YEAR
        older = self._parents.get(code)
        if older is None:
            # Nobody of that year is alive, or too few: an ancestor. There are some thousand such groups at the most.
            older = _Group(code, 0, group.gov, MILLION, _DAYS_A_YEAR, group.copts, 0, 0)
            self._parents[code] = older
        return older


def _relative(group: _Group, drawn: int, place: int) -> bytes:
    """Return what names one member of a group, in one of its twenties and at a place of it."""
    twenty = (drawn >> 16 & _LOW) * (group.size // _MEMBERS) >> 32
    member = twenty * _MEMBERS + (place - group.turn) * _BACK % _MEMBERS
    return (group.code << 32 | member).to_bytes(8)


def _first(group: _Group, *, coptic: bool) -> int:
    """Return the first place of a twenty that is for Copts, or for others."""
    return 0 if coptic else group.copts


def _couples(group: _Group, *, coptic: bool) -> int:
    """Return for how many women and as many men of a twenty there are such places."""
    return (group.copts if coptic else _MEMBERS - group.copts) // 2


def _limit(deaths_per_million: int, months: int) -> int:
    """Return below which draw somebody dies within so many months."""
    return min(deaths_per_million * DRAWN * months // (MILLION * 12), DRAWN)


def _divide(persons: int, until: date) -> tuple[list[_Group], list[int]]:
    """Divide `persons` by birth year and governorate; rounding is carried on, so that they add up."""
    latest = _coming_of_age(until)
    years = range(until.year - demography.OLDEST, latest.year + 1)
    weights = {year: demography.alive(year, until.year) * _DAYS_A_YEAR for year in years}
    last_days = (latest - date(latest.year, 1, 1)).days + 1
    weights[latest.year] = weights[latest.year] * last_days // _DAYS_A_YEAR
    people = sum(weights.values())
    scale = demography.DEATHS_PER_MILLION_A_YEAR * people
    dying = sum(weights[year] * demography.risk(until.year - year) for year in years)
    governorates = sum(demography.GOVERNORATES.values())
    groups, starts, passed = list[_Group](), list[int](), 0
    for year in years:
        days = last_days if year == latest.year else (date(year + 1, 1, 1) - date(year, 1, 1)).days
        deaths = min(demography.risk(until.year - year) * scale // dying, MILLION)
        for gov, share in demography.GOVERNORATES.items():
            start = passed * persons // (people * governorates)
            passed += weights[year] * share
            size = passed * persons // (people * governorates) - start
            if size:
                copts = _COPTS.get(gov, _COPTS_ELSEWHERE)
                code = year * _YEAR + int(gov)
                turn = (3 * year + 11 * int(gov)) % _MEMBERS
                groups.append(_Group(code, year, gov, size, days, copts, turn, deaths))
                starts.append(start)
    return groups, starts


def _coming_of_age(until: date) -> date:
    """Return the last birth date of those who are adults on `until`; 29 February counts to 1 March."""
    try:
        return until.replace(year=until.year - demography.ADULT)
    except ValueError:
        return date(until.year - demography.ADULT, 2, 28)


def _permutation(key: Key, persons: int) -> tuple[int, int]:
    """Return stride and shift that mix the groups: number · stride + shift meets everybody once."""
    stride = key.number("stride") % persons | 1
    while gcd(stride, persons) != 1:
        stride += 2
    return stride, key.number("shift") % persons


def _place(group: _Group, member: int) -> tuple[int, int]:
    """Return a member's twenty, and the place in it: odd for men, the first ones for Copts."""
    twenty, within = divmod(member, _MEMBERS)
    return twenty, (within * _FORTH + group.turn) % _MEMBERS


def _birth_date(group: _Group, twenty: int, place: int) -> date:
    # A prime that does not divide the number of days, so every day of the year comes once in `days` twenties.
    stride = _STRIDES[group.days % _STRIDES[0] == 0]
    day = (twenty * stride + place * _SPREAD + group.code % _YEAR) % group.days
    return date.fromordinal(_new_year(group.year) + day)


@cache
def _new_year(year: int) -> int:
    return date(year, 1, 1).toordinal()


def _identity(group: _Group, twenty: int, place: int) -> tuple[str, str]:
    """Return ISO birth date and national ID; within a day and governorate every serial occurs once."""
    iso = _birth_date(group, twenty, place).isoformat()
    serial = 2 * (twenty // group.days * (_MEMBERS // 2) + place // 2) + place % 2
    century = "2" if group.year < _OLD else "3"
    gov = group.code % _YEAR + SYNTHETIC_OFFSET
    digits = f"{century}{iso[2:].replace('-', '')}{gov}{serial:04}"
    return iso, digits + check_digit(digits)
