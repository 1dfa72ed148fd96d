"""The fields of a contract, as a table."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.contract import Contract
from gateway.publication import words
from gateway.publication.elements import badge
from gateway.publication.fields import FieldLine, field_lines
from gateway.publication.html import Html, between, code, dotted, joined, tag, value
from gateway.publication.source import Library
from gateway.publication.voice import Voice

_FEW = 12
"""So many values of a code list are shown beside the field; longer lists are on their own page."""


def fields_part(voice: Voice, library: Library, contract: Contract) -> Iterator[Html]:
    """Give the table of the fields of a contract."""
    yield tag(
        "p",
        voice(
            "This is the canonical record, as its recipient gets it. Agencies send their own; what becomes of that is "
            "under bindings.",
            "هذا هو السجل القياسي كما يصل إلى مستقبله. وترسل كل جهة صيغتها الخاصة، وما تصير إليه مبيّن تحت الربط.",
        ),
        class_="soft",
    )
    head = (
        ("Field", "الحقل"),
        ("Meaning", "المعنى"),
        ("Value", "القيمة"),
        ("Class", "السرية"),
        ("Example", "مثال"),
    )
    top = tag("tr", *(tag("th", voice(en, ar), scope="col") for en, ar in head))
    body = tag("tbody", *(_field(voice, library, line) for line in field_lines(contract)))
    yield tag("div", tag("table", tag("thead", top), body), class_="wide", tabindex="0")


def _field(voice: Voice, library: Library, line: FieldLine) -> Html:
    must = (
        tag("span", voice("required", "واجب"), class_="must")
        if line.required
        else voice("optional", "اختياري")
    )
    example = _short(line.example)
    return tag(
        "tr",
        tag("td", dotted(line.path), tag("div", tag("small", must))),
        tag("td", voice.of(line.text)),
        tag("td", _value(voice, library, line), class_="long"),
        tag("td", badge(voice, line.classification, words.CLASSES[line.classification])),
        tag("td", code(example) if example else "", class_="long"),
        id=anchor(line.path),
        class_=f"d{min(line.depth, 3)}",
    )


def anchor(path: str) -> str:
    """Return where a field stands on its contract's page."""
    return "field." + path.replace("[]", ".items")


def _short(example: object) -> str:
    """Return an example that fits a cell; those of objects are whole under examples."""
    return "" if isinstance(example, dict | list) or example is None else value(example)


def _value(voice: Voice, library: Library, line: FieldLine) -> Html:
    parts: list[Html] = []
    if line.limits and line.limits[0].en:
        said = [
            code(limit.en) if limit.en.startswith("^") else tag("span", voice.of(limit))
            for limit in line.limits
        ]
        parts.append(between(voice("; ", "؛ "), said))
    if line.codes:
        listed = library.catalogue.code_lists[line.codes]
        called = voice(listed.about.title_en, listed.about.title_ar)
        parts.append(tag("div", tag("a", called, href=f"codes.html#{line.codes}")))
        if len(line.values) <= _FEW:
            named = [tag("div", code(one), " ", voice.word(listed, one)) for one in line.values]
            parts.append(tag("small", *named))
    elif line.values:
        parts.append(between(" ", [code(one) for one in line.values]))
    return joined(*parts)
