"""A record that somebody has to look at, from its sender to an officer's decision and to its recipient, or not."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import httpx
import pytest
import yaml
from click.testing import CliRunner, Result
from support.auditor import Auditor
from support.changing import change
from support.draining import eventually
from support.participants import Core, core, handed_over, participant, small_site
from support.sample_records import ndjson, notification

from crypto.receipt import Receipt, verify_receipt
from gateway.cli import isnad
from gateway.demo.running import Running
from gateway.demo.site import Site
from gateway.demo.site import isnad as command
from gateway.moments import LEGAL_ZONE

PATH = "/v1/death.v1/records"
WRONG = {"gender": "أنثى"}
"""The national ID says another sex."""
WAY = ["record.accepted", "record.released", "record.delivered", "record.disposed"]


@dataclass
class Exchange:
    """A site whose authority reads its queue, and an officer with a token of the key server."""

    site: Site
    serve: Running
    core: Core
    health_office: httpx.Client
    auditor: Auditor
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def reference(self) -> str:
        return f"MOH-1203-2026-{next(self.numbers):06}"

    def quarantined(self, **more: object) -> str:
        """Hand over a record that has to wait, and return its id."""
        record = notification(self.reference(), **WRONG) | more
        (outcome,) = self.health_office.post(PATH, json=record).raise_for_status().json()["outcomes"]
        assert outcome["outcome"] == "quarantined"
        return outcome["id"]

    def officer(self, *arguments: str) -> Result:
        """Run `isnad quarantine` as an officer does."""
        names = {"ISNAD_CONFIG": str(self.site.config), "BAO_TOKEN": self.site.keys.root_token}
        return CliRunner().invoke(isnad, ["quarantine", *arguments], env=names)

    def waiting(self) -> dict[str, dict]:
        listed = self.officer("list", "--json")
        assert listed.exit_code == 0, listed.output
        return {line["record"]: line for line in map(json.loads, listed.stdout.splitlines())}

    def record(self, record_id: str) -> dict:
        return self.health_office.get(f"/v1/records/{record_id}").raise_for_status().json()

    def seen(self, record_id: str) -> int:
        return self.core.seen().count(record_id)

    def passes(self) -> None:
        """Wait until a good record that is handed over now has gone all the way."""
        line, _ = handed_over(self.health_office, "death.v1", ndjson([notification(self.reference())]))[1:]
        assert eventually(lambda: self.seen(line["id"]))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    with small_site(tmp_path_factory.mktemp("site")) as made:
        serve = made.serve()
        with participant(made, "moh") as health_office, closing(Auditor(made)) as auditor:
            yield Exchange(made, serve, core(made), health_office, auditor)


def test_its_sender_gets_a_receipt_and_the_same_place_when_it_sends_it_again(running: Exchange) -> None:
    record = json.dumps(notification(running.reference(), **WRONG), ensure_ascii=False).encode()
    headers = {"content-type": "application/json"}
    first, again = (
        running.health_office.post(PATH, content=record, headers=headers).json() for _ in range(2)
    )
    assert first["counts"] == {"accepted": 0, "quarantined": 1, "duplicate": 0, "refused": 0}
    (outcome,), (duplicate,) = first["outcomes"], again["outcomes"]
    assert (outcome["outcome"], outcome["warnings"]) == ("quarantined", ["review.nid.sex"])
    receipt = Receipt.from_json(json.dumps(outcome["receipt"]).encode())
    verify_receipt(receipt, running.auditor.policy("moh"), source=record)
    assert (duplicate["outcome"], duplicate["index"]) == ("duplicate", outcome["index"])
    assert running.record(outcome["id"])["state"] == "quarantined"
    state = running.health_office.get(f"/v1/submissions/{first['submission']}").json()
    assert state["counts"]["quarantined"] == 1


def test_in_lines_it_brings_its_whole_receipt_between_the_others(running: Exchange) -> None:
    good, wrong, other = (notification(running.reference(), **more) for more in ({}, WRONG, {}))
    lines = handed_over(running.health_office, "death.v1", ndjson([good, wrong, other]))
    assert [next(iter(line)) for line in lines] == ["batch", "position", "position", "position", "summary"]
    assert [line.get("outcome") for line in lines[1:4]] == ["accepted", "quarantined", "accepted"]
    receipt = Receipt.from_json(json.dumps(lines[2]["receipt"]).encode())
    verify_receipt(receipt, running.auditor.policy("moh"), source=ndjson([wrong]).strip())
    assert (lines[4]["summary"]["accepted"], lines[4]["summary"]["quarantined"]) == (2, 1)


def test_a_released_record_reaches_its_recipient_once(running: Exchange) -> None:
    record_id = running.quarantined()
    running.passes()
    assert running.seen(record_id) == 0
    listed = running.waiting()[record_id]
    assert (listed["sender"], listed["review"], listed["decided"]) == ("moh", ["review.nid.sex"], "")
    assert running.officer("release", record_id, "--why", "confirmed").exit_code == 0
    assert eventually(lambda: running.seen(record_id))
    assert eventually(lambda: running.record(record_id)["state"] == "disposed")
    assert running.auditor.trace(record_id)[:2] == WAY[:2]
    assert eventually(lambda: sorted(running.auditor.trace(record_id)) == sorted(WAY))
    released = running.record(record_id)["history"][1]
    assert (released["officer"], released["why"]) == ("root", "released.confirmed")
    assert record_id not in running.waiting()
    running.passes()
    assert running.seen(record_id) == 1


def test_a_refused_record_reaches_nobody_and_its_sender_reads_why(running: Exchange) -> None:
    record_id = running.quarantined()
    assert running.officer("refuse", record_id, "--why", "wrong_person").exit_code == 0
    assert eventually(lambda: running.record(record_id)["state"] == "refused_on_review")
    assert running.record(record_id)["history"][-1]["why"] == "refused.wrong_person"
    assert record_id not in running.waiting()
    running.passes()
    assert running.seen(record_id) == 0
    assert running.officer("release", record_id, "--why", "confirmed").exit_code == 1


def test_a_correction_of_what_waits_is_decided_about_after_it(running: Exchange) -> None:
    reference = running.reference()
    first = running.quarantined(notification_no=reference)
    correction = notification(running.reference()) | {"action": "AMEND", "amends": reference}
    (outcome,) = running.health_office.post(PATH, json=correction).json()["outcomes"]
    assert (outcome["outcome"], outcome["warnings"]) == ("quarantined", ["review.prior"])
    early = running.officer("release", outcome["id"], "--why", "confirmed")
    assert (early.exit_code, "first" in early.output) == (1, True)
    assert running.officer("refuse", first, "--why", "wrong_value").exit_code == 0
    assert eventually(lambda: first not in running.waiting())
    late = running.officer("release", outcome["id"], "--why", "confirmed")
    assert (late.exit_code, "refused" in late.output) == (1, True)
    assert running.officer("refuse", outcome["id"], "--why", "prior_refused").exit_code == 0
    assert eventually(lambda: outcome["id"] not in running.waiting())
    again = running.health_office.post(PATH, json=correction | {"notification_no": running.reference()})
    assert (again.status_code, again.json()["code"]) == (422, "record.prior_void")


def test_an_officer_sees_why_and_the_recipient_s_people_see_what(running: Exchange, tmp_path) -> None:
    record_id = running.quarantined()
    message = tmp_path / "message.json"
    shown = running.officer("show", record_id, "--message", str(message))
    assert shown.exit_code == 0, shown.output
    assert "review.nid.sex" in shown.output
    assert "الرقم القومي" in shown.output
    assert message.stat().st_mode & 0o777 == 0o600
    assert notification("x")["deceased"]["name"].encode() not in message.read_bytes()
    assert eventually(
        lambda: "message.exported" in [one["kind"] for one in running.auditor.entries("gateway")]
    )

    config, descriptors = running.site.consumer()
    settings = yaml.safe_load(config.read_text()) | {"ledger": str(tmp_path / "review.db")}
    reviewer = config.with_name("review.yaml")
    reviewer.write_text(yaml.safe_dump(settings, allow_unicode=True))
    opened = subprocess.run(
        command("open", "--config", str(reviewer), "message", str(message)),
        env=os.environ | running.site.admit("nea"),
        pass_fds=descriptors,
        capture_output=True,
        check=False,
        timeout=60,
    )
    for descriptor in descriptors:
        os.close(descriptor)
    assert opened.returncode == 0, opened.stderr
    event = json.loads(opened.stdout)
    assert (event["id"], event["data"]["person"]["sex"]) == (record_id, "F")
    running.officer("refuse", record_id, "--why", "wrong_value")


def test_what_was_decided_while_the_gateway_was_dead_is_carried_out_once(running: Exchange) -> None:
    gone, comes = running.quarantined(), running.quarantined()
    running.serve.kill()
    assert running.officer("release", comes, "--why", "compared").exit_code == 0
    assert running.officer("refuse", gone, "--why", "not_confirmed").exit_code == 0
    assert running.waiting()[comes]["decided"] == "record.released"
    again = running.officer("refuse", comes, "--why", "not_confirmed")
    assert (again.exit_code, "decided" in again.output) == (1, True)
    running.serve = running.site.serve()
    assert eventually(lambda: running.seen(comes))
    assert eventually(lambda: running.auditor.trace(gone)[-1] == "record.refused_on_review")
    running.passes()
    assert (running.seen(comes), running.seen(gone)) == (1, 0)


def test_what_is_no_waiting_record_is_not_decided_about(running: Exchange) -> None:
    went, unknown = running.core.seen()[0], "0198c0de-0000-8000-8000-000000000001"
    for one in (went, unknown):
        assert running.officer("show", one).exit_code == 1
        assert running.officer("refuse", one, "--why", "withdrawn").exit_code == 1
    assert running.officer("release", unknown, "--why", "confirmed").exit_code == 1
    assert running.officer("release", "x", "--why", "confirmed").exit_code == 2
    assert running.officer("release", unknown, "--why", "because I say so").exit_code == 2


def test_operators_see_how_many_wait_and_are_ready_all_the_same(running: Exchange) -> None:
    running.quarantined()
    count = len(running.waiting())

    def shown() -> dict[str, float]:
        text = httpx.get(f"{running.site.operations_url('serve')}/metrics", trust_env=False).text
        numbers = (line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("isnad_quarantine"))
        return {name: float(number) for name, number in numbers}

    assert eventually(lambda: shown()["isnad_quarantine_records"] == count)
    assert shown()["isnad_quarantine_oldest_seconds"] > 0
    ready = httpx.get(f"{running.site.operations_url('serve')}/health/ready", trust_env=False)
    assert ready.status_code == 200


def test_what_an_officer_releases_in_an_electoral_freeze_waits_for_its_end(running: Exchange) -> None:
    record_id, calendar = running.quarantined(), running.site.config / "calendar.yaml"
    before, today = calendar.read_text(), datetime.now(LEGAL_ZONE).date()
    election = {
        "id": "referendum",
        "title": {"ar": "استفتاء", "en": "A referendum"},
        "called_on": str(today - timedelta(days=60)),
        "print_on": str(today - timedelta(days=5)),
        "polling_on": str(today + timedelta(days=1)),
        "ends_on": str(today + timedelta(days=2)),
        "scope": "national",
    }
    calendar.write_text(yaml.safe_dump({"elections": [election]}, allow_unicode=True))
    released = running.officer("release", record_id, "--why", "compared")
    assert (released.exit_code, "freeze" in released.output) == (0, True), released.output
    assert eventually(lambda: record_id not in running.waiting())
    held = "SELECT count(*) FROM outbox WHERE hold = 1"
    assert running.auditor.db.execute(held).fetchone() == (1,)
    assert running.seen(record_id) == 0
    calendar.write_text(before)
    assert eventually(lambda: running.seen(record_id), within_s=90)
    assert running.auditor.trace(record_id)[:3] == ["record.accepted", "record.released", "record.released"]


def test_who_fills_the_quarantine_is_put_off_until_an_officer_has_decided(running: Exchange) -> None:
    path = running.site.config / "agencies" / "moh.yaml"
    before = path.read_text()
    quota = yaml.safe_load(before)["quota"]
    record_id = running.quarantined()
    change(running.site, "agencies/moh.yaml", quota=quota | {"quarantined_records": len(running.waiting())})

    def sent() -> httpx.Response:
        return running.health_office.post(PATH, json=notification(running.reference()))

    assert eventually(lambda: sent().status_code == 429)
    assert sent().json()["code"] == "quota.quarantine"
    assert eventually(lambda: ("submission.deferred", "quota.quarantine") in deferred(running))
    assert running.officer("release", record_id, "--why", "compared").exit_code == 0
    assert eventually(lambda: sent().status_code == 200, within_s=120)
    path.write_text(before)


def deferred(running: Exchange) -> list[tuple[str, str]]:
    return [(one["kind"], one["code"]) for one in running.auditor.entries("moh") if "code" in one]


def test_afterwards_every_lane_holds(running: Exchange) -> None:
    running.passes()
    assert eventually(lambda: running.auditor.outbox() == 0)
    running.auditor.verify()
    running.auditor.accepted_once()
