"""What every page has around it: head, navigation, the way to the other language, the rules for the browser."""

from __future__ import annotations

import base64
import hashlib

from gateway.publication.html import Html, joined, tag
from gateway.publication.style import SCRIPT, STYLE
from gateway.publication.voice import Voice


def _hash(text: str) -> str:
    """Return how a content security policy names an inline part (CSP Level 3 §2.3.1)."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        f"style-src {_hash(STYLE)}",
        f"script-src {_hash(SCRIPT)}",
        "base-uri 'none'",
        "form-action 'none'",
    )
)
"""Also in each page itself, since it may be opened from a disk: nothing is fetched, nothing else runs."""

_PLACES = (
    ("index.html", "Contracts", "العقود"),
    ("agencies.html", "Agencies", "الجهات"),
    ("codes.html", "Code lists", "قوائم الأكواد"),
    ("errors.html", "Errors", "الأخطاء"),
    ("documents.html", "Documents", "المستندات"),
)


def page(voice: Voice, name: str, title: str, digest: str, *content: str) -> bytes:
    """Return a page in UTF-8.

    Args:
        voice: its language.
        name: its file, the same in either language.
        title: what it is called.
        digest: of the catalogue, in hex.
        content: what stands in its middle.
    """
    footer = voice(
        "Generated from the catalogue; never edited. All persons in examples are made up: their national IDs are "
        "of a range that nobody has. Catalogue ",
        "مولّد من الكتالوج ولا يُحرَّر يدويًا. كل الأشخاص في الأمثلة من صنع الخيال، وأرقامهم القومية من نطاق لا يحمله "
        "أحد. بصمة الكتالوج ",
    )
    body = (
        tag("a", voice("Skip to the content", "انتقل إلى المحتوى"), class_="skip", href="#content"),
        _header(voice, name),
        tag("main", *content, id="content"),
        tag("footer", tag("div", footer, tag("code", digest, dir="ltr"))),
        tag("script", Html(SCRIPT)) if name == "index.html" else "",
    )
    return document(voice.language, voice.direction, f"{title} · {voice('Isnad', 'إسناد')}", *body)


def document(language: str, direction: str, title: str, *body: str) -> bytes:
    """Return a whole HTML document in UTF-8."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=CONTENT_SECURITY_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", Html(STYLE)),
    )
    whole = tag("html", head, tag("body", *body), lang=language, dir=direction)
    return joined(Html("<!doctype html>\n"), whole, Html("\n")).encode()


def _header(voice: Voice, name: str) -> Html:
    links = []
    for place, en, ar in _PLACES:
        current = {"aria_current": "page"} if place == name else {}
        links.append(tag("a", voice(en, ar), href=place, **current))
    other, called = ("en", "English") if voice.language == "ar" else ("ar", "العربية")
    switch = tag("a", called, class_="other", lang=other, hreflang=other, href=f"../{other}/{name}")
    brand = tag("span", voice("Isnad: data contracts", "إسناد: عقود البيانات"), class_="name")
    return tag("header", tag("div", brand, *links, switch))
