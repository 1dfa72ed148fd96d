"""A configuration folder as an operator keeps it, with an authority of its own, for tests to change."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from crypto.hpke import PrivateKey, Suite
from gateway.demo.pki import Authority
from gateway.registry import Sources

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
"""An instant within the agreements; certificates are judged at the time of the test."""


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def identity(san="dns:isnad.moh.example", **changes):
    return {"issuers": "pki/ca.pem", "crls": ["pki/ca.crl"], "san": san, **changes}


def agency(name, role="source", **changes):
    return {
        "name": name,
        "title": {"ar": "جهة", "en": "Agency"},
        "role": role,
        "profile": "synthetic",
        "adapter": "rest",
        "identity": [identity(f"dns:isnad.{name}.example")],
        "delivery": {"mode": "queue"} if role == "authority" else {"mode": "inbox"},
        "recipient_keys": [f"{name}-1" if role == "authority" else "delivery-1"],
        "quota": {"records_per_s": 100, "burst": 1000, "submissions_per_s": 5, "records_per_day": 10_000},
        "contact": {"email": f"desk@{name}.example"},
        **changes,
    }


def agreement(sender, recipient, contract, /, **changes):
    return {
        "id": f"{sender}-{recipient}-{contract}",
        "sender": sender,
        "recipient": recipient,
        "contract": contract,
        "legal_basis": {"ar": "سند", "en": "Basis", "reference": "Law 1", "verified": False},
        "valid_from": "2026-01-01",
        "valid_until": "2028-12-31",
        "origin_signature": "optional",
        "reviewed_by": ["Legal department"],
        **changes,
    }


@dataclass
class Configuration:
    """Writes `config/` below `folder`; what a test changes it writes again with `agency` or `agreement`."""

    folder: Path
    authority: Authority = field(default_factory=lambda: Authority("Test authority"))

    def __post_init__(self):
        for name in ("agencies", "agreements", "pki"):
            (self.folder / name).mkdir(parents=True)
        self.write("pki/ca.pem", self.authority.pem)
        self.write("pki/ca.crl", self.authority.crl(valid_for=timedelta(days=30)))
        public = Ed25519PrivateKey.generate().public_key()
        self.write("pki/origin.pem", public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        self.write("calendar.yaml", "elections: []\n")
        self.agency("moh")
        self.agency("cso")
        self.agency("nea", "authority")
        self.agreement("moh", "nea", "death.v1")
        self.agreement("cso", "nea", "eligibility-gained.v1")
        self.agreement("nea", "moh", "disposition.v1")
        self.agreement("nea", "cso", "disposition.v1")

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def agency(self, name, role="source", **changes) -> Path:
        return self.write(f"agencies/{name}.yaml", plain(agency(name, role, **changes)))

    def agreement(self, sender, recipient, contract, /, **changes) -> Path:
        document = agreement(sender, recipient, contract, **changes)
        return self.write(f"agreements/{document['id']}.yaml", plain(document))

    def sources(self, profile="synthetic") -> Sources:
        return Sources(self.folder, None, profile)

    def client(self, host="isnad.moh.example", **changes):
        """Issue a client certificate of this configuration's authority."""
        return self.authority.issue("client", hosts=[host], **changes)


def plain(document) -> str:
    """Write YAML without anchors, dates as an operator types them."""
    text = yaml.safe_dump(deepcopy(document), allow_unicode=True, sort_keys=False)
    return text.replace("'2026-01-01'", "2026-01-01").replace("'2028-12-31'", "2028-12-31")


class HeldKeys:
    """Recipients' and lanes' keys in memory; `asked` counts how often they were needed."""

    def __init__(self):
        self.asked = 0
        self._public = PrivateKey.from_seed("any", Suite.CLASSICAL, bytes(32)).public()

    def public(self, kid):
        self.asked += 1
        return type(self._public)(kid, Suite.CLASSICAL, self._public.raw)

    def pseudonym(self, lane):
        return (b"pseudonym" + lane.encode()).ljust(32)

    def promise(self, lane):
        return (b"promise" + lane.encode()).ljust(32)
