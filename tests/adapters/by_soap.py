"""The Public Prosecution, which calls `submit`, and whose own service is node-soap's."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

import httpx
from driver import Interrupted, Reply, Told
from lxml import etree
from support.agency_service import WSDL, AgencyService, agency_service
from support.changing import change
from support.participants import participant
from support.sample_records import BORN, JUDGMENTS, NAME, judgment, national_id
from support.soap import CONTRACT, MESSAGES, PATH, Answer, call, enveloped, message

from gateway.demo.local import free_ports
from gateway.demo.running import Running
from gateway.demo.site import HOST, Site

BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'


class Soap:
    """See `driver.Driver`."""

    adapter, agency, contract = "soap", "ppo", CONTRACT
    wrong = ("record.nid.format", "j:Person/@nationalId")
    unallowed, expired = "agreement.missing", "agreement.expired"
    stranger, revoked = "identity.unknown", "identity.revoked"
    down, refusing = "unavailable.recipient", "delivery.refused"
    whole: ClassVar = {
        "nothing": (enveloped(message()), "soap.message"),
        "half a record": (enveloped(message(judgment("PPO-1")))[:-40], "soap.envelope"),
        "no text": (
            enveloped(message(judgment("PPO-1"))).replace("مينا".encode(), b"\xff\xfe"),
            "soap.envelope",
        ),
        "what would grow without end": (BOMB + enveloped(message("&b;"))[38:], "soap.envelope"),
        "too much": (enveloped(message(judgment("PPO-1")) + " " * (9 << 20)), "submission.too_large"),
    }

    def __init__(self, site: Site, folder: Path) -> None:
        del folder
        self._site = site
        self.heard: list[bytes] = []
        (self._port,) = free_ports(1)
        (site.config / "pki" / "ppo.wsdl").write_bytes(WSDL.read_bytes())
        delivery = {
            "mode": "endpoint",
            "url": f"https://{HOST}:{self._port}/isnad",
            "server_ca": "pki/site.pem",
            "wsdl": "pki/ppo.wsdl",
        }
        change(site, f"agencies/{self.agency}.yaml", delivery=delivery)
        self._http = participant(site, self.agency)

    def attach(self, serve: Running) -> None:
        del serve  # every answer says all

    def record(self, reference: str, **changes: str) -> bytes:
        person = {"name": NAME, "nid": national_id(), "born": f"{BORN:%d/%m/%Y}"}
        return judgment(reference, **(person | changes)).encode()

    def committed(self, record: bytes) -> bytes:
        return etree.tostring(etree.fromstring(record), method="c14n", exclusive=True)

    def send(self, *records: bytes) -> Reply:
        own = f'<Judgment xmlns="{JUDGMENTS}" '.encode()  # which those made for a document inherit
        alone = (one if b"xmlns" in one else one.replace(b"<Judgment ", own, 1) for one in records)
        return self.send_whole(enveloped(message(*(one.decode() for one in alone))))

    def send_whole(self, body: bytes) -> Reply:
        return self._call(body, PATH)

    def send_unallowed(self) -> Reply:
        return self._call(enveloped(message(judgment())), "/soap/v1/death.v1")

    def _call(self, envelope: bytes, path: str) -> Reply:
        try:
            answered = call(self._http, envelope, path=path)
        except httpx.TransportError as error:
            raise Interrupted from error
        self.heard.append(answered.content)
        answer = Answer.of(answered)
        if answered.status_code == 200:
            return Reply(tuple(_told(one) for one in answer.root.iter("{*}outcome") if len(one)))
        return Reply(code=answer.one("code"), retry_after_s=int(answered.headers.get("retry-after", 0)))

    def misplace(self, text: str) -> None:
        good, name = judgment("M-1"), "_" + text.replace(" ", "_")
        for wrong in (
            f'<{name} xmlns="{JUDGMENTS}"/>',
            good.replace("</Judgment>", f"<{name}>{text}</{name}></Judgment>"),
            good.replace("<Judgment ", f'<Judgment {name}="{text}" '),
            good.replace("</Judgment>", f"</{name}>"),
            good.replace("<Court>", f"<Court>&{name};"),
            f"<m:recipient>{text}</m:recipient>{good}",
        ):
            self._call(enveloped(message(wrong)), PATH)
        self._call(enveloped(message(good, operation=name)), PATH)
        self._call(enveloped(message(good), header=f"<{name}>{text}</{name}>"), PATH)
        self.heard.append(call(self._http, enveloped(message(good)), path=f"/soap/v1/{quote(text)}").content)
        asked = f'<m:receipt xmlns:m="{MESSAGES}"><m:id>{text}</m:id></m:receipt>'
        self.heard.append(call(self._http, enveloped(asked), "receipt").content)

    def ping(self) -> bytes:
        answer = Answer.of(call(self._http, enveloped(message(operation="ping")), "ping"))
        return answer.one("receipt").encode()

    def knock_as_stranger(self) -> None:
        issued = self._site.authority.issue("somebody", hosts=("stranger.test",))
        assert self._knock(self._site.client(issued)) == self.stranger

    def knock_revoked(self) -> Iterator[bool]:
        issued = self._site.issue(self.agency)
        context = self._site.client(issued)
        yield not self._knock(context)
        self._site.revoke(issued)
        while True:
            code = self._knock(context)
            assert code in ("", self.revoked)
            yield not code

    def _knock(self, context: ssl.SSLContext) -> str:
        """Send the test operation with another certificate; return the code of the refusal."""
        with httpx.Client(verify=context, base_url=self._site.url) as client:
            answer = Answer.of(call(client, enveloped(message(operation="ping")), "ping"))
        return "".join(answer.all("code"))

    @contextmanager
    def server(self) -> Iterator[_Server]:
        with agency_service(self._site.authority, self._site.prepared.ca_pem, self._port) as service:
            yield _Server(service)


class _Server:
    """See `driver.Server`."""

    def __init__(self, service: AgencyService) -> None:
        self._service = service

    def taken(self) -> list[dict]:
        told = [one["asked"]["record"] for one in list(self._service.said) if one["event"] == "deliver"]
        records = [one for record in told for one in (record if isinstance(record, list) else [record])]
        return [{"event": json.loads(one["event"]), "receipt": json.loads(one["receipt"])} for one in records]

    def attempts(self) -> int:
        return self._service.count("attempt")

    def behave(self, how: str) -> None:
        self._service.tell(fault={"well": "", "down": "Server", "refusing": "Client"}[how])


def _told(outcome: etree._Element) -> Told:
    said = {etree.QName(child).localname: child.text or "" for child in outcome}
    return Told(
        int(said["position"]), said["outcome"], said.get("id", ""), int(said.get("index", -1)),
        said.get("code", ""), said.get("field", ""), said.get("receipt", "").encode(),
    )  # fmt: skip
