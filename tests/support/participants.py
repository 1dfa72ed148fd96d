"""A whole site as its participants see it: clients, an agency's own server, the authority's core."""

from __future__ import annotations

import json
import os
import sqlite3
import ssl
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import yaml

from gateway.consumer.answers import Answers
from gateway.consumer.ledger import LedgerFile
from gateway.demo.local import in_memory
from gateway.demo.rabbitmq import Server as Broker
from gateway.demo.running import Running
from gateway.demo.set_up import site
from gateway.demo.site import HOST, Site

NDJSON = "application/x-ndjson"
PARTICIPANTS = frozenset({"cso", "moh", "nea"})
PATIENCE_S = 90.0
ANSWER_S = 30.0
CORE = Path(__file__).with_name("core_process.py")


def participant(site: Site, name: str, url: str = "") -> httpx.Client:
    """Return a client that shows a certificate of this participant."""
    return httpx.Client(
        verify=site.client(site.issue(name)), base_url=url or site.url, timeout=ANSWER_S, trust_env=False
    )


@contextmanager
def small_site(
    folder: Path,
    broker: Broker | None = None,
    participants: frozenset[str] = PARTICIPANTS,
    **settings: object,
) -> Iterator[Site]:
    """Prepare a site of a few participants; otherwise as `gateway.demo.site`."""
    with site(folder, broker, workers=1, **settings) as made:
        for path in (made.config / "agencies").iterdir():
            if path.stem not in participants:
                path.unlink()
        for path in (made.config / "agreements").iterdir():
            agreement = yaml.safe_load(path.read_text())
            if not {agreement["sender"], agreement["recipient"]} <= participants:
                path.unlink()
        yield made


def heard(client: httpx.Client, contract: str, body: bytes, **query: str) -> list[dict]:
    """Hand over lines and return the answer's lines, as far as they came before the gateway was gone."""
    lines: list[dict] = []
    headers = {"content-type": NDJSON, "accept": NDJSON}
    path = f"/v1/{contract}/records"
    try:
        with client.stream("POST", path, content=body, headers=headers, params=query) as answer:
            lines.extend(json.loads(line) for line in answer.iter_lines() if line)
    except (httpx.TransportError, json.JSONDecodeError):
        pass
    return lines


def handed_over(client: httpx.Client, contract: str, body: bytes, **query: str) -> list[dict]:
    """Hand over lines again and again until the answer is complete; return its lines."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        lines = heard(client, contract, body, **query)
        if lines and "summary" in lines[-1]:
            return lines
        time.sleep(0.05)
    raise AssertionError("the gateway never answered")


def promised(lines: list[dict]) -> dict[str, tuple[str, int]]:
    """Return where the answer says that each record stands that is in the log, by id."""
    logged = ("accepted", "quarantined", "duplicate")
    return {line["id"]: (line["lane"], line["index"]) for line in lines if line.get("outcome") in logged}


@dataclass
class Endpoint:
    """An agency's own server: keeps what it takes by `Idempotency-Key`, as the guide asks agencies to."""

    taken: dict[str, list[dict]] = field(default_factory=dict)
    attempts: int = 0
    status: int = 200

    def records(self) -> list[str]:
        """Return the ids of all the records taken, as often as they were."""
        return [one["event"]["id"] for bundle in self.taken.values() for one in bundle]

    def take(self, key: str, body: bytes) -> None:
        """Keep a bundle; the same one again must be the same."""
        bundle = json.loads(body)["records"]
        assert self.taken.setdefault(key, bundle) == bundle, "another bundle under the same key"


@contextmanager
def endpoint(site: Site) -> Iterator[Endpoint]:
    """Run the server that the site's registry names for agencies with an endpoint."""
    state = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            state.attempts += 1
            status = state.status
            answer = b""
            if asked := json.loads(body).get("ping"):
                answer = json.dumps({"agency": asked["agency"], "time": asked["time"]}).encode()
            elif status == 200:
                state.take(self.headers["idempotency-key"], body)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.send_header("isnad-reference", f"box-{state.attempts}")
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    issued = site.authority.issue("cso server", hosts=(HOST,), server=True, client=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=site.prepared.ca_pem)
    chain = in_memory(issued.key_pem + issued.chain_pem.encode())
    context.load_cert_chain(f"/proc/self/fd/{chain}")
    os.close(chain)
    server = ThreadingHTTPServer(("127.0.0.1", site.ports["endpoint"]), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Core:
    """The authority's core: a process that commits what the SDK hands it, and answers."""

    running: Running
    database: Path

    def seen(self) -> list[str]:
        """Return the ids of all that came past the SDK, as often as it came."""
        with closing(sqlite3.connect(self.database)) as db:
            return [identifier for (identifier,) in db.execute("SELECT id FROM seen")]


def unhandled(site: Site, record_ids: Sequence[str]) -> frozenset[str]:
    """Return those records that the authority's ledger does not hold as done."""
    with closing(LedgerFile(site.folder / "var" / "nea-ledger.db")) as ledger:
        return ledger.unhandled(record_ids)


def owed(site: Site) -> int:
    """Return how many of the authority's answers are still to be sent."""
    with closing(LedgerFile(site.folder / "var" / "nea-ledger.db")) as ledger:
        return Answers(ledger).state().ready


def core(site: Site) -> Core:
    """Start the authority's core; it takes records on return."""
    config, descriptors = site.consumer()
    database = site.folder / "var" / "core.db"
    command = [sys.executable, str(CORE), str(config), str(database)]
    running = site.run("core", command, site.admit("nea"), descriptors=descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    running.wait_for("core.started")
    return Core(running, database)


def inbox(client: httpx.Client) -> list[dict]:
    """Fetch everything that waits for an agency, and acknowledge it."""
    fetched: list[dict] = []
    while records := client.get("/v1/inbox").raise_for_status().json()["records"]:
        fetched += records
        ids = {"ids": [one["event"]["id"] for one in records]}
        client.post("/v1/inbox/acknowledgements", json=ids).raise_for_status()
    return fetched


def ready(site: Site, process: str = "serve") -> tuple[int, Mapping[str, str]]:
    """Return what `/health/ready` says: its status, and a word for each dependency."""
    answer = httpx.get(f"{site.operations_url(process)}/health/ready", trust_env=False)
    return answer.status_code, answer.json()["dependencies"]
