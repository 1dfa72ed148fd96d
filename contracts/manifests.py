"""Files of an agency: what they are called, how each says that it is whole, and the manifest beside it.

A manifest is read here and never compared: whoever has the file holds the one against the other.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from typing import Literal, NoReturn

from contracts import strict_json
from contracts.binding_documents import FilesDocument, ManifestDocument
from contracts.errors import Refused

MAX_MANIFEST_BYTES = 4096

_SHA256 = re.compile(r"[0-9a-f]{64}")
_BATCH = re.compile(r"[A-Za-z0-9._:/-]{1,64}")
_LONGEST_NAME = 255  # bytes; what file systems take


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a manifest says of its file."""

    sha256: str
    """Of the file as it was sent: 64 hex digits, lower case."""
    count: int
    """Records in the file, 0 or more."""
    sequence: int
    """From 1. With `total` the part of its batch, otherwise it runs on from file to file."""
    total: int | None
    """How many parts the batch has; None when files are not parts."""
    batch: str | None
    """The same for all parts of a batch; None exactly when `total` is."""
    size: int | None
    """Octets of the file as it was sent, if the manifest tells."""
    name: str | None
    """What the file is called, if the manifest tells."""
    period: tuple[date, date] | None
    """First and last day that the file is about, if the manifest tells."""


@dataclass(frozen=True, slots=True)
class ManifestRules:
    """Where an agency's manifests are and what they call things."""

    document: ManifestDocument

    @property
    def tolerant(self) -> bool:
        """Whether a file of another count, size, name or period than its manifest says is taken all the same.

        A file with another hash never is: it is not the file that was sent.
        """
        return self.document.contradicted == "report"

    def name_for(self, file: str) -> str:
        """Return the name of the manifest beside the data file called `file`."""
        return self.document.name.replace("{file}", file)

    def file_of(self, name: str) -> str:
        """Return the name of the data file whose manifest is called `name`, or `name` when no manifest is."""
        before, _, after = self.document.name.partition("{file}")
        named = name.startswith(before) and name.endswith(after) and len(name) > len(before) + len(after)
        return name[len(before) : len(name) - len(after)] if named else name

    def read(self, octets: bytes) -> Manifest:
        """Read a manifest: a flat JSON object with the members that the binding names, and no other.

        Raises:
            Refused: `record.manifest.syntax` or `record.manifest.member`, whose field is a member as the
                agency calls it.
        """
        if len(octets) > MAX_MANIFEST_BYTES:
            raise Refused("record.manifest.syntax", "", f"at most {MAX_MANIFEST_BYTES} bytes")
        try:
            told = strict_json.parse(octets)
        except Refused as refused:
            raise Refused("record.manifest.syntax", "", refused.rule) from None
        called: Mapping[str, str] = self.document.members.model_dump(exclude_none=True)
        if unknown := told.keys() - set(called.values()):
            raise Refused("record.manifest.member", "", f"{len(unknown)} members more than the binding names")
        return _Members(told, called).manifest()


class _Members:
    """The members of one manifest, taken by what they mean."""

    def __init__(self, told: Mapping[str, object], called: Mapping[str, str]) -> None:
        self._told = told
        self._called = called

    def manifest(self) -> Manifest:
        total = self._number("total", 1) if "total" in self._called else None
        sequence = self._number("sequence", 1)
        if total is not None and sequence > total:
            self._refuse("sequence", "not above the number of parts")
        first, last = self._day("period_from"), self._day("period_to")
        if first is not None and last is not None and first > last:
            self._refuse("period_to", "not before the first day")
        return Manifest(
            sha256=self._text("sha256", _SHA256, "64 hex digits in lower case"),
            count=self._number("count", 0),
            sequence=sequence,
            total=total,
            batch=self._text("batch", _BATCH, "1 to 64 of A-Z a-z 0-9 . _ : / -") if total else None,
            size=self._number("size", 0) if "size" in self._called else None,
            name=self._name() if "name" in self._called else None,
            period=None if first is None or last is None else (first, last),
        )

    def _number(self, fact: str, least: int) -> int:
        value = self._told.get(self._called[fact])
        if type(value) is not int or value < least:
            self._refuse(fact, f"a whole number from {least}")
        return value

    def _text(self, fact: str, shape: re.Pattern[str], rule: str) -> str:
        value = self._told.get(self._called[fact])
        if not isinstance(value, str) or not shape.fullmatch(value):
            self._refuse(fact, rule)
        return value

    def _name(self) -> str:
        value = self._told.get(self._called["name"])
        if not isinstance(value, str) or not value or "/" in value or len(value.encode()) > _LONGEST_NAME:
            self._refuse("name", "the name of a file, without a path")
        return value

    def _day(self, fact: str) -> date | None:
        if fact not in self._called:
            return None
        value = self._told.get(self._called[fact])
        try:
            return date.fromisoformat(
                value if isinstance(value, str) and len(value) == len("2026-01-31") else ""
            )
        except ValueError:
            self._refuse(fact, "a day that exists, written 2026-01-31")

    def _refuse(self, fact: str, rule: str) -> NoReturn:
        raise Refused("record.manifest.member", self._called[fact], rule)


@dataclass(frozen=True, slots=True)
class FileRules:
    """How an agency's files of one contract come."""

    document: FilesDocument

    @property
    def complete(self) -> Literal["rename", "stable", "manifest"]:
        """How a file says that it is whole.

        `rename`: it gets its name when it is. `stable`: it stops growing. `manifest`: its manifest is there.
        """
        return self.document.complete

    @property
    def manifest(self) -> ManifestRules | None:
        """What manifests look like; None exactly when files come without."""
        return ManifestRules(self.document.manifest) if self.document.manifest else None

    def takes(self, name: str) -> bool:
        """Whether a file called `name` holds records of this contract."""
        return any(fnmatchcase(name, pattern) for pattern in self.document.names)
