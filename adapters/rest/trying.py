"""The test message to an agency's endpoint: a POST without records, which the agency's own program answers.

`{"records": [], "ping": {"agency": …, "time": …}}`, with the header fields of every delivery; the answer is 200 with
`{"agency": …, "time": …}`. Whoever answers so is the agency's program, and no proxy in front of it.
"""

from __future__ import annotations

import ssl
from collections.abc import Container
from datetime import UTC, datetime
from uuid import uuid4

import httpx
import msgspec
import orjson

from adapters.rest.outbound import ANSWER_MAX_BYTES, Endpoint
from gateway.onboarding.finding import Finding, clock

PING = "ping"
ABOUT = "the test message"
STATUSES: tuple[tuple[Container[int], str], ...] = (
    ((404, 405, 410, 501), "endpoint.path"),
    (range(300, 400), "endpoint.redirects"),
    (range(500, 600), "unavailable.recipient"),
    (range(1000), "endpoint.refuses_test"),
)


class _Answer(msgspec.Struct):
    agency: str
    time: datetime


def tried(endpoint: Endpoint, tls: ssl.SSLContext, agency: str) -> Finding:
    """Send the test message and return what came of it."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    body = orjson.dumps({"records": [], "ping": {"agency": agency, "time": now}})
    headers = {
        "content-type": "application/json",
        "accept-encoding": "identity",
        "user-agent": "isnad",
        "idempotency-key": f"{PING}-{uuid4()}",
        "isnad-contract": PING,
    }
    try:
        with (
            httpx.Client(
                verify=tls, timeout=endpoint.timeout_s, follow_redirects=False, trust_env=False
            ) as client,
            client.stream("POST", endpoint.url, content=body, headers=headers) as answer,
        ):
            octets = _read(answer)
    except httpx.TimeoutException:
        return Finding(ABOUT, "endpoint.slow", f"{endpoint.timeout_s:.0f} s")
    except httpx.HTTPError:
        return Finding(ABOUT, "unavailable.recipient")
    return _answered(answer, octets, agency)


def _answered(answer: httpx.Response, octets: bytes, agency: str) -> Finding:
    if not answer.is_success:
        code = next(code for statuses, code in STATUSES if answer.status_code in statuses)
        return Finding(ABOUT, code, f"status {answer.status_code}")
    if answer.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return Finding(ABOUT, "endpoint.answer", "Content-Type")
    try:
        said = msgspec.json.decode(octets, type=_Answer)
    except msgspec.MsgspecError:
        return Finding(ABOUT, "endpoint.answer", "agency, time")
    if said.agency != agency:
        return Finding(ABOUT, "endpoint.answer", "agency")
    if said.time.tzinfo is None:
        return Finding(ABOUT, "endpoint.answer", "time")
    return clock(ABOUT, said.time)


def _read(answer: httpx.Response) -> bytes:
    octets = bytearray()
    for chunk in answer.iter_raw():
        octets += chunk
        if len(octets) > ANSWER_MAX_BYTES:
            raise httpx.ReadError("the answer is too long")
    return bytes(octets)
