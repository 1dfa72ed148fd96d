"""A large file of made-up records that is sent once, and every row's outcome held against its foretold answer."""

from __future__ import annotations

import csv
import hashlib
import io
import subprocess
import time
from datetime import date
from itertools import islice
from pathlib import Path

import orjson
import pytest

import contracts
from adapters.sftp.entry import Entry, State
from adapters.sftp.journal import listing
from gateway.demo.site import Site
from gateway.synth.flows import Flow, Made
from gateway.synth.people import Population

CONTRACT = "civil-status-change.v1"
NAME = "تغييرات-يونيو.csv"
PATIENCE_S = 600.0


def made_up(count: int) -> tuple[Flow, list[Made]]:
    """Return so many made-up records, each with the answer that it must get."""
    population = Population("files", count * 2, date(2026, 6, 30))
    flow = Flow(contracts.load(), population, "cso", CONTRACT, months=12, intensity=10_000)
    records = list(islice((made for number in range(flow.files) for made in flow.made(number)), count))
    assert len(records) == count
    return flow, records


def put(site: Site, folder: Path, name: str, octets: bytes, count: int) -> None:
    """Send a file and its manifest with OpenSSH's sftp."""
    (folder / name).write_bytes(octets)
    manifest = {"sha256": hashlib.sha256(octets).hexdigest(), "rows": count, "number": 1, "file": name,
                "from": "2026-06-01", "to": "2026-06-30"}  # fmt: skip
    (folder / f"{name}.manifest.json").write_bytes(orjson.dumps(manifest))
    sftp(site, folder, f'put "{name}" /in/{CONTRACT}/', f'put "{name}.manifest.json" /in/{CONTRACT}/')


def sftp(site: Site, folder: Path, *commands: str) -> None:
    """Run OpenSSH's sftp as the agency's computer does."""
    key = folder / "id"
    if not key.exists():
        key.touch(0o600)
        key.write_bytes(site.ssh_identities["cso"])
    subprocess.run(
        ["sftp", "-q", "-F", "/dev/null", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
         "-o", "LogLevel=ERROR", "-i", str(key), "-P", str(site.ports["sftp"]), "-b", "-", "cso@127.0.0.1"],
        input="\n".join(commands).encode(), cwd=folder, check=True, timeout=120, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def entry(files: Path) -> Entry | None:
    """Return what is known of the file, by the folder of files."""
    return next((entry for entry in listing(files / "journal.db") if entry.name == NAME), None)


def await_end(files: Path) -> None:
    """Wait until the file is answered."""
    deadline = time.monotonic() + PATIENCE_S
    while (entry(files) or pytest.fail("the journal forgot the file")).state is not State.ANSWERED:
        assert time.monotonic() < deadline, entry(files)
        time.sleep(0.05)


def fetched(site: Site, folder: Path) -> list[dict[str, str]]:
    """Fetch the outcomes of the file."""
    sftp(site, folder, f'get "/in/{CONTRACT}/{NAME}.results.csv" results.csv')
    text = (folder / "results.csv").read_bytes().decode("windows-1256")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def compare(results: list[dict[str, str]], records: list[Made]) -> set[str]:
    """Hold every row's outcome against its foretold answer; return the ids of those promised."""
    assert [int(line["row"]) for line in results] == list(range(1, len(records) + 1))
    promised = set()
    for line, made in zip(results, records, strict=True):
        told = made.answer.outcome
        assert line["outcome"] == told, (line, made.answer)
        if told == "refused":
            assert line["code"] == made.answer.code, (line, made.answer)
            continue
        assert line["reference"] == made.ref
        if told != "duplicate":
            promised.add(line["record"])
    return promised
