"""Taking records in: a whole site with a real key server, `isnad serve`, and a client over mTLS.

The site, the gateway's processes, the key server and the client share the machine's cores.
"""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from operator import getitem
from pathlib import Path
from statistics import median

import orjson

from benchmarks import load, stack
from benchmarks.figures import Figure
from benchmarks.records import notification
from gateway.demo.running import Running
from gateway.demo.set_up import site
from gateway.demo.site import Site

PATH = "/v1/death.v1/records"
BLOCK = 64
"""Records in one chunk of a stream."""
BULK, RUNS = 60_000, 3
CONNECTIONS, SECONDS = 64, 5.0
ENOUGH_PER_S = 8_000
"""Single records that are made before anything is measured: more than can be taken in."""
BARE_PER_S = 80_000
"""The same for what answers without a gateway, which gets records many times."""
STREAMED, STREAMED_FULL = 200_000, 1_000_000
MIB = 1 << 20


def run(*, full: bool = False) -> list[Figure]:
    """Measure; takes about two minutes, with `full` about five."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as services:
        here = services.enter_context(site(Path(folder)))
        serve = here.serve()
        client = _Client(here)
        bare = services.enter_context(stack.running(here.authority))
        client.stream(BULK // 4)  # so that every process has its contracts in memory
        figures = [*_one_by_one(client, bare), _bulk(client, bare)]
        return [*figures, *_memory(client, serve, STREAMED_FULL if full else STREAMED)]


class _Client:
    """An agency's computer."""

    def __init__(self, here: Site) -> None:
        issued = here.issue("moh")
        self.port = here.ports["serve"]
        self.context = here.client(issued)
        # What answers without a gateway has a certificate of the agencies' authority.
        self.bare_context = here.client(issued)
        self.bare_context.load_verify_locations(cadata=here.authority.pem)
        self._streams = 0

    def stream(self, records: int) -> float:
        """Send records that nobody has sent before in one NDJSON stream; return the seconds it took."""
        self._streams += 1
        blocks = list(_blocks(records, f"B{self._streams}")) if records <= BULK else _blocks(records, "L")
        tail = b""

        def heard(octets: bytes) -> None:
            nonlocal tail
            tail = (tail + octets)[-1000:]

        start = load.head(PATH, "application/x-ndjson", None)
        seconds = load.stream(self.port, self.context, start, iter(blocks), heard)
        _require_all(tail, records)
        return seconds

    def bare_stream(self, port: int, records: int) -> float:
        start = load.head(PATH, "application/x-ndjson", None)
        start = start.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        blocks = list(_blocks(records, "B"))
        return load.stream(port, self.bare_context, start, iter(blocks), lambda _: None)


def _blocks(records: int, prefix: str) -> Iterator[bytes]:
    for first in range(0, records, BLOCK):
        yield b"".join(notification(n, prefix) for n in range(first, min(first + BLOCK, records)))


def _require_all(tail: bytes, records: int) -> None:
    line = next((line for line in tail.splitlines() if line.startswith(b'{"summary"')), b"")
    if not line or orjson.loads(line)["summary"]["accepted"] != records:
        raise RuntimeError(f"not all records were accepted: {tail[-400:]!r}")


def _request(n: int) -> bytes:
    body = notification(n, "S").rstrip()
    return load.head(PATH, "application/json", len(body)) + body


def _one_by_one(client: _Client, bare: int) -> list[Figure]:
    """Measure single records in turn with what the HTTP stack does alone: a host is not the same for a minute."""
    many = int(SECONDS * ENOUGH_PER_S)
    alone, taken = [], []
    for run in range(RUNS):
        requests = [_request(run * many + n) for n in range(many)]
        again = partial(getitem, requests * (BARE_PER_S // ENOUGH_PER_S))
        alone.append(_answered(bare, client.bare_context, again, b"202").per_s)
        taken.append(_answered(client.port, client.context, partial(getitem, requests), b"200"))
    limit, best = "bare uvicorn and Starlette answering 202", median(alone)
    name = f"single records with durable receipts, {CONNECTIONS} connections"
    middle, last = (median(one.quantile_ms(part) for one in taken) for part in (0.5, 0.99))
    return [
        Figure(name, median(one.per_s for one in taken), "records/s", limit, best, goal=0.12 * best),
        Figure(f"{name}: median", middle, "ms", "none", 0.0),
        Figure(f"{name}: 99 of 100 within", last, "ms", "none", 0.0, goal=60, at_most=True),
    ]


def _answered(
    port: int, context: ssl.SSLContext, request: Callable[[int], bytes], status: bytes
) -> load.Answered:
    return load.one_by_one(port, context, request, connections=CONNECTIONS, seconds=SECONDS, status=status)


def _bulk(client: _Client, bare: int) -> Figure:
    limit = BULK / median(client.bare_stream(bare, BULK) for _ in range(RUNS))
    rate = BULK / median(client.stream(BULK) for _ in range(RUNS))
    name = "NDJSON bulk over mTLS into log and outbox, relayed into the embedded queue"
    return Figure(
        name, rate, "records/s", "bare uvicorn and Starlette reading the same stream", limit, 15_000
    )


def _memory(client: _Client, serve: Running, records: int) -> list[Figure]:
    client.stream(records)
    intake = serve.popen.pid
    children = Path(f"/proc/{intake}/task/{intake}/children").read_text().split()
    name = f"memory of the intake process after {records:,} records in one stream, at its highest"
    others = sum(highest_mib(int(pid)) for pid in children)
    return [
        Figure(name, highest_mib(intake), "MiB", "none", 0.0, goal=300, at_most=True),
        Figure("memory of its workers and of the log's process, together", others, "MiB", "none", 0.0),
    ]


def highest_mib(pid: int) -> float:
    """Return a process's largest resident set so far."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / MIB for line in lines if line.startswith("VmHWM"))
