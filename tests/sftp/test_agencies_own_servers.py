"""Agencies that have an SFTP server of their own: we fetch from it and deliver to it, and know it by its host key."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from datetime import date

import orjson
import pytest
from place import CSV, NUMBERS, FileKeysHeld, Place, configured, open_place, rows
from support.ssh import AgencyServer, agency_server, key_pair, public_half

from adapters.sftp import outbound
from crypto.entry import record_id
from gateway.errors import Unavailable
from gateway.files import SftpServer
from gateway.records import Handed

ENDED = date(2026, 2, 1)


@pytest.fixture(scope="module")
def keys() -> FileKeysHeld:
    return FileKeysHeld()


@pytest.fixture(scope="module")
def theirs(tmp_path_factory, keys):
    with agency_server(tmp_path_factory.mktemp("theirs"), public_half(keys.of_client())) as server:
        yield server


@pytest.fixture(scope="module")
def place(tmp_path_factory, keys, theirs):
    folder = tmp_path_factory.mktemp("polling")
    # The first address answers nobody: the second one is the one in use.
    server = theirs.as_configured(addresses=["127.0.0.1:1", f"127.0.0.1:{theirs.port}"])
    fetched = {"contract": CSV, "server": server, "folder": str(theirs.outgoing),
               "answers": str(theirs.outgoing), "every_s": 1}  # fmt: skip
    with open_place(folder, configured(folder, fetched=[fetched]), keys) as opened:
        yield opened


def leave(theirs: AgencyServer, name: str, octets: bytes, count: int) -> None:
    """Put a file and then its manifest where the gateway fetches."""
    (theirs.outgoing / name).write_bytes(octets)
    manifest = {"sha256": hashlib.sha256(octets).hexdigest(), "rows": count, "number": next(NUMBERS), "file": name,
                "from": "2026-06-01", "to": "2026-06-30"}  # fmt: skip
    (theirs.outgoing / f"{name}.manifest.json").write_bytes(orjson.dumps(manifest))


def until(true, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_an_agency_lays_out_is_fetched_once_and_answered_beside_it(place: Place, theirs: AgencyServer):
    octets = rows(30_000, first=1)
    leave(theirs, "شهري.csv", octets, 30_000)
    entry = place.answered("شهري.csv")
    assert (entry.accepted, entry.refused) == (30_000, 0)
    summary = theirs.outgoing / "شهري.csv.summary.json"
    until(summary.exists)
    assert json.loads(summary.read_bytes())["accepted"] == 30_000
    results = (theirs.outgoing / "شهري.csv.results.csv").read_bytes()
    assert json.loads(summary.read_bytes())["results_sha256"] == hashlib.sha256(results).hexdigest()
    leave(theirs, "after.csv", rows(1, first=40_000), 1)
    place.answered("after.csv")
    names = [entry.name for entry in place.entries()]
    assert names.count("شهري.csv") == 1
    assert not [name for name in names if name.endswith(".isnad-part")]


def test_a_file_without_its_manifest_is_left_where_it_is(place: Place, theirs: AgencyServer):
    (theirs.outgoing / "waiting.csv").write_bytes(rows(1, first=41_000))
    leave(theirs, "later.csv", rows(1, first=42_000), 1)
    place.answered("later.csv")
    assert place.entry("waiting.csv") is None


def test_a_server_is_visited_as_often_as_its_agency_says(place: Place, theirs: AgencyServer):
    def visits() -> int:
        return theirs.log.read_text().count("Accepted publickey")

    before, began = visits(), time.monotonic()
    until(lambda: visits() >= before + 4)
    assert visits() - before <= time.monotonic() - began + 2, "every second, and one that was under way"


def denied(place: Place) -> list[tuple[str, str]]:
    return [(told["contract"], told["code"]) for told in place.lane("cso") if told["kind"] == "file.denied"]


def test_that_the_agreement_has_ended_is_said_once_and_nothing_is_fetched_until_it_is_renewed(
    place: Place, theirs: AgencyServer
):
    place.configuration.agreement("cso", "nea", CSV, valid_until=ENDED)
    until(lambda: denied(place) == [(CSV, "agreement.expired")])
    visits = theirs.log.read_text().count("Accepted publickey")
    leave(theirs, "after-the-end.csv", rows(1, first=43_000), 1)
    time.sleep(3)  # three turns
    assert denied(place) == [(CSV, "agreement.expired")]
    assert place.entry("after-the-end.csv") is None
    assert theirs.log.read_text().count("Accepted publickey") == visits, (
        "nobody is called without an agreement"
    )
    place.configuration.agreement("cso", "nea", CSV)
    place.answered("after-the-end.csv")
    place.configuration.agreement("cso", "nea", CSV, valid_until=ENDED)
    until(lambda: denied(place) == [(CSV, "agreement.expired")] * 2)
    place.configuration.agreement("cso", "nea", CSV)


def of(server: AgencyServer, **changes) -> SftpServer:
    configured = server.as_configured(**changes)
    return SftpServer(
        tuple(configured["addresses"]),
        configured["user"],
        tuple(configured["host_keys"]),
        str(server.incoming),
        20,
    )


def handed(place: Place) -> list[Handed]:
    """Records as `deliver` hands them over, with real receipts."""
    receipt = place.records.receipt(record_id("cso", CSV, "CSO-E-000001", "assert"), "cso")

    class Once:
        def expand(self, *_):
            return receipt

    return [Handed("r-1", "nea", "disposition.v1", "nea", 7, b'{"id":"r-1"}', Once(), b"", b"")]


def test_records_are_delivered_as_one_file_however_often_they_are_handed_over(place, theirs, keys):
    leave(theirs, "for-receipts.csv", rows(1, first=1), 1)
    place.answered("for-receipts.csv")
    way = outbound(of(theirs), keys.of_client)
    names = {asyncio.run(way.hand(handed(place))).reference for _ in range(2)}
    (name,) = names
    assert [path.name for path in theirs.incoming.iterdir()] == [name]
    line = json.loads((theirs.incoming / name).read_bytes())
    assert line["event"] == {"id": "r-1"}
    assert line["receipt"]["lane"] == "cso"


def test_a_server_with_another_host_key_gets_and_gives_nothing(place, theirs, keys, tmp_path):
    other = key_pair(tmp_path, "other")
    before = list(theirs.incoming.iterdir())
    with pytest.raises(Unavailable, match=r"unavailable\.recipient"):
        asyncio.run(outbound(of(theirs, host_keys=[other]), keys.of_client).hand(handed(place)))
    assert list(theirs.incoming.iterdir()) == before


def test_a_server_that_does_not_know_us_is_tried_again_later(place, theirs):
    with pytest.raises(Unavailable, match=r"unavailable\.recipient"):
        asyncio.run(outbound(of(theirs), FileKeysHeld().of_client).hand(handed(place)))
