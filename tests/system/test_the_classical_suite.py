"""A key server without post-quantum keys, such as a Vault, is enough for the whole way and for its proof."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.draining import eventually
from support.participants import core, inbox, participant, small_site
from support.sample_records import notification

from crypto.errors import KeysUnavailable
from crypto.openbao.signer import MLDSA44_KEY, transit_public_keys
from gateway.demo.proof import officer_token
from gateway.demo.site import Site, isnad


@dataclass
class Exchange:
    """A site whose key server never made another key than classical ones, and a record that has gone its way."""

    site: Site
    record: bytes
    told: dict
    answers: list[dict] = field(default_factory=list)

    def isnad(self, *arguments: str) -> str:
        """Run a command of an officer's, successfully; return what it says."""
        environment = {"BAO_TOKEN": officer_token(self.site), "ISNAD_CONFIG": str(self.site.config)}
        ran = subprocess.run(
            isnad(*arguments),
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    record = json.dumps(notification("MOH-1203-2026-000001"), ensure_ascii=False).encode()
    headers = {"content-type": "application/json"}
    with small_site(tmp_path_factory.mktemp("site"), suite="classical") as made:
        made.serve()
        made.deliver()
        core(made)
        with participant(made, "moh") as moh, participant(made, "moh", made.inbox_url) as box:
            answer = moh.post("/v1/death.v1/records", content=record, headers=headers).raise_for_status()
            done = Exchange(made, record, answer.json()["outcomes"][0])
            assert eventually(lambda: done.answers.extend(inbox(box)) or done.answers)
        yield done


def test_a_record_is_answered_without_any_post_quantum_key(exchange: Exchange) -> None:
    assert [one["event"]["data"]["event_id"] for one in exchange.answers] == [exchange.told["id"]]
    with pytest.raises(KeysUnavailable, match="nothing at"):
        transit_public_keys(exchange.site.keys.administrator(), MLDSA44_KEY)


def test_its_lanes_are_verified_with_the_keys_of_the_key_server(exchange: Exchange) -> None:
    replayed = [json.loads(line) for line in exchange.isnad("log", "verify", "--json").splitlines()]
    assert {line["lane"] for line in replayed if line["holds"]} == {"gateway", "moh", "nea"}


def test_its_receipt_proves_it_offline(exchange: Exchange, tmp_path: Path) -> None:
    receipt, source, policy = (tmp_path / name for name in ("receipt.json", "record.json", "policy.json"))
    receipt.write_text(json.dumps(exchange.told["receipt"]))
    source.write_bytes(exchange.record)
    policy.write_text(exchange.isnad("log", "policy", "moh"))
    assert "Proven" in exchange.isnad(
        "verify", str(receipt), "--source", str(source), "--policy", str(policy)
    )
