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

from adapters.sftp import tried, tried_fetching
from gateway.codes import CODES
from gateway.files import Poll, SftpServer
from gateway.onboarding.finding import Finding

STEPS = ["the host key", "the login", "listing the folder", "writing into the folder", "the clock",
         "renaming in the folder", "removing from the folder"]  # fmt: skip
FETCHING = ["the host key", "the login", "listing the folder", "fetching from the folder"]
ANSWERING = ["listing the folder of answers", "writing into the folder of answers", "the clock",
             "renaming in the folder of answers", "removing from the folder of answers"]  # fmt: skip


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


def found(server: SftpServer, key: bytes) -> list[Finding]:
    return tried(server, server.addresses[0], key)


def fetching(theirs: AgencyServer, ours: Path, folder: str = "", answers: str = "") -> list[Finding]:
    server = replace(of(theirs), folder=folder or str(theirs.outgoing))
    return tried_fetching(Poll("death.v1", server, answers, 300), server.addresses[0], ours.read_bytes())


def test_one_that_is_well_and_nothing_stays_behind(theirs: AgencyServer, ours: Path, start) -> None:
    start()
    findings = found(of(theirs), ours.read_bytes())
    assert [(one.about, one.code) for one in findings] == [(step, "") for step in STEPS]
    assert list(theirs.incoming.iterdir()) == []


def test_one_that_is_fetched_from_is_read_and_gets_answers_and_nothing_stays_behind(
    theirs: AgencyServer, ours: Path, start
) -> None:
    start()
    (theirs.outgoing / "june.csv").write_bytes(b"a,b\r\n")
    findings = fetching(theirs, ours, answers=str(theirs.outgoing))
    assert [(one.about, one.code) for one in findings] == [(step, "") for step in (*FETCHING, *ANSWERING)]
    assert [path.name for path in theirs.outgoing.iterdir()] == ["june.csv"]
    (theirs.outgoing / "june.csv").unlink()
    findings = fetching(theirs, ours)
    assert [(one.about, one.code) for one in findings] == [(step, "") for step in FETCHING]
    assert "no file" in findings[-1].detail


FETCHING_FORBIDDEN = {
    "listing the folder": ("-P opendir", "endpoint.folder_forbidden"),
    "fetching from the folder": ("-P open", "endpoint.file_forbidden"),
    "writing into the folder of answers": ("-R", "endpoint.folder_forbidden"),
    "renaming in the folder of answers": ("-P rename", "endpoint.folder_forbidden"),
    "removing from the folder of answers": ("-P remove", "endpoint.folder_forbidden"),
}


@pytest.mark.parametrize("step", FETCHING_FORBIDDEN)
def test_what_its_account_may_not_do_to_be_fetched_from_is_named(
    theirs: AgencyServer, ours: Path, start, step: str
) -> None:
    forbidden, code = FETCHING_FORBIDDEN[step]
    (theirs.outgoing / "july.csv").write_bytes(b"a,b\r\n")
    start(f"ForceCommand internal-sftp {forbidden}")
    last = fetching(theirs, ours, answers=str(theirs.incoming))[-1]
    assert (last.about, last.code, last.wrong) == (step, code, True)
    assert any(CODES[code].remedy_ar in line for line in last.lines)
    assert any(CODES[code].remedy_en in line for line in last.lines)
    for left in theirs.incoming.iterdir():
        left.unlink()


def test_a_folder_of_what_is_fetched_or_answered_that_is_not_there(
    theirs: AgencyServer, ours: Path, start
) -> None:
    start()
    last = fetching(theirs, ours, folder="/nowhere")[-1]
    assert (last.about, last.code) == ("listing the folder", "endpoint.folder")
    last = fetching(theirs, ours, answers="/nowhere")[-1]
    assert (last.about, last.code) == ("listing the folder of answers", "endpoint.folder")


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
    poll = Poll("death.v1", server, "", 300)
    assert [one.code for one in tried_fetching(poll, server.addresses[0], ours.read_bytes())] == [
        "endpoint.host_key"
    ]


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
