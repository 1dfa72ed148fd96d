"""The C2SP tlog-proof: an entry's place in a log, in a text that can be checked offline.

It holds the index, the inclusion hashes and the signed checkpoint; not the entry, which stands beside it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from crypto.encoding import b64, from_b64, hash_from_b64
from crypto.errors import Tampered
from crypto.note import NOTE_MAX_BYTES

PROOF_MAX_BYTES = NOTE_MAX_BYTES + 8 * 1024
_VERSION = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")
_MAX_HASHES = 63  # the height of the largest tree


@dataclass(frozen=True, slots=True)
class Proof:
    """A parsed proof: of nothing, until `note` and the path to its root were verified."""

    index: int
    path: tuple[bytes, ...]
    note: str


def format_proof(index: int, path: Sequence[bytes], note: str) -> str:
    """Write a proof: index of the leaf, its siblings from the leaf up, and a signed note verbatim."""
    return proof_head(index, path) + note


def proof_head(index: int, path: Sequence[bytes]) -> str:
    """Write what stands in a proof before its note."""
    lines = _line(path[0]) + _upper(tuple(path[1:])) if path else ""
    return f"{_VERSION}\nindex {index}\n{lines}\n"


def parse_proof(text: str) -> Proof:
    """Parse a proof. Extra data, which nothing authenticates, is skipped.

    Raises:
        Tampered: (`receipt`) malformed or larger than `PROOF_MAX_BYTES`.
    """
    if len(text) > PROOF_MAX_BYTES:
        raise Tampered("receipt", "the proof is too large")
    head, separator, note = text.partition("\n\n")
    version, *lines = head.split("\n")
    try:
        if lines and lines[0].startswith("extra "):
            from_b64(lines.pop(0).removeprefix("extra "))
        index = _INDEX.fullmatch(lines[0]) if lines else None
        path = tuple(hash_from_b64(line) for line in lines[1:])
    except ValueError as error:
        raise Tampered("receipt", "the proof is malformed") from error
    if version != _VERSION or not separator or index is None or len(path) > _MAX_HASHES:
        raise Tampered("receipt", "the proof is malformed")
    return Proof(int(index[1]), path, note)


def _line(value: bytes) -> str:
    return f"{b64(value)}\n"


@lru_cache(maxsize=1024)
def _upper(path: tuple[bytes, ...]) -> str:
    """The lines of a path from its second hash on: neighbours in a tree share them."""
    return "".join(map(_line, path))
