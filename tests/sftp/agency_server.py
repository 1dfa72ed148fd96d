"""An agency's own SFTP server: Debian's sshd, with a folder for what is fetched and one for what is delivered."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from place import key_pair


@dataclass
class AgencyServer:
    folder: Path
    port: int
    host_key: str
    user: str

    @property
    def outgoing(self) -> Path:
        """Where the agency puts what the gateway fetches."""
        return self.folder / "outgoing"

    @property
    def incoming(self) -> Path:
        """Where the gateway puts what is for the agency."""
        return self.folder / "incoming"

    def as_configured(self, **changes) -> dict:
        return {
            "addresses": [f"127.0.0.1:{self.port}"],
            "user": self.user,
            "host_keys": [self.host_key],
        } | changes


@contextmanager
def agency_server(folder: Path, authorized: str) -> Iterator[AgencyServer]:
    """Run sshd until the end of the block; the one who holds `authorized`'s private half may log in."""
    host_key = key_pair(folder, "host")
    (folder / "authorized_keys").write_text(authorized + "\n")
    for name in ("outgoing", "incoming"):
        (folder / name).mkdir()
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized_keys\n"
        f"PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
        "Subsystem sftp internal-sftp\n"
    )
    server = subprocess.Popen(
        ["/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "sshd_config")],
        stderr=(folder / "sshd.log").open("wb"),
    )
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, (folder / "sshd.log").read_text()
                time.sleep(0.02)
        yield AgencyServer(folder, port, host_key, getpass.getuser())
    finally:
        server.terminate()
        server.wait(20)
