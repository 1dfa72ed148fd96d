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
from contracts.errors import Unfit

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
            Unfit: when there is no such column or a word stands for two codes.
        """
        words: dict[str, str] = {}
        for row in self.rows:
            word = row.get(column)
            if word is None:
                raise Unfit(
                    f"the list {self.name} has no column {column!r}",
                    f"ليس في القائمة {self.name} عمود باسم {column}",
                )
            if word and words.setdefault(word, row["code"]) != row["code"]:
                raise Unfit(
                    f"{column!r} of the list {self.name} has one word for two codes",
                    f"في العمود {column} من القائمة {self.name} كلمة واحدة لكودين",
                )
        return words


def parse(name: str, octets: bytes, about: CodeListDocument) -> CodeList:
    """Read one list from UTF-8 CSV with a header.

    Raises:
        Unfit: with a message for the person who edits the file.
    """
    try:
        rows = list(csv.reader(io.StringIO(octets.decode("utf-8"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise Unfit("is not CSV in UTF-8", "الملف ليس CSV بترميز UTF-8") from None
    if not rows or rows[0][:1] != ["code"] or len(set(rows[0])) != len(rows[0]):
        raise Unfit(
            "the first column must be `code`, and no column may be named twice",
            "يجب أن يكون اسم العمود الأول code، ولا يتكرر اسم عمود",
        )
    if len(rows) > _MAX_ROWS:
        raise Unfit(f"has more than {_MAX_ROWS} rows", f"صفوف القائمة أكثر من {_MAX_ROWS}")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(rows[0]) or not row[0]:
            raise Unfit(
                f"line {number} has not one cell for each column, or no code",
                f"السطر {number}: خلايا لا تطابق الأعمدة، أو بلا كود",
            )
    listed = CodeList(name, about, tuple(dict(zip(rows[0], row, strict=True)) for row in rows[1:]))
    if len(listed.codes) != len(listed.rows):
        raise Unfit("a code occurs twice", "كود مكرر")
    return listed
