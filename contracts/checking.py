"""Run every example of every contract and every sample of every binding, and say what does not hold."""

from collections.abc import Iterator
from datetime import date

import orjson

from contracts.binding import Binding, Sample
from contracts.catalogue import Catalogue
from contracts.contract import Contract, Example
from contracts.errors import CODES, Problem, Refused
from contracts.nid import governorate_verdicts
from contracts.source import FRAMINGS
from contracts.strict_json import parse

SAMPLES_DAY = date(2026, 7, 1)
"""The day on which examples and samples are judged, so that they do not age."""

_FRAMING_OF = {"json": "json", "ndjson": "ndjson", "jsonl": "ndjson", "xml": "xml", "csv": "csv"}
"""Ending of a file's name → how it holds its records."""

_CHUNK = 61
"""Bytes fed at once: a small odd number, so that every sample is also cut in awkward places."""


def check(catalogue: Catalogue) -> list[Problem]:
    """Return everything that an example or a sample contradicts; empty when the catalogue keeps its word."""
    problems: list[Problem] = []
    for contract in catalogue.contracts.values():
        if not any(example.why is None for example in contract.examples):
            problems.append(
                Problem(
                    f"canonical/{folder_of(contract)}",
                    "",
                    "check.example",
                    "needs a valid example",
                    "يلزم مثال صحيح واحد على الأقل",
                )
            )
        for example in contract.examples:
            problems += _example(catalogue, contract, example)
    for binding in catalogue.bindings.values():
        if not any(sample.expected for sample in binding.samples):
            place = f"agencies/{binding.agency}/{folder_of(binding.contract)}"
            problems.append(
                Problem(
                    place,
                    "",
                    "check.sample",
                    "needs a valid sample with its expected result",
                    "تلزم عينة صحيحة مع نتيجتها المتوقعة",
                )
            )
        for sample in binding.samples:
            problems += _sample(binding, sample)
    return problems


def folder_of(contract: Contract) -> str:
    """Return what the folders of the contract `death.v1` end with: `death/v1`."""
    event, _, major = contract.name.rpartition(".")
    return f"{event}/{major}"


def _example(catalogue: Catalogue, contract: Contract, example: Example) -> Iterator[Problem]:
    code = ""
    noted: list[str] = []
    try:
        governorates = governorate_verdicts(catalogue.code_lists["governorates"].codes, "synthetic")
        contract.hold(parse(example.octets), SAMPLES_DAY.isoformat(), example.sender, governorates, noted)
    except Refused as refused:
        code = refused.code
    if example.why == "":
        yield Problem(
            example.file,
            "",
            "check.why",
            "has no .why file beside it with the code that it must give",
            "ليس بجانبه ملف .why فيه الكود الذي يجب أن يعطيه",
        )
    elif code != (example.why or ""):
        yield Problem(
            example.file,
            "",
            "check.example",
            f"gives {code or 'no refusal'}, not {example.why or 'valid'}",
            f"يعطي {code or 'قبولًا'}، والمنتظر {example.why or 'قبول'}",
        )
    elif example.why is None and set(noted) != set(example.codes):
        yield Problem(*_noted(example.file, set(noted)))
    if example.why and example.why not in CODES:
        yield Problem(
            example.file,
            "",
            "check.code",
            "its .why names a code that does not exist",
            "ملف .why يذكر كودًا لا وجود له",
        )


def _sample(binding: Binding, sample: Sample) -> Iterator[Problem]:
    lines: list[bytes] = []
    noted: set[str] = set()
    refusals: list[str] = []
    for outcome in outcomes(binding, sample.octets, media_type_of(binding, sample.file)):
        if isinstance(outcome, Refused):
            refusals.append(outcome.code)
        else:
            lines.append(outcome[0])
            noted |= outcome[1]
    valid = "/samples/valid/" in sample.file
    if valid and refusals:
        yield Problem(
            sample.file,
            "",
            "check.sample",
            f"is refused: {', '.join(refusals)}",
            f"مرفوضة: {'، '.join(refusals)}",
        )
    elif valid and sample.expected != b"".join(lines):
        where, where_ar = _difference(lines, (sample.expected or b"").splitlines(keepends=True))
        yield Problem(
            sample.file,
            "",
            "check.expected",
            f"maps to something else than its expected result: {where}",
            f"تتحول إلى غير نتيجتها المتوقعة: {where_ar}",
        )
    elif valid and noted != set(sample.codes):
        yield Problem(*_noted(sample.file, noted))
    elif not valid and tuple(refusals) != sample.codes:
        given, asked = ", ".join(refusals), ", ".join(sample.codes)
        yield Problem(
            sample.file,
            "",
            "check.sample",
            f"gives {given or 'no refusal'}, not {asked or 'any'}",
            f"تعطي {given or 'قبولًا'}، والمنتظر {asked or 'رفض'}",
        )
    for code in sample.codes:
        if code not in CODES:
            yield Problem(sample.file, "", "check.code", f"there is no code {code}", f"لا يوجد كود {code}")


def _noted(file: str, codes: set[str]) -> tuple[str, str, str, str, str]:
    """Return the problem of a valid record that gives other remarks than are written beside it."""
    told = ", ".join(sorted(codes))
    return (
        file,
        "",
        "check.codes",
        f"gives the codes {told or 'none'}",
        f"الملاحظات الصادرة: {told or 'لا شيء'}",
    )


def _difference(given: list[bytes], expected: list[bytes]) -> tuple[str, str]:
    """Say in English and Arabic where two results first differ: record and field, never a value."""
    for number, (one, other) in enumerate(zip(given, expected, strict=False), start=1):
        if one != other:
            try:
                field = _first_field(orjson.loads(one), orjson.loads(other), "")
            except orjson.JSONDecodeError:
                return f"record {number} is no JSON", f"السجل {number} ليس JSON"
            return f"record {number}, {field}", f"السجل {number}، {field}"
    return (
        f"{len(given)} records, {len(expected)} expected",
        f"عدد السجلات {len(given)}، والمنتظر {len(expected)}",
    )


def _first_field(one: object, other: object, pointer: str) -> str:
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted({*one, *other}):
            if one.get(name) != other.get(name):
                return _first_field(one.get(name), other.get(name), f"{pointer}/{name}")
    return pointer or "not RFC 8785"


def media_type_of(binding: Binding, file: str) -> str | None:
    """Return the first media type of the binding that the name of a file suggests; None when there is none."""
    framing = _FRAMING_OF.get(file.rpartition(".")[2].lower())
    return next((one for one in binding.media_types if FRAMINGS[one] == framing), None)


def outcomes(
    binding: Binding, octets: bytes, media_type: str | None
) -> Iterator[Refused | tuple[bytes, set[str]]]:
    """Give for each record of a submission its canonical line and remarks, or its refusal."""
    splitter = binding.splitter(binding.max_record_bytes, media_type)
    pieces = [
        piece for at in range(0, len(octets), _CHUNK) for piece in splitter.feed(octets[at : at + _CHUNK])
    ]
    for piece in pieces + splitter.close():
        if piece.refusal is not None:
            yield piece.refusal
            continue
        try:
            conformed = binding.conform(piece.octets, SAMPLES_DAY)
        except Refused as refused:
            yield refused
        else:
            yield conformed.octets() + b"\n", {*conformed.warnings, *conformed.review}
