"""A simulated agency, in a process of its own: sends its records and takes the authority's answers.

`python -m gateway.demo.agency TASK`, a JSON object. It knows the gateway as every agency does: by address,
certificate authority and its own client certificate.
"""

from __future__ import annotations

import asyncio
import signal
import ssl
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import msgspec

import contracts
from gateway.demo.document import submit_document
from gateway.demo.duplex import Gate, submit
from gateway.demo.endpoint import Endpoint
from gateway.demo.file import Drop, submit_file
from gateway.demo.papers import ACCEPTED, Paper, Pile, submissions
from gateway.demo.tally import Flow, Told
from gateway.errors import IsnadError

INBOX_PAUSE_S = 0.2
INBOX_RECORDS = 256
TELL_S = 0.1
TIMEOUT_S = 30.0
CSV = "text/csv"
RECORD, RECEIPT = "record.json", "receipt.json"


class Task(msgspec.Struct):
    """What an agency does. `credentials` is a descriptor of key and certificate chain, PEM.

    It sends lines over REST or, with `soap`, documents over SOAP; CSV as files by SFTP where it has an SSH key, whose
    descriptor `ssh_key` is, to the port whose host key it has pinned. It fetches its answers from `inbox_url`, or takes
    them at `endpoint_port` if that is not 0. In `keep`, if that is not empty, it keeps the first record that was
    accepted, and its receipt.
    """

    agency: str
    records: int
    today: date
    url: str
    inbox_url: str
    ca_file: str
    credentials: int
    endpoint_port: int = 0
    keep: str = ""
    soap: bool = False
    sftp_port: int = 0
    host_key: str = ""
    ssh_key: int = -1


