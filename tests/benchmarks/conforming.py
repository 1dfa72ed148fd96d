"""Conforming a record, for each form that agencies send, beside the bare parser and validator of the form."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date

import jsonschema_rs
import orjson
from lxml import etree

import contracts
from benchmarks.figures import Figure, rate
from benchmarks.records import notification
from contracts import Binding
from contracts.folder import SHIPPED

TODAY = date(2026, 7, 1)
UNIT = "records/s per core"


def run() -> list[Figure]:
    """Measure, in processor time of one core; takes about fifteen seconds."""
    catalogue = contracts.load(SHIPPED, profile="synthetic")
    health, register = catalogue.binding("moh", "death.v1"), catalogue.binding("cso", "death.v1")
    lists = catalogue.binding("cso", "eligibility-gained.v1")
    record = notification(1).rstrip()
    return [
        _figure("JSON", health, record, "orjson and jsonschema-rs", _bare_json(health, record)),
        _figure("XML", register, _sample(register), "lxml and its XSD", _bare_xml(register)),
        _figure("CSV", lists, _sample(lists), "csv.reader, no validation", _bare_csv(_sample(lists))),
    ]


def _figure(form: str, binding: Binding, octets: bytes, limit: str, bare: Callable[[], object]) -> Figure:
    conformed = rate(lambda: binding.conform(octets, TODAY), 1)
    return Figure(f"conform: {form}, {len(octets)} bytes", conformed, UNIT, limit, rate(bare, 1))


def _sample(binding: Binding) -> bytes:
    """Return the first record of the binding's first valid sample, as it stands in a submission."""
    sample = next(sample for sample in binding.samples if sample.expected is not None)
    splitter = binding.splitter(binding.max_record_bytes)
    return next(piece.octets for piece in [*splitter.feed(sample.octets), *splitter.close()])


def _bare_json(binding: Binding, octets: bytes) -> Callable[[], object]:
    validator = jsonschema_rs.validator_for(binding.source_schema)
    return lambda: validator.is_valid(orjson.loads(octets))


def _bare_xml(binding: Binding) -> Callable[[], object]:
    schema = etree.XMLSchema(etree.fromstring(binding.source_document[1]))
    sample = next(sample for sample in binding.samples if sample.expected is not None).octets
    record = etree.tostring(next(iter(etree.fromstring(sample))))
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    return lambda: schema.validate(etree.fromstring(record, parser))


def _bare_csv(octets: bytes) -> Callable[[], object]:
    text = octets.decode()
    return lambda: next(csv.reader([text], delimiter=";"))
