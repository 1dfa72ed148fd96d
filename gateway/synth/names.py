"""Given names and how often they are given: short lists of our own, of no register and no leak.

A full name is a line: own name, father's, grandfather's, great-grandfather's. `people` takes the fathers from the
same population, so homonyms arise as they do in life.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.synth.chance import Weighted

# fmt: off
_MUSLIM_MEN = {
    "محمد": 160, "أحمد": 120, "محمود": 70, "مصطفى": 50, "علي": 45, "حسن": 40, "إبراهيم": 45, "عبد الرحمن": 25,
    "يوسف": 25, "خالد": 28, "عمرو": 18, "طارق": 16, "عبد الله": 24, "سعيد": 20, "كريم": 14, "هشام": 14,
    "رمضان": 16, "ياسر": 14, "شريف": 12, "وائل": 12, "السيد": 36, "حسين": 24, "عادل": 20, "جمال": 20, "سامي": 10,
    "عبد العزيز": 12, "صلاح الدين": 6, "سيف الدين": 3, "عبد الفتاح": 8, "فتحي": 10, "شعبان": 10, "رجب": 9,
    "ماهر": 6, "هاني": 8, "أيمن": 12, "أشرف": 14, "حمدي": 8, "عوض": 6, "منصور": 6, "سليمان": 8, "أبو بكر": 2,
}
_COPTIC_MEN = {
    "مينا": 60, "جرجس": 50, "بولس": 20, "مرقس": 18, "بيشوي": 26, "كيرلس": 30, "أبانوب": 16, "عماد": 20,
    "مجدي": 24, "عبد المسيح": 10, "شنودة": 10, "ميخائيل": 20, "جورج": 24, "عادل": 14, "رأفت": 12, "نبيل": 14,
    "يوسف": 14, "إسحق": 12, "بطرس": 14, "حنا": 14, "عزيز": 10, "فايز": 8, "صموئيل": 8, "وديع": 6, "غالي": 6,
}
_MUSLIM_WOMEN = {
    "فاطمة": 90, "مريم": 40, "عائشة": 20, "زينب": 36, "هدى": 34, "نادية": 26, "سارة": 34, "منى": 36, "أمل": 30,
    "إيمان": 34, "نور": 22, "دعاء": 24, "ياسمين": 22, "هناء": 22, "سعاد": 26, "كوثر": 12, "رحاب": 16, "شيماء": 28,
    "أسماء": 28, "آية": 24, "خديجة": 12, "سميرة": 18, "نجلاء": 16, "عزة": 16, "وفاء": 16, "صباح": 16, "نعمة": 12,
    "هبة الله": 6, "أم كلثوم": 3, "سلمى": 14, "ندى": 14, "رانيا": 12, "حنان": 22, "سامية": 14, "كريمة": 12,
}
_COPTIC_WOMEN = {
    "مريم": 60, "ماريان": 24, "دميانة": 16, "تريزا": 12, "مارينا": 34, "كريستين": 18, "إيرين": 16, "مادونا": 12,
    "ماري": 24, "نرمين": 10, "نادية": 14, "سوسن": 10, "فيبي": 8, "يوستينا": 12, "مرثا": 6, "عفاف": 10, "جاكلين": 8,
}
# fmt: on

_SLOTS_BITS = 12
UNUSED_BITS = 32 - _SLOTS_BITS
"""Of a draw: the others find a slot of a table."""


def _table(weights: Mapping[str, int]) -> list[str]:
    """Spread names over 4,096 slots: this is looked up for every name of every name."""
    weighted = Weighted(weights)
    return [weighted.at(slot << UNUSED_BITS) for slot in range(1 << _SLOTS_BITS)]


_TABLES = {
    (True, False): _table(_MUSLIM_MEN),
    (True, True): _table(_COPTIC_MEN),
    (False, False): _table(_MUSLIM_WOMEN),
    (False, True): _table(_COPTIC_WOMEN),
}


def table(*, man: bool, coptic: bool) -> list[str]:
    """Return given names by the highest bits of a draw."""
    return _TABLES[man, coptic]


def given(draw: int, *, man: bool, coptic: bool) -> str:
    """Return the given name that a number of 0 to 2**32 - 1 stands for."""
    return _TABLES[man, coptic][draw >> UNUSED_BITS]
