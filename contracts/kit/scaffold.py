"""Write the first draft of a binding from a sample file, and say plainly what has to be decided by a person."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

from contracts.catalogue import Catalogue, compile_files
from contracts.checking import folder_of, outcomes
from contracts.contract import Contract
from contracts.errors import Invalid, Refused
from contracts.folder import Files
from contracts.kit.guessing import Guess, Target, guesses, targets_of
from contracts.kit.identities import real_looking
from contracts.kit.reading import Sample, read
from contracts.kit.screen import visible
from contracts.kit.source_schema import columns_csv, json_schema, xsd
from contracts.kit.values import Field, fields_of, is_identity

_MEDIA_TYPES = {
    "json": ["application/json", "application/x-ndjson"],
    "ndjson": ["application/x-ndjson", "application/json"],
    "csv": ["text/csv"],
    "xml": ["application/xml", "text/xml"],
}
_SUFFIX = {"json": "json", "ndjson": "ndjson", "csv": "csv", "xml": "xml"}
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_MAX_SAMPLE_BYTES = 1024 * 1024
"""A catalogue keeps no larger file."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that was decided, or was not, while the draft was written."""

    kind: str
    """guessed, unsure, words, missing, unread, sample_real, sample_large, sample_refused or sample_copied."""
    subject: str
    """The field or file that it is about; never a value."""
    detail: str = ""
    """Names, formats and codes; in no language, or in English."""
    detail_ar: str = ""
    """The same in Arabic, where it is a sentence."""


@dataclass(frozen=True, slots=True)
class Draft:
    """The files of a new binding, not yet written, and what its author has to know."""

    files: Files
    """Path relative to the catalogue's root, and octets."""
    remarks: tuple[Remark, ...]


def draft(octets: bytes, agency: str, catalogue: Catalogue, contract: Contract, shipped: Files) -> Draft:
    """Return a first draft of how `agency` writes `contract`.

    Args:
        octets: a sample file of the agency.
        agency: short name; becomes the folder.
        catalogue: contracts and code lists.
        contract: what the records have to become.
        shipped: files with which the draft is tried; its own replace theirs.

    Raises:
        ValueError: when the file cannot be read as records, with what is wrong.
    """
    # 1. What the file holds, and what each field of it may be.
    sample = read(octets)
    fields = fields_of(sample.records)
    found, unclear = guesses(fields, contract, catalogue.code_lists)
    found, foreign = _nameable(found, sample)
    # 2. The three documents; what was not guessed stands in the mapping as a comment.
    folder = f"agencies/{agency}/{folder_of(contract)}"
    unsettled = {target.name for target, _ in unclear}
    open_ = _missing(contract, unsettled | {guess.target.name for guess in found})
    used = {guess.field.path for guess in found} | {field.path for _, field in unclear}
    unread = [_path(field, sample) for field in fields if field.path not in used]
    source = _source_schema(sample)
    files = {
        f"{folder}/binding.yaml": _binding_yaml(sample, agency, catalogue, contract, unread),
        f"{folder}/mapping.yaml": _mapping_yaml(sample, found, open_, unclear, unread),
        f"{folder}/{source[0]}": source[1],
    }
    # 3. The sample itself, only when no living person can be in it.
    kept, remarks = _sample(octets, sample, folder, catalogue, {**shipped, **files})
    return Draft(
        {**files, **kept},
        (
            *(
                Remark("guessed" if guess.sure else "unsure", _path(guess.field, sample), _to(guess))
                for guess in found
            ),
            *(Remark("words", _path(field, sample), target.name) for target, field in unclear),
            *(Remark("unread", _path(field, sample)) for field in foreign),
            *(Remark("missing", target.name, *_asked(target)) for target in open_),
            *(Remark("unread", name) for name in unread),
            *remarks,
        ),
    )


def _nameable(found: list[Guess], sample: Sample) -> tuple[list[Guess], list[Field]]:
    """Leave out the fields whose names a path cannot be written with: a JSON name with a dot, XML beyond ASCII."""

    def fits(field: Field) -> bool:
        if sample.format == "csv":
            return True
        if sample.format == "xml":
            return all(_PLAIN.fullmatch(step.removeprefix("@")) for step in field.path)
        return not any("." in step for step in field.path)

    return [guess for guess in found if fits(guess.field)], [
        guess.field for guess in found if not fits(guess.field)
    ]


def _missing(contract: Contract, known: set[str]) -> list[Target]:
    return [target for target in targets_of(contract) if target.required and target.name not in known]


def _path(field: Field, sample: Sample) -> str:
    """Return the field as `unused` and people name it: like the mapping, without prefixes."""
    return visible(("/" if sample.format == "xml" else ".").join(field.path))


def _to(guess: Guess) -> str:
    return f"{guess.target.name} {guess.call}".strip()


def _asked(target: Target) -> tuple[str, str]:
    """Return what a field must be, in English and Arabic: one of its words, or what its contract says of it."""
    words = target.node.get("enum")
    if isinstance(words, list):
        return ", ".join(map(str, words)), ""
    return str(target.node.get("description", "")), str(target.node.get("x-description-ar", ""))


# -- The documents


def _source_schema(sample: Sample) -> tuple[str, bytes]:
    if sample.format == "csv":
        return "columns.csv", columns_csv(sample.records)
    if sample.format == "xml":
        return "source.xsd", xsd(sample)
    return "source.schema.json", json_schema(sample.records)


