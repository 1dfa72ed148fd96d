"""The Ministry of Health, which POSTs JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

import httpx
from driver import Interrupted, Reply, Told
from support.changing import change
from support.participants import Endpoint, endpoint, participant
from support.sample_records import NAME, national_id, notification

from gateway.demo.running import Running
from gateway.demo.site import HOST, Site

NDJSON = "application/x-ndjson"


class Rest:
    """See `driver.Driver`."""

    adapter, agency, contract = "rest", "moh", "death.v1"
    wrong = ("record.nid.format", "deceased.national_id")
    unallowed, expired = "agreement.missing", "agreement.expired"
    stranger, revoked = "identity.unknown", "identity.revoked"
    down, refusing = "unavailable.recipient", "endpoint.refuses_test"
    whole: ClassVar = {
        "nothing": (b"null", "record.json.object"),
        "half a record": (b'{"notification_no": "MOH-1', "record.json.syntax"),
        "no text": (b'{"notification_no": "\xff\xfe"}', "record.encoding"),
        "what would grow without end": (b'{"a":' * 2000 + b"1" + b"}" * 2000, "record.json.depth"),
        "too much": (b'{"a":"' + b"x" * (100 << 10) + b'"}\n', "record.size"),
    }

    def __init__(self, site: Site, folder: Path) -> None:
        del folder
        self._site = site
        self.heard: list[bytes] = []
        delivery = {
            "mode": "endpoint",
            "url": f"https://{HOST}:{site.ports['endpoint']}/inbound",
            "server_ca": "pki/site.pem",
        }
        change(site, f"agencies/{self.agency}.yaml", delivery=delivery)
        self._http = participant(site, self.agency)

    def attach(self, serve: Running) -> None:
        del serve  # every answer says all

    def record(self, reference: str, **changes: str) -> bytes:
        deceased = {"name": changes.get("name", NAME), "national_id": changes.get("nid", national_id())}
        return json.dumps(notification(reference, **deceased), ensure_ascii=False).encode()

    def committed(self, record: bytes) -> bytes:
        return record

    def send(self, *records: bytes) -> Reply:
        return self.send_whole(b"".join(one + b"\n" for one in records))

    def send_whole(self, body: bytes) -> Reply:
        return self._post(self.contract, body)

    def send_unallowed(self) -> Reply:
        return self._post("eligibility-gained.v1", b"{}")

    def _post(self, contract: str, body: bytes) -> Reply:
        headers = {"content-type": NDJSON, "accept": "application/json"}
        try:
            answer = self._http.post(f"/v1/{contract}/records", content=body, headers=headers)
        except httpx.TransportError as error:
            raise Interrupted from error
        self.heard.append(answer.content)
        said = answer.json()
        if answer.status_code == 200:
            return Reply(tuple(map(_told, said["outcomes"])))
        if answer.status_code == 422:  # a single record that is refused is a problem of its own
            return Reply((_told({"position": 1, "outcome": "refused"} | said),))
        return Reply(code=said["code"], retry_after_s=int(answer.headers.get("retry-after", 0)))

    def misplace(self, text: str) -> None:
        good, place = self.record("M-1"), quote(text)
        record = json.loads(good)
        changes = ({text: {text: [text]}}, {"action": text}, {"remarks": text})
        wrong = [{text: text}, [text], *(record | change for change in changes)]
        self.send(*(json.dumps(one, ensure_ascii=False).encode() for one in wrong))
        self.send(f'{{"{text}": 1, "{text}": 2}}'.encode(), f'"{text}'.encode())
        self._post(place, good)
        for headers, query in (
            ({"idempotency-key": place}, {}),
            ({"content-type": f"text/{place}"}, {}),
            ({"content-type": "application/json"}, {"recipient": text}),
            ({"content-type": "application/json"}, {text: text}),
        ):
            answer = self._http.post(
                f"/v1/{self.contract}/records", content=good, headers=headers, params=query
            )
            self.heard.append(answer.content)
        for path in ("/v1/records/", "/v1/submissions/", "/v1/log/", "/"):
            self.heard.append(self._http.get(path + place).content)

    def ping(self) -> bytes:
        answer = self._http.post("/v1/ping").raise_for_status().json()
        return json.dumps(answer["receipt"]).encode()

    def knock_as_stranger(self) -> None:
        issued = self._site.authority.issue("somebody", hosts=("stranger.test",))
        with httpx.Client(verify=self._site.client(issued), base_url=self._site.url) as client:
            assert client.post("/v1/ping").json()["code"] == self.stranger

    def knock_revoked(self) -> Iterator[bool]:
        issued = self._site.issue(self.agency)
        with httpx.Client(verify=self._site.client(issued), base_url=self._site.url) as client:
            yield client.post("/v1/ping").status_code == 200
            self._site.revoke(issued)
            while True:
                answer = client.post("/v1/ping")
                assert answer.status_code == 200 or answer.json()["code"] == self.revoked
                yield answer.status_code == 200

    @contextmanager
    def server(self) -> Iterator[_Server]:
        with endpoint(self._site) as state:
            yield _Server(state)


class _Server:
    """See `driver.Server`."""

    def __init__(self, state: Endpoint) -> None:
        self._state = state

    def taken(self) -> list[dict]:
        return [one for bundle in self._state.taken.values() for one in bundle]

    def attempts(self) -> int:
        return self._state.attempts

    def behave(self, how: str) -> None:
        self._state.status = {"well": 200, "down": 503, "refusing": 422}[how]


def _told(said: dict) -> Told:
    receipt = said.get("receipt")
    return Told(
        said.get("position", 1), said["outcome"], said.get("id", ""), said.get("index", -1), said.get("code", ""),
        said.get("field", ""), json.dumps(receipt).encode() if receipt else b"",
    )  # fmt: skip
