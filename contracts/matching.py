"""How well a record fits the person whom a register has under the same national ID: for whoever keeps the register.

Names corroborate and never identify: name matching alone finds the wrong person too often to change anything by it.
So the national ID finds the person, and the name says whether to believe that it was written down right.
"""

import re
import unicodedata
from collections.abc import Mapping
from enum import StrEnum

from contracts.text import joined

PARTS = 4
"""Given name, father's, grandfather's, great-grandfather's; what follows them is not compared."""
PARTIAL = 2
"""So many parts in their places make a partial match."""

_MARKS = re.compile("[\u0640\u064b-\u065f\u0670]")
_LETTERS = str.maketrans("أإآٱىةؤئ\u06cc\u06a9", "ااااي\u0647ويي\u0643")


class Match(StrEnum):
    """How a record fits a person."""

    NAME_KEY = "NAME_KEY"
    """Same national ID, and the same name but for spelling."""
    NAME_PARTIAL = "NAME_PARTIAL"
    """Same national ID, and at least two parts of the name in their places."""
    NAME_CONFLICT = "NAME_CONFLICT"
    """Same national ID, another name."""
    NO_NID = "NO_NID"
    """The record names no national ID, or another one."""


def name_key(name: str) -> tuple[str, ...]:
    """Return the parts of a name in the form in which they compare: for matching, never for showing.

    Spellings that registers mix up are one: hamza on its carriers, ta marbuta, dotless ya, the Persian ya and kaf,
    presentation forms, vowel marks, tatweel, marks of direction.
    """
    opened = unicodedata.normalize("NFKC", name)
    shown = "".join(letter for letter in opened if unicodedata.category(letter) != "Cf")
    words = _MARKS.sub("", shown).split()
    return tuple(part.translate(_LETTERS).replace(" ", "") for part in joined(words)) if words else ()


def match(person: Mapping[str, object], nid: str, name: str) -> Match:
    """Return how a canonical record's `person` fits one with this national ID and name.

    A record without a name, as some contracts have it, fits by its national ID alone.
    """
    if person.get("nid") != nid:
        return Match.NO_NID
    told = person.get("name")
    full = told.get("full") if isinstance(told, Mapping) else told
    if not full:
        return Match.NAME_KEY
    ours, theirs = name_key(name)[:PARTS], name_key(str(full))[:PARTS]
    if ours == theirs:
        return Match.NAME_KEY
    in_place = sum(a == b for a, b in zip(ours, theirs, strict=False))
    return Match.NAME_PARTIAL if in_place >= PARTIAL else Match.NAME_CONFLICT


def suffices(found: Match, contract: str, assurance: object = None) -> bool:
    """Return whether a record that fits so well may be applied without anybody's looking at it.

    A partial match suffices for a death that the civil register itself has registered.
    """
    registered = contract == "death.v1" and assurance == "REGISTERED"
    return found is Match.NAME_KEY or (found is Match.NAME_PARTIAL and registered)
