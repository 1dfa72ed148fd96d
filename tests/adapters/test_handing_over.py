"""What an agency is promised that hands records over, by whatever adapter: outcomes, receipts, refusals, quotas."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from by_rest import Rest
from driver import WRONG_NID, Driver
from whole import DRIVERS, Exchange, again, exchange

import contracts
from crypto.policy import policy_to_json
from gateway.demo.site import isnad
from gateway.synth.flows import Flow
from gateway.synth.noise import USUAL
from gateway.synth.people import Population

BURST = 256
OTHER_NAME = "علي حسن محمود إبراهيم"
ROUGH = {noise: 6 * rate for noise, rate in USUAL.items()}
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    with exchange(tmp_path_factory.mktemp("exchange")) as made:
        yield made


def ref() -> str:
    return f"T-2026-{next(_numbers):06}"


def test_a_good_record_is_accepted_with_a_receipt_that_is_verified_offline(
    running: Exchange, agency: Driver, tmp_path: Path
) -> None:
    record = agency.record(ref())
    (told,) = agency.send(record).records
    assert (told.position, told.outcome) == (1, "accepted")
    entry = running.auditor.entries(agency.agency)[told.index]
    assert (entry["kind"], entry["id"]) == ("record.accepted", told.record_id)
    receipt, source, policy = (tmp_path / name for name in ("receipt.json", "source", "policy.json"))
    receipt.write_bytes(told.receipt)
    policy.write_bytes(policy_to_json(running.auditor.policy(agency.agency)))

    def verified(octets: bytes) -> tuple[int, str]:
        source.write_bytes(octets)
        command = isnad("verify", str(receipt), "--source", str(source), "--policy", str(policy))
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ})
        return done.returncode, done.stdout

    status, said = verified(agency.committed(record))
    assert (status, "Proven" in said, "ثبت" in said) == (0, True, True)
    status, said = verified(agency.committed(agency.record(ref())))
    assert (status, "NOT proven" in said) == (1, True)


def test_the_same_record_again_names_its_first_place(running: Exchange, agency: Driver) -> None:
    record = agency.record(ref())
    (first,) = agency.send(record).records
    again, other = agency.send(record, agency.record(ref())).records
    assert (again.outcome, other.outcome) == ("duplicate", "accepted")
    assert (again.record_id, again.index) == (first.record_id, first.index)
    if again.receipt:
        assert json.loads(again.receipt)["entry"] == json.loads(first.receipt)["entry"]
    assert running.auditor.accepted(agency.agency).count(first.record_id) == 1


def test_other_content_under_the_same_reference_is_refused(running: Exchange, agency: Driver) -> None:
    known = ref()
    agency.send(agency.record(known))
    before = running.auditor.size(agency.agency)
    (told,) = agency.send(agency.record(known, name=OTHER_NAME)).records
    assert (told.outcome, told.code) == ("refused", "record.conflict")
    assert ("record.refused", "record.conflict") in running.told(agency.agency, before)


def test_a_bad_record_is_refused_with_code_field_and_position_and_its_neighbours_are_not(
    running: Exchange, agency: Driver
) -> None:
    before = running.auditor.size(agency.agency)
    bad = agency.record(ref(), nid=WRONG_NID)
    told = agency.send(agency.record(ref()), bad, agency.record(ref())).records
    assert [(one.position, one.outcome) for one in told] == [(1, "accepted"), (2, "refused"), (3, "accepted")]
    assert (told[1].code, told[1].field) == agency.wrong
    entries = running.auditor.entries(agency.agency, before)
    (remembered,) = [one for one in entries if one["kind"] == "record.refused"]
    assert (remembered["code"], remembered["field"], remembered["position"]) == (*agency.wrong, 2)


@pytest.mark.parametrize("name", Rest.whole)
def test_what_no_record_can_be_read_from_is_refused_and_remembered(
    running: Exchange, agency: Driver, name: str
) -> None:
    body, code = agency.whole[name]
    before = running.auditor.size(agency.agency)
    assert agency.send_whole(body).codes == {code}
    assert running.remembers(agency.agency, code, before)
    kinds = {kind for kind, _ in running.told(agency.agency, before)}
    assert "record.accepted" not in kinds


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.adapter)
def test_a_pile_of_all_kinds_gets_the_answers_that_were_foretold(
    running: Exchange, driver: type[Driver]
) -> None:
    flow = Flow(
        contracts.load(), Population(f"rough {driver.adapter}", 20_000, date(2026, 6, 30)), driver.agency,
        driver.contract, months=12, intensity=25, rates=ROUGH, file_records=400,
    )  # fmt: skip
    records = list(itertools.islice(flow.made(0), 200))
    told = running.agencies[driver.adapter].send(*(one.octets.rstrip(b"\n") for one in records)).records
    wrong = [
        (one.ref, one.answer, got)
        for one, got in zip(records, told, strict=True)
        if (one.answer.outcome, one.answer.code) != (got.outcome, got.code)
        and (one.answer.outcome, got.outcome) != ("quarantined", "quarantined")
    ]
    assert wrong == []
    assert {one.answer.outcome for one in records} >= {"accepted", "refused", "quarantined"}


def test_the_test_operation_is_receipted_and_delivers_nothing(running: Exchange, agency: Driver) -> None:
    before = running.auditor.size(agency.agency)
    receipt = json.loads(agency.ping())
    assert json.loads(receipt["entry"])["kind"] == "ping.received"
    assert ("ping.received", "") in running.told(agency.agency, before)
    assert running.auditor.outbox() == 0


def test_a_stranger_is_turned_away_and_the_gateway_remembers(running: Exchange, agency: Driver) -> None:
    before = running.auditor.size("gateway")
    agency.knock_as_stranger()
    assert running.remembers("gateway", agency.stranger, before)


def test_a_revoked_credential_opens_nothing_any_more(running: Exchange, agency: Driver) -> None:
    before = running.auditor.size("gateway")
    let_in = agency.knock_revoked()
    assert next(let_in)
    until_refused = itertools.takewhile(bool, itertools.islice(let_in, 1000))
    assert len(list(until_refused)) < 1000
    assert running.remembers("gateway", agency.revoked, before)


def test_what_no_agreement_covers_is_refused_and_remembered(running: Exchange, agency: Driver) -> None:
    before = running.auditor.size(agency.agency)
    assert agency.send_unallowed().code == agency.unallowed
    assert running.remembers(agency.agency, agency.unallowed, before)


def test_an_agreement_that_has_ended_lets_nothing_through(running: Exchange, agency: Driver) -> None:
    record, file = agency.record(ref()), f"agreements/{agency.agency}-nea-{agency.contract}.yaml"
    before = running.auditor.size(agency.agency)
    with running.changed(file, valid_until="2026-01-31"):
        assert agency.send(record).code == agency.expired
        assert running.remembers(agency.agency, agency.expired, before)
    assert again(agency, record).outcomes == ["accepted"]


def test_who_is_beyond_its_quota_is_told_when_to_come_again_and_loses_nothing(
    running: Exchange, agency: Driver
) -> None:
    quota = {"records_per_s": 1, "burst": BURST, "submissions_per_s": 100, "records_per_day": 1_000_000}
    with running.changed(f"agencies/{agency.agency}.yaml", quota=quota):
        for _ in range(10):
            pile = [agency.record(ref()) for _ in range(BURST)]
            told = agency.send(*pile)
            if told.code:
                break
        assert told.code == "quota.records"
        assert told.retry_after_s >= 1
        assert running.remembers(agency.agency, "quota.records")
    told = again(agency, *pile)
    assert set(told.outcomes) <= {"accepted", "duplicate"}
    assert len(told.records) == BURST
    running.auditor.accepted_once()
