"""Where people live, how old they are and how many die: rounded figures of public statistics.

Whole numbers, so that every machine divides a population in the same way.
"""

from __future__ import annotations

from itertools import pairwise

# fmt: off
GOVERNORATES = {
    "01": 1030, "02": 560, "03": 79, "04": 79, "11": 163, "12": 709, "13": 797, "14": 618, "15": 376, "16": 546,
    "17": 477, "18": 695, "19": 145, "21": 958, "22": 360, "23": 410, "24": 639, "25": 510, "26": 579, "27": 364,
    "28": 166, "29": 140, "31": 41, "32": 28, "33": 55, "34": 46, "35": 12,
}
"""People in each governorate, in tens of thousands (CAPMAS, end of 2024; the smaller ones rounded)."""
# fmt: on

_BIRTHS = {
    1900: 400, 1920: 550, 1940: 720, 1950: 900, 1960: 1130, 1970: 1200, 1980: 1600, 1990: 1700, 2000: 1750,
    2006: 1850, 2009: 2200, 2012: 2630, 2014: 2720, 2018: 2380, 2023: 2040, 2100: 2000,
}  # fmt: skip
"""Births in a year, in thousands; between two years of the table they change evenly."""

OLDEST = 105
ADULT = 18
DEATHS_PER_MILLION_A_YEAR = 8_200
"""Of adults: 610,000 deaths in 2024, some nine tenths of them among about 67 million adults."""

# Gompertz: from thirty on the risk of dying doubles about every eight years, 9 % a year. `people` scales the
# level to the deaths above.
_RISK_GROWTH_PERCENT = 9
_RISK_FROM_AGE = 30
_RISK_UNIT = 1_400_000  # brings the risk of a year to about one in a hundred adults


def births(year: int) -> int:
    """Return the births of a year, in thousands."""
    for (before, fewer), (after, more) in pairwise(_BIRTHS.items()):
        if before <= year < after:
            return fewer + (more - fewer) * (year - before) // (after - before)
    raise ValueError(f"births are known from {min(_BIRTHS)} to {max(_BIRTHS)}")


def risk(age: int) -> int:
    """Return how likely somebody of this age is to die within a year, in an arbitrary whole unit."""
    level = 1_000
    for _ in range(_RISK_FROM_AGE, age):
        level += level * _RISK_GROWTH_PERCENT // 100
    return level


def alive(year_of_birth: int, year: int) -> int:
    """Return how many of a year's births live in `year`, in thousands: the age pyramid, one year of it."""
    living = births(year_of_birth) * 1_000
    for age in range(year - year_of_birth):
        living -= living * risk(age) // _RISK_UNIT
    return max(living // 1_000, 0)
