"""Other clients than OpenSSH's, connections that drop, disks that fill up, and contents as they come in life."""

from __future__ import annotations

import asyncio
import io
import os
import resource
import signal
import subprocess
import time
from pathlib import Path

import asyncssh
import paramiko
import pytest
from place import (
    CSV,
    SAMPLE,
    XML,
    FileKeysHeld,
    Person,
    Place,
    configured,
    host_key,
    open_place,
    rows,
)
from support.ssh import key_pair

MIB = 1 << 20


async def by_asyncssh(place: Place, **how) -> asyncssh.SSHClientConnection:
    return await asyncssh.connect(
        "127.0.0.1", place.port, username="cso", client_keys=[str(place.folder / "cso" / "id")],
        known_hosts=([asyncssh.import_public_key(place.host_key)], [], []), agent_path=None, config=None, **how,
    )  # fmt: skip


def by_paramiko(place: Place) -> paramiko.SSHClient:
    client = paramiko.SSHClient()
    kind, key = place.host_key.split()
    entry = paramiko.hostkeys.HostKeyEntry.from_line(f"[127.0.0.1]:{place.port} {kind} {key}")
    client.get_host_keys().add(f"[127.0.0.1]:{place.port}", kind, entry.key)
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    client.connect(
        "127.0.0.1", place.port, username="cso", key_filename=str(place.folder / "cso" / "id"),
        allow_agent=False, look_for_keys=False,
    )  # fmt: skip
    return client


def test_paramiko_puts_renames_reads_and_lists(place: Place, cso: Person):
    document = (SAMPLE.parents[4] / "death" / "v1" / "samples" / "valid" / "abroad.xml").read_bytes()
    with by_paramiko(place) as client, client.open_sftp() as sftp:
        sftp.chdir(f"/in/{XML}")
        sftp.putfo(io.BytesIO(document), "abroad.xml.filepart")  # asks for the size afterwards
        sftp.posix_rename("abroad.xml.filepart", "abroad.xml")
        place.answered("abroad.xml")
        assert {"abroad.xml", "abroad.xml.results.csv"} <= set(sftp.listdir())
        with sftp.open("abroad.xml") as file:
            assert file.read() == document
        with pytest.raises(PermissionError, match=r"file\.kept"):
            sftp.remove("abroad.xml")


def test_asyncssh_puts_many_blocks_at_a_time(place: Place, cso: Person):
    octets = rows(20_000, first=100_000)

    async def put() -> None:
        async with await by_asyncssh(place) as connection, connection.start_sftp_client() as sftp:
            manifest = cso.manifest("wide.csv", octets, 20_000)
            for name, content in (("wide.csv", octets), ("wide.csv.manifest.json", manifest)):
                async with sftp.open(f"/in/{CSV}/{name}", "wb", block_size=MIB, max_requests=64) as file:
                    await file.write(content)

    async def get() -> None:
        async with await by_asyncssh(place) as connection, connection.start_sftp_client() as sftp:
            await sftp.get(f"/in/{CSV}/wide.csv", cso.folder / "back.csv")  # it asks for holes first

    asyncio.run(put())
    assert place.answered("wide.csv").accepted == 20_000
    assert cso.get(f"/in/{CSV}/wide.csv") == octets
    asyncio.run(get())
    assert (cso.folder / "back.csv").read_bytes() == octets


