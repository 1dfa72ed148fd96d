"""A record that somebody should look at says so to its sender, its recipient and the log."""

import json
import os
from pathlib import Path

import contracts
from crypto.entry import parse_entry
from crypto.hpke import PrivateKey, Suite
from gateway.prepare import prepare
from gateway.records import Framed, Origin, Part, Terms

SAMPLE = Path(contracts.__file__).parent / "agencies/moh/death/v1/samples/valid/disagreeing.json"
JULY_2026_MS = 1_782_900_000_000


def test_a_national_id_that_disagrees_with_the_record_is_marked_for_review():
    catalogue = contracts.load(profile="synthetic")
    key = PrivateKey.from_seed("nea-1", Suite.HYBRID, os.urandom(32)).public()
    terms = Terms(
        agreement="moh-nea-death.v1",
        sender="moh",
        recipient="nea",
        contract="death.v1",
        lane="moh",
        suite=Suite.HYBRID,
        freeze="pass",
        catalogue=catalogue.digest,
        recipient_keys=(key,),
        pseudonym_key=bytes(32),
        promise_key=bytes(32),
    )
    octets = json.dumps(json.loads(SAMPLE.read_bytes()), ensure_ascii=False).encode()
    part = Part("0" * 36, Origin("0" * 64), JULY_2026_MS, (Framed(1, octets),))
    batch = prepare(catalogue, terms, (part,), {})
    assert batch.refused == ()
    assert "review.nid.birth_date" in batch.kept[0].warnings
    assert "review.nid.birth_date" in parse_entry(batch.draft.entries[0]).review
