"""What tests of the SOAP adapter share: the Public Prosecution, its judgments, and envelopes around them."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import httpx
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree
from signed_parts import HeldKey, Signer, certificate
from support.auditor import Auditor
from support.participants import PATIENCE_S, participant

from adapters.soap.names import ANSWER, SOAP11, SOAP12
from gateway.demo.pki import Issued
from gateway.demo.running import Running
from gateway.demo.site import Site, site

CONTRACT = "deprivation.v1"
MESSAGES = f"urn:isnad:soap:{CONTRACT}"
JUDGMENTS = "urn:eg:ppo:judgments:1"
PATH = f"/soap/v1/{CONTRACT}"
PARTICIPANTS = {"ppo", "moj", "nea"}
_numbers = itertools.count(1)


@dataclass
class Prosecution:
    """The agency's side, and the auditor's."""

    site: Site
    serve: Running
    auditor: Auditor
    keys: Mapping[str, HeldKey]
    http: httpx.Client = field(init=False)

    def __enter__(self) -> Self:
        self.http = participant(self.site, "ppo")
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def post(
        self, envelope: bytes, operation: str = "submit", *, old: bool = True, **headers: str
    ) -> httpx.Response:
        kind = "text/xml; charset=utf-8" if old else "application/soap+xml; charset=utf-8"
        fields = {"content-type": kind} | ({"soapaction": f'"{MESSAGES}:{operation}"'} if old else {})
        return self.http.post(PATH, content=envelope, headers=fields | headers)

    def signer(self, kind: str = "ecdsa", **how: object) -> Signer:
        """Return who signs for the agency, with a certificate made for it now."""
        held = self.keys[kind]
        return Signer(held, certificate(self.site.authority, held.key, **how))

    def revoke(self, issued: x509.Certificate) -> None:
        """Put a certificate on the list that the registry refers to."""
        self.site.revoke(Issued(issued, "", ec.generate_private_key(ec.SECP256R1())))

    def until_refused(self, envelope: Callable[[], bytes], code: str) -> None:
        """Send one message after the other until the code is the answer."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            codes = Answer.of(self.post(envelope())).all("code")
            if codes == [code]:
                return
            assert not codes
            assert time.monotonic() < deadline
            time.sleep(0.2)

    def refused(self, since: int) -> list[str]:
        """Return the codes of the submissions that the lane says were refused, from an index on."""
        entries = self.auditor.entries("ppo", since)
        return [entry["code"] for entry in entries if entry["kind"] == "submission.refused"]


@contextmanager
def prosecution_site(folder: Path, **settings: object) -> Iterator[Site]:
    """Prepare a site of the Public Prosecution, the Ministry of Justice and the authority."""
    with site(folder, workers=1, **settings) as made:
        for path in (made.config / "agencies").iterdir():
            if path.stem not in PARTICIPANTS:
                path.unlink()
        for path in (made.config / "agreements").iterdir():
            agreement = yaml.safe_load(path.read_text())
            if not {agreement["sender"], agreement["recipient"]} <= PARTICIPANTS:
                path.unlink()
        yield made


def register_keys(made: Site, keys: Mapping[str, HeldKey]) -> None:
    """Have the registry know the prosecution's signing keys, and demand signatures for restorations."""
    path = made.config / "agencies" / "ppo.yaml"
    agency = yaml.safe_load(path.read_text())
    for name, held in keys.items():
        (made.config / "pki" / f"ppo-{name}.pem").write_text(held.public_pem)
    agency["origin_keys"] = [{"kid": f"ppo-{name}", "key": f"pki/ppo-{name}.pem"} for name in keys]
    path.write_text(yaml.safe_dump(agency, allow_unicode=True))
    path = made.config / "agreements" / "ppo-nea-restoration.v1.yaml"
    path.write_text(path.read_text().replace("origin_signature: optional", "origin_signature: required"))


def reference() -> str:
    """Return a number of a notification that nobody has used."""
    return f"PPO-2026-{os.getpid() % 10_000:04}{next(_numbers):06}"


def judgment(number: str = "", *, item: str = "28", born: str = "03/11/1988") -> str:
    """Return a final judgment as the prosecution writes it; nobody real can have the national ID."""
    return (
        f'<Judgment xmlns="{JUDGMENTS}" kind="جديد"><NotificationNo>{number or reference()}</NotificationNo>'
        '<Person nationalId="28811034204512"><Name>مينا جرجس حنا ميخائيل</Name><MotherName>مريم عزيز بشارة</MotherName>'
        f"<BirthDate>{born}</BirthDate><Sex>ذكر</Sex></Person>"
        "<Case><Court>محكمة شمال القاهرة الابتدائية</Court><Number>1234 جنح قسم أول</Number><Year>2025</Year>"
        "<JudgedOn>04/05/2026</JudgedOn><FinalOn>14/06/2026</FinalOn></Case>"
        f'<Verdict item="{item}" suspended="لا" inAbsentia="لا"><Offence>PC-318</Offence><Penalty>حبس</Penalty>'
        "<Months>12</Months></Verdict><NotifiedOn>20/06/2026</NotifiedOn></Judgment>"
    )


def message(*records: str, operation: str = "submit") -> str:
    return f'<m:{operation} xmlns:m="{MESSAGES}">{"".join(records)}</m:{operation}>'


def enveloped(inner: str, *, old: bool = True, header: str = "") -> bytes:
    head = f"<s:Header>{header}</s:Header>" if header else ""
    space = SOAP11 if old else SOAP12
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="{space}">{head}'
        f"<s:Body>{inner}</s:Body></s:Envelope>"
    ).encode()


@dataclass(frozen=True)
class Answer:
    """An answer or a fault, as far as tests look."""

    root: etree._Element

    @classmethod
    def of(cls, response: httpx.Response) -> Answer:
        return cls(etree.fromstring(response.content))

    def all(self, name: str) -> list[str]:
        return [found.text or "" for found in self.root.iter(f"{{{ANSWER}}}{name}")]

    def one(self, name: str) -> str:
        (found,) = self.all(name)
        return found
