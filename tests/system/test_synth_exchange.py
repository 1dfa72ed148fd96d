"""Fifty thousand records that `isnad synth` makes up, through a real gateway: every outcome is the one foretold."""

from collections import Counter
from datetime import date

import pytest

import contracts
from gateway.demo.duplex import Gate, submit
from gateway.demo.set_up import site
from gateway.records import Status
from gateway.synth.events import KINDS
from gateway.synth.flows import Flow
from gateway.synth.people import Population

PERSONS, MONTHS = 25_000, 12
BUSY = 25  # so many times as much as in life: a snapshot of everybody, and as many events again
RECORDS = 50_000


async def exchanged(made_site, flow):
    """Send a flow file by file; count what was foretold, and keep what came otherwise."""
    gate = Gate(made_site.url, made_site.client(made_site.issue(flow.agency)))
    told, wrong = Counter(), []
    for number in range(flow.files):
        # Made first: whoever makes records up between two chunks is a slow client, and is told so.
        records = list(flow.made(number))
        chunks = [flow.writer.head, *(one.octets for one in records), flow.writer.tail]
        answered = 0
        async for line in submit(gate, flow.contract, flow.writer.media_type, chunks):
            if "outcome" not in line:
                continue
            answered += 1
            record = records[line["position"] - 1]
            told.update([record.answer.outcome, record.answer.code])
            if got(line) != foretold(record.answer):
                wrong.append((flow.agency, flow.contract, record.ref, record.answer, line))
        assert answered == len(records)
    return told, wrong


def got(line):
    """The outcome, the code and the remarks of one answer. What waits for an officer carries a `review.` code."""
    remarks = line.get("warnings", [])
    reviews = [code for code in remarks if code.startswith("review.")]
    code = reviews or [line.get("code", "")]
    return line["outcome"], *code, sorted(set(remarks) - set(reviews))


def foretold(answer):
    return answer.outcome, answer.code, sorted(answer.remarks)


@pytest.mark.timeout(300)
async def test_fifty_thousand_records_get_exactly_their_answers(tmp_path):
    catalogue = contracts.load()
    population = Population("exchange", PERSONS, date(2026, 6, 30))
    flows = [
        Flow(catalogue, population, agency, contract, months=MONTHS, intensity=BUSY)
        for agency, contract in sorted(catalogue.bindings)
        if contract in KINDS and agency != "nea"
    ]
    told, wrong = Counter(), []
    with site(tmp_path) as made_site:
        made_site.serve()
        for flow in flows:
            counts, others = await exchanged(made_site, flow)
            told += counts
            wrong += others
    assert wrong[:3] == []
    assert not wrong
    assert sum(told[status.value] for status in Status) >= RECORDS
    assert told["refused"] > RECORDS / 200
    assert told["duplicate"] > RECORDS / 500
    assert told["quarantined"] > RECORDS / 5000
    assert {
        "record.prior_missing",
        "record.prior_void",
        "review.prior",
        "review.nid.sex",
        "review.nid.missing",
    } <= told.keys()
    assert {media_type for flow in flows for media_type in [flow.writer.ending]} == {"csv", "xml", "ndjson"}
