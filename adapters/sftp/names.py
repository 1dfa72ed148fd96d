"""What agencies may call their files, and what the gateway calls the files it writes beside them.

A name is one step of a path, in NFC whatever the client's system makes of it, and holds nothing that is not seen
when it is shown. An agency sees `/in/<contract>/<name>` and nothing else.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

NAME_MAX_BYTES = 200
"""Of UTF-8; what the gateway adds to it fits into the 255 that file systems allow."""
RESULTS = ".results.csv"
RECEIPTS = ".receipts.ndjson"
SUMMARY = ".summary.json"
ANSWERS = (RESULTS, RECEIPTS, SUMMARY)
SIGNATURE = ".p7s"
IN = "in"
# Format characters change what is seen, and bidirectional ones turn `gpj.exe` round; a line has no place in a name.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")  # ZWNJ and ZWJ: part of how Arabic script is written


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in an agency's tree: a folder when `name` is empty, the folder of folders when `contract` is."""

    contract: str = ""
    name: str = ""
    top: bool = False

    @property
    def is_file(self) -> bool:
        """Whether it is the place of a file."""
        return bool(self.name)


def spot(path: bytes) -> Spot | None:
    """Return the place that a client's path names, or None when there can be none."""
    try:
        text = unicodedata.normalize("NFC", path.decode("utf-8"))
    except UnicodeDecodeError:
        return None
    match _resolved(step for step in text.split("/") if step not in ("", ".")):
        case []:
            return Spot(top=True)
        case ["in"]:
            return Spot()
        case ["in", contract]:
            return Spot(contract)
        case ["in", contract, name] if is_name(name):
            return Spot(contract, name)
    return None


def is_name(name: str) -> bool:
    """Return whether a file may be called this."""
    return (
        0 < len(name.encode("utf-8", "surrogatepass")) <= NAME_MAX_BYTES
        and name not in (".", "..")
        and not any(
            character in "/\\" or (unicodedata.category(character) in _UNSEEN and character not in _JOINERS)
            for character in name
        )
    )


def is_answer(name: str) -> bool:
    """Return whether a name is one that only the gateway gives."""
    return name.endswith(ANSWERS)


def _resolved(steps: Iterable[str]) -> list[str]:
    """Take `..` as going up; above the top there is nothing, so it stays there (as chroot does)."""
    there: list[str] = []
    for step in steps:
        if step == "..":
            del there[-1:]
        else:
            there.append(step)
    return there
