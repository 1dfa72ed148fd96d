"""Records that wait for an agency: sealed meanwhile, fetched until acknowledged, then told to the lane."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from consumer.consumer_parts import Lane, OwnKeys, SigningKeys, reader
from served import Client, client_context, server_context, serving

from adapters.rest import Config, inbox
from crypto.pki import fingerprint
from crypto.receipt import Receipt
from gateway.consumer.ledger import LedgerFile
from gateway.consumer.opening import BatchOpener, PinnedLogKeys
from gateway.demo.pki import Authority, Issued
from gateway.mailbox import Mailbox
from gateway.records import Event, Message

QUEUE = "nea.death.v1"


@dataclass
class Spool:
    events: list[Event] = field(default_factory=list)

    def leave(self, events: Sequence[Event]) -> None:
        self.events += [event for event in events if event not in self.events]


@dataclass
class Lent:
    """A delivery from a queue, and how it was settled."""

    message: Message
    attempt: int = 1
    settled: str = ""

    def ack(self) -> None:
        self.settled = "acked"

    def retry(self, after_s: float) -> None:
        self.settled = f"retried after {after_s} s"

    def park(self, reason: str) -> None:
        self.settled = reason


@pytest.fixture
def spool() -> Spool:
    return Spool()


@contextlib.contextmanager
def mailbox_in(folder: Path, spool: Spool) -> Iterator[Mailbox]:
    ledger = LedgerFile(folder / "ledger.db")
    opener = BatchOpener(reader(), OwnKeys(), PinnedLogKeys(SigningKeys().public_keys()), ledger)
    mailbox = Mailbox(folder / "mailbox.db", opener, spool)
    try:
        yield mailbox
    finally:
        mailbox.close()
        ledger.close()


@pytest.fixture
def mailbox(tmp_path: Path, spool: Spool) -> Iterator[Mailbox]:
    with mailbox_in(tmp_path, spool) as mailbox:
        yield mailbox


def collected(mailbox: Mailbox, message: Message) -> str:
    lent = Lent(message)
    mailbox.collect(lent, "nea")
    return lent.settled


def spoiled(body: bytes) -> bytes:
    """The same message with one bit of a ciphertext turned."""
    at = body.index(b'"ciphertext":"') + 20
    return body[:at] + (b"A" if body[at : at + 1] != b"A" else b"B") + body[at + 1 :]


def ids(mailbox: Mailbox, limit: int = 100) -> list[str]:
    return [record.record_id for record in mailbox.fetch("nea", limit)]


def test_records_come_until_they_are_acknowledged(mailbox: Mailbox):
    lane = Lane()
    assert collected(mailbox, lane.message(3)) == "acked"
    assert ids(mailbox) == ids(mailbox) == lane.ids(3)
    assert mailbox.acknowledge("nea", lane.ids(2)) == 2
    assert ids(mailbox) == lane.ids(1, start=2)


def test_the_lane_is_told_when_the_last_record_of_a_batch_is_acknowledged(mailbox: Mailbox, spool: Spool):
    lane = Lane()
    collected(mailbox, lane.message(3))
    mailbox.acknowledge("nea", lane.ids(2))
    assert not spool.events
    mailbox.acknowledge("nea", lane.ids(3))
    assert spool.events == [Event("moh", "record.delivered", (("reference", "inbox"),), first=0, count=3)]


def test_acknowledging_twice_is_harmless(mailbox: Mailbox, spool: Spool):
    lane = Lane()
    collected(mailbox, lane.message(3))
    assert [mailbox.acknowledge("nea", lane.ids(3)) for _ in range(2)] == [3, 0]
    assert len(spool.events) == 1


def test_a_batch_that_the_queue_brings_again_is_not_kept_again(mailbox: Mailbox):
    lane = Lane()
    message = lane.message(3)
    collected(mailbox, message)
    assert collected(mailbox, message) == "acked"
    assert len(ids(mailbox)) == 3
    mailbox.acknowledge("nea", lane.ids(3))
    assert collected(mailbox, message) == "acked"
    assert ids(mailbox) == []


def test_an_agency_neither_sees_nor_acknowledges_what_is_anothers(mailbox: Mailbox):
    lane = Lane()
    collected(mailbox, lane.message(3))
    assert mailbox.fetch("cso", 100) == []
    assert mailbox.acknowledge("cso", lane.ids(3)) == 0
    assert len(ids(mailbox)) == 3


def test_fetching_stops_at_the_limit_and_goes_in_order(mailbox: Mailbox):
    lane = Lane()
    for start in range(0, 30, 10):
        collected(mailbox, lane.message(10, start))
    assert ids(mailbox, 15) == lane.ids(15)


def test_a_tampered_batch_is_parked_and_an_alarm_is_left(mailbox: Mailbox, spool: Spool):
    message = Lane().message(3)
    assert collected(mailbox, Message(message.id, message.queue, spoiled(message.body))).startswith(
        "tampered."
    )
    assert [event.kind for event in spool.events] == ["message.tampered"]
    assert ids(mailbox) == []


def test_what_is_kept_survives_a_restart_and_is_not_in_clear(tmp_path: Path, spool: Spool):
    lane = Lane()
    with mailbox_in(tmp_path, spool) as mailbox:
        collected(mailbox, lane.message(3))
        mailbox.acknowledge("nea", lane.ids(1))
    octets = b"".join(path.read_bytes() for path in tmp_path.glob("mailbox.db*"))
    assert "قيد وفاة".encode() not in octets
    with mailbox_in(tmp_path, spool) as mailbox:
        assert ids(mailbox) == lane.ids(2, start=1)


def test_a_batch_that_spoils_on_disk_is_set_aside_and_the_rest_still_comes(
    tmp_path: Path, mailbox: Mailbox, spool: Spool
):
    lane = Lane()
    for start in (0, 3):
        collected(mailbox, lane.message(3, start))
    with contextlib.closing(sqlite3.connect(tmp_path / "mailbox.db")) as db, db:
        ((body,),) = db.execute("SELECT body FROM message WHERE seq = 1")
        db.execute("UPDATE message SET body = ? WHERE seq = 1", [spoiled(body)])
    assert ids(mailbox) == lane.ids(3, start=3)
    assert [event.kind for event in spool.events] == ["message.tampered"]
    assert ids(mailbox) == lane.ids(3, start=3)
    assert len(spool.events) == 1


class TestOverHttps:
    @pytest.fixture
    def nea(
        self, mailbox: Mailbox, desk, authority: Authority, gateway_certificate: Issued
    ) -> Iterator[httpx.Client]:
        issued = authority.issue("nea")
        desk.agencies[fingerprint(issued.der)] = "nea"
        tls = server_context(gateway_certificate, authority.pem)
        with (
            serving(
                inbox(Config(port=0), mailbox, desk, desk.health, tls, refusals=desk.refusals)
            ) as listener,
            Client(listener.port, client_context(authority, issued)).http as http,
        ):
            yield http

    def test_an_agency_fetches_and_acknowledges(self, mailbox: Mailbox, nea: httpx.Client):
        lane = Lane()
        collected(mailbox, lane.message(3))
        records = nea.get("/v1/inbox?limit=2").json()["records"]
        assert [one["event"]["id"] for one in records] == lane.ids(2)
        receipt = Receipt.from_json(json.dumps(records[0]["receipt"]).encode())
        assert receipt.record_id == records[0]["event"]["id"]
        answer = nea.post("/v1/inbox/acknowledgements", json={"ids": lane.ids(2)})
        assert answer.json() == {"acknowledged": 2}
        assert len(nea.get("/v1/inbox").json()["records"]) == 1

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b'{"ids":[]}',
            b'{"ids":["x"]}',
            b'{"ids":[1]}',
            b'{"ids":["\xff"]}',
            b'{"ids":[],"all":true}',
        ],
    )
    def test_what_is_no_acknowledgement_is_refused(self, nea: httpx.Client, body: bytes):
        answer = nea.post("/v1/inbox/acknowledgements", content=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "request.malformed")

    def test_too_long_an_acknowledgement_is_refused(self, nea: httpx.Client):
        answer = nea.post("/v1/inbox/acknowledgements", content=b" " * 70_000)
        assert (answer.status_code, answer.json()["code"]) == (413, "submission.too_large")

    def test_a_limit_is_a_number(self, nea: httpx.Client):
        assert nea.get("/v1/inbox?limit=all").json()["code"] == "request.malformed"

    def test_without_a_certificate_there_is_no_inbox(self, nea: httpx.Client, authority: Authority):
        stranger = Client(nea.base_url.port, client_context(authority, None))
        with stranger.http as http:
            assert http.get("/v1/inbox").status_code == 401
            assert http.post("/v1/inbox/acknowledgements", json={"ids": []}).status_code == 401

    def test_records_are_not_taken_here(self, nea: httpx.Client):
        assert nea.post("/v1/death.v1/records").json()["code"] == "request.unknown"
