"""What this floor can raise: `Refused` for one record, `Invalid` for a catalogue that must not be loaded.

Neither ever carries a value from a record: a field name, a rule and a code are enough to repair it, and
both end up in logs and answers where personal data has no business.
"""

from dataclasses import dataclass

from contracts.code_texts import CODES, CodeText

__all__ = ["CODES", "CodeText", "Invalid", "Problem", "Refused", "Unfit"]


class Refused(Exception):  # noqa: N818 - the domain's word, and every caller reads `except Refused`
    """One record, or one submission from a position on, cannot be accepted; the sender must change something.

    Attributes:
        code: stable dotted string, a key of `CODES`.
        field: where, in the sender's own terms when they are known (JSON pointer, column, element path),
            else a JSON pointer into the canonical record; "" for the record as a whole. Never built from
            names that the sender invented.
        rule: what must hold, in English.
        position: 1-based position of the record in its submission; None when only one record was looked at.
    """

    def __init__(self, code: str, field: str, rule: str, position: int | None = None) -> None:
        super().__init__(code, field, rule, position)
        self.code = code
        self.field = field
        self.rule = rule
        self.position = position

    def __str__(self) -> str:
        where = f" at {self.field}" if self.field else ""
        return f"{self.code}{where}: {self.rule}"

    def at(self, field: str) -> "Refused":
        """Return the same refusal, naming `field`."""
        return Refused(self.code, field, self.rule, self.position)


class Unfit(ValueError):  # noqa: N818 - what the folder is, and every caller reads `except Unfit`
    """Something in a contract folder, or in a file that one is drafted from, that cannot be used.

    Its text, and `ar` in Arabic, say to the person who edits the file what is wrong and what to write instead.
    """

    def __init__(self, en: str, ar: str) -> None:
        super().__init__(en)
        self.ar = ar

    def within(self, place: str) -> "Unfit":
        """Return the same, naming the place first."""
        return Unfit(f"{place}: {self}", f"{place}: {self.ar}")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a contract folder."""

    file: str
    """Path relative to the catalogue's root."""
    where: str
    """Place inside the file: a dotted path, a column, a line; "" for the whole file."""
    rule: str
    """Stable dotted name of the rule that is broken, e.g. `catalogue.schema.open`."""
    message: str
    """What is wrong and what to write instead, for the person who edits the file."""
    message_ar: str = ""
    """The same in Arabic; empty outside a catalogue, in what only those who run a gateway read."""

    def __str__(self) -> str:
        return f"{self.file}{': ' + self.where if self.where else ''}: {self.message} [{self.rule}]"


class Invalid(Exception):  # noqa: N818 - reads as the catalogue's state
    """The contract folders are not fit to be used; nothing of them was loaded.

    Attributes:
        problems: every problem found, ordered by file and place.
    """

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)
