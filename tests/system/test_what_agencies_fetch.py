"""What waits for an agency that fetches it: in its inbox by REST, and as files by SFTP; from its core, to its lane."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.auditor import Auditor
from support.changing import change
from support.draining import eventually
from support.participants import core, inbox, participant, small_site
from support.sample_records import notification
from support.ssh import SshUser

from crypto.receipt import Receipt
from gateway.demo.site import Site

PATH = "/v1/death.v1/records"
WAY = ["record.accepted", "record.delivered", "record.disposed"]


@dataclass
class Fetching:
    """A site in which `moh` fetches what is for it, both ways."""

    site: Site
    auditor: Auditor
    person: SshUser

    def sent(self, reference: str) -> str:
        """Have the agency hand a record over; return its id."""
        with participant(self.site, "moh") as client:
            return client.post(PATH, json=notification(reference)).json()["outcomes"][0]["id"]

    def fate(self, record_id: str) -> list[str]:
        """Return what became of the authority's answer to a record."""
        entries = self.auditor.entries("nea")
        refs = {one["source_ref"]: one["id"] for one in entries if one["kind"] == "record.accepted"}
        return self.auditor.trace(refs[f"d:{record_id}"])


@pytest.fixture(scope="module")
def fetching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fetching]:
    folder = tmp_path_factory.mktemp("fetching")
    with small_site(folder / "site") as site:
        change(site, "agencies/moh.yaml", adapter=["rest", "sftp"], files={"keys": [site.ssh_key("moh")]})
        site.serve()
        site.deliver()
        core(site)
        key = folder / "id"
        key.touch(0o600)
        key.write_bytes(site.ssh_identities["moh"])
        host_key = site.prepared.ssh_keys["delivery/ssh-host"]
        with closing(Auditor(site)) as auditor:
            yield Fetching(site, auditor, SshUser(folder, "moh", site.ports["sftp_deliver"], host_key))


def test_an_answer_waits_in_the_inbox(fetching: Fetching) -> None:
    record_id = fetching.sent("MOH-1203-2026-000001")
    answers: list[dict] = []
    with participant(fetching.site, "moh", fetching.site.inbox_url) as box:
        assert eventually(lambda: answers.extend(inbox(box)) or answers)
    (answer,) = answers
    data = answer["event"]["data"]
    assert (data["event_id"], data["event_ref"]) == (record_id, "MOH-1203-2026-000001")
    Receipt.from_json(json.dumps(answer["receipt"]).encode())
    assert eventually(lambda: sorted(fetching.auditor.trace(record_id)) == WAY)
    assert eventually(lambda: fetching.fate(record_id) == WAY[:2])


def test_an_answer_is_a_file_until_it_is_removed(fetching: Fetching) -> None:
    record_id, person = fetching.sent("MOH-1203-2026-000900"), fetching.person
    assert eventually(lambda: ".ndjson" in person.sftp("ls -1 /out").stdout)
    listed = person.sftp("ls -1 /out").stdout.splitlines()
    (name,) = [line for line in listed if line.endswith(".ndjson")]
    (line,) = person.get(name).decode().splitlines()
    assert json.loads(line)["event"]["data"]["event_id"] == record_id
    assert person.sftp(f"rm {name}").returncode == 0
    assert ".ndjson" not in person.sftp("ls -1 /out").stdout
    assert eventually(lambda: fetching.fate(record_id) == WAY[:2])


@pytest.mark.parametrize(
    "command",
    ["put x /out/x", "put x /x", "mkdir /out/y", "rename /out/a /out/b", "get /../etc/passwd", "ls /in"],
)
def test_nobody_writes_where_things_are_fetched_and_there_is_nothing_else(
    fetching: Fetching, command: str
) -> None:
    Path(fetching.person.folder / "x").write_bytes(b"x")
    assert fetching.person.sftp(command).returncode != 0
