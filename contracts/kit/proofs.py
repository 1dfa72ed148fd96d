"""Every constraint and every rule of a contract is shown to refuse something."""

from collections.abc import Iterator

from lxml import etree

from contracts.binding import Binding
from contracts.checking import SAMPLES_DAY, media_type_of
from contracts.contract import Contract
from contracts.errors import Problem, Refused
from contracts.kit.mutants import Breaker, constraints
from contracts.kit.xsd import declared
from contracts.kit.xsd_mutants import survivors
from contracts.rules import Check, Payload, compile_rule
from contracts.schemas import compile_schema
from contracts.strict_json import parse
from contracts.xml_source import XmlSchema, element, record_parser

_SURVIVES = ("a record that breaks this is accepted", "يُقبل سجل يخالف هذا القيد")
"""In English and Arabic."""


def of_contract(folder: str, contract: Contract) -> Iterator[Problem]:
    """Give every constraint that lets a broken record pass, and what no example shows to be at work."""
    records = list(_records(contract))
    breaker = Breaker(contract.checker)
    breaker.break_all(record for record, valid in records if valid)
    for at in sorted(breaker.proof.survived):
        yield Problem(f"{folder}/schema.json", at, "kit.mutant", *_SURVIVES)
    shown = {at for record, valid in records if not valid for at in contract.checker.failing(record)}
    for at in sorted(
        {*constraints(contract.schema)} - breaker.proof.refused - breaker.proof.survived - shown
    ):
        yield Problem(
            f"{folder}/schema.json",
            at,
            "kit.reach",
            "no example shows this at work",
            "لا يظهر أثر هذا القيد في أي مثال",
        )
    for number, rule in enumerate(contract.rules):
        check = compile_rule(rule)
        if not any(_breaks(check, record, sender) for record, sender in _sent(contract)):
            yield Problem(
                f"{folder}/contract.odcs.yaml",
                f"rules.{number}",
                "kit.rule",
                f"no example breaks it: {rule.says}",
                f"لا يخالفها أي مثال: {rule.says_ar}",
            )


def of_binding(folder: str, binding: Binding) -> Iterator[Problem]:
    """Give every constraint of an agency's own schema that lets a broken record pass."""
    if binding.source_schema is None:
        yield from _of_xsd(folder, *binding.source_document, binding)
        return
    breaker = Breaker(compile_schema(binding.source_schema))
    breaker.break_all(record for octets in _records_sent(binding) for record in _read(binding, octets))
    for at in sorted(breaker.proof.survived):
        name, _ = binding.source_document
        yield Problem(f"{folder}/{name}", at, "kit.mutant", *_SURVIVES)


def _records(contract: Contract) -> Iterator[tuple[Payload, bool]]:
    for example in contract.examples:
        try:
            yield parse(example.octets), example.why is None
        except Refused:
            continue  # said by the check of the examples


def _sent(contract: Contract) -> Iterator[tuple[Payload, str | None]]:
    for example in contract.examples:
        try:
            record = parse(example.octets)
        except Refused:
            continue
        if contract.checker.is_valid(record):
            yield record, example.sender


def _breaks(check: Check, record: Payload, sender: str | None) -> bool:
    try:
        check(record, SAMPLES_DAY.isoformat(), sender)
    except Refused:
        return True
    return False


def _of_xsd(folder: str, name: str, octets: bytes, binding: Binding) -> Iterator[Problem]:
    schema, parser = XmlSchema(octets), record_parser()

    def is_valid(record: etree._Element) -> bool:
        try:
            schema.validate(record)
        except Refused:
            return False
        return True

    parsed = [element(record, parser) for record in _records_sent(binding)]
    for path, constraint in survivors(declared(octets), list(filter(is_valid, parsed)), is_valid):
        yield Problem(f"{folder}/{name}", f"{path} {constraint}".strip(), "kit.mutant", *_SURVIVES)


def _records_sent(binding: Binding) -> Iterator[bytes]:
    """Give the octets of every record of the valid samples."""
    for sample in binding.samples:
        if sample.expected is None:
            continue
        splitter = binding.splitter(binding.max_record_bytes, media_type_of(binding, sample.file))
        yield from (piece.octets for piece in [*splitter.feed(sample.octets), *splitter.close()])


def _read(binding: Binding, octets: bytes) -> Iterator[object]:
    try:
        yield binding.source.read(octets)
    except Refused:
        return  # said by the check of the samples
