"""Arabic text as it arrives from ministries, made safe to show and to compare, without guessing.

What is kept is the display form: NFC, presentation forms opened, nothing invisible. A folded key for matching
is something else and never replaces it.
"""

import re
import unicodedata

from contracts.errors import Refused

# UAX #9 embeddings, overrides and isolates: they make a name read as another one.
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufff9-\ufffb]")
# Harmless leftovers of keyboards and word processors: marks, joiners, BOM, soft hyphen.
_INVISIBLE = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u2060-\u2064\u206a-\u206f\ufeff]")
# Tatweel and vowel marks carry no letter; registers write names without them.
_DECORATION = re.compile("[\u0640\u064b-\u065f\u0670]")
_SPACES = re.compile(" {2,}")

PLAIN_LETTERS = "".join(map(chr, (*range(0x621, 0x63B), *range(0x641, 0x64B))))
"""The alphabet of Egyptian registers."""
PLAIN_NAME = re.compile(f"[{PLAIN_LETTERS}]++(?: [{PLAIN_LETTERS}]++)*")
"""Words of it, divided by one space."""

# Words that make one given name together with their neighbour, in every usual spelling.
_BEGINS_A_NAME = frozenset(
    ["عبد", "أبو", "ابو", "أبا", "ابا", "أبي", "ابي", "ابن", "إبن", "أم", "ام", "آل", "ال"]
)
_ENDS_A_NAME = frozenset(["الله", "الدين", "الإسلام", "الاسلام"])
COMPOUNDING = _BEGINS_A_NAME | _ENDS_A_NAME
"""A name without these words has a part for each word."""

known_words: set[str] = set()
"""Plain words that stand alone in names, of those that have been seen: most names are made of a few thousand."""
_MAX_WORDS_KEPT = 16384


def clean(text: str, notes: list[str]) -> str:
    """Return free text in NFC, trimmed, without invisible characters.

    Raises:
        Refused: `record.text.bidi` or `record.text.control`.
    """
    if text.isprintable() and unicodedata.is_normalized("NFC", text):
        return text.strip()
    if _BIDI.search(text):
        raise Refused("record.text.bidi", "", "no direction embeddings, overrides or isolates")
    bare = _INVISIBLE.sub("", text)
    if _CONTROL.search(bare):
        raise Refused("record.text.control", "", "no control characters and no line breaks")
    if bare != text:
        notes.append("warning.text.sanitised")
    return unicodedata.normalize("NFC", bare).strip()


def arabic_name(text: str, notes: list[str]) -> str:
    """Return a name in its display form; a name outside the Arabic alphabet goes to an officer.

    Raises:
        Refused: `record.text.bidi` or `record.text.control`.
    """
    if PLAIN_NAME.fullmatch(text):
        return text
    whole = unicodedata.normalize("NFKC", clean(text, notes))
    bare = _DECORATION.sub("", whole)
    if bare != whole:
        notes.append("warning.text.sanitised")
    name = _SPACES.sub(" ", bare).strip()
    if name and not PLAIN_NAME.fullmatch(name):
        notes.append("review.text.alphabet")
    return name


def split_name(name: str) -> dict[str, object]:
    """Return `{"full", "parts"}` of a cleaned name: given, father, grandfather, in their order.

    Compound names stay one part: عبد الرحمن, أبو بكر, سيف الدين.
    """
    words = name.split(" ")
    return {"full": name, "parts": words if COMPOUNDING.isdisjoint(words) else joined(words)}


def split_plain(name: str, words: list[str]) -> dict[str, object] | None:
    """Return what `split_name` gives for a plain name of `words`, and know them from now on; None for any other."""
    if not PLAIN_NAME.fullmatch(name):
        return None
    if not COMPOUNDING.isdisjoint(words):
        return {"full": name, "parts": joined(words)}
    if len(known_words) < _MAX_WORDS_KEPT:
        known_words.update(words)
    return {"full": name, "parts": words}


def joined(words: list[str]) -> list[str]:
    """Return the names that the words of a name make, of which at least one may belong to its neighbour."""
    names: list[str] = []
    joins = False
    for word in words:
        if joins or (word in _ENDS_A_NAME and names):
            names[-1] += " " + word
        else:
            names.append(word)
        joins = word in _BEGINS_A_NAME
    return names
