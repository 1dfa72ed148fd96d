"""How a process is doing: a word for each thing it depends on, looked at every few seconds and told at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gateway.errors import IsnadError

OK = "ok"


@dataclass(frozen=True, slots=True)
class Look:
    """One thing to look at. `word` returns `ok` or what is wrong, and may block; `needed` to do any work at all."""

    name: str
    word: Callable[[], str]
    needed: bool

    def __call__(self) -> str:
        """Return the word; what cannot be looked at is not well."""
        try:
            return self.word()
        except IsnadError as error:
            return error.code


class Board:
    """Remembers the last look, because whoever asks about health must not have to wait for what is ill."""

    def __init__(self, looks: Sequence[Look]) -> None:
        self._looks = looks
        self._words = {look.name: "not looked at yet" for look in looks}

    def look(self) -> None:
        """Look at everything; call it from a thread that may wait."""
        self._words = {look.name: look() for look in self._looks}

    def __call__(self) -> tuple[bool, Mapping[str, str]]:
        """Return whether the process can do its work, and each word."""
        words = self._words
        return all(words[look.name] == OK for look in self._looks if look.needed), words
