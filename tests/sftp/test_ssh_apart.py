"""The process that speaks SSH, and the gateway behind it: what each must know of the other, and what when it dies."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import subprocess
import time
from pathlib import Path

import pytest
from place import CSV, FileKeysHeld, Person, Place, configured, host_key, open_place, rows
from support.ssh import key_pair

from adapters.sftp import Config
from adapters.sftp.apart import Apart
from adapters.sftp.wire import Noting
from gateway.errors import Unavailable
from gateway.files import Files
from gateway.records import Event
from gateway.refusals import Refusals

ROWS = 40_000
PATIENCE_S = 20.0


class KeysLater(FileKeysHeld):
    """The key server cannot give the keys of files at first."""

    there = False

    def of_files(self, agency: str) -> bytes:
        if not self.there:
            raise Unavailable("unavailable.keys", "the key server must answer")
        return super().of_files(agency)


class NoHostKey(FileKeysHeld):
    def of_host(self) -> bytes:
        return b"no key"


def listener(place: Place) -> int:
    """Return the process that speaks SSH."""
    return place.inbound._front._child._process.pid


def eventually(found) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_process_that_dies_is_replaced_and_its_clients_resume(tmp_path: Path):
    keys = FileKeysHeld()
    with open_place(tmp_path, configured(tmp_path, keys=[key_pair(tmp_path / "cso")]), keys) as place:
        cso = Person(tmp_path / "cso", "cso", place.port, host_key(keys))
        octets = rows(ROWS)
        cso.write("large.csv", octets)
        cso.manifest("large.csv", octets, ROWS)
        before = listener(place)
        path = place.files / "cso" / "in" / CSV / "large.csv"
        # Slowly, so that it is cut off in the middle.
        sending = subprocess.Popen(
            ["sftp", *cso.options_of_ssh(), "-l", "20000", "-P", str(place.port), "-b", "-", "cso@127.0.0.1"],
            stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=cso.folder,
        )  # fmt: skip
        with sending, sending.stdin as commands:
            commands.write(f"put large.csv /in/{CSV}/\n".encode())
            commands.flush()
            eventually(lambda: path.exists() and path.stat().st_size > 1 << 20)
            os.kill(before, signal.SIGKILL)
        assert sending.returncode != 0
        assert 0 < path.stat().st_size < len(octets)
        eventually(lambda: cso.sftp("ls /in").returncode == 0)  # at the same place
        assert listener(place) != before
        done = cso.sftp(f"put -a large.csv /in/{CSV}/", f"put large.csv.manifest.json /in/{CSV}/")
        assert done.returncode == 0, done.stderr
        entry = place.answered("large.csv")
        assert (entry.state, entry.accepted) == ("answered", ROWS)


def test_the_answers_that_the_gateway_writes_take_room_too_until_they_are_removed(tmp_path: Path):
    keys = FileKeysHeld()
    configuration = configured(tmp_path, keys=[key_pair(tmp_path / "cso")], max_files=10)
    with open_place(tmp_path, configuration, keys) as place:
        cso = Person(tmp_path / "cso", "cso", place.port, host_key(keys))
        for number in (1, 2):
            cso.put(f"{number}.csv", rows(1, first=number), 1)
            place.answered(f"{number}.csv")
        cso.write("third.csv", b"x")
        eventually(lambda: cso.sftp(f"put third.csv /in/{CSV}/").returncode != 0)
        cso.sftp(f"rm /in/{CSV}/third.csv")
        place.run(removed(place, "1.csv"))
        eventually(lambda: cso.sftp(f"put third.csv /in/{CSV}/").returncode == 0)


async def removed(place: Place, name: str) -> None:
    desk = place.inbound._desk
    desk.journal._db.execute("UPDATE file SET remove_ms = 1 WHERE name = ?", [name])
    await desk.remove_due()


def test_what_is_on_the_disk_is_counted_again_by_the_process_that_takes_over(tmp_path: Path):
    keys = FileKeysHeld()
    configuration = configured(tmp_path, keys=[key_pair(tmp_path / "cso")], max_files=10)
    with open_place(tmp_path, configuration, keys) as place:
        cso = Person(tmp_path / "cso", "cso", place.port, host_key(keys))
        for number in range(10):
            cso.write(f"{number}.csv", b"x")
        assert cso.sftp(*(f"put {number}.csv /in/{CSV}/" for number in range(10))).returncode == 0
        os.kill(listener(place), signal.SIGKILL)
        eventually(lambda: cso.sftp("ls /in").returncode == 0)
        cso.write("eleventh.csv", b"x")
        assert cso.sftp(f"put eleventh.csv /in/{CSV}/").returncode != 0


def test_nothing_is_put_down_until_there_is_a_key_to_seal_it_with(tmp_path: Path):
    keys = KeysLater()
    with open_place(tmp_path, configured(tmp_path, keys=[key_pair(tmp_path / "cso")]), keys) as place:
        cso = Person(tmp_path / "cso", "cso", place.port, host_key(keys))
        cso.write("one.csv", rows(1))
        assert cso.sftp("ls /in").returncode == 0
        assert cso.sftp(f"put one.csv /in/{CSV}/").returncode != 0
        keys.there = True
        eventually(lambda: cso.sftp(f"put one.csv /in/{CSV}/").returncode == 0)


async def test_it_has_lanes_say_what_it_may_and_nothing_else(tmp_path: Path):
    noted, given = [], []

    async def note(events):
        noted.extend(events)
        return []

    class Asked:
        def ask(self, question: bytes) -> asyncio.Future[bytes]:
            given.append(pickle.loads(question))  # noqa: S301  our own
            return asyncio.get_running_loop().create_future()

    files = Files(*[None] * 2, note, *[None] * 4)
    apart = Apart(Config(folder=tmp_path), files, Refusals())
    event = Event("cso", "file.denied", ())
    await apart._give(Asked(), Noting(1, [event]))
    await apart._give(Asked(), Noting(2, [event, Event("cso", "record.accepted", ())]))
    assert noted == [event]
    assert [(one.number, one.code) for one in given] == [(1, ""), (2, "unavailable.internal")]


def test_without_a_host_key_nobody_listens(tmp_path: Path):
    configuration = configured(tmp_path, keys=[key_pair(tmp_path / "cso")])
    with (
        pytest.raises(Unavailable, match=r"unavailable\.keys"),
        open_place(tmp_path, configuration, NoHostKey()),
    ):
        pass
