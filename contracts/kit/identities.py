"""No national ID of a real person in a catalogue: every text is read the way a spoofed number would be written."""

import html
import re
from collections.abc import Iterator

from contracts import nid
from contracts.folder import Files

_INDIC = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789")
_FILLING = "[ \u00a0\u202f\u2010\u2011\u00ad\u061c\u200b-\u200f\u2060\ufeff-]?"
_WRITTEN = re.compile(f"(?<![0-9])[23](?:{_FILLING}[0-9]){{13}}(?![0-9])")
_INSIDE = re.compile("(?=([23][0-9]{13}))")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_NOBODY = re.compile("2000101[0-9]{2}0000[0-9]")
"""1 January 1900 with serial 0000: nobody has it, and samples that must be refused may use it."""


def real_looking(octets: bytes, governorates: frozenset[str]) -> Iterator[int]:
    """Give the line, from 1, of every number that could be a living person's.

    Args:
        octets: a file; read as UTF-8, and as Windows-1256 where it is not.
        governorates: codes of real ones; the reserved range lies outside.
    """
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        text = octets.decode("windows-1256", "replace")
    for number, line in enumerate(_plain(text).split("\n"), start=1):
        found = [match[0] for match in _WRITTEN.finditer(line)] + _INSIDE.findall(line)
        if any(_is_real("".join(filter(str.isdecimal, one)), governorates) for one in found):
            yield number


def in_files(files: Files, governorates: frozenset[str]) -> Iterator[tuple[str, int]]:
    """Give file and line of every number in `files` that could be a living person's."""
    for file, octets in files.items():
        for line in real_looking(octets, governorates):
            yield file, line


def _plain(text: str) -> str:
    """Return the text with escapes of JSON and XML resolved and all digits as ASCII."""
    resolved = _ESCAPED.sub(lambda escape: chr(int(escape[1], 16)), text) if "\\u" in text else text
    return (html.unescape(resolved) if "&#" in resolved else resolved).translate(_INDIC)


def _is_real(number: str, governorates: frozenset[str]) -> bool:
    return (
        number[7:9] in governorates and nid.birth_date(number) is not None and not _NOBODY.fullmatch(number)
    )
