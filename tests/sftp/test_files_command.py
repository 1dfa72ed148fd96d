"""`isnad files`, as an operator sees it."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import yaml
from click.testing import CliRunner
from msgspec.structs import replace
from place import Person, Place, rows

from adapters.sftp.entry import Entry, State
from adapters.sftp.following import tell
from adapters.sftp.journal import Journal, listing
from gateway import metrics
from gateway.cli.files import files
from gateway.demo.set_up import SHIPPED

DEADLINE_S = 60.0


def configuration(kept, tmp_path) -> str:
    """The shipped settings, with the folder in which files are kept."""
    shutil.copytree(SHIPPED, tmp_path / "config")
    path = tmp_path / "config" / "gateway.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["sftp"]["folder"] = str(kept)
    path.write_text(yaml.safe_dump(settings))
    return str(tmp_path / "config")


def test_files_are_listed_with_state_counts_and_rate(place: Place, cso: Person, tmp_path):
    cso.put("listed.csv", rows(700, first=800_000), 700)
    place.answered("listed.csv")
    config = configuration(place.files, tmp_path)
    told = CliRunner().invoke(files, ["--config", config, "--json", "--all"])
    assert told.exit_code == 0, told.output
    lines = [json.loads(line) for line in told.output.splitlines()]
    (one,) = [line for line in lines if line["name"] == "listed.csv"]
    assert (one["state"], one["records"], one["expected"], one["accepted"]) == ("answered", 700, 700, 700)
    assert one["records_per_s"] > 0
    shown = CliRunner().invoke(files, ["--config", config, "--agency", "cso"], env={"COLUMNS": "200"})
    assert "listed.csv" in shown.output
    assert CliRunner().invoke(files, ["--config", config, "--agency", "moh", "--json"]).output == ""


def under_way() -> Entry:
    """A file without a count of its records, a quarter of which was taken in ten seconds."""
    begun_ms = time.time_ns() // 1_000_000 - 10_000
    return Entry(
        id="f-1", agency="cso", contract="death.v1", name="deaths.xml", state=State.TAKEN, landed_ms=begun_ms,
        size=8_000_000, certificate="ab" * 32, begun_ms=begun_ms, position=5_000, accepted=5_000,
        read_bytes=2_000_000,
    )  # fmt: skip


def test_a_metric_says_how_many_octets_are_left_to_be_read(place: Place, cso: Person):
    octets = rows(60_000, first=900_000)
    seen = set()
    cso.put("long.csv", octets, 60_000)
    deadline = time.monotonic() + 180
    while (entry := place.entry("long.csv")) is None or entry.state != "answered":
        assert time.monotonic() < deadline, entry
        seen.add(left())
        time.sleep(0.02)
    assert seen & set(range(1, len(octets))), seen
    assert max(seen) <= len(octets)
    while left():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def left() -> int:
    return int(metrics.FILES_BYTES_LEFT.collect()[0].samples[0].value)


def test_the_end_of_a_file_that_does_not_say_how_many_records_it_has_is_expected_by_what_was_read(tmp_path):
    with closing(Journal(tmp_path / "journal.db")) as journal:
        journal.put(under_way())
        told = CliRunner().invoke(files, ["--config", configuration(tmp_path, tmp_path), "--json"])
    (one,) = [json.loads(line) for line in told.output.splitlines()]
    assert one["expected"] == -1
    assert 29 <= one["left_s"] <= 35, "three quarters are left, at a quarter in ten seconds"


def test_the_log_says_now_and_then_how_far_a_file_is(capsys):
    tell(under_way())
    told = json.loads(capsys.readouterr().out)
    assert (told["event"], told["submission"], told["records"], told["expected"]) == (
        "file.progressed", "f-1", 5_000, 20_000,
    )  # fmt: skip
    assert 490 <= told["records_per_s"] <= 500
    assert 30 <= told["left_s"] <= 32
    assert "deaths" not in str(told), "names are the agency's words"


def test_a_journal_of_before_it_was_known_how_far_files_were_read_is_gone_on_with(tmp_path):
    path = tmp_path / "journal.db"
    with closing(Journal(path)) as journal:
        journal.put(under_way())
    with closing(sqlite3.connect(path)) as db:
        db.execute("ALTER TABLE file DROP COLUMN read_bytes")
    with closing(Journal(path)) as journal:
        assert journal.known("f-1") == replace(under_way(), **_times(journal.known("f-1")), read_bytes=0)
    assert listing(path)[0].read_bytes == 0


def test_who_watches_sees_what_changes_until_ctrl_c(tmp_path):
    with closing(Journal(tmp_path / "journal.db")) as journal:
        journal.put(under_way())
        terminal, theirs = pty.openpty()
        command = [sys.executable, "-m", "gateway.cli", "files", "--watch"]
        watching = subprocess.Popen(
            [*command, "--config", configuration(tmp_path, tmp_path)], stdin=theirs, stdout=theirs, stderr=theirs,
            env={**os.environ, "COLUMNS": "200", "TERM": "xterm"}, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        try:
            _read_until(terminal, "━━━━━".encode())  # a quarter of a bar of 20
            _read_until(terminal, b"5,000")
            journal.progress(replace(under_way(), position=7_777, accepted=7_777))
            _read_until(terminal, b"7,777")
            journal.put(replace(under_way(), state=State.ANSWERED, ended_ms=time.time_ns() // 1_000_000))
            _read_until(terminal, b"answered")
        finally:
            watching.send_signal(signal.SIGINT)
            watching.wait(DEADLINE_S)
            os.close(terminal)


def _read_until(terminal: int, wanted: bytes) -> None:
    """Read what is shown until something is."""
    shown, deadline = b"", time.monotonic() + DEADLINE_S
    while wanted not in shown:
        assert time.monotonic() < deadline, shown[-2000:]
        shown += os.read(terminal, 65536)


def _times(entry: Entry) -> dict[str, int]:
    return {"landed_ms": entry.landed_ms, "begun_ms": entry.begun_ms}
