"""What tests of the SOAP adapter share: the Public Prosecution, its keys, and what its lane remembers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import httpx
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from signed_parts import HeldKey, Signer, certificate
from support.auditor import Auditor
from support.participants import PATIENCE_S, participant
from support.soap import Answer, call

from gateway.demo.pki import Issued
from gateway.demo.running import Running
from gateway.demo.site import Site

PARTICIPANTS = frozenset({"ppo", "moj", "nea"})


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

    def post(self, envelope: bytes, operation: str = "submit", **how: Any) -> httpx.Response:
        return call(self.http, envelope, operation, **how)

    def signer(self, kind: str = "ecdsa", **how: object) -> Signer:
        """Return who signs for the agency, with a certificate made for it now."""
        held = self.keys[kind]
        return Signer(held, certificate(self.site.authority, held.key, **how))

    def revoke(self, issued: x509.Certificate) -> None:
        """Put a certificate on the list that the registry refers to."""
        self.site.revoke(Issued(issued, "", ec.generate_private_key(ec.SECP256R1())))

    def until(self, done: Callable[[], bool]) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + PATIENCE_S
        while not done():
            assert time.monotonic() < deadline
            time.sleep(0.2)

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
