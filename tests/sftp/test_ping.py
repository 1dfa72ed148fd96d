"""The test operation of files: `/ping.json`, which any client can read, and nobody write."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from place import Person, Place
from test_clients_and_contents import by_asyncssh, by_paramiko

PING = "/ping.json"


def kinds(place: Place) -> list[str]:
    return [entry["kind"] for entry in place.lane("cso")]


def test_each_reading_is_a_ping_of_its_own_with_its_receipt(place: Place, cso: Person) -> None:
    answers = [json.loads(cso.get(PING)) for _ in range(2)]
    assert {one["agency"] for one in answers} == {"cso"}
    assert all(one["time"].endswith("+00:00") for one in answers)
    entries = [json.loads(one["receipt"]["entry"]) for one in answers]
    assert [one["kind"] for one in entries] == ["ping.received"] * 2
    assert answers[0]["receipt"] != answers[1]["receipt"]
    assert kinds(place)[-2:] == ["ping.received"] * 2


def test_it_is_listed_and_looking_at_it_is_no_ping(place: Place, cso: Person) -> None:
    before = kinds(place)
    assert "ping.json" in cso.sftp("ls -l /").stdout
    assert kinds(place) == before


def test_it_cannot_be_written_renamed_or_removed(cso: Person) -> None:
    cso.write("ping.json", b"{}")
    for command in (f"put ping.json {PING}", f"rename {PING} /in/x", f"rm {PING}", f"rename /in/x {PING}"):
        assert cso.sftp(command).returncode != 0, command


def test_clients_that_trust_the_length_read_all_of_it(place: Place, cso: Person, tmp_path: Path) -> None:
    async def fetched() -> None:
        async with await by_asyncssh(place) as connection, connection.start_sftp_client() as sftp:
            await sftp.get(PING, tmp_path / "by-asyncssh")

    asyncio.run(fetched())
    with by_paramiko(place) as client, client.open_sftp() as sftp:
        sftp.get(PING, str(tmp_path / "by-paramiko"))
    for path in tmp_path.iterdir():
        assert json.loads(path.read_bytes())["agency"] == "cso"
