"""A whole site on this machine: key server, configuration, gateway processes, agencies' certificates.

`set_up.site` makes one: of the shipped configuration, so what runs here is what runs there.
"""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from crypto.openbao.prepare import Prepared, admit
from gateway.demo import openbao
from gateway.demo.local import in_memory
from gateway.demo.pki import Authority, Issued
from gateway.demo.rabbitmq import Server as Broker
from gateway.demo.running import Running, listen

HOST = "localhost"
BROKER_ACCOUNT = "gateway"
BROKER_DELIVERY = "delivery"
BROKER_READER = "nea"
BROKER_PASSWORD = "ISNAD_RABBITMQ_PASSWORD"  # noqa: S105  the variable's name


@dataclass(slots=True)
class Site:
    """A prepared site; nothing of the gateway runs before it is started."""

    folder: Path
    keys: openbao.Server = field(repr=False)
    prepared: Prepared = field(repr=False)
    authority: Authority = field(repr=False)
    ports: Mapping[str, int]
    broker: Broker | None = None
    processes: list[Running] = field(default_factory=list)
    ssh_identities: dict[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def files(self) -> Path:
        """Where agencies' files are kept."""
        return self.folder / "var" / "files"

    @property
    def config(self) -> Path:
        """The configuration folder of the gateway."""
        return self.folder / "config"

    @property
    def store(self) -> Path:
        """The log's store."""
        return self.folder / "var" / "store.db"

    @property
    def url(self) -> str:
        """Where agencies hand over records."""
        return f"https://{HOST}:{self.ports['serve']}"

    @property
    def inbox_url(self) -> str:
        """Where agencies fetch what is for them."""
        return f"https://{HOST}:{self.ports['deliver']}"

    def operations_url(self, process: str) -> str:
        """Where `serve` or `deliver` shows health and metrics."""
        return f"http://127.0.0.1:{self.ports[process + '_metrics']}"

    def issue(self, agency: str, **how: Any) -> Issued:
        """Issue a certificate that the registry knows for an agency."""
        return self.authority.issue(agency, hosts=(f"{agency}.test",), **how)

    def client(self, issued: Issued | None) -> ssl.SSLContext:
        """Return a context for calling the gateway with a certificate, or without."""
        context = ssl.create_default_context(cadata=self.prepared.ca_pem)
        if issued is not None:
            chain = in_memory(issued.key_pem + issued.chain_pem.encode())
            context.load_cert_chain(f"/proc/self/fd/{chain}")
            os.close(chain)
        return context

    def ssh_key(self, agency: str) -> str:
        """Return an agency's SSH public key; its private half is in `ssh_identities`, made at the first call."""
        if agency not in self.ssh_identities:
            key = Ed25519PrivateKey.generate()
            self.ssh_identities[agency] = key.private_bytes(
                Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()
            )
        public = load_ssh_private_key(self.ssh_identities[agency], None).public_key()
        return public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()

    def revoke(self, issued: Issued) -> None:
        """Revoke a certificate and publish the new list; the gateway takes it up within a few seconds."""
        self.authority.revoke(issued)
        replace_file(self.config / "pki" / "site.crl", self.authority.crl())

    def admit(self, process: str) -> dict[str, str]:
        """Return the environment in which a process (`intake`, `deliver`, `nea`, `officer`) may start once."""
        token = admit(self.keys.administrator(), process)
        secrets = {f"ISNAD_{process.upper()}_WRAPPING_TOKEN": token}
        if self.broker:
            account = {"deliver": BROKER_DELIVERY, "nea": BROKER_READER}.get(process, BROKER_ACCOUNT)
            secrets[BROKER_PASSWORD] = self.broker.passwords[account]
        return secrets

    def serve(self, *command: str) -> Running:
        """Start `isnad serve`; it answers on return. `command` replaces the program that runs it."""
        running = self.run("serve", command or isnad("serve"), self.admit("intake"), config=True)
        running.wait_for("gateway.started")
        return running

    def deliver(self, *command: str) -> Running:
        """Start `isnad deliver`; it answers on return."""
        running = self.run("deliver", command or isnad("deliver"), self.admit("deliver"), config=True)
        running.wait_for("delivery.started")
        return running

    def run(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        config: bool = False,
        descriptors: Sequence[int] = (),
    ) -> Running:
        """Start a process of the site and keep what it says."""
        popen = subprocess.Popen(  # noqa: S603  our own programs
            [*command, *(("--config", str(self.config)) if config else ())],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=descriptors,
            start_new_session=True,  # Ctrl-C is for who started it, who stops it in good order
        )
        running = Running(name, popen)
        threading.Thread(
            target=listen, args=(running, self.folder / "var" / f"{name}.log"), daemon=True
        ).start()
        self.processes.append(running)
        return running

    def consumer(self) -> tuple[Path, list[int]]:
        """Write the settings of the authority's core; its certificate and key are in the returned descriptors."""
        issued = self.issue("nea")
        chain, key = in_memory(issued.chain_pem.encode()), in_memory(issued.key_pem)
        agreements = [yaml.safe_load(path.read_text()) for path in (self.config / "agreements").iterdir()]
        senders: dict[str, list[str]] = {}
        for agreement in agreements:
            if agreement["recipient"] == "nea":
                senders.setdefault(agreement["sender"], []).append(agreement["contract"])
        queue = {key: value for key, value in self.settings["queue"].items() if "delivery" not in key}
        if self.broker:
            queue["user"] = BROKER_READER
        path = self.folder / "consumer.yaml"
        settings = {
            "participant": "nea",
            "origin": self.settings["origin"],
            "suites": [self.settings["suite"]],
            "senders": senders,
            "queue": queue,
            "ledger": str(self.folder / "var" / "nea-ledger.db"),
            "keys": {
                "address": self.keys.address,
                "ca_file": "config/pki/keys.pem",
                "role": "isnad-nea",
                "role_id": self.prepared.role_ids["nea"],
                "wrapping_token": "env:ISNAD_NEA_WRAPPING_TOKEN",
                "key_ids": ["nea-1"],
            },
            "gateway": {
                "url": self.url,
                "ca_file": "config/pki/gateway.pem",
                "certificate_file": f"/proc/self/fd/{chain}",
                "key_file": f"/proc/self/fd/{key}",
            },
        }
        path.write_text(yaml.safe_dump(settings, allow_unicode=True))
        return path, [chain, key]

    @property
    def settings(self) -> dict[str, Any]:
        """What `gateway.yaml` says."""
        settings: dict[str, Any] = yaml.safe_load((self.config / "gateway.yaml").read_text())
        return settings

    def close(self) -> None:
        """End whatever still runs."""
        for running in reversed(self.processes):
            if running.popen.poll() is None:
                running.kill()


def isnad(*arguments: str) -> list[str]:
    """Return the command line of `isnad` in this environment."""
    return [sys.executable, "-m", "gateway.cli", *arguments]


def replace_file(path: Path, octets: bytes) -> None:
    """Write a file that a running process may be reading: whole, or not at all."""
    beside = path.with_suffix(".new")
    beside.write_bytes(octets)
    beside.replace(path)
