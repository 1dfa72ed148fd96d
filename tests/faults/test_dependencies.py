"""What the gateway leans on gives way: keys when it starts, the broker. It says so, breaks no promise, and recovers."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from support.auditor import Auditor
from support.draining import eventually
from support.participants import core, handed_over, participant, promised, ready, small_site
from support.sample_records import ndjson, notification

from gateway.demo import rabbitmq
from gateway.demo.site import BROKER_ACCOUNT, BROKER_DELIVERY, BROKER_READER, Site, isnad

MIB = 1 << 20
PASSWORDS = dict.fromkeys((BROKER_ACCOUNT, BROKER_DELIVERY, BROKER_READER), "for-tests-only")
BATCH = 256
RELAY_PAUSE_S = 60.0
"""The relay tries again after 30 s at the latest, and the connection under it too."""
NUMBERS = itertools.count(1)


def body(count: int = 1) -> bytes:
    return ndjson(notification(f"MOH-1203-2026-{next(NUMBERS):06}") for _ in range(count))


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def post(client: httpx.Client, octets: bytes) -> httpx.Response:
    return client.post(
        "/v1/death.v1/records", content=octets, headers={"content-type": "application/x-ndjson"}
    )


def filled(client: httpx.Client) -> tuple[dict[str, tuple[str, int]], httpx.Response, bytes]:
    """Hand over batches until one is refused; return what was promised, the refusal, and what it was for."""
    promises: dict[str, tuple[str, int]] = {}
    for _ in range(200):
        octets = body(BATCH)
        answer = post(client, octets)
        if answer.status_code != 200:
            return promises, answer, octets
        promises |= promised([json.loads(line) for line in answer.text.splitlines()])
    raise AssertionError("there was always room")


@pytest.fixture(scope="module")
def keyless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with small_site(tmp_path_factory.mktemp("site")) as made:
        yield made
        made.keys.unseal()


def test_a_gateway_that_starts_while_the_keys_are_sealed_says_so_and_its_token_is_not_used_up(
    keyless: Site,
) -> None:
    token = keyless.admit("intake")
    keyless.keys.seal()
    early = keyless.run("early", isnad("serve"), token, config=True)
    assert early.popen.wait(20) == 1
    keyless.keys.unseal()
    keyless.run("later", isnad("serve"), token, config=True).wait_for("gateway.started")
    with participant(keyless, "moh") as moh:
        assert promised(handed_over(moh, "death.v1", body()))


def test_without_a_broker_records_are_accepted_up_to_a_quota_and_all_arrive_once_when_it_is_back(
    tmp_path: Path,
) -> None:
    with (
        rabbitmq.running(tmp_path / "broker", PASSWORDS) as broker,
        small_site(
            tmp_path / "site", broker, store={"path": "../var/store.db", "outbox_max_bytes": MIB}
        ) as made,
    ):
        made.serve()
        with participant(made, "moh") as moh, closing(Auditor(made)) as auditor:
            promises = promised(handed_over(moh, "death.v1", body()))
            assert eventually(lambda: auditor.outbox() == 0)
            broker.stop()
            promises |= promised(handed_over(moh, "death.v1", body()))
            # It works on, and says what is missing.
            assert eventually(lambda: ready(made)[1]["queue"] != "ok")
            assert ready(made)[0] == 200
            kept, refusal, refused = filled(moh)
            promises |= kept
            assert problem(refusal) == (503, "unavailable.outbox_full")
            assert int(refusal.headers["retry-after"]) >= 1
            assert eventually(lambda: ready(made) == (503, ready(made)[1] | {"store": "outbox full"}))

            broker.start_again()
            assert eventually(lambda: set(ready(made)[1].values()) == {"ok"}, RELAY_PAUSE_S)
            assert ready(made)[0] == 200
            promises |= promised(handed_over(moh, "death.v1", refused))
            assert eventually(lambda: auditor.outbox() == 0)
            register = core(made)
            assert eventually(lambda: len(register.seen()) >= len(promises))
            assert sorted(register.seen()) == sorted(promises)
            auditor.holds(promises)
            assert auditor.unsettled(promises) == []
            auditor.verify()
