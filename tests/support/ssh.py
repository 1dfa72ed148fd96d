"""SSH as agencies have it: keys made by OpenSSH, and a server of their own, Debian's sshd."""

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

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key


def key_pair(folder: Path, name: str = "id", kind: str = "ed25519") -> str:
    """Make an OpenSSH key pair and return its public half, without comment."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", str(folder / name)], check=True)
    return " ".join((folder / f"{name}.pub").read_text().split()[:2])


def public_half(private_key: bytes) -> str:
    """Return the public half of an SSH key, as it stands in `authorized_keys`."""
    private = load_ssh_private_key(private_key, None)
    return private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


@dataclass
class AgencyServer:
    """A running sshd, with a folder for what is fetched and one for what is delivered."""

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
