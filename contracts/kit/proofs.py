"""Every constraint and every rule of a contract is shown to refuse something."""

from collections.abc import Iterator

from contracts.binding import Binding
from contracts.checking import SAMPLES_DAY
from contracts.contract import Contract
from contracts.errors import Problem, Refused
from contracts.kit.mutants import Breaker, constraints
from contracts.rules import Check, Payload, compile_rule
from contracts.schemas import compile_schema
from contracts.strict_json import parse

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
    """Give every constraint of an agency's own JSON Schema or columns that lets a broken record pass."""
    if binding.source_schema is None:
        return
    breaker = Breaker(compile_schema(binding.source_schema))
    breaker.break_all(_source_records(binding))
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


def _source_records(binding: Binding) -> Iterator[object]:
    for sample in binding.samples:
        if sample.expected is None:
            continue
        splitter = binding.splitter(binding.max_record_bytes)
        for piece in [*splitter.feed(sample.octets), *splitter.close()]:
            try:
                yield binding.source.read(piece.octets)
            except Refused:
                continue  # said by the check of the samples
