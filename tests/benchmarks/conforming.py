"""Conforming a record, for each form that agencies send, beside its bare parser and validators; the contract check."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from datetime import date
from itertools import islice

import jsonschema_rs
import orjson
from lxml import etree

import contracts
from benchmarks.figures import Figure, rate_beside
from contracts import Binding
from contracts.folder import SHIPPED
from contracts.kit.gates import examine
from contracts.kit.place import places
from gateway.synth.flows import Flow
from gateway.synth.noise import ACCEPTED, QUARANTINED
from gateway.synth.people import Population

TODAY = date(2026, 7, 1)
UNTIL = date(2026, 6, 30)
PERSONS = 70_000_000
MANY = 400
UNIT = "records/s per core"
Parse = Callable[[bytes], object]


def run() -> list[Figure]:
    """Measure, in processor time of one core; takes about twenty seconds."""
    catalogue = contracts.load(SHIPPED, profile="synthetic")
    population = Population("benchmark", PERSONS, UNTIL)
    figures: list[Figure] = []
    for form, agency, contract, limit, bare in (
        ("JSON", "moh", "death.v1", "orjson and both schemas", _bare_json),
        ("XML", "cso", "death.v1", "lxml, its XSD and the schema", _bare_xml),
        ("XML of prosecution", "ppo", "deprivation.v1", "lxml, its XSD and the schema", _bare_xml),
        ("CSV", "cso", "eligibility-gained.v1", "csv.reader and both schemas", _bare_csv),
    ):
        binding = catalogue.binding(agency, contract)
        records = _usual(binding, Flow(catalogue, population, agency, contract, intensity=100))
        figures += _figures(form, binding, records, limit, bare(binding))
    return [*figures, _check()]


def _figures(form: str, binding: Binding, records: list[bytes], limit: str, parsed: Parse) -> list[Figure]:
    """Return the rate and its part of the limit: the agency's schema and the contract's, with nothing between."""
    payloads = [binding.conform(record, TODAY).payload for record in records]
    is_valid = jsonschema_rs.validator_for(binding.contract.schema).is_valid
    pairs = list(zip(records, payloads, strict=True))

    def conform() -> None:
        for record in records:
            binding.conform(record, TODAY)

    def both() -> None:
        for record, payload in pairs:
            parsed(record)
            is_valid(payload)

    conformed, bare = rate_beside(conform, both, len(records))
    name = f"conform: {form}, {sum(map(len, records)) // len(records)} bytes"
    return [
        Figure(name, conformed, UNIT, limit, bare, goal=20_000),
        Figure(f"conform: {form}, part of the limit", 100 * conformed / bare, "%", limit, 100.0, goal=50.0),
    ]


def _usual(binding: Binding, flow: Flow) -> list[bytes]:
    """Return records as the agency sends them, with the usual noise, of which none is refused."""
    made = [one.octets for one in islice(flow.made(0), MANY) if one.answer.outcome in {ACCEPTED, QUARANTINED}]
    splitter = binding.splitter(binding.max_record_bytes, flow.writer.media_type)
    submission = b"".join((flow.writer.head, *made, flow.writer.tail))
    return [piece.octets for piece in [*splitter.feed(submission), *splitter.close()]]


def _check() -> Figure:
    """Return the seconds that every gate takes over all that is shipped, by the clock."""
    began = time.perf_counter()
    for place in places([]):
        examine(place)
    return Figure(
        "contract check, all", time.perf_counter() - began, "s", "none", 0.0, goal=30.0, at_most=True
    )


def _bare_json(binding: Binding) -> Parse:
    is_valid = jsonschema_rs.validator_for(binding.source_schema).is_valid
    return lambda octets: is_valid(orjson.loads(octets))


def _bare_xml(binding: Binding) -> Parse:
    schema = etree.XMLSchema(etree.fromstring(binding.source_document[1]))
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    return lambda octets: schema.validate(etree.fromstring(octets, parser))


def _bare_csv(binding: Binding) -> Parse:
    is_valid = jsonschema_rs.validator_for(binding.source_schema).is_valid
    names = list(binding.source_schema["properties"])

    def parsed(octets: bytes) -> object:
        cells = next(csv.reader([octets.decode()], delimiter=";"))
        return is_valid({name: cell for name, cell in zip(names, cells, strict=True) if cell})

    return parsed
