"""SSH as agencies have it: keys made by OpenSSH, and a server of their own, Debian's sshd."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

from gateway.demo.local import free_ports


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
class SshUser:
    """Somebody at an agency with OpenSSH: a folder with a key, and the gateway's host key pinned."""

    folder: Path
    user: str
    port: int
    host_key: str
    key: str = "id"
    options: list[str] = field(default_factory=list)

    def options_of_ssh(self) -> list[str]:
        known = self.folder / "known_hosts"
        known.write_text(f"[127.0.0.1]:{self.port} {self.host_key}\n")
        return [
            "-F", "/dev/null", "-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={known}",
            "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-i", str(self.folder / self.key), *self.options,
        ]  # fmt: skip

    def sftp(self, *commands: str) -> subprocess.CompletedProcess[str]:
        """Run OpenSSH's sftp with a batch of commands, from this folder."""
        return subprocess.run(
            ["sftp", *self.options_of_ssh(), "-P", str(self.port), "-b", "-", f"{self.user}@127.0.0.1"],
            input="\n".join(commands) + "\n",
            capture_output=True, text=True, cwd=self.folder, timeout=120, check=False,
        )  # fmt: skip

    def ssh(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run OpenSSH's ssh."""
        return subprocess.run(
            ["ssh", *self.options_of_ssh(), "-p", str(self.port), f"{self.user}@127.0.0.1", *arguments],
            capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def write(self, name: str, octets: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(octets)
        return path

    def get(self, path: str) -> bytes:
        """Fetch a file."""
        there = self.folder / "fetched"
        there.unlink(missing_ok=True)
        done = self.sftp(f'get "{path}" "{there}"')
        assert done.returncode == 0, done.stderr
        return there.read_bytes()


@dataclass
class AgencyServer:
    """A running sshd, with a folder for what is fetched and one for what is delivered."""

    folder: Path
    port: int
    host_key: str
    user: str
    _process: subprocess.Popen[bytes] = field(init=False, repr=False)

    @classmethod
    def prepared(cls, folder: Path, authorized: str) -> AgencyServer:
        """Return a server that does not run yet; who holds `authorized`'s private half may log in."""
        host_key = key_pair(folder, "host")
        (folder / "authorized_keys").write_text(authorized + "\n")
        for name in ("outgoing", "incoming"):
            (folder / name).mkdir()
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        (port,) = free_ports(1)
        return cls(folder, port, host_key, getpass.getuser())

    @property
    def outgoing(self) -> Path:
        """Where the agency puts what the gateway fetches."""
        return self.folder / "outgoing"

    @property
    def incoming(self) -> Path:
        """Where the gateway puts what is for the agency."""
        return self.folder / "incoming"

    def start(self, *options: str) -> None:
        """Run sshd, with more lines of configuration than usual; it answers on return."""
        config = [
            *options, f"ListenAddress 127.0.0.1:{self.port}", f"HostKey {self.folder}/host",
            f"AuthorizedKeysFile {self.folder}/authorized_keys", "PidFile none", "StrictModes no", "UsePAM no",
            "PasswordAuthentication no", "PermitRootLogin prohibit-password", "Subsystem sftp internal-sftp",
        ]  # fmt: skip
        (self.folder / "sshd_config").write_text("\n".join(config) + "\n")
        with self.log.open("ab") as log:
            command = ["/usr/sbin/sshd", "-D", "-e", "-f", str(self.folder / "sshd_config")]
            self._process = subprocess.Popen(command, stderr=log)
        deadline = time.monotonic() + 20
        while not self._listens():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)

    def _listens(self) -> bool:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        return False

    def stop(self) -> None:
        """End sshd."""
        self._process.terminate()
        self._process.wait(20)

    @property
    def log(self) -> Path:
        """What sshd says."""
        return self.folder / "sshd.log"

    def as_configured(self, **changes) -> dict:
        return {
            "addresses": [f"127.0.0.1:{self.port}"],
            "user": self.user,
            "host_keys": [self.host_key],
        } | changes


@contextmanager
def agency_server(folder: Path, authorized: str) -> Iterator[AgencyServer]:
    """Run sshd until the end of the block; the one who holds `authorized`'s private half may log in."""
    server = AgencyServer.prepared(folder, authorized)
    server.start()
    try:
        yield server
    finally:
        server.stop()
