"""A whole site and files: put down, taken, answered; and the authority's answers as files, both ways."""

from __future__ import annotations

import json
import subprocess
from contextlib import ExitStack, closing

import pytest
from support.auditor import Auditor
from support.changing import change
from support.draining import eventually
from support.participants import core, participant, small_site
from support.sample_records import notification, registration
from support.ssh import agency_server

from gateway.demo.site import Site

CONTRACT = "death.v1"
WAY = ["record.accepted", "record.delivered", "record.disposed"]


class Office:
    """An agency's people with OpenSSH; the gateway's host keys are pinned, as `isnad keys init` shows them."""

    def __init__(self, site: Site, agency: str, folder) -> None:
        self._site = site
        self._agency = agency
        self.folder = folder / agency
        self.folder.mkdir()
        key = self.folder / "id"
        key.touch(0o600)
        key.write_bytes(site.ssh_identities[agency])

    def sftp(self, process: str, *commands: str) -> str:
        port = self._site.ports[{"intake": "sftp", "delivery": "sftp_deliver"}[process]]
        known = self.folder / f"known-{process}"
        known.write_text(f"[127.0.0.1]:{port} {self._site.prepared.ssh_keys[f'{process}/ssh-host']}\n")
        done = subprocess.run(
            ["sftp", "-q", "-F", "/dev/null", "-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={known}",
             "-o", "IdentitiesOnly=yes", "-i", str(self.folder / "id"), "-P", str(port), "-b", "-",
             f"{self._agency}@127.0.0.1"],
            input="\n".join(commands), text=True, capture_output=True, cwd=self.folder, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A site in which `cso` has a server of its own and `moh` fetches what is for it, both by SFTP."""
    folder = tmp_path_factory.mktemp("files")
    with ExitStack() as stack:
        site = stack.enter_context(small_site(folder / "site"))
        server = agency_server(folder / "theirs", site.prepared.ssh_keys["delivery/ssh-client"])
        theirs = stack.enter_context(server)
        change(
            site,
            "agencies/cso.yaml",
            delivery={"mode": "sftp", "server": theirs.as_configured(), "folder": str(theirs.incoming)},
        )
        change(site, "agencies/moh.yaml", adapter=["rest", "sftp"], files={"keys": [site.ssh_key("moh")]})
        site.serve()
        site.deliver()
        auditor = stack.enter_context(closing(Auditor(site)))
        core(site)
        offices = {name: Office(site, name, folder) for name in ("cso", "moh")}
        yield site, offices, theirs, auditor


def test_a_file_is_taken_and_the_answers_come_back_as_files_on_the_agencys_server(running):
    _, offices, theirs, auditor = running
    cso = offices["cso"]
    (cso.folder / "deaths.xml").write_bytes(registration("CSO-2026-77-00900").encode())
    cso.sftp("intake", f"put deaths.xml /in/{CONTRACT}/deaths.part",
             f"rename /in/{CONTRACT}/deaths.part /in/{CONTRACT}/deaths.xml")  # fmt: skip
    assert eventually(lambda: "deaths.xml.summary.json" in cso.sftp("intake", f"ls /in/{CONTRACT}"))
    cso.sftp("intake", f"get /in/{CONTRACT}/deaths.xml.summary.json summary.json")
    summary = json.loads((cso.folder / "summary.json").read_bytes())
    assert (summary["accepted"], summary["refused"]) == (1, 0)
    assert eventually(lambda: list(theirs.incoming.glob("disposition.v1-nea-*.ndjson")))
    (delivered,) = theirs.incoming.iterdir()
    answer = json.loads(delivered.read_bytes())["event"]["data"]
    assert (answer["event_ref"], answer["outcome"]) == ("CSO-2026-77-00900", "APPLIED")
    assert eventually(lambda: auditor.trace(answer["event_id"]) == WAY)


def test_what_waits_for_an_agency_is_a_file_until_it_removes_it(running):
    site, offices, _, auditor = running
    moh = offices["moh"]
    with participant(site, "moh") as client:
        sent = client.post(f"/v1/{CONTRACT}/records", json=notification("MOH-1203-2026-000900")).json()
    record_id = sent["outcomes"][0]["id"]
    assert eventually(lambda: ".ndjson" in moh.sftp("delivery", "ls -1 /out"))
    (name,) = [line for line in moh.sftp("delivery", "ls -1 /out").splitlines() if line.endswith(".ndjson")]
    moh.sftp("delivery", f"get {name} waiting.ndjson")
    (line,) = (moh.folder / "waiting.ndjson").read_text().splitlines()
    assert json.loads(line)["event"]["data"]["event_id"] == record_id
    moh.sftp("delivery", f"rm {name}")
    assert ".ndjson" not in moh.sftp("delivery", "ls -1 /out")
    refs = {
        one["source_ref"]: one["id"] for one in auditor.entries("nea") if one["kind"] == "record.accepted"
    }
    assert eventually(lambda: auditor.trace(refs[f"d:{record_id}"]) == WAY[:2])


def test_nobody_writes_where_things_are_fetched_and_agencies_see_their_own_only(running):
    _, offices, _, _ = running
    moh = offices["moh"]
    (moh.folder / "x").write_bytes(b"x")
    for command in (
        "put x /out/x",
        "put x /x",
        "mkdir /out/y",
        "rename /out/a /out/b",
        "get /../etc/passwd",
        "ls /in",
    ):
        with pytest.raises(AssertionError):
            moh.sftp("delivery", command)
