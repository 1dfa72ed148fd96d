"""Making people up and writing what is reported of them, beside the writer of each format alone."""

from __future__ import annotations

import gc
from datetime import date
from itertools import islice

import contracts
from benchmarks.figures import Figure, rate
from gateway.synth.flows import Flow
from gateway.synth.people import Population

UNIT = "persons/s per core"
PERSONS = 70_000_000
MANY = 500
UNTIL = date(2026, 6, 30)
ALL_THE_TIME = 10_000  # so many times as often as in life that everybody has a record


def run() -> list[Figure]:
    """Measure, in processor time of one core; takes about twenty seconds."""
    catalogue = contracts.load()
    population = Population("benchmark", PERSONS, UNTIL)
    flows = [
        ("XML snapshot, a record each", Flow(catalogue, population, "cso", "voter-snapshot.v1")),
        (
            "CSV moves, a record each",
            Flow(catalogue, population, "cso", "residence-change.v1", intensity=ALL_THE_TIME),
        ),
        (
            "NDJSON service, a record each",
            Flow(catalogue, population, "moi", "service-status.v1", intensity=ALL_THE_TIME),
        ),
        ("NDJSON deaths of a month", Flow(catalogue, population, "moh", "death.v1")),
    ]
    gc.freeze()  # as the command does
    return [*(_figure(name, flow) for name, flow in flows[:3]), _deaths(*flows[3])]


def _figure(name: str, flow: Flow) -> Figure:
    """Return how many persons a second are made up and written, and how fast forms that are ready are written."""
    made = rate(lambda: list(islice(flow.made(0), MANY)), MANY)
    records = [one.record | {"source_ref": one.ref, "op": "assert"} for one in islice(flow.made(0), MANY)]
    forms = [form for record in records if (form := flow.voice.form(record))]
    written = rate(lambda: [flow.writer.record(form) for form in forms], len(forms))
    return Figure(f"synth: {name}", made, UNIT, "the writer alone, forms ready", written, goal=20_000)


def _deaths(name: str, flow: Flow) -> Figure:
    """Return how fast a population is gone through for what happens to few; the limit is one hash a person."""
    population, persons = flow.population, flow.persons_per_file // 50
    asked = rate(lambda: [population.dies(number, 1) for number in range(persons)], persons)
    found = rate(lambda: list(islice(flow.made(0), round(persons * 0.0082 / 12))), persons)
    return Figure(f"synth: {name}", found, UNIT, "asking each whether he dies", asked, goal=20_000)
