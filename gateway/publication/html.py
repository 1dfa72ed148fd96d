"""HTML that cannot forget to escape: whatever is not `Html` already becomes text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape

_EMPTY = frozenset({"meta", "link", "input", "br", "wbr"})


class Html(str):
    """Octets of a page, escaped where they had to be."""

    __slots__ = ()


def tag(name: str, /, *inner: str, **attributes: str) -> Html:
    """Return an element; a trailing `_` of an attribute's name is dropped, an inner one becomes a hyphen."""
    opening = name + "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items()
    )
    if name in _EMPTY:
        return Html(f"<{opening}>")
    return Html(f"<{opening}>{joined(*inner)}</{name}>")


def joined(*parts: str) -> Html:
    """Return the parts one after the other."""
    return Html("".join(part if isinstance(part, Html) else escape(part, quote=False) for part in parts))


def between(separator: str, parts: Sequence[str]) -> Html:
    """Return the parts with a separator between them."""
    return joined(*[piece for part in parts for piece in (separator, part)][1:]) if parts else Html()


def code(text: str) -> Html:
    """Return a name or value of the exchange: from left to right in either language."""
    return tag("code", text, dir="ltr")


def dotted(path: str) -> Html:
    """Return a path that may be broken after its dots."""
    *outer, last = path.split(".")
    return tag("code", between(tag("wbr"), [*(f"{name}." for name in outer), last]), dir="ltr")


def value(written: object) -> str:
    """Return a JSON value as a record would have it; a text without its quotation marks."""
    return written if isinstance(written, str) else json.dumps(written, ensure_ascii=False)
