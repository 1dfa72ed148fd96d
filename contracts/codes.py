"""Code lists: what governorates, outcomes and kinds are called, as versioned data in `_codes/*.csv`.

`_codes/lists.yaml` gives each list its version and the hash of its file, so that a list cannot change unnoticed.
The first column is `code`. Every other column may be the way back from an agency's word to the code, if its
words are unique; the names ar and en are for people.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass

from contracts.documents import CodeListDocument

_MAX_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class CodeList:
    """One list in one version."""

    name: str
    about: CodeListDocument
    """Version, hash, titles and source."""
    rows: tuple[Mapping[str, str], ...]

    @property
    def codes(self) -> frozenset[str]:
        """Every code of the list."""
        return frozenset(row["code"] for row in self.rows)

    def by(self, column: str) -> dict[str, str]:
        """Return the code for each word of `column`.

        Raises:
            ValueError: when there is no such column or a word stands for two codes.
        """
        words: dict[str, str] = {}
        for row in self.rows:
            word = row.get(column)
            if word is None:
                raise ValueError(f"the list {self.name} has no column {column!r}")
            if word and words.setdefault(word, row["code"]) != row["code"]:
                raise ValueError(f"{column!r} of the list {self.name} has one word for two codes")
        return words


def parse(name: str, octets: bytes, about: CodeListDocument) -> CodeList:
    """Read one list from UTF-8 CSV with a header.

    Raises:
        ValueError: with a message for the person who edits the file.
    """
    try:
        rows = list(csv.reader(io.StringIO(octets.decode("utf-8"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise ValueError("is not CSV in UTF-8") from None
    if not rows or rows[0][:1] != ["code"] or len(set(rows[0])) != len(rows[0]):
        raise ValueError("the first column must be `code`, and no column may be named twice")
    if len(rows) > _MAX_ROWS:
        raise ValueError(f"has more than {_MAX_ROWS} rows")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(rows[0]) or not row[0]:
            raise ValueError(f"line {number} has not one cell for each column, or no code")
    listed = CodeList(name, about, tuple(dict(zip(rows[0], row, strict=True)) for row in rows[1:]))
    if len(listed.codes) != len(listed.rows):
        raise ValueError("a code occurs twice")
    return listed