def _binding_yaml(
    sample: Sample, agency: str, catalogue: Catalogue, contract: Contract, unread: list[str]
) -> bytes:
    names = next((row for row in catalogue.code_lists["agencies"].rows if row["code"] == agency), {})
    kind = "json" if sample.format == "ndjson" else sample.format
    lines = [
        f"agency: {agency}",
        f"contract: {contract.name}",
        f"title_en: {_quoted(contract.title_en)}",
        f"title_ar: {_quoted(contract.title_ar)}",
        f"owner: {_quoted(names.get('en', agency))}",
        "transport: [rest]",
        f"format: {kind}",
        f"media_types: [{', '.join(_MEDIA_TYPES[sample.format])}]",
        f"encoding: {sample.encoding}",
        "max_record_bytes: 16384",
        "max_document_bytes: 4194304",
    ]
    if unread:
        lines += ["# Sent and not read. Better not sent; where it must be, approve it:"]
        lines += [f"# unused: [{', '.join(map(_quoted, unread))}]"]
    return _text(lines)


def _mapping_yaml(
    sample: Sample,
    found: list[Guess],
    open_: list[Target],
    unclear: list[tuple[Target, Field]],
    unread: list[str],
) -> bytes:
    lines = ["# A draft: every line was guessed from names and values. Read each one."]
    lines += _record_lines(sample)
    lines += ["fields:"]
    for guess in found:
        required = ", required: true" if guess.target.required else ""
        call = f", {guess.call}" if guess.call else ""
        remark = "" if guess.sure else f"  # {guess.why}"
        lines.append(
            f"  {guess.target.name}: {{from: {_quoted(_from(guess.field, sample))}{call}{required}}}{remark}"
        )
    if open_:
        lines += ["# Required by the contract and not guessed; write {from: …} or {const: …}:"]
        lines += [f"#   {target.name}: {_asked(target)[0]}" for target in open_]
    for target, field in unclear:
        lines.append(
            f"# {_path(field, sample)} may be {target.name}; write what each of its words means, as a lookup."
        )
    if unread:
        lines += [f"# Not read: {', '.join(unread)}"]
    return _text(lines)


def _record_lines(sample: Sample) -> list[str]:
    if sample.format == "csv":
        return [f"record: {{csv: {{delimiter: {_quoted(sample.delimiter)}}}}}"]
    if sample.format != "xml":
        return []
    own = etree.QName(sample.path[-1]).namespace
    prefixes = {own: "s"} if own else {}
    for step in sample.path:
        outer = etree.QName(step).namespace
        if outer:
            prefixes.setdefault(outer, f"e{len(prefixes)}")
    steps = "".join("/" + _prefixed(step, prefixes) for step in sample.path)
    names = ", ".join(f"{prefix}: {_quoted(namespace)}" for namespace, prefix in prefixes.items())
    return [f"record: {{xpath: {_quoted(steps)}" + (f", ns: {{{names}}}}}" if names else "}")]


def _prefixed(step: str, prefixes: Mapping[str, str]) -> str:
    name = etree.QName(step)
    return f"{prefixes[name.namespace]}:{name.localname}" if name.namespace else name.localname


def _from(field: Field, sample: Sample) -> str:
    if sample.format != "xml":
        return ".".join(field.path)
    prefix = "s:" if sample.path[-1].startswith("{") else ""
    return "/".join(step if step.startswith("@") else prefix + step for step in field.path)


def _quoted(text: str) -> str:
    """Return a text as YAML reads it back: a JSON string always is one."""
    return text if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", text) else json.dumps(text, ensure_ascii=False)


def _text(lines: list[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


# -- The sample


def _sample(
    octets: bytes, sample: Sample, folder: str, catalogue: Catalogue, files: Mapping[str, bytes]
) -> tuple[dict[str, bytes], list[Remark]]:
    """Return the sample and its expected result as files of the binding, as far as they may be kept."""
    name = f"sample.{_SUFFIX[sample.format]}"
    lines = list(real_looking(octets, catalogue.code_lists["governorates"].codes))
    if lines or any(
        is_identity(field) and not _reserved(field, catalogue) for field in fields_of(sample.records)
    ):
        return {}, [Remark("sample_real", name, ", ".join(map(str, lines[:5])))]
    if len(octets) > _MAX_SAMPLE_BYTES:
        return {}, [Remark("sample_large", name, str(_MAX_SAMPLE_BYTES))]
    kept = {f"{folder}/samples/valid/{name}": octets}
    try:
        binding = next(iter(compile_files({**files, **kept}).bindings.values()))
    except Invalid as invalid:
        return kept, [
            Remark("sample_refused", name, problem.message, problem.message_ar)
            for problem in invalid.problems
        ]
    results = list(outcomes(binding, octets, binding.media_types[0]))
    refusals = [result for result in results if isinstance(result, Refused)]
    if refusals:
        codes = sorted({f"{refused.code} {refused.field}".strip() for refused in refusals})
        return kept, [Remark("sample_refused", name, code) for code in codes]
    accepted = [result for result in results if not isinstance(result, Refused)]
    kept[f"{folder}/expected/sample.json"] = b"".join(line for line, _ in accepted)
    codes = sorted({code for _, given in accepted for code in given})
    if codes:
        kept[f"{folder}/expected/sample.codes"] = _text(codes)
    return kept, [Remark("sample_copied", name)]


def _reserved(field: Field, catalogue: Catalogue) -> bool:
    """Whether no number in the field has a governorate of real ones; unknown governorates may be of the living too."""
    reserved = {
        f"{int(code) + 40:02}" if code != "88" else "89"
        for code in catalogue.code_lists["governorates"].codes
    }
    return all(
        "".join(filter(str.isdecimal, text))[7:9].translate(_INDIC) in reserved for text in field.texts
    )


_INDIC = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789")
