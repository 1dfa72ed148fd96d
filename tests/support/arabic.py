"""What an Arabic sentence is: it may name identifiers, and has no English prose in it."""

import re

_LETTERS = re.compile("[\u0621-\u064a]")
_PROSE = re.compile(r"[A-Za-z][A-Za-z'’-]* +[A-Za-z][A-Za-z'’-]*")
_COMMAND = re.compile("«[^»]*»")
WITHOUT_ISOLATES = dict.fromkeys(map(ord, "\u2066\u2067\u2068\u2069"))
"""For `str.translate`: what is said without the signs around identifiers."""


def english_in(text: str) -> str:
    """Return the first English words that stand together in a text, or nothing; commands stand in «»."""
    found = _PROSE.search(_COMMAND.sub("", text.translate(WITHOUT_ISOLATES)))
    return found[0] if found else ""


def is_arabic(text: str) -> bool:
    return bool(_LETTERS.search(text)) and not english_in(text)
