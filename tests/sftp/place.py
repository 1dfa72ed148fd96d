"""The adapter with everything real behind it, and what agencies' people have: OpenSSH, keys, files and manifests."""

from __future__ import annotations

import asyncio
import csv
import dataclasses
import hashlib
import io
import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count as count_from
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from registry.registry_parts import Configuration
from support.batches import RECIPIENT, LaneKeys
from support.signing import LocalSigner
from support.ssh import SshUser, public_half

from adapters.sftp import Config, Inbound, inbound
from adapters.sftp.entry import Entry
from adapters.sftp.journal import listing
from contracts.folder import SHIPPED
from crypto.hpke import PublicKey, Suite
from gateway import exchange
from gateway.files import Files
from gateway.folders import AgreedFolders, RecordCounter
from gateway.groups import Groups
from gateway.log.committer import Committer
from gateway.log.reading import StoreRecords
from gateway.quotas import Quotas
from gateway.refusals import Refusals
from gateway.registry.living import Living
from gateway.registry.snapshot import Sources
from gateway.rules import ByRegistry, Keys
from gateway.signatures import DetachedSignatures
from gateway.workers import Workers

ORIGIN = "gate.example"
QUOTA = {
    "records_per_s": 100_000,
    "burst": 1_000_000,
    "submissions_per_s": 1000,
    "records_per_day": 10_000_000,
}
CSV = "eligibility-gained.v1"
XML = "death.v1"
SAMPLE = SHIPPED / "agencies" / "cso" / "eligibility-gained" / "v1" / "samples" / "valid" / "one.csv"
DEADLINE_S = 60.0
NUMBERS = count_from(1)
"""Of manifests, unless a test gives its own."""


class FileKeysHeld:
    """`files.FileKeys` in memory."""

    def __init__(self) -> None:
        self._host, self._client = (
            Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
            for _ in range(2)
        )

    def of_files(self, agency: str) -> bytes:
        return hashlib.sha256(b"files " + agency.encode()).digest()

    def of_client(self) -> bytes:
        return self._client

    def of_host(self) -> bytes:
        return self._host


class Recipients:
    def public(self, kid: str) -> PublicKey:
        return dataclasses.replace(RECIPIENT.public(), kid=kid)


