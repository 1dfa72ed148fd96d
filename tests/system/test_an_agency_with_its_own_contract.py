"""An agency nobody has heard of joins with a contract of its own: the files in `post/`, and nothing else."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import yaml
from support.auditor import Auditor
from support.draining import eventually
from support.participants import core, inbox, participant

from contracts.folder import SHIPPED
from gateway.cli.check import examine
from gateway.demo.set_up import site
from gateway.demo.site import Site

FILES = Path(__file__).with_name("post")
SAMPLES = FILES / "contracts" / "agencies" / "post" / "returned-notice" / "v1" / "samples"
PATH = "/v1/returned-notice.v1/records"
WAY = ["record.accepted", "record.delivered", "record.disposed"]


@dataclass
class Exchange:
    """A site that runs before the agency's files are written."""

    site: Site
    contracts: Path
    auditor: Auditor


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Exchange]:
    contracts = tmp_path / "contracts"
    shutil.copytree(SHIPPED, contracts, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    folder = tmp_path / "site"
    folder.mkdir()
    with site(folder, workers=2, contracts=str(contracts)) as made:
        made.serve()
        made.deliver()
        with closing(Auditor(made)) as auditor:
            yield Exchange(made, contracts, auditor)


def test_an_agency_with_a_new_contract_joins_by_files_alone_and_exchanges_records(running: Exchange) -> None:
    with participant(running.site, "post") as post:
        assert post.post("/v1/ping").json()["code"] == "identity.unknown"
        write_files(running)
        assert eventually(lambda: post.post("/v1/ping").status_code == 200)
        assert PATH in post.get("/openapi.json").json()["paths"]

        accepted = sent(post, "valid/day.csv")["outcomes"]
        assert [one["outcome"] for one in accepted] == ["accepted"] * 3
        refused = sent(post, "invalid/unknown_cause.csv")
        assert (refused["code"], refused["field"]) == ("record.code.unknown", "CAUSE")

    records = {one["id"] for one in accepted}
    authority = core(running.site)
    assert eventually(lambda: records <= set(authority.seen()))
    answers: list[dict] = []
    with participant(running.site, "post", running.site.inbox_url) as box:
        # Each process looks at the registry for itself.
        assert eventually(lambda: box.get("/v1/inbox").status_code == 200)
        assert eventually(lambda: answers.extend(inbox(box)) or len(answers) == len(records))
    assert {one["event"]["data"]["event_id"] for one in answers} == records
    for record_id in records:
        assert eventually(lambda: sorted(running.auditor.trace(record_id)) == WAY)  # noqa: B023 - asked at once
    running.auditor.verify()
    assert examine(running.site.config, datetime.now(UTC)).problems == []


def sent(post: httpx.Client, sample: str) -> dict:
    """Hand over a sample file; return what is said of it."""
    answer = post.post(PATH, content=(SAMPLES / sample).read_bytes(), headers={"content-type": "text/csv"})
    return answer.json()


def write_files(running: Exchange) -> None:
    """Put the agency's files beside the others, and its name into the list of agencies."""
    shutil.copytree(FILES / "contracts", running.contracts, dirs_exist_ok=True)
    agencies = running.contracts / "_codes" / "agencies.csv"
    agencies.write_text(agencies.read_text() + "post,هيئة البريد,National Post\n")
    lists = agencies.with_name("lists.yaml")
    about = yaml.safe_load(lists.read_text())
    about["agencies"] |= {"version": "1.1.0", "sha256": hashlib.sha256(agencies.read_bytes()).hexdigest()}
    lists.write_text(yaml.safe_dump(about, allow_unicode=True))
    shutil.copytree(FILES / "config", running.site.config, dirs_exist_ok=True)
