import msgspec
import pytest
from consumer_parts import (
    Lane,
    OwnKeys,
    SigningKeys,
    event,
    identifier,
    ledger_at,
    opener,
    reader,
)

from crypto.errors import KeysUnavailable
from crypto.hpke import Suite
from crypto.note import LogPolicy
from crypto.receipt import verify_receipt
from gateway.consumer.opening import BatchOpener, PinnedLogKeys
from gateway.errors import Tampered, Unavailable
from gateway.records import Message


@pytest.fixture
def ledger(tmp_path):
    with ledger_at(tmp_path / "ledger.db") as ledger:
        yield ledger


def refused(opener, message):
    with pytest.raises(Tampered) as caught:
        opener.open(message)
    return caught.value.code


def changed(message, **parts):
    wire = msgspec.json.decode(message.body)
    return Message(message.id, message.queue, msgspec.json.encode(wire | parts))


def test_a_batch_is_opened_into_events_with_evidence_that_proves_them(ledger):
    lane = Lane()
    lane.message(count=5)
    records = opener(ledger).open(lane.message(count=3, start=5, queue="nea.death.v1"))
    assert [record.record_id for record in records] == lane.ids(3, 5)
    assert [record.index for record in records] == [5, 6, 7]
    assert msgspec.json.decode(records[1].event) == event(6)
    policy = LogPolicy(lane.origin, Suite.HYBRID, *vars_of(lane.keys.public_keys()))
    for record in records:
        assert verify_receipt(record.receipt, policy, octets=record.event).id == record.record_id


def vars_of(keys):
    return keys.ed25519, keys.mldsa44


def test_batches_may_come_in_any_order_and_more_than_once(ledger):
    lane = Lane()
    messages = [lane.message(start=n) for n in (0, 3, 6)]
    ours = opener(ledger)
    for message in [messages[2], messages[0], messages[0], messages[1], messages[2]]:
        ours.open(message)


def test_a_batch_from_a_lane_that_is_not_expected_is_refused(ledger):
    assert refused(opener(ledger), Lane("mod").message()) == "tampered.lane"


def test_a_batch_for_somebody_else_is_refused(ledger):
    message = Lane().message()
    assert refused(opener(ledger), Message(message.id, "moh.death.v1", message.body)) == "tampered.recipient"


def test_a_batch_signed_by_other_log_keys_is_refused(ledger):
    message = Lane(keys=SigningKeys(b"\x01" * 32)).message()
    assert refused(opener(ledger), message) == "tampered.signature"


def test_a_changed_ciphertext_is_refused(ledger):
    message = Lane().message()
    records = msgspec.json.decode(message.body)["records"]
    text = records[1]["ciphertext"]
    records[1]["ciphertext"] = ("B" if text[0] == "A" else "A") + text[1:]
    assert refused(opener(ledger), changed(message, records=records)) == "tampered.ciphertext"


def test_noise_is_refused(ledger):
    assert refused(opener(ledger), Message("x", "nea.death.v1", b"\x00\xff")) == "tampered.message"


@pytest.mark.parametrize(
    "change",
    [
        {"id": identifier(99)},
        {"source": "urn:isnad:agency:cso"},
        {"type": "eg.nea.eligibility-gained.v1"},
        {"sourceref": "death/99"},
        {"op": "void"},
        {"op": 1},
    ],
)
def test_a_record_that_names_other_things_than_its_entry_is_refused(ledger, change):
    message = Lane().message(count=1, events=[event(0, **change)])
    assert refused(opener(ledger), message) == "tampered.agreement"


def test_two_histories_stop_the_lane_until_an_operator_clears_it(ledger):
    shown, hidden = Lane(), Lane()
    ours = opener(ledger)
    ours.open(shown.message())
    later = shown.message(start=3)
    assert refused(ours, hidden.message(count=4, start=100)) == "tampered.history"
    assert ledger.stops()["moh"].code == "tampered.history"
    assert refused(ours, later) == "tampered.lane_stopped"
    ledger.clear("moh", "officer", "the second history came from a test machine")
    assert len(ours.open(later)) == 3


def test_a_stopped_lane_does_not_stop_the_others(ledger):
    ours = opener(ledger)
    ours.open(Lane().message())
    refused(ours, Lane().message(count=4, start=100))
    assert len(ours.open(Lane("cso").message())) == 3


def test_a_stop_survives_a_restart(tmp_path):
    lane = Lane()
    with ledger_at(tmp_path / "ledger.db") as ledger:
        opener(ledger).open(lane.message())
        refused(opener(ledger), Lane().message(count=4, start=100))
    with ledger_at(tmp_path / "ledger.db") as ledger:
        assert refused(opener(ledger), lane.message(start=3)) == "tampered.lane_stopped"


def test_a_forged_checkpoint_stops_no_lane(ledger):
    ours = opener(ledger)
    ours.open(Lane().message())
    assert refused(ours, Lane(keys=SigningKeys(b"\x01" * 32)).message(count=4)) == "tampered.signature"
    assert ledger.stops() == {}


def test_a_log_key_that_was_rotated_is_read_again(ledger):
    before, after = SigningKeys(), SigningKeys(b"\x01" * 32)

    class Rotating:
        keys = before

        def public_keys(self):
            return self.keys.public_keys()

    source = Rotating()
    ours = opener(ledger, source)
    lane = Lane(keys=before)
    ours.open(lane.message())
    source.keys = lane.keys = after
    assert len(ours.open(lane.message(start=3))) == 3


def test_keys_that_cannot_be_had_are_no_tampering(ledger):
    class Sealed(OwnKeys):
        def private(self, kid):
            del kid
            raise KeysUnavailable("keys: sealed")

    ours = BatchOpener(reader(), Sealed(), PinnedLogKeys(SigningKeys().public_keys()), ledger)
    with pytest.raises(Unavailable, match=r"unavailable\.keys"):
        ours.open(Lane().message())
    assert ledger.root_of("moh", 3) is None


def test_what_is_said_of_a_refused_batch_repeats_nothing_of_it(ledger):
    message = Lane().message(count=1, events=[event(0, source="urn:isnad:agency:29901010101010")])
    with pytest.raises(Tampered) as caught:
        opener(ledger).open(message)
    assert "2990" not in f"{caught.value} {caught.value!r}"
