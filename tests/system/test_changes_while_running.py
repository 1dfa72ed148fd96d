"""Agencies and agreements: files change under a running gateway, and it follows or refuses."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml
from support.auditor import Auditor
from support.changing import change, write
from support.draining import eventually
from support.participants import core, inbox, participant, ready, small_site
from support.sample_records import notification, registration

from contracts.folder import SHIPPED
from gateway.demo.site import Site

PATH = "/v1/death.v1/records"


@dataclass
class Exchange:
    """A site whose configuration and contracts are changed while it runs."""

    site: Site
    contracts: Path
    auditor: Auditor


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
        # Each process looks at the registry for itself.
        assert eventually(lambda: box.get("/v1/inbox").status_code == 200)
        assert eventually(lambda: answers.extend(inbox(box)) or answers)
    assert [one["event"]["data"]["event_id"] for one in answers] == [record_id]
    kinds = ["record.accepted", "record.delivered", "record.disposed"]
    assert eventually(lambda: sorted(running.auditor.trace(record_id)) == kinds)
    running.auditor.verify()


def test_an_agency_hands_over_in_the_ways_it_is_registered_for_and_no_others(running: Exchange) -> None:
    file, files = "agencies/district.yaml", {"keys": [running.site.ssh_key("district")]}
    join(running, "district", like="cso")
    change(running.site, file, files=files)
    with participant(running.site, "district") as district:

        def answer(reference: str) -> httpx.Response:
            body = registration(reference).encode()
            return district.post(PATH, content=body, headers={"content-type": "application/xml"})

        def published() -> bool:
            return PATH in district.get("/openapi.json").json().get("paths", ())

        assert eventually(published)
        # A district registers no deaths: its record is read, and refused for what it says.
        assert code_of(answer("CSO-2026-77-00001")).startswith("record.")
        change(running.site, file, adapter=["sftp"])
        assert eventually(lambda: not published())
        before, refused = running.auditor.size("district"), answer("CSO-2026-77-00002")
        assert (refused.status_code, code_of(refused)) == (403, "agreement.adapter")
        (entry,) = running.auditor.entries("district", before)
        assert (entry["kind"], entry["code"]) == ("submission.refused", "agreement.adapter")
        # Nobody here is registered for SOAP, so that adapter is not even loaded.
        assert code_of(district.post("/soap/v1/death.v1")) == "request.unknown"


def test_what_one_agency_breaks_in_its_contracts_stops_nobody(running: Exchange, moh: httpx.Client) -> None:
    """Its own records are taken as before, and others change their contracts meanwhile."""
    mappings = list((running.contracts / "agencies" / "moh").rglob("mapping.yaml"))
    whole = {path: path.read_bytes() for path in mappings}
    for path in mappings:
        path.write_text("fields: {")
    try:
        assert eventually(lambda: "a change is refused: agencies/moh/" in ready(running.site)[1]["registry"])
        with participant(running.site, "clinics") as clinics:
            join(running, "clinics", like="moh")
            for path in (running.contracts / "agencies" / "clinics").rglob("mapping.yaml"):
                path.write_bytes(
                    whole[
                        running.contracts
                        / "agencies/moh"
                        / path.relative_to(running.contracts / "agencies/clinics")
                    ]
                )
            assert eventually(lambda: clinics.post("/v1/ping").status_code == 200)
            assert code_of(clinics.post(PATH, json=notification("CLIN-2026-000001"))) == ""
        assert code_of(moh.post(PATH, json=notification("MOH-2026-000777"))) == ""
    finally:
        for path, octets in whole.items():
            path.write_bytes(octets)
    assert eventually(lambda: ready(running.site)[1]["registry"] == "ok")


def join(running: Exchange, name: str, like: str) -> None:
    """Put the files of a new agency in place that sends what another does, and is answered like it."""
    binding = running.contracts / "agencies" / name / "death" / "v1"
    shutil.copytree(running.contracts / "agencies" / like / "death" / "v1", binding)
    file = binding / "binding.yaml"
    file.write_text(file.read_text().replace(f"agency: {like}", f"agency: {name}"))
    agency = yaml.safe_load((running.site.config / "agencies" / f"{like}.yaml").read_text())
    agency["name"] = name
    agency["identity"][0]["san"] = f"dns:{name}.test"
    write(running.site, f"agencies/{name}.yaml", agency)
    for model in (f"{like}-nea-death.v1", f"nea-{like}-disposition.v1"):
        agreement = yaml.safe_load((running.site.config / "agreements" / f"{model}.yaml").read_text())
        own = {key: agreement[key].replace(like, name, 1) for key in ("id", "sender", "recipient")}
        write(running.site, f"agreements/{own['id']}.yaml", agreement | own)
