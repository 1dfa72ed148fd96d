"""Small pieces that several pages are made of."""

from __future__ import annotations

import re

from gateway.publication.html import Html, code, joined, tag
from gateway.publication.voice import Text, Voice


def section(voice: Voice, anchor: str, en: str, ar: str) -> Html:
    """Return the heading of a part of a page."""
    return tag("h2", voice(en, ar), id=anchor)


def badge(voice: Voice, kind: str, text: Text) -> Html:
    """Return a small label."""
    return tag("span", voice.of(text), class_=f"badge {kind}")


def prose(text: str) -> Html:
    """Return a sentence in which what stands between backticks is code."""
    pieces = re.split(r"`([^`]*)`", text)
    return joined(*(code(piece) if number % 2 else piece for number, piece in enumerate(pieces)))


def error_link(name: str) -> Html:
    """Return a code that leads to its meaning and remedy."""
    return tag("a", code(name), href=f"errors.html#{name}")
