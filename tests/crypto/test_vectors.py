"""Yesterday's batches and receipts open today: the files were written once and are never written again."""

import json
from pathlib import Path

import pytest
from exchange_parts import SUITES, Memory

from crypto.hpke import PrivateKey, Suite
from crypto.opening import Expectation, ExpectedLane, open_batch
from crypto.policy import policy_from_json
from crypto.receipt import Receipt, verify_receipt


@pytest.fixture(params=SUITES)
def vector(request):
    text = (Path(__file__).parent / "vectors" / f"{request.param}.json").read_text(encoding="utf-8")
    return request.param, json.loads(text)


def test_frozen_batches_open(vector):
    suite, frozen = vector
    private = PrivateKey.from_seed("nea-1", Suite(suite), bytes.fromhex(frozen["seed"]))
    policy = policy_from_json(frozen["policy"].encode())
    lanes = {"moh": ExpectedLane("moh", policy)}
    expected = Expectation("nea", frozenset({suite}), {"nea-1": private}, lanes)
    seen = Memory()
    opened = [
        record
        for message in frozen["messages"]
        for record in open_batch(message.encode(), expected, seen).records
    ]
    assert [(record.index, record.entry.id, record.octets.decode()) for record in opened] == [
        (record["index"], record["id"], record["octets"]) for record in frozen["records"]
    ]


def test_frozen_receipts_verify(vector):
    _, frozen = vector
    policy = policy_from_json(frozen["policy"].encode())
    for record in frozen["records"]:
        octets, source = record["octets"].encode(), record["source"].encode()
        receipt = Receipt.from_json(record["receipt"].encode())
        assert verify_receipt(receipt, policy, octets=octets, source=source).id == record["id"]
