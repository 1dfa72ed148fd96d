"""What is made up for each binding: every record gets exactly its answer, and says what was meant."""

from collections import Counter
from datetime import date, timedelta

import pytest
from support.outcomes import outcome

import contracts
from contracts.text import split_name
from gateway.synth import noise
from gateway.synth.events import KINDS
from gateway.synth.flows import Flow
from gateway.synth.noise import USUAL, misspelt
from gateway.synth.people import Population

UNTIL = date(2026, 6, 30)
TODAY = UNTIL + timedelta(days=1)
CATALOGUE = contracts.load()
FLOWS = sorted(pair for pair in CATALOGUE.bindings if pair[1] in KINDS and pair[0] != "nea")
OFTEN = dict.fromkeys(USUAL, 40000)
NAMES = ("name", "mother_name")


def flow(agency, contract, persons=300, **how):
    """A flow of some hundred records; nationality is so rare that it takes many people."""
    common = {"death.v1", "eligibility-gained.v1"}
    persons *= 40 if (agency, contract) == ("moi", "civil-status-change.v1") else 1
    how = {"months": 120 if contract in common else 12, "intensity": 50_000, **how}
    if contract in common:
        how["intensity"] = 1
        persons *= 6
    return Flow(CATALOGUE, Population("seed", persons, UNTIL), agency, contract, **how)


def outcomes(flow, number, seen):
    """What the contract, and what was `seen` before, make of each record of a file."""
    binding = flow.voice.binding
    made = list(flow.made(number))
    octets = flow.writer.head + b"".join(one.octets for one in made) + flow.writer.tail
    splitter = binding.splitter(1 << 20, flow.writer.media_type)
    pieces = splitter.feed(octets) + splitter.close()
    assert len(pieces) == len(made)
    for piece, one in zip(pieces, made, strict=True):
        yield one, outcome(binding, piece, TODAY, seen)


def meant(one, flow):
    """The canonical record that was meant, as far as its agency has a place for it."""
    flat = flow.voice.said(one.record) | {"source_ref": one.ref, "op": one.op}
    whole = {}
    for target, value in flat.items():
        *folders, name = target.split(".")
        node = whole
        for folder in folders:
            node = node.setdefault(folder, {})
        node[name] = split_name(value) if name in NAMES else value
    return whole


@pytest.mark.parametrize(("agency", "contract"), FLOWS)
def test_every_record_gets_its_answer_and_says_what_was_meant(agency, contract):
    a_flow, seen, told = flow(agency, contract, rates=OFTEN), {}, Counter()
    for one, (result, code, remarks, conformed) in outcomes(a_flow, 0, seen):
        answer = one.answer
        assert (result, code, remarks) == (answer.outcome, answer.code, answer.remarks), one.octets.decode()
        told[answer.outcome] += 1
        if answer.outcome in {"accepted", "duplicate"}:
            said = dict(conformed.payload)
            said.pop("prior_ref", None)
            assert said == meant(one, a_flow)
            assert (conformed.prior_ref is None) == (one.op == "assert")
    assert told["accepted"] > 30
    assert told["refused"]
    assert told["duplicate"]


def test_five_thousand_records_of_a_usual_year_get_their_answers():
    a_flow, seen, count = flow("cso", "voter-snapshot.v1", 5_200), {}, 0
    for one, (result, code, remarks, _) in outcomes(a_flow, 0, seen):
        assert (result, code, remarks) == (one.answer.outcome, one.answer.code, one.answer.remarks)
        count += 1
    assert count >= 5_000


def test_everything_that_can_be_done_to_a_record_is_done_to_some():
    done = Counter()
    for agency, contract in FLOWS:
        a_flow = flow(agency, contract, rates=OFTEN)
        done.update(name for one in a_flow.made(0) for name in one.answer.noise)
    faults = {
        "short number", "spreadsheet number", "mixed digits", "disguised name", "impossible day",
        "future report", "report before event", "unknown word",
    }  # fmt: skip
    assert set(done) == set(USUAL) - {noise.FAULT, noise.SPREADSHEET_FILE} | faults | {noise.LATE}


def test_a_spreadsheet_spoils_a_whole_file():
    a_flow = flow("cso", "residence-change.v1", 50, rates={noise.SPREADSHEET_FILE: 1_000_000})
    answers = {one.answer for one in a_flow.made(0)}
    assert {answer.code for answer in answers} == {"record.nid.scientific"}


def test_what_happens_happens_in_the_window_and_is_reported_by_its_end():
    for agency, contract in (("moh", "death.v1"), ("ppo", "deprivation.v1"), ("mod", "service-status.v1")):
        a_flow = flow(agency, contract, months=6, persons=2_000, rates={})
        days = [(one.record["occurred_on"], one.record["reported_on"]) for one in a_flow.made(0)]
        assert days
        for occurred, reported in days:
            assert "2025-12-29" < occurred <= reported <= "2026-06-30"


def test_the_dead_do_nothing_any_more_and_both_who_know_of_a_death_tell_the_same():
    deaths = {}
    for agency in ("moh", "cso"):
        for one in flow(agency, "death.v1", rates={}).made(0):
            who = one.record["person.name"], one.record["person.birth_date"]
            assert deaths.setdefault(who, one.record["death_date"]) == one.record["death_date"]
    for one in flow("cso", "residence-change.v1", persons=1_800, months=120, rates={}).made(0):
        died = deaths.get((one.record["person.name"], one.record["person.birth_date"]))
        assert died is None or one.record["occurred_on"] < died


def test_every_eighteenth_birthday_is_told_once():
    a_flow = flow("cso", "eligibility-gained.v1", months=12, rates={})
    people = a_flow.population
    born = [people.born(number) for number in range(people.persons) if people.dies(number, 12) is None]
    told = list(a_flow.made(0))
    birthdays = [one for one in told if one.record["basis"] == "AGE_18"]
    assert len(birthdays) == sum("2007-06-30" < day <= "2008-06-30" for day in born)


@pytest.mark.parametrize(("agency", "contract"), FLOWS)
def test_a_population_of_one_is_enough(agency, contract):
    a_flow, seen = Flow(CATALOGUE, Population("one", 1, UNTIL), agency, contract, intensity=100_000), {}
    for one, (result, code, remarks, _) in outcomes(a_flow, 0, seen):
        assert (result, code, remarks) == (one.answer.outcome, one.answer.code, one.answer.remarks)


def test_a_name_as_it_is_often_spelt():
    assert misspelt("أسامة إبراهيم المصري") == "اسامه ابراهيم المصرى"
