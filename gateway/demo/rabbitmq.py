"""A private RabbitMQ broker for development and tests: over TLS, on its own ports, its key never on a disk.

It runs with the configuration in `docker/rabbitmq`; what differs here is appended by `_overrides`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from gateway.demo.local import free_ports, in_memory
from gateway.demo.pki import Authority, Issued
from gateway.errors import Unavailable

CONFIGURATION = Path(__file__).parents[2] / "docker" / "rabbitmq"
INSTALLED = ("/usr/lib/rabbitmq/bin", "/opt/rabbitmq/sbin")
"""Where distributions keep the broker's own scripts; those in the path change the user first."""
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  the folder made in it is private
START_S = 60.0
STOP_S = 20.0
NODE = "isnad@localhost"


@dataclass(slots=True)
class Server:
    """A running broker. What it stores is in `directory` and survives `kill`, for `start_again` to find."""

    directory: Path
    port: int
    authority: Authority
    passwords: Mapping[str, str] = field(repr=False)
    certificate: Issued = field(repr=False)
    ports_inside: tuple[int, int]
    memory: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list, repr=False)

    def client_context(self, account: str = "") -> ssl.SSLContext:
        """Return a TLS context that trusts this broker alone, with the certificate of an account if named."""
        context = ssl.create_default_context(cadata=self.authority.pem)
        if account:
            issued = self.authority.issue(account)
            chain = in_memory(issued.key_pem + issued.chain_pem.encode())
            context.load_cert_chain(f"/proc/self/fd/{chain}")
            os.close(chain)
        return context

    def control(self, *arguments: str) -> str:
        """Run `rabbitmqctl` against this broker and return what it prints; takes a second."""
        finished = subprocess.run(  # noqa: S603  the installed broker's own tool
            [str(_installed() / "rabbitmqctl"), "--quiet", *arguments],
            env=_environment(self.directory, self.ports_inside),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
        )
        return finished.stdout.decode()

    def start_again(self) -> None:
        """Start it with what its directory holds, on the same port; it answers on return.

        Raises:
            Unavailable: it did not come up within 60 s.
        """
        _spawn(self)
        deadline = time.monotonic() + START_S
        while not _answers(self):
            if self.processes[-1].poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise Unavailable("unavailable.queue", "the development broker did not start")
            time.sleep(0.05)

    def pause(self) -> None:
        """Freeze it: connections open and nothing answers."""
        self.processes[-1].send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen one go on."""
        self.processes[-1].send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it in good order."""
        self.processes[-1].terminate()
        with suppress(subprocess.TimeoutExpired):
            self.processes[-1].wait(STOP_S)
        self.kill()

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        for process in reversed(self.processes):
            process.kill()
            process.wait()
        self.processes.clear()
        shutil.rmtree(self.memory, ignore_errors=True)


def start(directory: Path, passwords: Mapping[str, str], extra: str = "") -> Server:
    """Start a broker on free ports of 127.0.0.1; takes about 5 s.

    `directory` is made, for the owner alone. `passwords` are for accounts in the definitions that
    may also log in without a certificate. `extra` are lines of rabbitmq.conf that come last.

    Raises:
        Unavailable: RabbitMQ is not installed, or did not come up.
    """
    authority = Authority("RabbitMQ for development")
    certificate = authority.issue("localhost", hosts=("localhost", "127.0.0.1"), server=True)
    port, *inside = free_ports(3)
    memory = SHARED_MEMORY / f"isnad-{uuid.uuid4()}"
    server = Server(directory, port, authority, dict(passwords), certificate, (inside[0], inside[1]), memory)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    (directory / "conf.d").mkdir()
    shutil.copy(CONFIGURATION / "rabbitmq.conf", directory / "conf.d" / "10-isnad.conf")
    (directory / "definitions.json").write_text(json.dumps(_definitions(passwords)))
    (directory / "conf.d" / "90-here.conf").write_text(_overrides(server) + extra)
    server.start_again()
    return server


