"""Conforming a record, for each form that agencies send, beside its bare parser and validators; the contract check."""

from __future__ import annotations

import csv
import time
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
from contracts.kit.gates import examine
from contracts.kit.place import places

TODAY = date(2026, 7, 1)
UNIT = "records/s per core"


def run() -> list[Figure]:
    """Measure, in processor time of one core; takes about twenty seconds."""
    catalogue = contracts.load(SHIPPED, profile="synthetic")
    health, register = catalogue.binding("moh", "death.v1"), catalogue.binding("cso", "death.v1")
    lists = catalogue.binding("cso", "eligibility-gained.v1")
    record = notification(1).rstrip()
    return [
        *_figures("JSON", health, record, "orjson and both schemas", _bare_json(health, record)),
        *_figures("XML", register, _sample(register), "lxml, its XSD and the schema", _bare_xml(register)),
        *_figures(
            "CSV", lists, _sample(lists), "csv.reader and both schemas", _bare_csv(lists, _sample(lists))
        ),
        _check(),
    ]


def _figures(
    form: str, binding: Binding, octets: bytes, limit: str, parsed: Callable[[], object]
) -> list[Figure]:
    """Return the rate and its part of the limit: the agency's schema and the contract's, with nothing between."""
    conformed = rate(lambda: binding.conform(octets, TODAY), 1)
    payload = binding.conform(octets, TODAY).payload
    is_valid = jsonschema_rs.validator_for(binding.contract.schema).is_valid

    def both() -> None:
        parsed()
        is_valid(payload)

    bare = rate(both, 1)
    name = f"conform: {form}, {len(octets)} bytes"
    return [
        Figure(name, conformed, UNIT, limit, bare, goal=20_000),
        Figure(f"conform: {form}, part of the limit", 100 * conformed / bare, "%", limit, 100.0, goal=50.0),
    ]


def _check() -> Figure:
    """Return the seconds that every gate takes over all that is shipped, by the clock."""
    began = time.perf_counter()
    for place in places([]):
        examine(place)
    return Figure(
        "contract check, all", time.perf_counter() - began, "s", "none", 0.0, goal=30.0, at_most=True
    )


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


def _bare_csv(binding: Binding, octets: bytes) -> Callable[[], object]:
    text = octets.decode()
    validator = jsonschema_rs.validator_for(binding.source_schema)
    names = list(binding.source_schema["properties"])

    def parsed() -> object:
        cells = next(csv.reader([text], delimiter=";"))
        return validator.is_valid({name: cell for name, cell in zip(names, cells, strict=True) if cell})

    return parsed
