import json
from dataclasses import replace

import exchange_parts as parts
import pytest
from exchange_parts import SUITES, Exchange, unsealed
from hypothesis import given
from hypothesis import strategies as st

from crypto import merkle
from crypto.errors import Tampered
from crypto.opening import open_batch
from crypto.proof import format_proof, parse_proof
from crypto.receipt import BatchReceipt, Receipt, verify_logged, verify_receipt


class Promised:
    """A batch in the middle of a lane, and the receipts its sender gets."""

    def __init__(self, suite):
        self.exchange = Exchange(suite)
        self.exchange.message(3)
        self.records = [unsealed(10 + n) for n in range(5)]
        draft = self.exchange.seal(self.records)
        before = self.exchange.lane.frontier
        _, signed = self.exchange.lane.append(draft.leaves)
        self.batch = BatchReceipt("moh", before, draft.leaves, signed)
        self.receipts = [
            self.batch.expand(3 + n, record.entry["id"], draft.salts[n], draft.entries[n])
            for n, record in enumerate(self.records)
        ]
        self.policy = self.exchange.keys.policy(self.exchange.lane.origin, suite)


@pytest.fixture(params=SUITES, scope="module")
def promised(request):
    return Promised(request.param)


def refused(receipt, policy, **what):
    with pytest.raises(Tampered) as refusal:
        verify_receipt(receipt, policy, **what)
    return refusal.value.check


def test_every_record_of_a_batch_is_proved_by_its_own_receipt(promised):
    for record, receipt in zip(promised.records, promised.receipts, strict=True):
        for what in (
            {"octets": record.octets},
            {"source": record.source},
            {"octets": record.octets, "source": record.source},
        ):
            assert verify_receipt(receipt, promised.policy, **what).source_ref == record.entry["source_ref"]


def test_the_recipient_holds_the_same_evidence_as_the_sender(promised):
    exchange = Exchange(promised.exchange.suite)
    records = [unsealed(n) for n in range(4)]
    opened = open_batch(exchange.lane.message(exchange.seal(records)), exchange.expected, exchange.seen)
    policy = exchange.keys.policy(exchange.lane.origin, exchange.suite)
    for record in opened.records:
        entry = verify_receipt(opened.receipt(record), policy, octets=record.octets)
        assert entry == record.entry


def test_a_receipt_survives_its_json_form(promised):
    receipt = promised.receipts[2]
    assert Receipt.from_json(receipt.to_json()) == receipt
    assert set(json.loads(receipt.to_json())) == {"record_id", "lane", "index", "salt", "proof", "entry"}
    assert BatchReceipt.from_json(promised.batch.to_json()) == promised.batch


def test_a_batch_receipt_is_small_and_expands_to_the_same_receipts(promised):
    batch = BatchReceipt.from_json(promised.batch.to_json())
    assert batch.first == 3
    for receipt in promised.receipts:
        assert batch.expand(receipt.index, receipt.record_id, receipt.salt, receipt.entry) == receipt
        expanded = batch.expand_json(receipt.index, receipt.record_id, receipt.salt, receipt.entry)
        assert expanded == receipt.to_json()


def test_a_batch_receipt_promises_nothing_for_other_entries(promised):
    receipt = promised.receipts[0]
    for index, entry in ((2, receipt.entry), (8, receipt.entry), (4, receipt.entry), (3, b"{}")):
        with pytest.raises(ValueError, match="no such entry"):
            promised.batch.expand(index, receipt.record_id, receipt.salt, entry)


def test_another_record_is_refused(promised):
    receipt, other = promised.receipts[0], promised.records[1]
    assert refused(receipt, promised.policy, octets=other.octets) == "commitment"
    assert refused(receipt, promised.policy, source=other.source) == "commitment"
    right = promised.records[0]
    assert refused(receipt, promised.policy, octets=right.octets, source=other.source) == "commitment"
    assert refused(receipt, promised.policy, octets=other.octets, source=right.source) == "commitment"
    assert refused(receipt, promised.policy, octets=right.octets + b" ") == "commitment"


def test_a_receipt_alone_proves_nothing_about_a_record(promised):
    with pytest.raises(ValueError, match="record"):
        verify_receipt(promised.receipts[0], promised.policy)


def changed_proof(receipt, index=None, path=None, note=None):
    proof = parse_proof(receipt.proof)
    index = proof.index if index is None else index
    return format_proof(index, proof.path if path is None else path, proof.note if note is None else note)


def test_a_receipt_changed_in_any_part_is_refused(promised):
    receipt, other = promised.receipts[0], promised.receipts[1]
    path = parse_proof(receipt.proof).path
    note = parse_proof(receipt.proof).note
    for change, check in [
        ({"record_id": other.record_id}, "agreement"),
        ({"index": 4}, "agreement"),
        ({"index": 4, "proof": changed_proof(receipt, index=4)}, "tree"),
        ({"lane": "moj"}, "lane"),
        ({"lane": "oh"}, "lane"),
        ({"salt": other.salt}, "commitment"),
        ({"salt": receipt.salt[:31]}, "receipt"),
        ({"salt": b""}, "receipt"),
        ({"entry": other.entry}, "tree"),
        ({"entry": receipt.entry.replace(b"pass", b"hold")}, "tree"),
        ({"entry": receipt.entry + b" "}, "tree"),
        ({"proof": other.proof}, "agreement"),
        ({"proof": changed_proof(receipt, path=path[:-1])}, "tree"),
        ({"proof": changed_proof(receipt, path=(*path, path[0]))}, "tree"),
        ({"proof": changed_proof(receipt, path=(bytes(32), *path[1:]))}, "tree"),
        ({"proof": changed_proof(receipt, note=note.replace("\n8\n", "\n9\n"))}, "signature"),
        ({"proof": changed_proof(receipt, note=note[:-1])}, "note"),
        ({"proof": ""}, "receipt"),
    ]:
        damaged = replace(receipt, **change)
        assert refused(damaged, promised.policy, octets=promised.records[0].octets) == check, change


