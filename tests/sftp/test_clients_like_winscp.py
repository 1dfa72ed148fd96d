"""What WinSCP does with a file, operation by operation, as its documentation says; spoken here by asyncssh.

It writes under `<name>.filepart`, goes on after an interruption where that ends, sets the file's times, removes what
has the final name, and renames.
"""

from __future__ import annotations

import asyncssh
import pytest
from asyncssh.sftp import FXF_CREAT, FXF_TRUNC, FXF_WRITE, SFTPAttrs
from place import CSV, XML, Person, Place, rows, shipped

JUNE = SFTPAttrs(atime=1_780_000_000, mtime=1_780_000_000)
BLOCK_BYTES = 32 << 10


@pytest.fixture
def connect(place: Place):
    async def connected() -> asyncssh.SSHClientConnection:
        return await asyncssh.connect(
            "127.0.0.1", place.port, username="cso", client_keys=[str(place.folder / "cso" / "id")],
            known_hosts=([asyncssh.import_public_key(place.host_key)], [], []), agent_path=None, config=None,
        )  # fmt: skip

    return connected


async def write(sftp: asyncssh.SFTPClient, path: str, octets: bytes, begin: int, end: int) -> None:
    """Write a part of a file, from its begin or from where an earlier attempt ended."""
    flags = FXF_WRITE if begin else FXF_WRITE | FXF_CREAT | FXF_TRUNC
    async with sftp.open(path, flags, encoding=None) as file:
        for at in range(begin, end, BLOCK_BYTES):
            await file.write(octets[at : min(at + BLOCK_BYTES, end)], at)


async def finish(sftp: asyncssh.SFTPClient, path: str) -> None:
    """Set the times, make room for the final name, and give it."""
    await sftp.setstat(f"{path}.filepart", JUNE)
    if await sftp.exists(path):
        await sftp.remove(path)
    await sftp.rename(f"{path}.filepart", path)


async def test_a_file_gets_its_name_once_it_is_there(connect, place: Place):
    octets = shipped("cso", "death", "one.xml").replace(b"CSO-2026-77-00041", b"CSO-2026-77-WINSCP")
    path = f"/in/{XML}/winscp.xml"
    async with await connect() as connection, connection.start_sftp_client() as sftp:
        await write(sftp, f"{path}.filepart", octets, 0, len(octets))
        assert place.entry("winscp.xml") is None
        await finish(sftp, path)
        assert (await sftp.stat(path)).size == len(octets)
    entry = place.answered("winscp.xml")
    assert (entry.state, entry.accepted) == ("answered", 1)


async def test_a_transfer_that_was_cut_off_goes_on_where_its_part_ends(connect, place: Place, cso: Person):
    octets = rows(5_000, first=700_000)
    path = f"/in/{CSV}/winscp.csv"
    async with await connect() as connection:
        sftp = await connection.start_sftp_client()
        file = await sftp.open(f"{path}.filepart", FXF_WRITE | FXF_CREAT | FXF_TRUNC, encoding=None)
        for at in range(0, 9 * BLOCK_BYTES, BLOCK_BYTES):
            await file.write(octets[at : at + BLOCK_BYTES], at)
        connection.abort()
        await connection.wait_closed()
    async with await connect() as connection, connection.start_sftp_client() as sftp:
        there = (await sftp.stat(f"{path}.filepart")).size
        assert there == 9 * BLOCK_BYTES
        await write(sftp, f"{path}.filepart", octets, there, len(octets))
        await finish(sftp, path)
    cso.manifest("winscp.csv", octets, 5_000)
    assert cso.sftp(f"put winscp.csv.manifest.json /in/{CSV}/").returncode == 0
    entry = place.answered("winscp.csv")
    assert (entry.state, entry.accepted) == ("answered", 5_000)


async def test_what_was_taken_is_neither_removed_nor_replaced(connect, place: Place, cso: Person):
    octets = rows(2, first=710_000)
    cso.put("taken.csv", octets, 2)
    place.answered("taken.csv")
    path = f"/in/{CSV}/taken.csv"
    async with await connect() as connection, connection.start_sftp_client() as sftp:
        await write(sftp, f"{path}.filepart", rows(3, first=710_100), 0, 400)
        with pytest.raises(asyncssh.SFTPPermissionDenied, match=r"file\.kept"):
            await finish(sftp, path)
        with pytest.raises(asyncssh.SFTPPermissionDenied, match=r"file\.kept"):
            await sftp.posix_rename(f"{path}.filepart", path)
        await sftp.remove(f"{path}.filepart")
    assert cso.get(path) == octets
