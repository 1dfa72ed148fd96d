"""The oracle: what a recipient that takes what is accepted must hold of each person in the end."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from msgspec.structs import asdict
from support.outcomes import outcome
from support.voter_register import register

import contracts
from crypto.seal import record_id
from gateway.synth import noise, states
from gateway.synth.events import KINDS
from gateway.synth.flows import Flow
from gateway.synth.noise import USUAL
from gateway.synth.people import Population
from gateway.synth.states import States

UNTIL = date(2026, 6, 30)
TODAY = UNTIL + timedelta(days=1)
CATALOGUE = contracts.load()
FLOWS = sorted(pair for pair in CATALOGUE.bindings if pair[1] in KINDS and pair[0] != "nea")
OFTEN = dict.fromkeys(USUAL, 40_000) | {noise.SPREADSHEET_FILE: 0}
PERSONS = 500


def flow(agency, contract, rates=OFTEN):
    population = Population("states", PERSONS, UNTIL)
    return Flow(CATALOGUE, population, agency, contract, months=120, intensity=2_000, rates=rates)


def accepted(flow):
    """The events of what a gateway would accept of a flow, told from its contract alone."""
    binding, seen = flow.voice.binding, {}
    for number in range(flow.files):
        octets = flow.writer.head + b"".join(one.octets for one in flow.made(number)) + flow.writer.tail
        splitter = binding.splitter(1 << 20, flow.writer.media_type)
        for piece in splitter.feed(octets) + splitter.close():
            result, _, _, said = outcome(binding, piece, TODAY, seen)
            if result == "accepted":
                yield {
                    "id": record_id(flow.agency, flow.contract, said.source_ref, said.op),
                    "source": flow.agency,
                    "type": flow.contract,
                    "sourceref": said.source_ref,
                    "op": said.op,
                    "priorref": said.prior_ref,
                    "data": said.payload,
                }


def foretold(flows):
    states = States()
    for a_flow in flows:
        for number in range(a_flow.files):
            for made in a_flow.made(number):
                states.take(a_flow, made)
    return {one.nid or one.token: asdict(one) for one in states.known()}


@pytest.fixture(scope="module")
def everything():
    flows = [flow(agency, contract) for agency, contract in FLOWS]
    return foretold(flows), [event for flow in flows for event in accepted(flow)]


def test_a_register_that_applies_what_was_accepted_holds_what_was_foretold(everything):
    oracle, events = everything
    held = register(events)
    assert held.persons == oracle
    assert len(oracle) > PERSONS * 0.9
    assert held.closed > 100
    assert held.judgments > 50
    assert sum(bool(one["token"]) for one in oracle.values()) > 30
    assert held.corrected > 50
    assert held.withdrawn > 50


def test_the_order_in_which_it_came_makes_no_difference(everything):
    oracle, events = everything
    assert register(reversed(events)).persons == oracle


@pytest.mark.parametrize("contract", sorted(KINDS))
def test_a_register_that_misses_a_contract_holds_something_else(everything, contract):
    oracle, events = everything
    assert register(event for event in events if event["type"] != contract).persons != oracle


def test_a_register_that_overlooks_a_withdrawal_holds_something_else(everything):
    oracle, events = everything
    assert register(event for event in events if event["op"] != "void").persons != oracle


def test_what_is_withdrawn_leaves_its_person_known_and_no_more():
    withdrawn = flow("ppo", "deprivation.v1", {noise.VOIDED: 1_000_000})
    known = foretold([withdrawn])
    assert known
    assert not any(one["bars"] for one in known.values())


def test_a_corrected_bar_keeps_the_name_under_which_it_was_opened():
    corrected = flow("ppo", "deprivation.v1", {noise.CORRECTED: 1_000_000})
    first = {one.ref for one in corrected.made(0) if one.op == "assert"}
    ids = {record_id("ppo", "deprivation.v1", ref, "assert") for ref in first}
    named = {identifier for one in foretold([corrected]).values() for identifier in one["bars"]}
    assert named
    assert named <= ids


@pytest.mark.parametrize("done", [noise.WRONG_SEX, noise.FAULT])
def test_what_waits_or_is_refused_is_not_known(done):
    spoilt = flow("cso", "residence-change.v1", {done: 1_000_000})
    made = list(spoilt.made(0))
    taken = [one for one in made if one.answer.outcome == noise.ACCEPTED]
    assert len(taken) < len(made)
    assert len(foretold([spoilt])) == len(taken)


def test_a_correction_tells_something_else_than_what_it_corrects():
    corrected = flow("cso", "residence-change.v1", {noise.CORRECTED: 1_000_000})
    made = list(corrected.made(0))
    pairs = [(first.record, then.record) for first, then in pairwise(made) if then.op == "correct"]
    assert len(pairs) > 100
    assert all(first != then and first["person.nid"] == then["person.nid"] for first, then in pairs)


def test_every_contract_that_is_made_up_has_an_effect():
    assert states._EFFECTS.keys() == KINDS.keys()
