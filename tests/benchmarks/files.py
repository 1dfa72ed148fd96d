"""Files by SFTP: OpenSSH's client, a whole site with key server and broker, and what asyncssh does without us.

The site, the broker, the key server and the clients share the machine's cores.
"""

from __future__ import annotations

import csv
import hashlib
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from statistics import median

import orjson
import yaml

import contracts
from adapters.sftp.journal import listing
from benchmarks.figures import Figure, rate
from benchmarks.intake import highest_mib
from gateway.demo import rabbitmq
from gateway.demo.local import free_ports
from gateway.demo.running import Running
from gateway.demo.set_up import site
from gateway.demo.site import BROKER_ACCOUNT, BROKER_DELIVERY, BROKER_READER, Site
from gateway.log.store import open_reader

CSV, XML = "eligibility-gained.v1", "death.v1"
SAMPLES = Path(contracts.__file__).parent / "agencies" / "cso"
ROWS, ROWS_FULL = 100_000, 1_000_000
ELEMENTS, ELEMENTS_FULL = 100_000, 200_000
MOVED_BYTES = 200 << 20
SMALL = 1000
HUGE_BYTES = 2 << 30
MOVES = 9
"""Transfers of each kind, each of less than a second."""
RUNS = 3
MIB = 1 << 20
PATIENCE_S = 1800.0


def run(*, full: bool = False) -> list[Figure]:
    """Measure; takes about three minutes, with `full` about ten; that also takes 15 GB of disk.

    The files are sent several times, but for the largest: a host is not the same for a minute.
    """
    runs = 1 if full else RUNS
    with tempfile.TemporaryDirectory() as folder, ExitStack() as services:
        accounts = {
            name: secrets.token_urlsafe() for name in (BROKER_ACCOUNT, BROKER_DELIVERY, BROKER_READER)
        }
        broker = services.enter_context(rabbitmq.running(Path(folder) / "broker", accounts))
        here = services.enter_context(site(Path(folder) / "site", broker))
        _roomy(here)
        serve = here.serve()
        client = _Client(here, Path(folder))
        bare = services.enter_context(_bare(client))
        client.take(_csv(5_000, "W"), "warm.csv", 5_000)
        figures = [
            *_moving(client, bare),
            _rows(client, ROWS_FULL if full else ROWS, runs),
            _elements(client, ELEMENTS_FULL if full else ELEMENTS, runs),
            _small(client, bare),
            _memory(serve, "all of this"),
        ]
        if full:
            rows = _huge(client)
            figures.append(_memory(serve, f"a file of 2 GB too, {rows:,} rows"))
        return figures