@dataclass(slots=True)
class Desk:
    """What the agency knows of its records: which were accepted, by flow, and which answer each has got."""

    agency: str
    flows: list[Flow] = field(default_factory=list)
    accepted: list[set[str]] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    finished: bool = False
    failed: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def flow(self, pile: Pile) -> tuple[Flow, set[str]]:
        """Return what a submission is counted in."""
        for flow, ids in zip(self.flows, self.accepted, strict=True):
            if (flow.contract, flow.media_type) == (pile.contract, pile.media_type):
                return flow, ids
        self.flows.append(Flow(pile.contract, pile.media_type))
        self.accepted.append(set())
        return self.flows[-1], self.accepted[-1]

    def take(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Take answers of the authority, once however often they come; called from any thread."""
        with self.lock:
            for event in events:
                self.answers[event["data"]["event_id"]] = event["data"]["outcome"]

    def told(self) -> Told:
        """Return what there is to tell. An answer may come before the agency has read that it was owed one."""
        with self.lock:
            answers = dict(self.answers)
        outcomes: dict[str, int] = {}
        for outcome in answers.values():
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
        for flow, ids in zip(self.flows, self.accepted, strict=True):
            flow.returned = len(ids & answers.keys())
        strange = len(answers) - sum(flow.returned for flow in self.flows)
        return Told(self.agency, self.flows, outcomes, strange, self.finished, self.failed)


async def work(task: Task) -> None:
    """Do a task until told to stop."""
    desk, stop = Desk(task.agency), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    tls = _context(task)
    with ExitStack() as stack:
        if task.endpoint_port:
            stack.enter_context(
                Endpoint(task.endpoint_port, _server_context(task), task.agency, desk.take).running()
            )
        _say({"event": "agency.ready", "agency": task.agency})
        async with (
            asyncio.TaskGroup() as group
        ):  # what goes wrong in one of them ends the process, and is seen
            jobs = [group.create_task(_tell(desk)), group.create_task(_send(task, desk, tls))]
            if not task.endpoint_port:
                jobs.append(group.create_task(_fetch(task, desk, tls)))
            await stop.wait()
            for job in jobs:
                job.cancel()


async def _send(task: Task, desk: Desk, tls: ssl.SSLContext) -> None:
    try:
        drop = Drop(task.agency, task.sftp_port, task.host_key, task.ssh_key) if task.sftp_port else None
        first: tuple[str, Paper] | None = None
        for pile in submissions(contracts.load(), task.agency, task.records, task.today):
            accepted = await _submit(task, desk, tls, pile, drop)
            first = first or accepted
        if task.keep and first is not None:
            await _keep(task, tls, *first)
        desk.finished = True
    except (IsnadError, OSError) as error:
        desk.failed = error.code if isinstance(error, IsnadError) else type(error).__name__


async def _submit(
    task: Task, desk: Desk, tls: ssl.SSLContext, pile: Pile, drop: Drop | None
) -> tuple[str, Paper] | None:
    """Submit a pile; return the first record of it that was accepted, with its id."""
    flow, ids = desk.flow(pile)

    def chunks() -> Iterator[bytes]:
        yield pile.head
        for paper in pile.papers:
            flow.sent += 1
            yield paper.octets
        yield pile.tail

    first: tuple[str, Paper] | None = None
    gate = Gate(task.url, tls)
    if drop is not None and pile.media_type == CSV:
        lines = submit_file(drop, pile.contract, chunks(), len(pile.papers), task.today)
    elif task.soap:
        lines = submit_document(gate, pile.contract, chunks())
    else:
        lines = submit(gate, pile.contract, pile.media_type, chunks())
    async for line in lines:
        if "outcome" not in line:
            continue
        paper = pile.papers[line["position"] - 1]
        flow.count(line.get("code", line["outcome"]), paper.fate)
        if line["outcome"] == ACCEPTED:
            ids.add(line["id"])
            first = first or (line["id"], paper)
    return first


async def _keep(task: Task, tls: ssl.SSLContext, record_id: str, paper: Paper) -> None:
    """Keep a record as it was sent, and the receipt that the gateway gives for it."""
    async with httpx.AsyncClient(verify=tls, base_url=task.url, timeout=TIMEOUT_S) as client:
        answer = (await client.get(f"/v1/records/{record_id}")).raise_for_status()
    receipt = msgspec.json.decode(answer.content, type=_Kept).receipt
    folder = Path(task.keep)
    (folder / RECORD).write_bytes(paper.octets.strip())
    (folder / RECEIPT).write_bytes(receipt)


class _Kept(msgspec.Struct):
    receipt: msgspec.Raw


async def _fetch(task: Task, desk: Desk, tls: ssl.SSLContext) -> None:
    """Fetch what waits in the inbox, and acknowledge it only then."""
    async with httpx.AsyncClient(verify=tls, base_url=task.inbox_url, timeout=TIMEOUT_S) as client:
        while True:
            with suppress(httpx.HTTPError):  # it is fetched again
                answer = (await client.get("/v1/inbox", params={"limit": INBOX_RECORDS})).raise_for_status()
                if events := [one["event"] for one in answer.json()["records"]]:
                    ids = {"ids": [event["id"] for event in events]}
                    (await client.post("/v1/inbox/acknowledgements", json=ids)).raise_for_status()
                    desk.take(events)
                    continue
            await asyncio.sleep(INBOX_PAUSE_S)


async def _tell(desk: Desk) -> None:
    before = b""
    while True:
        told = msgspec.json.encode(desk.told())
        if told != before:
            _say({"event": "agency.told", "told": msgspec.Raw(told)})
            before = told
        await asyncio.sleep(TELL_S)


def _context(task: Task) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=task.ca_file)
    context.load_cert_chain(f"/proc/self/fd/{task.credentials}")
    return context


def _server_context(task: Task) -> ssl.SSLContext:
    """Let in whoever shows a certificate of the gateway's authority, and nobody else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(task.ca_file)
    context.load_cert_chain(f"/proc/self/fd/{task.credentials}")
    return context


def _say(line: object) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    asyncio.run(work(msgspec.json.decode(sys.argv[1], type=Task)))
