"""In which words an agency's service is asked and answers: the gateway's own, or those of one that was there before.

Three calls are all that the gateway makes (`fetch`, `deliver`, `ping`). A shape says what each is called there, in
which elements of the request the gateway's words go, and in which elements of the answer its own are found.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from lxml import etree

from adapters.soap.envelope import Version
from adapters.soap.names import Element
from gateway.errors import Rejected

TRUE = ("true", "1")  # XML Schema Part 2 §3.2.2.1


@dataclass(frozen=True, slots=True)
class RecordShape:
    """The element that is repeated for each record, and where in it its event and its receipt go, if they do."""

    element: str
    event: str
    receipt: str = ""


@dataclass(frozen=True, slots=True)
class CallShape:
    """One call. `asks` maps words of the gateway to elements of the request, `fixed` elements to texts.

    `answers` maps words of the gateway to elements of the answer: local names from its own element on, with `/`
    between them.
    """

    operation: str
    asks: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)
    record: RecordShape | None = None
    answers: Mapping[str, str] = field(default_factory=dict)

    def arguments(self, told: Mapping[str, object]) -> dict[str, object]:
        """Return what zeep is to write for what the gateway says."""
        return {**self.fixed, **{self.asks[word]: value for word, value in told.items() if word in self.asks}}

    def records(self, records: list[tuple[str, str]]) -> dict[str, object]:
        """Return what zeep is to write for records, each an event and a receipt."""
        if self.record is None:
            return {}
        names = (self.record.event, self.record.receipt)
        return {
            self.record.element: [
                {name: text for name, text in zip(names, record, strict=True) if name} for record in records
            ]
        }

    def read(self, element: Element) -> Told:
        """Return what an answer tells.

        Raises:
            Rejected: `soap.answer`.
        """
        found = {word: _at(element, path) for word, path in self.answers.items()}
        texts = {word: (node.text or "").strip() for word, node in found.items() if node is not None}
        return Told(
            document=_document(found.get("document")),
            answer=_document(found.get("answer")),
            cursor=texts.get("cursor", ""),
            more=texts.get("more", "") in TRUE,
            reference=texts.get("reference", ""),
            agency=texts.get("agency", ""),
            time=_time(texts.get("time", "")),
        )


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer tells, in the gateway's words; empty is what it does not tell. Documents are octets of records."""

    document: bytes
    answer: bytes
    cursor: str
    more: bool
    reference: str
    agency: str
    time: datetime | None

    def __repr__(self) -> str:
        return "Told()"


@dataclass(frozen=True, slots=True)
class Shape:
    """A service: its `wsdl:binding`, or the one of the gateway's own WSDL when that is empty, and its calls."""

    calls: Mapping[str, CallShape]
    version: Version = Version.V11
    binding: str = ""


def _same(*words: str) -> dict[str, str]:
    return {word: word for word in words}


OURS = Shape(
    {
        "fetch": CallShape(
            "fetch", _same("contract", "cursor", "most"), answers=_same("document", "cursor", "more")
        ),
        "deliver": CallShape(
            "deliver",
            _same("contract", "key"),
            record=RecordShape("record", "event", "receipt"),
            answers=_same("reference", "answer"),
        ),
        "ping": CallShape("ping", answers=_same("agency", "time")),
    }
)
"""As `agency.wsdl` describes it."""


def _at(element: Element, path: str) -> Element | None:
    return element.find("/".join(f"{{*}}{name}" for name in path.split("/")))


def _document(node: Element | None) -> bytes:
    """Return the octets of a document: what the base64 in an element says, or the element itself if it has others."""
    if node is None:
        return b""
    if len(node):
        return etree.tostring(node, method="c14n", exclusive=True, with_tail=False)
    try:
        return base64.b64decode("".join((node.text or "").split()), validate=True)
    except ValueError as error:
        raise Rejected("soap.answer", "a document must be base64, or elements", "document") from error


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError as error:
        raise Rejected("soap.answer", "must be a time", "time") from error
