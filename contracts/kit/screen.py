"""What of an agency's own records may be shown on a screen: no national ID, and nothing that hides or commands."""

import re

from contracts import nid
from contracts.errors import Refused

_DIGITS = "0-9\u0660-\u0669\u06f0-\u06f9"
_FILLING = "[ \u00a0\u202f\u2010\u2011\u00ad\u061c\u200b-\u200f\u2060\ufeff-]?"
_WRITTEN = re.compile(f"[{_DIGITS}](?:{_FILLING}[{_DIGITS}]){{13}}")
_LONG = re.compile(f"[{_DIGITS}]{{9,}}")
_DIGIT = re.compile(f"[{_DIGITS}]")
# Terminals act on control characters, and a reader cannot see the others; neither may pass unseen.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
# A word that is not Arabic, with the signs that belong to it.
_SIGN = r"[A-Za-z0-9_#$/.@<>{}\[\]^%*+=\\:-]"
_FOREIGN = re.compile(rf"{_SIGN}*[A-Za-z](?:{_SIGN}*[A-Za-z0-9_/>}}\]*$])?")
_ARABIC = re.compile("[\u0620-\u064a]")
_ISOLATE, _END = "\u2066", "\u2069"
_KEPT = 2
"""Last digits that stay readable, enough to tell two rows apart."""


def masked(text: str) -> str:
    """Return `text` with long numbers, and whatever may be read as a national ID, hidden but for their ends."""
    return _LONG.sub(lambda found: hidden(found[0]), _WRITTEN.sub(_hide_identity, text))


def hidden(text: str) -> str:
    """Return `text` with all digits hidden but the last two."""
    return _DIGIT.sub("•", text[:-_KEPT]) + text[-_KEPT:]


def without_digits(text: str) -> str:
    """Return `text` with every digit hidden: for what cannot be taken apart, where any number may be one."""
    return _DIGIT.sub("•", text)


def visible(text: str) -> str:
    """Return `text` with every invisible or control character written out, as <U+202E>."""
    return _UNSEEN.sub(lambda found: f"<U+{ord(found[0]):04X}>", text)


def _hide_identity(found: re.Match[str]) -> str:
    """Hide a number with spaces or hyphens inside only if it is an identity: references are written so too."""
    try:
        number = nid.normalise(found[0])
    except Refused:
        return found[0]
    return hidden(found[0]) if nid.birth_date(number) else found[0]


def isolated(text: str) -> str:
    """Return an Arabic text with every identifier in it isolated (UAX #9 §2.4.2): its signs stay where they are."""
    return _FOREIGN.sub(lambda found: f"{_ISOLATE}{found[0]}{_END}", text)


def aside(text: str) -> str:
    """Return what is to stand in an Arabic text: isolated as a whole, its words in their order, if it is not Arabic."""
    return isolated(text) if _ARABIC.search(text) else f"{_ISOLATE}{text}{_END}"
