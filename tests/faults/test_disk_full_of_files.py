"""The disk of the files fills up while answers are written to it; once there is room everything is finished."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from large_file import NAME, compare, fetched, made_up, put
from support.draining import eventually
from support.participants import small_site

from gateway.demo.running import Running
from gateway.demo.site import Site

ROWS = 20_000
DISK_BYTES = 320 << 20
"""More than what an upload leaves free."""
PATIENCE_S = 120.0
BLOCK = bytes(1 << 20)


def on_a_small_disk(site: Site) -> Running:
    """Start the gateway with a file system of its own for files, which nobody else sees."""
    site.files.mkdir(parents=True, exist_ok=True)
    start = f'mount -t tmpfs -o size={DISK_BYTES} files "{site.files}" && exec "$@"'
    command = [sys.executable, "-m", "gateway.cli", "serve"]
    return site.serve("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", start, "sh", *command)


def fill(ballast: Path) -> None:
    """Take all the room that there is."""
    with ballast.open("wb", buffering=0) as file:
        for block in (BLOCK, BLOCK[:512]):
            with suppress(OSError):  # there is none left
                while True:
                    file.write(block)


def held_up(running: Running) -> list[dict[str, Any]]:
    """What the gateway said that waits: the file, or all of them, when not even that it came could be written."""
    return [line for line in running.said if line.get("event") in {"file.held_up", "files.held_up"}]


@pytest.mark.timeout(900)
def test_answers_that_found_no_room_are_written_once_there_is_some(tmp_path: Path) -> None:
    flow, records = made_up(ROWS)
    with small_site(tmp_path / "site") as site:
        running = on_a_small_disk(site)
        ballast = Path(f"/proc/{running.popen.pid}/root{site.files}/ballast")
        octets = b"".join([flow.writer.head, *(made.octets for made in records), flow.writer.tail])
        put(site, tmp_path, NAME, octets, len(records))
        fill(ballast)
        assert eventually(lambda: held_up(running), PATIENCE_S)
        assert {line.get("code") for line in held_up(running)} <= {"unavailable.disk", "unavailable.store"}, (
            held_up(running)
        )
        assert "file.answered" not in {line["event"] for line in running.said}, "it was too fast for the disk"
        ballast.unlink()
        answered = running.wait_for("file.answered", PATIENCE_S)
        assert answered["records"] == ROWS
        promised = compare(fetched(site, tmp_path), records)
        assert len(promised) == answered["accepted"] + answered["quarantined"]