@contextmanager
def running(directory: Path, passwords: Mapping[str, str]) -> Iterator[Server]:
    """Run a broker for as long as the context lasts."""
    server = start(directory, passwords)
    try:
        yield server
    finally:
        server.stop()


def is_installed() -> bool:
    """Whether there is a broker on this machine to start."""
    return any((Path(folder) / "rabbitmq-server").exists() for folder in INSTALLED)


def _installed() -> Path:
    for folder in map(Path, INSTALLED):
        if (folder / "rabbitmq-server").exists():
            return folder
    raise Unavailable("unavailable.queue", "RabbitMQ is not installed: `make services` installs it")


def _definitions(passwords: Mapping[str, str]) -> object:
    """Return the accounts of `docker/rabbitmq/definitions.json`, with passwords where there are some."""
    definitions = json.loads((CONFIGURATION / "definitions.json").read_text())
    for user in definitions["users"]:
        if user["name"] in passwords:
            user["password_hash"] = _password_hash(passwords[user["name"]])
    return definitions


def _password_hash(password: str) -> str:
    """Hash a password as RabbitMQ keeps it: four octets of salt, then SHA-256 over salt and password."""
    salt = os.urandom(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def _overrides(server: Server) -> str:
    lines = [
        f"listeners.ssl.default = 127.0.0.1:{server.port}",
        f"load_definitions = {server.directory}/definitions.json",
        "disk_free_limit.absolute = 50MB",
        "loopback_users = none",
    ]
    if server.passwords:
        lines += ["auth_mechanisms.2 = PLAIN", "ssl_options.fail_if_no_peer_cert = false"]
    return "\n".join(lines) + "\n"


def _spawn(server: Server) -> None:
    """Start the port mapper and the broker.

    Erlang follows links before it reads a certificate or a key, so anonymous memory will not do; a folder in
    shared memory, for the owner alone, does.
    """
    server.memory.mkdir(mode=0o700, exist_ok=True)
    environment = _environment(server.directory, server.ports_inside)
    text = ""
    for name, octets in {
        "cacertfile": server.authority.pem.encode(),
        "certfile": server.certificate.chain_pem.encode(),
        "keyfile": server.certificate.key_pem,
    }.items():
        (server.memory / name).write_bytes(octets)
        text += f"ssl_options.{name} = {server.memory}/{name}\n"
    (server.directory / "conf.d" / "95-tls.conf").write_text(text)
    epmd = shutil.which("epmd") or str(_installed() / "epmd")
    commands = (
        [epmd, "-address", "127.0.0.1", "-port", str(server.ports_inside[0])],
        [str(_installed() / "rabbitmq-server")],
    )
    with (server.directory / "output").open("ab") as output:
        for command in commands:
            server.processes.append(
                subprocess.Popen(  # noqa: S603  the installed broker
                    command,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,  # Ctrl-C is for who started it
                )
            )


def _environment(directory: Path, ports_inside: tuple[int, int]) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "HOME": str(directory),  # the Erlang cookie is made there
        "ERL_CRASH_DUMP": str(directory / "erl_crash.dump"),  # not wherever it was started from
        "ERL_EPMD_PORT": str(ports_inside[0]),
        "RUNNING_UNDER_SYSTEMD": "1",  # the script becomes the broker instead of watching over it
        "RABBITMQ_CONF_ENV_FILE": str(directory / "none"),
        "RABBITMQ_NODENAME": NODE,
        "RABBITMQ_DIST_PORT": str(ports_inside[1]),
        "RABBITMQ_MNESIA_BASE": str(directory / "stored"),
        "RABBITMQ_LOG_BASE": str(directory / "log"),
        "RABBITMQ_CONFIG_FILE": str(directory / "none"),
        "RABBITMQ_CONFIG_FILES": str(directory / "conf.d"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(CONFIGURATION / "enabled_plugins"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none",
    }


def _answers(server: Server) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", server.port), 1.0):
            return True
    except OSError:
        return False