class _Client:
    """An agency's computer with OpenSSH."""

    def __init__(self, here: Site, folder: Path) -> None:
        self.here = here
        self.folder = folder / "client"
        self.folder.mkdir()
        key = self.folder / "id"
        key.touch(0o600)
        key.write_bytes(here.ssh_identities["cso"])
        self._number = 0

    def sftp(self, port: int, *commands: str) -> float:
        """Run OpenSSH's sftp; return the seconds it took."""
        began = time.perf_counter()
        subprocess.run(
            ["sftp", "-q", "-F", "/dev/null", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
             "-o", "LogLevel=ERROR", "-o", "Ciphers=aes256-gcm@openssh.com", "-i", str(self.folder / "id"),
             "-P", str(port), "-b", "-", "cso@127.0.0.1"],
            input="\n".join(commands).encode(), cwd=self.folder, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        return time.perf_counter() - began

    @property
    def port(self) -> int:
        return self.here.ports["sftp"]

    def take(self, octets: bytes, name: str, count: int) -> float:
        """Send a file and its manifest; return the seconds until all of it is confirmed by the queue."""
        (self.folder / name).write_bytes(octets)
        self.describe(name, hashlib.sha256(octets).hexdigest(), count)
        began = time.perf_counter()
        self.sftp(self.port, f"put {name} /in/{CSV}/", f"put {name}.manifest.json /in/{CSV}/")
        self.await_all({name: count})
        return time.perf_counter() - began

    def describe(self, name: str, sha256: str, count: int) -> None:
        """Write the manifest of a file."""
        self._number += 1
        manifest = {"sha256": sha256, "rows": count, "number": self._number,
                    "file": name, "from": "2026-06-01", "to": "2026-06-30"}  # fmt: skip
        (self.folder / f"{name}.manifest.json").write_bytes(orjson.dumps(manifest))

    def await_all(self, expected: dict[str, int]) -> None:
        """Wait until files are answered, every record accepted, and the outbox is empty."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            found = {one.name: one for one in listing(self.here.files / "journal.db") if one.name in expected}
            ended = [one for one in found.values() if one.ended_ms]
            if len(ended) == len(expected):
                for one in ended:
                    if one.accepted != expected[one.name]:
                        raise RuntimeError(f"not all records were accepted: {one}")
                break
            time.sleep(0.05)
        with closing(open_reader(self.here.store)) as db:  # the metric is of some seconds ago
            while db.execute("SELECT count(*) FROM outbox").fetchone() != (0,):
                time.sleep(0.05)


def _roomy(here: Site) -> None:
    path = here.config / "agencies" / "cso.yaml"
    agency = yaml.safe_load(path.read_text())
    agency["files"] |= {"max_bytes": 1 << 40, "max_files": 100_000}
    path.write_text(yaml.safe_dump(agency, allow_unicode=True))


def _csv(count: int, prefix: str) -> bytes:
    head, row = (SAMPLES / "eligibility-gained/v1/samples/valid/one.csv").read_bytes().splitlines()
    before, after = row.split(b"CSO-E-000001")
    rows = (b"%s%s-%07d%s" % (before, prefix.encode(), number, after) for number in range(count))
    return b"\r\n".join([head, *rows, b""])


def _xml(count: int, prefix: str) -> bytes:
    """Return a document with so many notifications, each with a reference of its own."""
    document = (SAMPLES / "death/v1/samples/valid/one.xml").read_bytes()
    found = re.search(rb"(?s)^(.*?)(<(\S*?)Death[ >].*</\3Death>)(.*)$", document)
    if found is None:
        raise RuntimeError("the sample has another form")
    head, record, tail = found[1], found[2], found[4]
    reference = re.search(rb"<(?:\w+:)?(?:RegistryNo|Reference|Ref|Number)>([^<]+)<", record)
    if reference is None:
        raise RuntimeError("the sample has another form")
    before, after = record.split(reference[1], 1)
    return b"".join(
        [head, *(b"%s%s-%07d%s\n" % (before, prefix.encode(), n, after) for n in range(count)), tail]
    )


def _moving(client: _Client, bare: int) -> list[Figure]:
    """Measure moving octets, beside asyncssh with the same ciphers writing to the same disk, in turn."""
    (client.folder / "large").write_bytes(os.urandom(MIB) * (MOVED_BYTES // MIB))
    ours = {"put": f"put large /in/{CSV}/large.part", "get": f"get /in/{CSV}/large.part back"}
    theirs = {"put": "put large large.part", "get": "get large.part back"}
    figures = []
    for command, name in (("put", "upload"), ("get", "download")):
        taken = [
            (client.sftp(client.port, ours[command]), client.sftp(bare, theirs[command]))
            for _ in range(MOVES)
        ]
        mine, limit = (MOVED_BYTES / MIB / median(times) for times in zip(*taken, strict=True))
        figures.append(
            Figure(f"SFTP {name}, sealed on the disk", mine, "MiB/s", "asyncssh alone", limit, 0.8 * limit)
        )
    client.sftp(client.port, f"rm /in/{CSV}/large.part")
    return figures


def _rows(client: _Client, count: int, runs: int) -> Figure:
    binding = contracts.load().binding("cso", CSV)
    octets = _csv(10_000, "P")

    def parse() -> None:
        splitter = binding.splitter(1 << 18, "text/csv")
        for piece in [*splitter.feed(octets), *splitter.close()]:
            binding.source.read(piece.octets)

    limit = rate(parse, 10_000)
    seconds = median(client.take(_csv(count, f"B{run}"), f"rows{run}.csv", count) for run in range(runs))
    name = f"CSV file of {count:,} rows by SFTP, confirmed by a quorum queue"
    return Figure(name, count / seconds, "records/s", "bare parse, one core", limit, 15_000)


def _elements(client: _Client, count: int, runs: int) -> Figure:
    binding = contracts.load().binding("cso", XML)
    octets = _xml(2_000, "P")

    def parse() -> None:
        splitter = binding.splitter(1 << 18, "application/xml")
        for piece in [*splitter.feed(octets), *splitter.close()]:
            binding.source.read(piece.octets)

    limit = rate(parse, 2_000)
    taken = []
    for run in range(runs):
        name = f"rows{run}.xml"
        (client.folder / name).write_bytes(_xml(count, f"B{run}"))
        began = time.perf_counter()
        client.sftp(client.port, *_put_and_renamed(name))
        client.await_all({name: count})
        taken.append(time.perf_counter() - began)
    name = f"XML file of {count:,} records by SFTP, confirmed by a quorum queue"
    return Figure(name, count / median(taken), "records/s", "bare parse, one core", limit, 10_000)


def _put_and_renamed(name: str) -> tuple[str, str]:
    part = f"/in/{XML}/{name}.part"
    return f"put {name} {part}", f"rename {part} /in/{XML}/{name}"


def _small(client: _Client, bare: int) -> Figure:
    """Measure many files of one record each, every one answered, beside asyncssh only writing them."""
    ours, theirs = [], []
    for run in range(RUNS):
        names = [f"s{run}-{number}.xml" for number in range(SMALL)]
        for number, name in enumerate(names):
            (client.folder / name).write_bytes(_xml(1, f"S{run}-{number}"))
        theirs.append(client.sftp(bare, *(f"put {name} {name}" for name in names)))
        began = time.perf_counter()
        client.sftp(client.port, *(command for name in names for command in _put_and_renamed(name)))
        client.await_all(dict.fromkeys(names, 1))
        ours.append(time.perf_counter() - began)
    name = f"{SMALL:,} files of one record each, put, renamed and answered"
    limit = SMALL / median(theirs)
    return Figure(name, SMALL / median(ours), "files/s", "asyncssh alone, only put", limit, 250)


def _huge(client: _Client) -> int:
    """Have a file of 2 GB taken, each of its rows as long as the contract lets it be; return how many there are."""
    sample = (SAMPLES / "eligibility-gained/v1/samples/valid/one.csv").read_text("utf-8")
    (columns, cells) = csv.reader(sample.splitlines(), delimiter=";")
    longest = dict(zip(columns, cells, strict=True)) | {
        "NAME": " ".join(["محمدعبدالرحمنمحمودإبراه"] * 8),
        "MOTHER": " ".join(["فاطمةعبدالرحمنمحمودإبرا"] * 8),
        "ADDRESS": "شارع الهرم، الدور الثالث، ".ljust(300, "٣"),
    }
    head = ";".join(columns).encode()
    rest = ";".join(list(longest.values())[1:]).encode()
    digest, count, octets = hashlib.sha256(), 0, 0
    with (client.folder / "huge.csv").open("wb") as file:
        line = head + b"\r\n"
        while octets < HUGE_BYTES:
            file.write(line)
            digest.update(line)
            octets += len(line)
            count += 1
            line = b"CSO-H-%07d;%s\r\n" % (count, rest)
    count -= 1  # the header is no row, and the last line was not written
    client.describe("huge.csv", digest.hexdigest(), count)
    client.sftp(client.port, f"put huge.csv /in/{CSV}/", f"put huge.csv.manifest.json /in/{CSV}/")
    client.await_all({"huge.csv": count})
    return count


def _memory(serve: Running, after: str) -> Figure:
    """Return what the largest of the intake's processes took: the one that listens, the log's, or a worker."""
    pid = serve.popen.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    largest = max(highest_mib(one) for one in (pid, *map(int, children)))
    name = f"memory of the largest process of the intake after {after}, at its highest"
    return Figure(name, largest, "MiB", "none", 0.0, 300, at_most=True)


@contextmanager
def _bare(client: _Client) -> Iterator[int]:
    """Run asyncssh's own SFTP server with our ciphers in a process of its own; yield its port."""
    (port,) = free_ports(1)
    root = client.folder.parent / "bare"
    root.mkdir()
    program = f"""
import asyncio, asyncssh
class Anybody(asyncssh.SSHServer):
    def begin_auth(self, username): return False
async def main():
    await asyncssh.listen("127.0.0.1", {port}, server_factory=Anybody, encryption_algs=["aes256-gcm@openssh.com"],
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot={str(root)!r}))
    print("ready", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    try:
        if process.stdout is None or process.stdout.readline() != b"ready\n":
            raise RuntimeError("asyncssh did not start")
        yield port
    finally:
        process.terminate()
        process.wait(10)
