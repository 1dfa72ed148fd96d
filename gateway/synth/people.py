"""The population: N adults on a given day, each of whom follows from the seed and a number.

Nobody is counted twice because nobody is drawn: the population is divided into groups by birth year and
governorate, and the members of a group are spread over the days of the year. A member's place among those born
that day is the serial of the national ID. So no counter has to be shared, and every shard knows everybody.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from datetime import date, timedelta
from math import gcd
from typing import NamedTuple

from contracts.nid import SYNTHETIC_OFFSET, check_digit
from gateway.synth import demography, names
from gateway.synth.chance import MILLION, Key

MAX_PERSONS = 100_000_000
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
_DRAWS = struct.Struct(">IQQ")
_LOW = 0xFFFFFFFF


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


class _Group(NamedTuple):
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
        self._groups, self._starts = _divide(persons, until)
        self._parents = {group.code: group for group in self._groups if group.size >= _MEMBERS}
        self._stride, self._shift = _permutation(self.key, persons)

    def person(self, number: int) -> Person:
        """Return person `number`, from 0 to N - 1."""
        group, member = self._member(number)
        twenty, place = _place(group, member)
        man, coptic = place % 2 == 1, place < group.copts
        born, nid = _identity(group, twenty, place)
        name, father, mother = self._draws(group, member)
        parts = (names.given(name, man=man, coptic=coptic), *self._fathers(group, father, 3, coptic=coptic))
        maternal, her_place = self._relative(group, mother, _MOTHERS_AGE, man=False, coptic=coptic)
        her_name, her_father, _ = self._draws(maternal, her_place)
        her_own = names.given(her_name, man=False, coptic=coptic)
        her_parts = (her_own, *self._fathers(maternal, her_father, 2, coptic=coptic))
        return Person(number, nid, born, "M" if man else "F", group.gov, parts, her_parts)

    def born(self, number: int) -> str:
        """Return the birth date alone, ISO: much cheaper than the person."""
        group, member = self._member(number)
        return _birth_date(group, *_place(group, member)).isoformat()

    def dies(self, number: int, months: int) -> int | None:
        """Return how many days before `until` a person dies, in a window of `months`, or None."""
        group, _ = self._member(number)
        drawn = self.key.number(f"death {number}")
        if (drawn & _LOW) * MILLION >> 32 >= group.deaths_per_million * months // 12:
            return None
        return (drawn >> 32) * (months * _DAYS_A_YEAR // 12) >> 32

    def _member(self, number: int) -> tuple[_Group, int]:
        index = (number * self._stride + self._shift) % self.persons
        at = bisect_right(self._starts, index) - 1
        return self._groups[at], index - self._starts[at]

    def _draws(self, group: _Group, member: int) -> tuple[int, int, int]:
        """Return what one hash says of a member: 32 bits for the name, 64 for the father, 64 for the mother."""
        name, father, mother = _DRAWS.unpack_from(self.key.digest((group.code << 32 | member).to_bytes(8)))
        return name, father, mother

    def _relative(
        self, group: _Group, drawn: int, at_least: int, *, man: bool, coptic: bool
    ) -> tuple[_Group, int]:
        """Return a parent's place in the population; parents may be older than anybody alive."""
        code = group.code - (at_least + (drawn & 0xFFFF) % _AGES) * _YEAR
        older = self._parents.get(code)
        if older is None:
            # Nobody of that year is alive, or too few: an ancestor. There are some thousand such groups at the most.
            older = _Group(code, 0, group.gov, MILLION, _DAYS_A_YEAR, group.copts, 0, 0)
            self._parents[code] = older
        twenty = (drawn >> 16 & _LOW) * (older.size // _MEMBERS) >> 32
        first, last = (0, group.copts) if coptic else (group.copts, _MEMBERS)
        place = first + (drawn >> 48) % ((last - first) // 2) * 2 + man
        return older, twenty * _MEMBERS + (place - older.turn) * _BACK % _MEMBERS

    def _fathers(self, group: _Group, drawn: int, many: int, *, coptic: bool) -> list[str]:
        """Return the given names of father, grandfather and so on, of whom `drawn` tells the first."""
        found = []
        for _ in range(many):
            group, member = self._relative(group, drawn, _FATHERS_AGE, man=True, coptic=coptic)
            name, drawn, _ = self._draws(group, member)
            found.append(names.given(name, man=True, coptic=coptic))
        return found


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
    day = (twenty * stride + place * _SPREAD + int(group.gov)) % group.days
    return date(group.year, 1, 1) + timedelta(days=day)


def _identity(group: _Group, twenty: int, place: int) -> tuple[str, str]:
    """Return ISO birth date and national ID; within a day and governorate every serial occurs once."""
    born = _birth_date(group, twenty, place)
    iso = born.isoformat()
    serial = 2 * (twenty // group.days * (_MEMBERS // 2) + place // 2) + place % 2
    century = "2" if group.year < _OLD else "3"
    digits = f"{century}{iso[2:4]}{iso[5:7]}{iso[8:]}{int(group.gov) + SYNTHETIC_OFFSET}{serial:04}"
    return iso, digits + check_digit(digits)
