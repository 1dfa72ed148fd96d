"""The language a page speaks. Both versions of a sentence stand beside each other where it is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from contracts.codes import CodeList
from gateway.publication.html import Html, tag

Language = Literal["ar", "en"]


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence in both languages; an empty Arabic one means that nobody has written it."""

    en: str
    ar: str


@dataclass(frozen=True, slots=True)
class Voice:
    """Says things in one language."""

    language: Language

    @property
    def direction(self) -> Literal["rtl", "ltr"]:
        """Which way the page is read."""
        return "rtl" if self.language == "ar" else "ltr"

    def __call__(self, en: str, ar: str) -> str:
        """Return the version in the voice's language."""
        return ar if self.language == "ar" else en

    def of(self, text: Text) -> str:
        """Return a text of the catalogue, as an element that says so when only its English is there."""
        if self.language == "ar" and not text.ar:
            return tag("span", text.en, lang="en", dir="ltr")
        return self(text.en, text.ar)

    def listed(self, items: Sequence[str]) -> str:
        """Return the items with the comma of the language between them."""
        return self(", ", "، ").join(items)

    def word(self, codes: CodeList, code: str) -> str:
        """Return what a code is called; the code itself when the list has no such."""
        for row in codes.rows:
            if row["code"] == code:
                return row[self.language]
        return code


def rows(voice: Voice, head: Sequence[tuple[str, str]], body: Sequence[Sequence[str]]) -> Html:
    """Return a table whose head is said in the voice's language."""
    top = tag("tr", *(tag("th", voice(en, ar), scope="col") for en, ar in head))
    lines = [tag("tr", *(tag("td", cell) for cell in line)) for line in body]
    table = tag("table", tag("thead", top), tag("tbody", *lines))
    return tag("div", table, class_="wide", tabindex="0")
