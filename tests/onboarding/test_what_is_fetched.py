"""`isnad agency test` of an agency whose files are fetched: the running intake tries, and the command has no key."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.auditor import Auditor
from support.changing import change
from support.draining import eventually
from support.participants import small_site
from support.ssh import AgencyServer, key_pair

from gateway.codes import CODES
from gateway.demo.site import Site, isnad
from gateway.onboarding.fetching import TRIALS

FILE = "agencies/cso.yaml"


@dataclass
class Fetched:
    """The Civil Status, which lays files out on a server of its own."""

    site: Site
    theirs: AgencyServer

    def registered(self, **server: object) -> dict:
        return {
            "contract": "death.v1",
            "server": self.theirs.as_configured(timeout_s=60, **server),
            "folder": str(self.theirs.outgoing),
            "answers": str(self.theirs.incoming),
            "every_s": 86_400,
        }

    def tried(self) -> tuple[int, list[str]]:
        """Run the command as an operator does, without any key: the agency fetches what is for it."""
        done = subprocess.run(
            [*isnad("agency", "test", "cso"), "--config", str(self.site.config)],
            env={name: value for name, value in os.environ.items() if "TOKEN" not in name},
            capture_output=True, text=True, check=False, timeout=240,
        )  # fmt: skip
        return done.returncode, (done.stdout + done.stderr).splitlines()


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fetched]:
    folder = tmp_path_factory.mktemp("fetched")
    with small_site(folder / "site", participants=frozenset({"cso", "nea"})) as made:
        theirs = AgencyServer.prepared(folder / "theirs", made.prepared.ssh_keys["intake/ssh-client"])
        one = Fetched(made, theirs)
        change(made, FILE, files={"fetched": [one.registered()]}, delivery={"mode": "inbox"})
        theirs.start()
        made.serve()
        try:
            yield one
        finally:
            theirs.stop()


def test_one_that_is_well_is_tried_under_the_key_that_fetches_and_its_lane_remembers(
    fetched: Fetched,
) -> None:
    status, said = fetched.tried()
    assert status == 0, said
    assert said[-9:] == [
        "ok    the host key",
        "ok    the login",
        "ok    listing the folder",
        "ok    fetching from the folder (there is no file to fetch now)",
        "ok    listing the folder of answers",
        "ok    writing into the folder of answers",
        said[-3],
        "ok    renaming in the folder of answers",
        "ok    removing from the folder of answers",
    ]
    assert said[-3].startswith("ok    the clock")
    assert [*fetched.theirs.outgoing.iterdir(), *fetched.theirs.incoming.iterdir()] == []
    with closing(Auditor(fetched.site)) as auditor:
        assert eventually(
            lambda: [one["wrong"] for one in auditor.entries("cso") if one["kind"] == "agency.tested"] == [0]
        )


def explained(said: list[str], code: str) -> bool:
    """Return whether the last thing found is this, told in both languages."""
    return said[-3].endswith(f": {code}") and all(
        remedy in line
        for remedy, line in zip((CODES[code].remedy_en, CODES[code].remedy_ar), said[-2:], strict=True)
    )


def test_a_key_that_is_not_let_in(fetched: Fetched) -> None:
    allowed = fetched.theirs.folder / "authorized_keys"
    before = allowed.read_text()
    allowed.write_text(key_pair(fetched.theirs.folder / "another"))
    try:
        status, said = fetched.tried()
    finally:
        allowed.write_text(before)
    assert status == 1
    assert explained(said, "endpoint.refuses_key"), said


def test_another_host_key_than_the_registered_one(fetched: Fetched, tmp_path: Path) -> None:
    other = key_pair(tmp_path)
    change(fetched.site, FILE, files={"fetched": [fetched.registered(host_keys=[other])]})
    try:
        assert eventually(lambda: explained(fetched.tried()[1], "endpoint.host_key"))
    finally:
        change(fetched.site, FILE, files={"fetched": [fetched.registered()]})
    assert eventually(lambda: fetched.tried()[0] == 0)


def test_a_folder_that_is_gone_and_one_that_may_not_be_written(fetched: Fetched) -> None:
    away = fetched.theirs.outgoing.with_name("away")
    fetched.theirs.outgoing.rename(away)
    try:
        status, said = fetched.tried()
    finally:
        away.rename(fetched.theirs.outgoing)
    assert status == 1
    assert explained(
        [line.replace(f" ({fetched.theirs.outgoing})", "") for line in said], "endpoint.folder"
    ), said
    fetched.theirs.stop()
    fetched.theirs.start("ForceCommand internal-sftp -R")
    try:
        status, said = fetched.tried()
    finally:
        fetched.theirs.stop()
        fetched.theirs.start()
    assert status == 1
    assert "WRONG writing into the folder of answers" in "\n".join(said)
    assert explained(said, "endpoint.folder_forbidden"), said


def test_without_the_intake_nothing_is_tried_and_that_is_said(fetched: Fetched) -> None:
    (serve,) = fetched.site.processes
    socket = fetched.site.store.parent / TRIALS.name
    assert socket.stat().st_mode & 0o777 == 0o600
    serve.kill()
    status, said = fetched.tried()
    assert status == 1
    assert explained(said, "endpoint.not_tried"), said