def test_a_receipt_under_another_logs_policy_is_refused(promised):
    octets, suite = promised.records[0].octets, promised.exchange.suite
    others = parts.LogKeys().policy(promised.exchange.lane.origin, suite)
    elsewhere = promised.exchange.keys.policy("gate.example/moj", suite)
    assert refused(promised.receipts[0], others, octets=octets) == "signature"
    assert refused(promised.receipts[0], elsewhere, octets=octets) == "lane"


def test_an_entry_that_is_no_record_is_proved_logged_and_not_taken_for_one(promised):
    lane = promised.exchange.lane
    entry = b'{"kind":"officer.searched","v":1}'
    before = lane.frontier
    leaf = merkle.leaf_hash(entry)
    _, signed = lane.append([leaf])
    receipt = BatchReceipt("moh", before, (leaf,), signed).expand(before.size, "", b"", entry)
    assert verify_logged(receipt, promised.policy).size == before.size + 1
    assert Receipt.from_json(receipt.to_json()) == receipt
    assert refused(receipt, promised.policy, octets=b"") == "entry"


def test_an_id_that_is_not_that_of_the_records_reference_is_refused_though_logged(promised):
    lane, record, salt = promised.exchange.lane, unsealed(1), bytes(32)
    entry = parts.forged_entry(record, source_ref="x")(salt)
    before, leaf = lane.frontier, merkle.leaf_hash(entry)
    _, signed = lane.append([leaf])
    receipt = BatchReceipt("moh", before, (leaf,), signed).expand(
        before.size, record.entry["id"], salt, entry
    )
    assert refused(receipt, promised.policy, octets=record.octets) == "agreement"


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"{}",
        b'{"record_id":"","lane":"","index":0,"salt":"!","proof":"","entry":""}',
        b'{"record_id":"","lane":"","index":0,"salt":"","proof":"","entry":"","more":1}',
        b'{"record_id":"","lane":"","index":"0","salt":"","proof":"","entry":""}',
        b'{"record_id":"\xff","lane":"","index":0,"salt":"","proof":"","entry":""}',
        b" " * 600_000,
    ],
)
def test_what_is_no_receipt_is_refused(octets):
    with pytest.raises(Tampered) as refusal:
        Receipt.from_json(octets)
    assert refusal.value.check == "receipt"


@pytest.mark.parametrize(
    ("octets", "check"),
    [
        (b"", "receipt"),
        (b" " * 600_000, "receipt"),
        (b'{"lane":"","first":0,"frontier":[],"leaves":["AAAA"],"checkpoint":""}', "receipt"),
        (b'{"lane":"","first":0,"frontier":["' + b"A" * 43 + b'"],"leaves":[],"checkpoint":""}', "tree"),
        (b'{"lane":"","first":1,"frontier":[],"leaves":[],"checkpoint":""}', "tree"),
    ],
)
def test_what_is_no_batch_receipt_is_refused(octets, check):
    with pytest.raises(Tampered) as refusal:
        BatchReceipt.from_json(octets)
    assert refusal.value.check == check


def test_a_proof_reads_as_c2sp_tlog_proof_writes_it():
    hash_line = "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ="
    note = "example.com/fancylog\n109482\nsFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=\n\n— a AAAAAAAA\n"
    text = f"c2sp.org/tlog-proof@v1\nindex 73894\n{hash_line}\n\n{note}"
    proof = parse_proof(text)
    assert (proof.index, len(proof.path), proof.note) == (73894, 1, note)
    assert format_proof(proof.index, proof.path, proof.note) == text
    with_extra = text.replace("index", "extra YWdl\nindex", 1)
    assert parse_proof(with_extra) == proof
    assert parse_proof(f"c2sp.org/tlog-proof@v1\nindex 0\n\n{note}").path == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "c2sp.org/tlog-proof@v1",
        "c2sp.org/tlog-proof@v1\n\nx",
        "c2sp.org/tlog-proof@v1\nindex 1",
        "c2sp.org/tlog-proof@v2\nindex 1\n\nx",
        "c2sp.org/tlog-proof@v1\nindex 01\n\nx",
        "c2sp.org/tlog-proof@v1\nindex -1\n\nx",
        "c2sp.org/tlog-proof@v1\nindex ١\n\nx",
        "c2sp.org/tlog-proof@v1\nindex 1\nAAAA\n\nx",
        "c2sp.org/tlog-proof@v1\nindex 1\n" + "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\n" * 64 + "\nx",
        "c2sp.org/tlog-proof@v1\nextra !\nindex 1\n\nx",
        "c2sp.org/tlog-proof@v1\nextra YWdl\n\nx",
        "c2sp.org/tlog-proof@v1\nindex 1\r\n\r\nx",
        "c2sp.org/tlog-proof@v1\nindex 1\n\n" + "x" * 200_000,
    ],
)
def test_what_is_no_proof_is_refused(text):
    with pytest.raises(Tampered) as refusal:
        parse_proof(text)
    assert refusal.value.check == "receipt"


@given(st.integers(0, 2**63 - 1), st.lists(st.binary(min_size=32, max_size=32), max_size=63), st.text())
def test_any_proof_reads_back(index, path, note):
    proof = parse_proof(format_proof(index, path, note))
    assert (proof.index, list(proof.path), proof.note) == (index, path, note)
