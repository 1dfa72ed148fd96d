"""The keys that sign the log are rotated under a running gateway: the lane says so, and nothing else changes."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from support.auditor import Auditor
from support.draining import eventually
from support.participants import Core, core, participant, small_site
from support.sample_records import notification

from crypto.openbao.signer import ED25519_KEY, MLDSA44_KEY
from crypto.receipt import Receipt, verify_receipt
from gateway.demo.site import Site, isnad

KEYS = (ED25519_KEY, MLDSA44_KEY)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with small_site(tmp_path / "site") as made:
        made.serve()
        yield made


def rotate(site: Site, key: str) -> int:
    """Rotate a log key as an administrator does; return its new version."""
    server = {
        "BAO_ADDR": site.keys.address,
        "BAO_CACERT": str(site.config / "pki" / "keys.pem"),
        "BAO_TOKEN": site.keys.root_token,
    }
    command = isnad("keys", "rotate", key)
    ran = subprocess.run(command, env={**os.environ, **server}, capture_output=True, check=True, timeout=60)
    return json.loads(ran.stdout)["version"]


def handed_over(moh: httpx.Client, authority: Core, reference: str) -> tuple[bytes, Receipt]:
    """Hand over a record, wait until the authority has it, and return it as it was sent with its receipt."""
    record = json.dumps(notification(reference), ensure_ascii=False).encode()
    headers = {"content-type": "application/json"}
    answer = moh.post("/v1/death.v1/records", content=record, headers=headers).raise_for_status()
    outcome = answer.json()["outcomes"][0]
    assert eventually(lambda: outcome["id"] in authority.seen())
    return record, Receipt.from_json(json.dumps(outcome["receipt"]).encode())


def introduced(auditor: Auditor) -> set[tuple[str, int]]:
    """Return the log keys that the gateway's lane names, with their versions."""
    entries = auditor.entries("gateway")
    return {(one["name"], one["version"]) for one in entries if one["kind"] == "key.introduced"}


def test_what_was_signed_before_and_after_is_proven_and_the_lane_names_the_new_keys(site: Site) -> None:
    authority = core(site)
    with participant(site, "moh") as moh, closing(Auditor(site)) as auditor:
        before = handed_over(moh, authority, "MOH-1203-2026-000001")
        assert eventually(lambda: introduced(auditor) == {(key, 1) for key in KEYS})
        assert [rotate(site, key) for key in KEYS] == [2, 2]
        after = handed_over(moh, authority, "MOH-1203-2026-000002")
        named = {(key, version) for key in KEYS for version in (1, 2)}
        assert eventually(lambda: introduced(auditor) == named)
    with closing(Auditor(site)) as auditor:  # who knows the keys of today
        auditor.verify()
        for record, receipt in (before, after):
            verify_receipt(receipt, auditor.policy("moh"), source=record)
