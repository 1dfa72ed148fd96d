"""The Egyptian national ID: fourteen digits that name one person for ever (Law 143/1994, art. 2).

Left to right: century (2 = 1900s, 3 = 2000s), birth date YYMMDD, governorate of birth registration, serial of
four digits whose last is odd for men and even for women, check digit. The formula of the check digit is not
official, so a wrong one is a remark and never a refusal.

Synthetic people live in a reserved range, governorate code + 40, which no real number uses. A test gateway
accepts nothing else and production accepts none of it, so a leak in either direction stops at the door.
"""

import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Literal, NamedTuple

from contracts.errors import Refused

Profile = Literal["synthetic", "production"]

SYNTHETIC_OFFSET = 40
"""Added to a governorate code to get the code that only synthetic people have."""

_OLDEST_YEARS = 110
SHAPE = re.compile(r"[23][0-9]{13}")
_MANY_DIGITS = re.compile("[0-9]{14}")
_SHAPE_INSIDE = re.compile(r"(?=([23][0-9]{13}))")
DIGITS = 14
_SCIENTIFIC = re.compile(r"[0-9]+(?:[.,][0-9]+)?[eE][+]?[0-9]+")
_FORM = "14 digits beginning with 2 or 3"

_INDIC = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789")
# Format characters, spaces and hyphens that keyboards and spreadsheets leave in numbers.
_FILLING = dict.fromkeys(
    map(ord, " \u00a0\u202f-\u2010\u2011\u00ad\u061c\u200b\u200c\u200d\u200e\u200f\u2060\ufeff")
)
_KINDS = (frozenset("0123456789"), frozenset("٠١٢٣٤٥٦٧٨٩"), frozenset("۰۱۲۳۴۵۶۷۸۹"))

# The most widely used formula: 11 - (sum mod 11), taken mod 10, over thirteen weighted digits. This runs for every
# record: the first seven digits are a birth date, of which there are few, and for the rest tables of three
# digits replace the multiplications.
_WEIGHTS = (2, 7, 6, 5, 4, 3, 2)
_NEXT_THREE = {f"{n:03}": n // 100 * 7 + n // 10 % 10 * 6 + n % 10 * 5 for n in range(1000)}
_LAST_THREE = {f"{n:03}": n // 100 * 4 + n // 10 % 10 * 3 + n % 10 * 2 for n in range(1000)}
_CHECK_DIGITS = "10987654321"


class _Born(NamedTuple):
    """What the first seven digits say."""

    iso: str | None
    """Birth date; None when the calendar has no such day."""
    too_old_on: str
    """First ISO date on which somebody born then would be older than anybody is."""
    weighted: int
    """Their part of the sum that gives the check digit."""


def digits_ascii(text: str) -> str:
    """Return `text` with Arabic-Indic and Persian digits (U+0660-0669, U+06F0-06F9) as ASCII digits.

    Raises:
        Refused: `record.digits.mixed` when one token mixes kinds of digits: that is how spoofed numbers look.
    """
    if text.isascii():
        return text
    if sum(not kind.isdisjoint(text) for kind in _KINDS) > 1:
        raise Refused("record.digits.mixed", "", "one kind of digits in a number")
    return text.translate(_INDIC)


def normalise(text: str) -> str:
    """Return the fourteen ASCII digits that `text` means.

    Raises:
        Refused: `record.digits.mixed`, `record.nid.scientific` or `record.nid.format`.
    """
    if SHAPE.fullmatch(text):
        return text
    bare = digits_ascii(text.translate(_FILLING))
    if SHAPE.fullmatch(bare):
        return bare
    if _SCIENTIFIC.fullmatch(text.strip()):
        raise Refused("record.nid.scientific", "", "a number kept as text, never as a spreadsheet number")
    raise Refused("record.nid.format", "", _FORM)


def occurs_in(text: str) -> bool:
    """Whether fourteen consecutive digits of `text` have the shape and a birth date of a national ID."""
    length = len(text)
    if length < DIGITS:
        return False
    # Wherever fourteen digits stand in so short a text, these signs are of them: asked first, for most are none.
    if length < 2 * DIGITS and not text[length - DIGITS : DIGITS].isdigit():
        return False
    if not _MANY_DIGITS.search(text):
        return False
    return any(birth_date(found) for found in _SHAPE_INSIDE.findall(text))


@lru_cache(maxsize=65536)
def _born(century_and_date: str) -> _Born:
    weighted = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, century_and_date, strict=True))
    year = int(("19" if century_and_date[0] == "2" else "20") + century_and_date[1:3])
    rest = f"-{century_and_date[3:5]}-{century_and_date[5:]}"
    try:
        date.fromisoformat(f"{year}{rest}")
    except ValueError:
        return _Born(None, "", weighted)
    return _Born(f"{year}{rest}", f"{year + _OLDEST_YEARS + 1}{rest}", weighted)


def birth_date(nid: str) -> str | None:
    """Return the ISO birth date inside a well-formed `nid`, or None when the calendar has no such day."""
    return _born(nid[:7]).iso


def check_digit(first_thirteen: str) -> str:
    """Return the fourteenth digit that the usual, unofficial formula gives."""
    weighted = _born(first_thirteen[:7]).weighted
    return _CHECK_DIGITS[
        (weighted + _NEXT_THREE[first_thirteen[7:10]] + _LAST_THREE[first_thirteen[10:13]]) % 11
    ]


def governorate_verdicts(codes: frozenset[str], profile: Profile) -> Mapping[str, bool]:
    """Return for each known birth governorate code whether `profile` accepts it; unknown codes are absent."""
    synthetic = profile == "synthetic"
    reserved = {str(int(code) + SYNTHETIC_OFFSET if code != "88" else 89): synthetic for code in codes}
    return {**reserved, **dict.fromkeys(codes, not synthetic)}


def examine(  # noqa: PLR0917 - called for every record, and names of arguments take time
    nid: str,
    born: object,
    sex: object,
    on: str,
    governorates: Mapping[str, bool],
    notes: list[str],
) -> None:
    """Hold a well-formed `nid` against the calendar, the governorates and what the record says of the person.

    Args:
        nid: fourteen ASCII digits.
        born: declared ISO birth date, or None.
        sex: declared `M` or `F`, or None.
        on: ISO date of the event; nobody is born after it.
        governorates: from `governorate_verdicts`.
        notes: receives `review.*` and `warning.*` codes.

    Raises:
        Refused: `record.nid.date` or `record.nid.profile`, without a field.
    """
    birth, too_old_on, weighted = _born(nid[:7])
    if birth is None or birth > on:
        raise Refused("record.nid.date", "", "a birth date that exists and is not after the event")
    accepted = governorates.get(nid[7:9])
    if accepted is None:
        notes.append("review.nid.governorate")
    elif not accepted:
        raise Refused("record.nid.profile", "", "synthetic numbers in test, real numbers in production")
    if born is not None and born != birth:
        notes.append("review.nid.birth_date")
    if sex is not None and (sex == "M") != (nid[12] in "13579"):
        notes.append("review.nid.sex")
    if on >= too_old_on:
        notes.append("review.nid.age")
    if _CHECK_DIGITS[(weighted + _NEXT_THREE[nid[7:10]] + _LAST_THREE[nid[10:13]]) % 11] != nid[13]:
        notes.append("warning.nid.check_digit")
