"""Fifty thousand records that `isnad synth` makes up, through a real gateway to the elections authority's core.

Every outcome is the one foretold, and in the end the core knows of every person what the oracle says.
"""

import os
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import orjson
import pytest
from support.draining import eventually
from support.voter_register import register

import contracts
from gateway.demo.duplex import Gate, submit
from gateway.demo.set_up import site
from gateway.records import Status
from gateway.synth.events import KINDS
from gateway.synth.files import Shard, write
from gateway.synth.flows import Flow
from gateway.synth.people import Population

PERSONS, MONTHS = 25_000, 12
BUSY = 25  # so many times as much as in life: a snapshot of everybody, and as many events again
RECORDS = 50_000
CORE = Path(__file__).parents[1] / "support" / "keeping_core.py"
TAKEN_S = 240.0


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


def core(made_site, events):
    """Start the authority's core; it keeps what it is handed in a file."""
    config, descriptors = made_site.consumer()
    command = [sys.executable, str(CORE), str(config), str(events)]
    running = made_site.run("core", command, made_site.admit("nea"), descriptors=descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    running.wait_for("core.started")


def delivered(events):
    """The events that the core has been handed."""
    return [orjson.loads(line) for line in events.read_bytes().splitlines()]


def oracle(flows, folder):
    """What `isnad synth` says of each person in the end, by national ID or token."""
    write(flows, folder, Shard(), lambda *_: None)
    lines = [line for path in (folder / "states").iterdir() for line in path.read_bytes().splitlines()]
    return {state["nid"] or state["token"]: state for state in map(orjson.loads, lines)}


@pytest.mark.timeout(600)
async def test_fifty_thousand_records_get_exactly_their_answers_and_leave_the_state_foretold(tmp_path):
    catalogue = contracts.load()
    population = Population("exchange", PERSONS, date(2026, 6, 30))
    flows = [
        Flow(catalogue, population, agency, contract, months=MONTHS, intensity=BUSY)
        for agency, contract in sorted(catalogue.bindings)
        if contract in KINDS and agency != "nea"
    ]
    told, wrong = Counter(), []
    events = tmp_path / "events.ndjson"
    (tmp_path / "site").mkdir()
    with site(tmp_path / "site") as made_site:
        made_site.serve()
        core(made_site, events)
        for flow in flows:
            counts, others = await exchanged(made_site, flow)
            told += counts
            wrong += others
        # Counting lines is cheap, and what is counted is looked at once.
        came = eventually(lambda: events.read_bytes().count(b"\n") >= told["accepted"], TAKEN_S)
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
    assert came
    held, foretold_states = register(delivered(events)), oracle(flows, tmp_path)
    assert held.persons.keys() == foretold_states.keys()
    wrong = [
        (state, held.persons[nid]) for nid, state in foretold_states.items() if held.persons[nid] != state
    ]
    assert wrong[:3] == []
    assert not wrong
    # The set has some of everything that makes a state other than the sum of its records.
    assert held.closed > held.judgments > 0
    assert held.corrected > RECORDS / 1000
    assert held.withdrawn > RECORDS / 5000
    parts = ("dead", "eligible_from", "changed", "other_numbers", "bars", "forces", "orders", "placements")
    assert all(any(state[part] for state in foretold_states.values()) for part in parts)
