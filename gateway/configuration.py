"""Read configuration files: strict YAML into a model, and every problem said with its file and line.

A configuration is data: unknown keys, repeated keys, aliases and oversized files are refused, never guessed
at.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path, PurePosixPath
from typing import Annotated, TypeVar

import orjson
import yaml
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from contracts.errors import Invalid, Problem
from contracts.folder import yaml_document
from gateway.moments import LEGAL_ZONE

FILE_MAX_BYTES = 1 << 20
"""The largest configuration file that is read; a revocation list may be larger (`CRL_MAX_BYTES`)."""
CRL_MAX_BYTES = 32 << 20
DAY = timedelta(days=1)

M = TypeVar("M", bound=BaseModel)
Path_ = tuple[str | int, ...]


class Document(BaseModel):
    """What every part of a configuration has in common: nothing unknown, converted, or changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


REFERRED_SUFFIXES = (".pem", ".crl", ".der", ".wsdl")
"""What a file must be called that another one refers to: the watch for changes looks at these."""


def _below(reference: str) -> str:
    path = PurePosixPath(reference)
    if path.is_absolute() or ".." in path.parts or path.suffix not in REFERRED_SUFFIXES:
        raise ValueError(
            f"must be a path below the configuration folder, ending in {', '.join(REFERRED_SUFFIXES)}"
        )
    return reference


Line = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$")]
FileName = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_below)]
"""A file below the configuration folder, with `/`."""
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,30}$")]
"""An agency's name, as it stands in URLs, lanes and queues."""
KeyId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Moment = date | AwareDatetime
"""A plain date of the legal calendar (Africa/Cairo), or an RFC 3339 instant with its offset."""


class Bilingual(Document):
    """A text in both languages of the people who read it."""

    ar: Line
    en: Line


def begins_ms(moment: Moment) -> int:
    """Return the Unix time (ms) at which a moment begins: for a date, its midnight in Cairo."""
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time(), LEGAL_ZONE)
    return int(moment.timestamp() * 1000)


def ends_ms(moment: Moment) -> int:
    """Return the Unix time (ms) from which a moment is over: for a date, the midnight that ends it."""
    return begins_ms(moment if isinstance(moment, datetime) else moment + DAY)


def read(root: Path, name: str, max_bytes: int = FILE_MAX_BYTES) -> bytes:
    """Return the octets of a file below `root`.

    Raises:
        Invalid: it is not there, not a regular file, or larger than `max_bytes`.
    """
    path = root / name
    try:
        if not path.is_file():
            raise _invalid(name, "configuration.file_missing", "there is no such file")
        with path.open("rb") as file:
            octets = file.read(max_bytes + 1)
    except OSError as error:
        raise _invalid(name, "configuration.file_unreadable", f"cannot be read: {error.strerror}") from error
    if len(octets) > max_bytes:
        raise _invalid(name, "configuration.file_too_large", f"has more than {max_bytes} bytes")
    return octets


def parse(octets: bytes, name: str, model: type[M], context: Mapping[str, object] | None = None) -> M:
    """Return the document that a YAML file holds.

    Raises:
        Invalid: every problem of the file, each with its line.
    """
    try:
        value = yaml_document(octets)
        text = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    except (ValueError, TypeError) as error:
        raise _invalid(name, "configuration.yaml", str(error)) from error
    try:
        # By way of JSON, because strict JSON takes dates and lists as text has them, and converts nothing
        # else.
        return model.model_validate_json(text, context=context)
    except ValidationError as error:
        lines = _lines(octets)
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise Invalid(tuple(_problem(name, detail, lines) for detail in found)) from error


def line_of(octets: bytes, *path: str | int) -> str:
    """Return where a key stands in a YAML file that was parsed: `line 7, sender`."""
    return _where(path, _lines(octets))


def _invalid(name: str, rule: str, message: str) -> Invalid:
    return Invalid((Problem(name, "", rule, message),))


_WORDS = {
    "missing": "is required and missing",
    "model_type": "must be keys with values",
    "extra_forbidden": "is not a key that is known here; is it misspelt?",
}


def _problem(name: str, detail: ErrorDetails, lines: Mapping[Path_, int]) -> Problem:
    message = _WORDS.get(detail["type"], detail["msg"].removeprefix("Value error, ").removeprefix("Input "))
    return Problem(name, _where(detail["loc"], lines), f"configuration.{detail['type']}", message)


def _where(path: Path_, lines: Mapping[Path_, int]) -> str:
    """Return the line of the deepest key of `path` that is in the file, and the key's dotted name."""
    known: Path_ = ()
    for step in path:  # a model's own steps, such as the name of a variant, are not in the file
        if (*known, step) in lines:
            known = (*known, step)
    dotted = ".".join(map(str, path))
    return f"line {lines.get(known, 1)}, {dotted}" if dotted else f"line {lines.get(known, 1)}"


def _lines(octets: bytes) -> dict[Path_, int]:
    lines: dict[Path_, int] = {}
    root = yaml.compose(octets.decode(), Loader=yaml.SafeLoader)
    if root is not None:
        _walk(root, (), lines)
    return lines


def _walk(node: yaml.Node, path: Path_, lines: dict[Path_, int]) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            lines[*path, key.value] = key.start_mark.line + 1
            _walk(value, (*path, key.value), lines)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            lines[*path, number] = value.start_mark.line + 1
            _walk(value, (*path, number), lines)
