"""Health, metrics, and the end of a process."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from desk import Desk
from served import HOST, Client, client_context, server_context, serving

from adapters.rest import Config, Limits, inbound, operations
from gateway.demo.pki import Authority, Issued
from gateway.records import Submission


def test_health_asks_for_no_certificate_and_tells_strangers_no_detail(anonymous: Client, desk: Desk):
    with anonymous.http as http:
        assert http.get("/health/live").json() == {"status": "live"}
        assert http.get("/health/ready").json() == {"status": "ready"}
        desk.ready = False
        response = http.get("/health/ready")
    assert (response.status_code, response.json()) == (503, {"status": "not_ready"})


def test_operators_find_details_and_metrics_on_loopback(desk: Desk, moh: Client):
    moh.post(b"{")
    desk.ready = False
    with serving(operations(Config(port=0), desk.health)) as listener:
        base = f"http://127.0.0.1:{listener.port}"
        ready = httpx.get(f"{base}/health/ready", trust_env=False)
        exposed = httpx.get(f"{base}/metrics", trust_env=False).text
    assert ready.json()["dependencies"] == {"store": "ready", "keys": "sealed"}
    assert 'isnad_errors_total{code="record.json.syntax"}' in exposed
    labels = 'code="record.json.syntax",contract="death.v1",sender="moh",status="refused"'
    assert f"isnad_records_total{{{labels}}}" in exposed


def test_plain_http_is_for_loopback_only(desk: Desk):
    with pytest.raises(ValueError, match="loopback"):
        operations(Config(host="0.0.0.0", port=0), desk.health)  # noqa: S104


def test_a_stop_lets_what_runs_finish_and_takes_nothing_new(
    desk: Desk, authority: Authority, gateway_certificate: Issued, moh_certificate: Issued
):
    entered, release = threading.Event(), threading.Event()
    accept = desk.accept

    async def held(submission: Submission):
        entered.set()
        await asyncio.to_thread(release.wait, 10)
        async for outcomes in accept(submission):
            yield outcomes

    desk.accept = held
    tls = server_context(gateway_certificate, authority.pem)
    config = Config(port=0, grace_s=10, limits=Limits())
    with ThreadPoolExecutor() as pool:
        with serving(inbound(config, desk.gateway, tls)) as listener:
            client = Client(listener.port, client_context(authority, moh_certificate))
            answer = pool.submit(client.post, b'{"ref": "r1"}')
            entered.wait(10)
            pool.submit(lambda: (time.sleep(0.5), release.set()))
        assert answer.result().json()["counts"]["accepted"] == 1
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"https://{HOST}:{listener.port}/health/live", trust_env=False)


def test_a_stop_does_not_wait_longer_than_its_grace(
    desk: Desk, authority: Authority, gateway_certificate: Issued, moh_certificate: Issued
):
    tls = server_context(gateway_certificate, authority.pem)
    with serving(inbound(Config(port=0, grace_s=0.5), desk.gateway, tls)) as listener:
        client = Client(listener.port, client_context(authority, moh_certificate))
        connection = client.raw()
        connection.sendall(
            b"POST /v1/death.v1/records HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        time.sleep(0.3)
        began = time.monotonic()
    assert time.monotonic() - began < 5
    connection.close()
