"""Synthetic people with Arabic names and national IDs of the reserved range, the same ones on every machine.

A person depends on its number and its generation alone, so that several processes can speak of the same
people without sharing anything. Nobody real can have one of these numbers: their governorate codes are 41 to
75 (see `contracts.nid`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from contracts.nid import SYNTHETIC_OFFSET, check_digit

# fmt: off
_MEN = (
    "محمد", "أحمد", "محمود", "مصطفى", "علي", "حسن", "إبراهيم", "عبد الرحمن", "يوسف", "خالد", "عمرو", "طارق",
    "عبد الله", "سعيد", "كريم", "هشام", "مينا", "جرجس", "بولس", "مرقس", "رمضان", "ياسر", "شريف", "وائل",
)
_WOMEN = (
    "فاطمة", "مريم", "عائشة", "زينب", "هدى", "نادية", "سارة", "منى", "أمل", "إيمان", "نور", "دعاء",
    "ياسمين", "هناء", "سعاد", "ماريان", "دميانة", "تريزا", "كوثر", "رحاب", "شيماء", "أسماء",
)
_FAMILIES = (
    "السيد", "المصري", "الشافعي", "الجمال", "عوض", "حنا", "بطرس", "الفقي", "النجار", "الحداد", "سليمان",
    "عبد العزيز", "منصور", "شحاتة", "غالي", "الديب", "زكي", "صالح", "فؤاد", "الشربيني",
)
GOVERNORATES = {
    "01": "القاهرة", "02": "الإسكندرية", "12": "الدقهلية", "13": "الشرقية", "14": "القليوبية", "16": "الغربية",
    "17": "المنوفية", "18": "البحيرة", "21": "الجيزة", "22": "بني سويف", "23": "الفيوم", "24": "المنيا",
    "25": "أسيوط", "26": "سوهاج", "27": "قنا", "28": "أسوان",
}
# fmt: on
"""Some governorates by code, with their Arabic names as `contracts/_codes/governorates.csv` has them."""

_STRIDE = 7919  # a prime: consecutive numbers are not born on consecutive days
_SERIALS = 5_000  # of four digits, odd ones for men and even ones for women


@dataclass(frozen=True, slots=True)
class Generation:
    """People born on one of `days` days from `first` on; 5,000 of each sex at the most on each day."""

    first: date
    days: int


@dataclass(frozen=True, slots=True)
class Person:
    """A person that does not exist. `gov` is the governorate's two-digit code, `sex` is `M` or `F`."""

    nid: str
    name: str
    mother: str
    born: date
    sex: str
    gov: str


def person(generation: Generation, number: int) -> Person:
    """Return person `number` (from 0) of a generation; two numbers never share a national ID.

    Raises:
        ValueError: the generation has not so many people.
    """
    nth, day = divmod(number, generation.days)
    if nth >= _SERIALS:
        raise ValueError(f"a generation has at most {_SERIALS} people a day")
    chance = Random(f"person {generation.first} {number}")  # noqa: S311  invented people, no secrets
    born = generation.first + timedelta(days=day * _STRIDE % generation.days)
    sex, gov = chance.choice("MF"), chance.choice(sorted(GOVERNORATES))
    given = chance.choice(_MEN if sex == "M" else _WOMEN)
    fathers = f"{chance.choice(_MEN)} {chance.choice(_MEN)} {chance.choice(_FAMILIES)}"
    mother = f"{chance.choice(_WOMEN)} {chance.choice(_MEN)} {chance.choice(_FAMILIES)}"
    century = "2" if born.year < 2000 else "3"  # noqa: PLR2004  the century digit of a national ID
    serial = 2 * nth + (1 if sex == "M" else 0)
    digits = f"{century}{born:%y%m%d}{int(gov) + SYNTHETIC_OFFSET}{serial:04}"
    return Person(digits + check_digit(digits), f"{given} {fathers}", mother, born, sex, gov)


def arabic_digits(text: str) -> str:
    """Return `text` with Arabic-Indic digits, as many systems in Egypt write them."""
    return text.translate(_ARABIC)


_ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