@dataclass
class Place:
    """A gateway for files in a thread of this process, and an agency, `cso`, with an OpenSSH key beside it."""

    folder: Path
    configuration: Configuration
    living: Living
    signer: LocalSigner
    records: StoreRecords
    inbound: Inbound
    loop: asyncio.AbstractEventLoop
    port: int = 0
    host_key: str = ""

    @property
    def files(self) -> Path:
        return self.folder / "files"

    def entries(self) -> list[Entry]:
        return listing(self.files / "journal.db")

    def entry(self, name: str) -> Entry | None:
        return next((entry for entry in self.entries() if entry.name == name), None)

    def lane(self, name: str) -> list[dict]:
        """Return everything that a lane says, oldest first."""
        size = int(self.records.checkpoint(name).splitlines()[1])
        told = []
        for first in range(0, size, 256):
            octets = self.records.entries(name, first // 256, min(256, size - first))
            while octets:
                length = int.from_bytes(octets[:2])
                told.append(json.loads(octets[2 : 2 + length]))
                octets = octets[2 + length :]
        return told

    def answered(self, name: str, timeout_s: float = DEADLINE_S) -> Entry:
        """Return what is known of a file once it is answered or refused."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            entry = self.entry(name)
            if entry is not None and entry.state in ("answered", "refused"):
                return entry
            time.sleep(0.02)
        raise AssertionError(f"{name} was not answered: {self.entry(name)}")

    def reload(self) -> None:
        """Have what the registry says now hold, also in the process that listens."""
        self.living.reload()
        self.run(self.inbound._front.tell())

    def run(self, work):
        """Run a coroutine on the gateway's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(DEADLINE_S)


@dataclass
class Person(SshUser):
    """Somebody at an agency with OpenSSH, who sends CSV files with their manifests."""

    def manifest(self, name: str, octets: bytes, count: int, number: int = 0, **changes: object) -> bytes:
        """Write the manifest beside a file, as the binding wants it."""
        members = {
            "sha256": hashlib.sha256(octets).hexdigest(), "rows": count, "file": name,
            "number": number or next(NUMBERS), "from": "2026-06-01", "to": "2026-06-30", **changes,
        }  # fmt: skip
        text = json.dumps(members, ensure_ascii=False).encode()
        self.write(f"{name}.manifest.json", text)
        return text

    def put(self, name: str, octets: bytes, count: int, number: int = 0, **changes: object) -> None:
        """Send a CSV file with its manifest."""
        self.write(name, octets)
        self.manifest(name, octets, count, number, **changes)
        done = self.sftp(f'put "{name}" /in/{CSV}/', f'put "{name}.manifest.json" /in/{CSV}/')
        assert done.returncode == 0, done.stderr

    def results(self, name: str, contract: str = CSV, encoding: str = "utf-8") -> list[dict[str, str]]:
        """Fetch the outcomes of a file."""
        text = self.get(f"/in/{contract}/{name}.results.csv").decode(encoding)
        return list(csv.DictReader(io.StringIO(text, newline="")))

    def summary(self, name: str, contract: str = CSV) -> dict[str, object]:
        return json.loads(self.get(f"/in/{contract}/{name}.summary.json"))


def rows(count: int, first: int = 1) -> bytes:
    """Return a CSV file of so many good rows, each with a reference of its own."""
    head, row = SAMPLE.read_bytes().splitlines()
    lines = [row.replace(b"CSO-E-000001", b"CSO-E-%06d" % number) for number in range(first, first + count)]
    return b"\r\n".join([head, *lines, b""])


def shipped(agency: str, contract: str, name: str) -> bytes:
    """Return a valid sample that comes with a binding."""
    return (SHIPPED / "agencies" / agency / contract / "v1" / "samples" / "valid" / name).read_bytes()


def configured(folder: Path, *, keys=(), **files: object) -> Configuration:
    """Return a configuration in which `cso` sends files with these SSH keys."""
    configuration = Configuration(folder / "config")
    configuration.agency("cso", adapter=["rest", "sftp"], quota=QUOTA, files={"keys": list(keys), **files})
    configuration.agreement("cso", "nea", XML)
    return configuration


@contextmanager
def open_place(
    folder: Path,
    configuration: Configuration,
    file_keys: FileKeysHeld | None = None,
    workers: int = 1,
    contracts: Path = SHIPPED,
) -> Iterator[Place]:
    """Run a gateway for files until the end of the block; what it keeps stays in `folder`, for the next one."""
    file_keys = file_keys or FileKeysHeld()
    signer = LocalSigner(Suite.HYBRID)
    store = folder / "store.db"
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    with ExitStack() as stack:
        log = stack.enter_context(closing(Committer(store, signer, origin=ORIGIN, outbox_max_bytes=1 << 32)))
        records = stack.enter_context(closing(StoreRecords(store, LaneKeys())))
        pool = Workers(contracts, "synthetic", workers)
        sources = Sources(configuration.folder, contracts, "synthetic")
        living = Living(sources, lambda _: None, poll_s=0.05)
        living.start()
        stack.callback(living.stop)
        rules = ByRegistry(
            lambda: living.current, Keys(Recipients(), LaneKeys(), LaneKeys()), Quotas(time.monotonic),
            Suite.HYBRID, Refusals(),
        )  # fmt: skip
        groups = Groups(partial(exchange.promise, prepare=pool, log=log))
        files = Files(
            accept=partial(exchange.accept, rules=rules, keep=groups.keep, log=log),
            records=records,
            note=log.note,
            agencies=AgreedFolders(lambda: living.current),
            keys=file_keys,
            count=RecordCounter(lambda: living.current),
            signatures=DetachedSignatures(lambda agency: living.current.registry.agencies[agency]),
        )
        thread.start()
        gate = inbound(Config(folder=folder / "files", port=0), files, Refusals())
        place = Place(folder, configuration, living, signer, records, gate, loop)
        try:
            place.run(gate.start())
            place.port = gate.port
            yield place
        finally:
            place.run(gate.stop())
            place.run(groups.drain())
            loop.call_soon_threadsafe(pool.close)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(10)
            loop.close()


def host_key(keys: FileKeysHeld) -> str:
    """Return the public half of the gateway's host key, as an agency pins it."""
    return public_half(keys.of_host())
