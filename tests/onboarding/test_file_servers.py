"""Trying agencies' SFTP servers: Debian's sshd, wrong in one way each, and one whose clock is wrong."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest
from support.ssh import AgencyServer, key_pair

from adapters.sftp import tried
from gateway.codes import CODES
from gateway.files import SftpServer
from gateway.onboarding.finding import Finding

STEPS = ["the host key", "the login", "listing the folder", "writing into the folder", "the clock",
         "renaming in the folder", "removing from the folder"]  # fmt: skip


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ours")
    key_pair(folder)
    return folder / "id"


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory, ours: Path) -> AgencyServer:
    return AgencyServer.prepared(
        tmp_path_factory.mktemp("theirs") / "server", ours.with_suffix(".pub").read_text()
    )


@pytest.fixture
def start(theirs: AgencyServer) -> Iterator[Callable[..., None]]:
    yield theirs.start
    theirs.stop()


def of(theirs: AgencyServer, timeout_s: int = 20) -> SftpServer:
    address = f"127.0.0.1:{theirs.port}"
    return SftpServer((address,), theirs.user, (theirs.host_key,), str(theirs.incoming), timeout_s)


def found(server: SftpServer, key: bytes | None) -> list[Finding]:
    return tried(server, server.addresses[0], key)


def test_one_that_is_well_and_nothing_stays_behind(theirs: AgencyServer, ours: Path, start) -> None:
    start()
    findings = found(of(theirs), ours.read_bytes())
    assert [(one.about, one.code) for one in findings] == [(step, "") for step in STEPS]
    assert list(theirs.incoming.iterdir()) == []


def test_without_our_key_its_host_key_is_all_that_is_looked_at(theirs: AgencyServer, start) -> None:
    start()
    assert [(one.about, one.code) for one in found(of(theirs), None)] == [("the host key", "")]


CONFIGURED = {
    "endpoint.algorithms": "Ciphers aes256-ctr",
    "endpoint.refuses_key": "AuthorizedKeysFile none",
    "endpoint.folder_forbidden": "ForceCommand internal-sftp -R",
    "endpoint.sftp": "MaxSessions 0",
}


@pytest.mark.parametrize("code", CONFIGURED)
def test_what_its_configuration_forbids_is_named(theirs: AgencyServer, ours: Path, start, code: str) -> None:
    start(CONFIGURED[code])
    last = found(of(theirs), ours.read_bytes())[-1]
    assert (last.code, last.wrong) == (code, True)
    assert any(CODES[code].remedy_ar in line for line in last.lines)
    assert any(CODES[code].remedy_en in line for line in last.lines)


def test_another_host_key_ends_it_before_anything_is_shown(
    theirs: AgencyServer, ours: Path, start, tmp_path: Path
) -> None:
    start()
    server = replace(of(theirs), host_keys=(key_pair(tmp_path),))
    assert [one.code for one in found(server, ours.read_bytes())] == ["endpoint.host_key"]


def test_a_folder_that_is_not_there(theirs: AgencyServer, ours: Path, start) -> None:
    start()
    server = replace(of(theirs), folder=f"{theirs.incoming}/nowhere")
    last = found(server, ours.read_bytes())[-1]
    assert (last.code, last.about) == ("endpoint.folder", "listing the folder")


def test_what_listens_and_is_no_ssh_server(theirs: AgencyServer, ours: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def answer() -> None:
            plain, _ = listener.accept()
            with plain:
                plain.sendall(b"220 ftp.example ready\r\n" * 100)

        threading.Thread(target=answer, daemon=True).start()
        server = replace(of(theirs), addresses=(f"127.0.0.1:{listener.getsockname()[1]}",))
        assert found(server, ours.read_bytes())[-1].code == "endpoint.ssh"


def test_what_never_answers(theirs: AgencyServer, ours: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        server = replace(of(theirs, 1), addresses=(f"127.0.0.1:{listener.getsockname()[1]}",))
        assert found(server, ours.read_bytes())[-1].code == "endpoint.slow"


class Fast(asyncssh.SFTPServer):
    """A server whose clock is five minutes ahead."""

    def close(self, file_obj) -> None:
        ahead = os.fstat(file_obj.fileno()).st_mtime + 300
        super().close(file_obj)
        os.utime(file_obj.name, (ahead, ahead))


def test_a_clock_that_is_ahead(theirs: AgencyServer, ours: Path, tmp_path: Path) -> None:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def listen() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1", 0, server_host_keys=[str(theirs.folder / "host")],
            authorized_client_keys=str(theirs.folder / "authorized_keys"), sftp_factory=Fast,
        )  # fmt: skip

    acceptor = asyncio.run_coroutine_threadsafe(listen(), loop).result(20)
    try:
        server = replace(of(theirs), addresses=(f"127.0.0.1:{acceptor.get_port()}",), folder=str(tmp_path))
        wrong = [one for one in found(server, ours.read_bytes()) if one.wrong]
    finally:
        loop.call_soon_threadsafe(acceptor.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
    assert [one.code for one in wrong] == ["endpoint.clock"]
