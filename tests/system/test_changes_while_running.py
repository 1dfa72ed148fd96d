"""Agencies, agreements, quotas, certificates: files change under a running gateway, and it follows or refuses."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from support.auditor import Auditor
from support.draining import eventually
from support.participants import core, inbox, participant, ready, small_site
from support.sample_records import ndjson, notification

from contracts.folder import SHIPPED
from gateway.demo.site import Site

BURST = 256
PATH = "/v1/death.v1/records"


@dataclass
class Exchange:
    """A site whose configuration and contracts are changed while it runs."""

    site: Site
    contracts: Path
    auditor: Auditor

    def change(self, file: str, **changes: Any) -> None:
        """Change keys of a configuration file, all at once, as an editor saves it."""
        path = self.site.config / file
        self.write(file, yaml.safe_load(path.read_text()) | changes)

    def write(self, file: str, document: dict[str, Any]) -> None:
        path = self.site.config / file
        beside = path.with_suffix(".new")
        beside.write_text(yaml.safe_dump(document, allow_unicode=True))
        beside.replace(path)

    def changes(self, kind: str) -> list[str]:
        """Return the names of what the gateway's lane says was changed."""
        return [entry["name"] for entry in self.auditor.entries("gateway") if entry["kind"] == kind]

    def told(self, agency: str, code: str) -> bool:
        """Whether the lane of an agency remembers a refusal with this code."""
        return code in [entry.get("code") for entry in self.auditor.entries(agency)]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    contracts = tmp_path_factory.mktemp("contracts") / "contracts"
    shutil.copytree(SHIPPED, contracts, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    with small_site(tmp_path_factory.mktemp("site"), contracts=str(contracts)) as made:
        made.serve()
        made.deliver()
        with closing(Auditor(made)) as auditor:
            yield Exchange(made, contracts, auditor)


@pytest.fixture
def moh(running: Exchange) -> Iterator[httpx.Client]:
    with participant(running.site, "moh") as client:
        yield client


def code_of(answer: httpx.Response) -> str:
    return "" if answer.status_code == 200 else answer.json()["code"]


def test_a_certificate_is_refused_as_soon_as_its_revocation_is_published(running: Exchange) -> None:
    issued = running.site.issue("moh")
    with (
        httpx.Client(verify=running.site.client(issued), base_url=running.site.url) as stolen,
        participant(running.site, "moh") as another,
    ):
        assert stolen.post("/v1/ping").status_code == 200
        running.site.revoke(issued)
        assert eventually(lambda: stolen.post("/v1/ping").status_code == 403)
        refused = stolen.post(PATH, json=notification("MOH-STOLEN"))
        assert code_of(refused) == "identity.revoked"
        assert another.post("/v1/ping").status_code == 200


def test_an_agreement_that_has_ended_lets_nothing_more_through(running: Exchange, moh: httpx.Client) -> None:
    file = "agreements/moh-nea-death.v1.yaml"
    until = yaml.safe_load((running.site.config / file).read_text())["valid_until"]
    assert moh.post(PATH, json=notification("MOH-IN-TIME")).status_code == 200
    running.change(file, valid_until="2026-01-31")
    assert eventually(lambda: code_of(moh.post(PATH, json=notification("MOH-LATE"))) == "agreement.expired")
    assert running.told("moh", "agreement.expired")
    assert eventually(lambda: running.changes("agreement.changed")[-1] == "moh-nea-death.v1")
    running.change(file, valid_until=until)
    assert eventually(lambda: code_of(moh.post(PATH, json=notification("MOH-RENEWED"))) == "")


@pytest.mark.parametrize(
    "text",
    ["name: moh\nsurprise: true\n", "{", "name: moh\nname: cso\n", ""],
    ids=["an unknown key", "no YAML", "a key that stands twice", "nothing"],
)
def test_a_broken_change_is_refused_and_what_was_in_force_stays(
    running: Exchange, moh: httpx.Client, text: str
) -> None:
    path = running.site.config / "agencies" / "moh.yaml"
    whole = path.read_bytes()
    path.write_text(text)
    try:
        assert eventually(lambda: "a change is refused" in ready(running.site)[1]["registry"])
        assert ready(running.site)[0] == 200
        assert moh.post("/v1/ping").status_code == 200
        with participant(running.site, "cso") as cso:
            assert cso.post("/v1/ping").status_code == 200
    finally:
        path.write_bytes(whole)
    assert eventually(lambda: ready(running.site)[1]["registry"] == "ok")


def test_a_sender_beyond_its_quota_is_told_when_to_come_back(running: Exchange, moh: httpx.Client) -> None:
    quota = {"records_per_s": 1, "burst": BURST, "submissions_per_s": 100, "records_per_day": 1_000_000}
    before = yaml.safe_load((running.site.config / "agencies" / "moh.yaml").read_text())["quota"]
    changes = running.changes("agency.changed")
    running.change("agencies/moh.yaml", quota=quota)
    assert eventually(lambda: len(running.changes("agency.changed")) > len(changes))
    number = itertools.count()

    def a_burst() -> httpx.Response:
        records = [notification(f"MOH-QUOTA-{next(number)}") for _ in range(BURST)]
        headers = {"content-type": "application/x-ndjson", "accept": "application/json"}
        return moh.post(PATH, content=ndjson(records), headers=headers)

    try:
        answers: list[httpx.Response] = []
        assert eventually(lambda: answers.append(a_burst()) or answers[-1].status_code == 429)
        refused = answers[-1]
        assert code_of(refused) == "quota.records"
        assert int(refused.headers["retry-after"]) >= 1
        assert eventually(lambda: "submission.deferred" in kinds(running, "moh"))
        with participant(running.site, "cso") as cso:
            assert cso.post("/v1/ping").status_code == 200
    finally:
        running.change("agencies/moh.yaml", quota=before)
    assert eventually(lambda: a_burst().status_code == 200)


def test_a_new_agency_joins_by_files_alone_and_exchanges_a_record(running: Exchange) -> None:
    """Two agreements, a registration and a binding: no code, no release, no restart."""
    with participant(running.site, "hospitals") as hospitals:
        assert code_of(hospitals.post("/v1/ping")) == "identity.unknown"
        join(running, "hospitals", like="moh")
        assert eventually(lambda: hospitals.post("/v1/ping").status_code == 200)
        answer = hospitals.post(PATH, json=notification("HOSP-2026-000001"))
        assert answer.status_code == 200
        record_id = answer.json()["outcomes"][0]["id"]
    authority = core(running.site)
    assert eventually(lambda: record_id in authority.seen())
    with participant(running.site, "hospitals", running.site.inbox_url) as box:
        answers: list[dict] = []
        assert eventually(lambda: answers.extend(inbox(box)) or answers)
    assert [one["event"]["data"]["event_id"] for one in answers] == [record_id]
    kinds = ["record.accepted", "record.delivered", "record.disposed"]
    assert eventually(lambda: sorted(running.auditor.trace(record_id)) == kinds)
    running.auditor.verify()


def kinds(running: Exchange, lane: str) -> list[str]:
    return [entry["kind"] for entry in running.auditor.entries(lane)]


def join(running: Exchange, name: str, like: str) -> None:
    """Put the files of a new agency in place that sends what another does, and is answered like it."""
    binding = running.contracts / "agencies" / name / "death" / "v1"
    shutil.copytree(running.contracts / "agencies" / like / "death" / "v1", binding)
    file = binding / "binding.yaml"
    file.write_text(file.read_text().replace(f"agency: {like}", f"agency: {name}"))
    agency = yaml.safe_load((running.site.config / "agencies" / f"{like}.yaml").read_text())
    agency["name"] = name
    agency["identity"][0]["san"] = f"dns:{name}.test"
    running.write(f"agencies/{name}.yaml", agency)
    for model in (f"{like}-nea-death.v1", f"nea-{like}-disposition.v1"):
        agreement = yaml.safe_load((running.site.config / "agreements" / f"{model}.yaml").read_text())
        own = {key: agreement[key].replace(like, name, 1) for key in ("id", "sender", "recipient")}
        running.write(f"agreements/{own['id']}.yaml", agreement | own)