def test_a_transfer_that_was_cut_off_is_resumed_and_not_taken_before(place: Place, cso: Person):
    octets = rows(60_000, first=200_000)
    cso.write("cut.csv", octets)
    cso.manifest("cut.csv", octets, 60_000)
    cso.sftp(f"put cut.csv.manifest.json /in/{CSV}/")
    begun = subprocess.Popen(
        ["sftp", *cso.options_of_ssh(), "-l", "40000", "-P", str(cso.port), "-b", "-", "cso@127.0.0.1"],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=cso.folder, start_new_session=True,
    )  # fmt: skip
    begun.stdin.write(f"put cut.csv /in/{CSV}/\n".encode())
    begun.stdin.flush()
    deadline = time.monotonic() + 60
    while not 0 < size(place, "cut.csv") < len(octets):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(begun.pid, signal.SIGKILL)
    begun.wait()
    begun.stdin.close()
    while open_files(place, "cut.csv"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert size(place, "cut.csv") < len(octets)
    assert place.entry("cut.csv") is None
    resumed = cso.sftp(f"put -a cut.csv /in/{CSV}/")
    assert resumed.returncode == 0, resumed.stderr
    assert place.answered("cut.csv").accepted == 60_000


async def hang_up(place: Place, path: str, octets: bytes) -> None:
    """Write a part of a file and end the session without closing the file, as a client does that is stopped."""
    async with await by_asyncssh(place) as connection, connection.start_sftp_client() as sftp:
        file = await sftp.open(path, "wb")
        await file.write(octets)
        sftp.exit()
        await sftp.wait_closed()


def test_what_a_client_left_open_does_not_count_as_closed(place: Place, cso: Person):
    octets = rows(10, first=270_000)
    asyncio.run(hang_up(place, f"/in/{CSV}/left.csv", octets[:500]))
    cso.manifest("left.csv", octets, 10)
    cso.sftp(f"put left.csv.manifest.json /in/{CSV}/")
    assert place.entry("left.csv.manifest.json").state == "landing"
    assert place.entry("left.csv") is None
    cso.write("left.csv", octets)
    assert cso.sftp(f"put -a left.csv /in/{CSV}/").returncode == 0
    assert place.answered("left.csv").accepted == 10


def size(place: Place, name: str) -> int:
    path = place.files / "cso" / "in" / CSV / name
    return path.stat().st_size if path.exists() else 0


def open_files(place: Place, name: str) -> list[str]:
    """Return the descriptors of this process, which is the gateway's too, that a file is open by."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            if link.readlink().name == name:
                found.append(link.name)
        except OSError:
            continue
    return found


def test_a_download_goes_on_where_it_was_cut_off(place: Place, cso: Person):
    octets = rows(2_000, first=300_000)
    cso.put("fetched.csv", octets, 2_000)
    place.answered("fetched.csv")
    there = cso.write("part.csv", octets[:100_000])
    assert cso.sftp(f"get -a /in/{CSV}/fetched.csv {there}").returncode == 0
    assert there.read_bytes() == octets


def test_a_disk_that_is_full_stops_the_transfer_and_the_rest_is_sent_later(place: Place, cso: Person):
    """The largest file that a process may write stands for the disk: to the gateway both are an `OSError`."""
    octets = rows(30_000, first=400_000)
    cso.write("full.csv", octets)
    cso.manifest("full.csv", octets, 30_000)
    listens = place.inbound._front._child._process.pid
    before = resource.prlimit(listens, resource.RLIMIT_FSIZE)
    resource.prlimit(listens, resource.RLIMIT_FSIZE, (2 * MIB, before[1]))
    try:
        # The limit is that of the process that listens, and not the client's.
        refused = cso.sftp(f"put full.csv /in/{CSV}/")
    finally:
        resource.prlimit(listens, resource.RLIMIT_FSIZE, before)
    assert refused.returncode != 0
    done = cso.sftp(f"put -a full.csv /in/{CSV}/", f"put full.csv.manifest.json /in/{CSV}/")
    assert done.returncode == 0, done.stderr
    assert place.answered("full.csv").accepted == 30_000


HEAD, ROW = SAMPLE.read_bytes().splitlines()
COLUMNS = HEAD.split(b";")


def reordered() -> bytes:
    """The same columns, the first two exchanged, in header and row."""
    cells = ROW.split(b";")
    return (
        b";".join([COLUMNS[1], COLUMNS[0], *COLUMNS[2:]])
        + b"\n"
        + b";".join([cells[1], cells[0], *cells[2:]])
        + b"\n"
    )


@pytest.mark.parametrize(
    ("name", "octets", "count", "state", "code"),
    [
        ("وفيات ومواليد يونيو.csv", rows(2, first=500_000), 2, "answered", ""),
        ("unix.csv", rows(2, first=500_010).replace(b"\r\n", b"\n"), 2, "answered", ""),
        ("bom.csv", b"\xef\xbb\xbf" + rows(2, first=500_020), 2, "answered", ""),
        ("no-last-line-end.csv", rows(2, first=500_030).rstrip(), 2, "answered", ""),
        ("empty.csv", b"", 0, "refused", "record.csv.header"),
        ("header-only.csv", rows(0), 0, "answered", ""),
        ("reordered.csv", reordered(), 1, "refused", "record.csv.header"),
        ("cut-short.csv.gz", b"\x1f\x8b\x08\x00" + b"\0" * 10, 2, "refused", "file.packed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_comes_in_life_has_its_outcome(place: Place, cso: Person, name, octets, count, state, code):  # noqa: PLR0917  a row of the table
    cso.put(name, octets, count)
    entry = place.answered(name)
    assert (entry.state, entry.code) == (state, code)
    if state == "answered":
        assert (entry.position, entry.accepted) == (count, count)
        assert len(cso.results(name)) == count


def test_names_in_another_unicode_form_are_one_name(place: Place, cso: Person):
    octets = rows(1, first=500_100)
    composed, decomposed = "أحوال.csv", "أحوال.csv"
    cso.write(decomposed, octets)
    cso.manifest(composed, octets, 1)
    cso.sftp(f'put "{decomposed}" /in/{CSV}/', f'put "{composed}.manifest.json" /in/{CSV}/')
    assert place.answered(composed).accepted == 1


def test_originals_are_removed_when_their_time_has_come_and_the_log_says_so(tmp_path):
    folder, keys = tmp_path, FileKeysHeld()
    configuration = configured(folder, keys=[key_pair(folder / "cso")])
    with open_place(folder, configuration, keys) as place:
        cso = Person(folder / "cso", "cso", place.port, host_key(keys))
        octets = rows(3, first=600_000)
        cso.put("kept.csv", octets, 3)
        entry = place.answered("kept.csv")
        days = (entry.remove_ms - entry.ended_ms) / 86_400_000
        assert 29.9 < days < 30.1
        path = place.files / "cso" / "in" / CSV / "kept.csv"
        left = path.open("rb")  # as whoever finds the blocks of a removed file on the disk
        place.run(expire(place, entry))
        assert not path.exists()
        assert list(path.parent.iterdir()) == []
        assert left.read(24) == bytes(24)
        assert place.entry("kept.csv") is None
        kinds = [said["kind"] for said in place.lane("cso")]
        assert kinds[-1] == "file.removed"
        # What it was is still known: the same content does not come in again.
        cso.put("again.csv", octets, 3)
        assert place.answered("again.csv").code == "file.repeated"


async def expire(place: Place, entry) -> None:
    """Let the time come at which a file is removed."""
    desk = place.inbound._desk
    desk.journal._db.execute("UPDATE file SET remove_ms = 1 WHERE id = ?", [entry.id])
    await desk.remove_due()


def test_a_block_that_was_changed_on_the_disk_is_not_believed(tmp_path):
    keys = FileKeysHeld()
    configuration = configured(tmp_path, keys=[key_pair(tmp_path / "cso")])
    with open_place(tmp_path, configuration, keys) as place:
        cso = Person(tmp_path / "cso", "cso", place.port, host_key(keys))
        octets = rows(3, first=700_000)
        cso.write("changed.csv", octets)
        cso.sftp(f"put changed.csv /in/{CSV}/")
        path = place.files / "cso" / "in" / CSV / "changed.csv"
        stored = bytearray(path.read_bytes())
        stored[100] ^= 1
        path.write_bytes(stored)
        cso.manifest("changed.csv", octets, 3)
        cso.sftp(f"put changed.csv.manifest.json /in/{CSV}/")
        assert place.answered("changed.csv").code == "tampered.file"


def test_a_quota_of_room_is_kept(tmp_path):
    keys = FileKeysHeld()
    configuration = configured(tmp_path, keys=[key_pair(tmp_path / "cso")], max_bytes=MIB, max_files=10)
    with open_place(tmp_path, configuration, keys) as place:
        cso = Person(tmp_path / "cso", "cso", place.port, host_key(keys))
        cso.write("large.csv", bytes(6 * MIB))
        assert cso.sftp(f"put large.csv /in/{CSV}/").returncode != 0
        assert cso.sftp(f"rm /in/{CSV}/large.csv").returncode == 0
        for number in range(10):
            cso.write(f"{number}.csv", b"x")
        assert cso.sftp(*(f"put {number}.csv /in/{CSV}/" for number in range(10))).returncode == 0
        cso.write("eleventh.csv", b"x")
        assert cso.sftp(f"put eleventh.csv /in/{CSV}/").returncode != 0
