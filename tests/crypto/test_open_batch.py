import json
from dataclasses import replace

import exchange_parts as parts
import pytest
from exchange_parts import SUITES, Exchange, header, unsealed
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import hpke, merkle, note
from crypto.errors import Tampered
from crypto.hpke import Suite
from crypto.opening import ExpectedLane, open_batch
from crypto.seal import seal


@pytest.fixture(params=SUITES)
def exchange(request):
    return Exchange(request.param)


def refused(message, expected, seen=None):
    """The check that refuses a message; what was seen before must be untouched."""
    seen = seen if seen is not None else parts.Memory()
    before = (dict(seen.roots), {queue: set(links) for queue, links in seen.links.items()})
    with pytest.raises(Tampered) as refusal:
        open_batch(message, expected, seen)
    assert before == (seen.roots, seen.links)
    return refusal.value.check


def changed(message, change):
    """The message after `change` was done to its parsed form."""
    wire = json.loads(message)
    change(wire)
    return json.dumps(wire, ensure_ascii=False).encode()


def set_at(*path):
    *parents, last, value = path

    def change(wire):
        for parent in parents:
            wire = wire[parent]
        wire[last] = value

    return change


def flip(text):
    """Another text of the same length that is still base64url of the same number of bytes."""
    return ("B" if text[0] == "A" else "A") + text[1:]


def flip_at(*path):
    def change(wire):
        for step in path[:-1]:
            wire = wire[step]
        wire[path[-1]] = flip(wire[path[-1]])

    return change


def test_what_was_sealed_is_what_is_opened(exchange):
    records = [unsealed(n) for n in range(5)]
    draft = exchange.seal(records)
    opened = open_batch(exchange.lane.message(draft), exchange.expected, exchange.seen)
    assert [r.octets for r in opened.records] == [r.octets for r in records]
    assert [r.entry_octets for r in opened.records] == list(draft.entries)
    assert [r.salt for r in opened.records] == list(draft.salts)
    assert [r.index for r in opened.records] == [0, 1, 2, 3, 4]
    assert [r.entry.id for r in opened.records] == [r.entry["id"] for r in records]
    assert opened.header.octets() == draft.header
    assert opened.checkpoint.size == 5
    assert "محمد" not in repr(opened)
    assert "محمد" not in repr(opened.records[0])


def test_batches_of_every_size_open_wherever_they_stand_in_the_lane(exchange):
    start = 0
    for count in (1, 2, 3, 1, 256, 7, 64):
        opened = open_batch(exchange.message(count, start), exchange.expected, exchange.seen)
        assert opened.records[0].index == start
        assert len(opened.records) == count
        start += count


def test_each_of_several_recipients_opens_the_batch_with_its_own_key():
    exchange = Exchange(Suite.HYBRID)
    old, new = (hpke.PrivateKey.from_seed(kid, Suite.HYBRID, kid.encode() * 8) for kid in ("nea1", "nea2"))
    head = header(Suite.HYBRID, 1, ("nea1", "nea2"))
    message = exchange.lane.message(seal(head, [unsealed(1)], [old.public(), new.public()]))
    for private in (old, new):
        opened = open_batch(message, exchange.expecting(keys={private.kid: private}), parts.Memory())
        assert opened.records[0].octets == unsealed(1).octets


# 1. Parse, with limits.


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"header":"\xff"}',
        b'{"keys":' + b"[" * 100_000,
        b'{"more":' + b"[" * 100_000,
        b" " * (8 * 1024 * 1024 + 1),
    ],
)
def test_what_is_no_message_is_refused(message, exchange):
    assert refused(message, exchange.expected) == "message"


MALFORMED = {
    "an unknown member": set_at("more", 1),
    "an unknown member of a record": set_at("records", 0, "more", 1),
    "an unknown member of a key": set_at("keys", 0, "more", 1),
    "an unknown member of after": set_at("after", "more", 1),
    "no records": set_at("records", []),
    "no keys": set_at("keys", []),
    "too many keys": lambda wire: wire.update(keys=wire["keys"] * 17),
    "too many records": lambda wire: wire.update(records=wire["records"] * 257),
    "a frontier too long": set_at("frontier", ["A" * 43] * 64),
    "a proof too long": set_at("consistency", ["A" * 43] * 129),
    "an index that is a string": set_at("first", "0"),
    "an index that is a fraction": set_at("first", 0.5),
    "padding": lambda wire: wire["records"][0].update(ciphertext=wire["records"][0]["ciphertext"] + "="),
    "standard base64": set_at("records", 0, "ciphertext", "+/+/"),
    "white space in base64": set_at("keys", 0, "ek", "AA AA"),
    "a root that is no hash": set_at("after", "root", "AAAA"),
    "a frontier hash that is no hash": set_at("frontier", ["AAAA"]),
    "a proof hash that is no hash": set_at("consistency", ["A" * 42]),
    "a header too large": set_at("header", "x" * 8193),
    "a ciphertext too large": set_at("records", 0, "ciphertext", "A" * (4 * (1024 * 1024 + 20) // 3)),
    "a missing member": lambda wire: wire.pop("after"),
    "a record without an entry": lambda wire: wire["records"][0].pop("entry"),
}


@pytest.mark.parametrize("change", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_message_is_refused(change, exchange):
    assert refused(changed(exchange.message(1), change), exchange.expected) == "message"


@given(st.binary(max_size=300))
def test_no_octets_break_the_parser(octets):
    exchange = EXCHANGES[Suite.CLASSICAL]
    assert refused(octets, exchange.expected) == "message"


def test_a_message_beyond_8_mib_is_refused_though_it_would_open(exchange):
    message = exchange.message(1)
    longest = message + b" " * (8 * 1024 * 1024 - len(message))
    assert refused(longest + b" ", exchange.expected) == "message"
    assert open_batch(longest, exchange.expected, exchange.seen)


def test_an_entry_beyond_4096_bytes_is_refused_before_it_is_looked_at(exchange):
    message = changed(exchange.message(1), set_at("records", 0, "entry", "ي" * 2049))
    assert refused(message, exchange.expected) == "entry"


@pytest.mark.parametrize("count", [1, 3])
def test_a_count_that_is_not_the_number_of_records_is_refused(count, exchange):
    def change(wire):
        wire["header"] = wire["header"].replace('"count":2', f'"count":{count}')

    assert refused(changed(exchange.message(2), change), exchange.expected) == "agreement"


def test_a_header_in_another_form_is_refused(exchange):
    message = changed(exchange.message(1), lambda wire: wire.update(header=wire["header"] + " "))
    assert refused(message, exchange.expected) == "header"


# 2. The suite is acceptable, and I am a recipient.


def test_a_suite_that_is_not_accepted_is_refused_though_everything_else_is_right():
    exchange = Exchange(Suite.CLASSICAL)
    message = exchange.message()
    assert refused(message, exchange.expecting(suites=frozenset({Suite.HYBRID}))) == "suite"
    assert open_batch(message, exchange.expected, exchange.seen)


def test_a_batch_relabelled_with_another_suite_is_refused(exchange):
    other = next(suite for suite in SUITES if suite != exchange.suite)

    def change(wire):
        wire["header"] = wire["header"].replace(exchange.suite, other)

    message = changed(exchange.message(1), change)
    assert refused(message, exchange.expected) == "suite"
    assert refused(message, exchange.expecting(suites=frozenset(SUITES))) == "recipient"


def test_a_batch_for_others_is_refused(exchange):
    stranger = hpke.PrivateKey.from_seed("moj-1", exchange.suite, b"\x01" * 32)
    assert refused(exchange.message(), exchange.expecting(keys={"moj-1": stranger})) == "recipient"


def test_keys_other_than_the_headers_are_refused(exchange):
    for change in (
        set_at("keys", 0, "kid", "nea-2"),
        lambda wire: wire.update(keys=wire["keys"] * 2),
    ):
        assert refused(changed(exchange.message(1), change), exchange.expected) == "recipient"


# 3. The log says so.


def test_a_lane_that_is_not_expected_of_this_sender_is_refused(exchange):
    message, (lane,) = exchange.message(), exchange.expected.lanes.values()
    assert refused(message, exchange.expecting(lanes={})) == "lane"
    assert refused(message, exchange.expecting(lanes={"moh": ExpectedLane("moj", lane.policy)})) == "lane"


def test_a_checkpoint_of_another_lane_is_refused(exchange):
    elsewhere = exchange.keys.policy("gate.example/moj", exchange.suite)
    lanes = {"moh": ExpectedLane("moh", elsewhere)}
    assert refused(exchange.message(), exchange.expecting(lanes=lanes)) == "lane"


def test_a_checkpoint_signed_by_others_is_refused(exchange):
    theirs = parts.LogKeys().policy(exchange.lane.origin, exchange.suite)
    lanes = {"moh": ExpectedLane("moh", theirs)}
    assert refused(exchange.message(), exchange.expecting(lanes=lanes)) == "signature"


def test_a_hybrid_batch_without_its_ml_dsa_signature_is_refused():
    exchange = Exchange(Suite.HYBRID)

    def change(wire):
        wire["checkpoint"] = wire["checkpoint"].rsplit("— ", 1)[0]

    assert refused(changed(exchange.message(), change), exchange.expected) == "signature"


def test_a_checkpoint_that_is_no_note_is_refused(exchange):
    assert refused(changed(exchange.message(), set_at("checkpoint", "x")), exchange.expected) == "note"


# 4. These entries, in this order, are the last ones under the signed root.


def swap_records(wire):
    wire["records"].reverse()


def swap_entries(wire):
    first, second = wire["records"][:2]
    first["entry"], second["entry"] = second["entry"], first["entry"]


def change_entry(wire):
    wire["records"][0]["entry"] = wire["records"][0]["entry"].replace("pass", "hold")


TREE = {
    "swapped records": swap_records,
    "swapped entries": swap_entries,
    "a changed entry": change_entry,
    "a repeated entry": lambda wire: wire["records"].__setitem__(1, wire["records"][0]),
    "a changed frontier": flip_at("frontier", 0),
    "another index": set_at("first", 5),
    "an index without a frontier": set_at("first", 7),
    "a missing frontier": set_at("frontier", []),
    "an empty tree before": lambda wire: wire.update(first=0, frontier=[]),
}


@pytest.mark.parametrize("change", TREE.values(), ids=TREE)
def test_entries_that_are_not_the_signed_ones_are_refused(change, exchange):
    exchange.message(4)
    assert refused(changed(exchange.message(3, 4), change), exchange.expected) == "tree"


def test_a_checkpoint_from_another_moment_is_refused(exchange):
    earlier = json.loads(exchange.message(3))["checkpoint"]
    message = exchange.message(3, 3)
    assert refused(changed(message, set_at("checkpoint", earlier)), exchange.expected) == "tree"


# 5. One history.


def test_messages_open_in_any_order_and_again(exchange):
    messages = [exchange.message(count, start) for start, count in ((0, 3), (3, 1), (4, 8), (12, 2))]
    for at in (2, 0, 0, 3, 1, 2, 1):
        assert open_batch(messages[at], exchange.expected, exchange.seen)


def test_other_queues_of_the_lane_do_not_disturb(exchange):
    """A lane feeds several queues and holds entries that are no records; each consumer sees its own part."""
    messages = []
    for turn in range(4):
        exchange.lane.append([merkle.leaf_hash(bytes([turn]))] * (turn + 1))
        messages.append(exchange.message(3, 3 * turn))
        birth = [unsealed(turn, contract="birth.v1")]
        draft = seal(header(exchange.suite, 1, contract="birth.v1"), birth, [exchange.private.public()])
        messages.append(exchange.lane.message(draft, queue="nea.birth.v1"))
    for message in reversed(messages):
        assert open_batch(message, exchange.expected, exchange.seen)


def test_another_root_at_a_size_seen_before_is_refused(exchange):
    twin = Exchange(exchange.suite, exchange.keys)
    open_batch(exchange.message(3), exchange.expected, exchange.seen)
    assert refused(twin.message(3), exchange.expected, exchange.seen) == "history"


def test_a_lane_that_shrank_is_refused(exchange):
    twin = Exchange(exchange.suite, exchange.keys)
    open_batch(exchange.message(5), exchange.expected, exchange.seen)
    assert refused(twin.message(3), exchange.expected, exchange.seen) == "history"


def test_a_second_history_that_avoids_every_size_seen_before_is_refused(exchange):
    """No remembered root contradicts it; that a message had a successor already does."""
    twin = Exchange(exchange.suite, exchange.keys)
    for start, count in ((0, 3), (3, 3)):
        open_batch(exchange.message(count, start), exchange.expected, exchange.seen)
    assert refused(twin.message(4), exchange.expected, exchange.seen) == "history"
    assert refused(twin.message(4, 4), exchange.expected, exchange.seen) == "history"


def test_a_second_successor_of_a_message_is_refused(exchange):
    twin = Exchange(exchange.suite, exchange.keys)
    draft = exchange.seal([unsealed(n) for n in range(3)])
    first = exchange.lane.message(draft)
    assert twin.lane.message(draft)
    open_batch(first, exchange.expected, exchange.seen)
    open_batch(exchange.message(2, 3), exchange.expected, exchange.seen)
    assert refused(twin.message(4, 3), exchange.expected, exchange.seen) == "history"


def test_a_previous_root_other_than_the_one_seen_is_refused(exchange):
    open_batch(exchange.message(3), exchange.expected, exchange.seen)
    message = changed(exchange.message(3, 3), flip_at("after", "root"))
    assert refused(message, exchange.expected, exchange.seen) == "consistency"


def test_a_predecessor_that_is_proved_and_has_another_root_than_the_one_seen_is_refused(exchange):
    twin = Exchange(exchange.suite, exchange.keys)
    open_batch(exchange.message(3), exchange.expected, exchange.seen)
    twin.message(3)
    assert refused(twin.message(4, 3), exchange.expected, exchange.seen) == "history"


def test_a_link_that_skips_a_message_seen_before_is_refused(exchange):
    def unlinked(wire):
        wire.update(after={"size": 0, "root": parts.text64(merkle.EMPTY_ROOT)}, consistency=[])

    open_batch(exchange.message(3), exchange.expected, exchange.seen)
    assert refused(changed(exchange.message(3, 3), unlinked), exchange.expected, exchange.seen) == "history"


LINK = {
    "a proof cut short": lambda wire: wire["consistency"].pop(),
    "a proof too long": lambda wire: wire["consistency"].append("A" * 43),
    "no proof": set_at("consistency", []),
    "a changed proof": flip_at("consistency", 0),
    "another previous root": flip_at("after", "root"),
    "another previous size": set_at("after", "size", 2),
    "a previous size of zero": set_at("after", "size", 0),
    "a negative previous size": set_at("after", "size", -1),
    "a previous size inside the batch": set_at("after", "size", 4),
    "a previous size beyond the batch": set_at("after", "size", 9),
}


def test_a_previous_checkpoint_inside_the_batch_is_refused_though_it_is_proved(exchange):
    exchange.message(3)
    draft, before = exchange.seal([unsealed(n) for n in range(3)]), exchange.lane.frontier
    _, signed = exchange.lane.append(draft.leaves)
    inside = before.append(draft.leaves[:1])
    after = note.Checkpoint(exchange.lane.origin, inside.size, inside.root())
    path = merkle.consistency_proof(inside.size, exchange.lane.frontier.size, exchange.lane.subtree)
    message = parts.encoded(draft, before, signed, after, path)
    assert refused(message, exchange.expected) == "consistency"


@pytest.mark.parametrize("change", LINK.values(), ids=LINK)
def test_a_tree_that_does_not_prove_its_past_is_refused_without_accusing_the_log(change, exchange):
    """A queue can break a proof; that is no evidence of two histories."""
    first, second = exchange.message(3), exchange.message(3, 3)
    open_batch(first, exchange.expected, exchange.seen)
    for seen in (exchange.seen, parts.Memory()):
        assert refused(changed(second, change), exchange.expected, seen) == "consistency"


# 6. Key and ciphertexts.


def test_a_changed_key_is_refused(exchange):
    assert refused(changed(exchange.message(), flip_at("keys", 0, "ek")), exchange.expected) == "key"
    assert refused(changed(exchange.message(), set_at("keys", 0, "ek", "AAAA")), exchange.expected) == "key"


def test_a_key_wrapped_for_someone_else_under_my_name_is_refused(exchange):
    impostor = hpke.PrivateKey.from_seed("nea-1", exchange.suite, b"\x01" * 32)
    assert refused(exchange.message(), exchange.expecting(keys={"nea-1": impostor})) == "key"


def test_a_changed_header_is_refused(exchange):
    def change(wire):
        wire["header"] = wire["header"].replace("7000", "7001")

    assert refused(changed(exchange.message(), change), exchange.expected) == "key"


def swap_ciphertexts(wire):
    first, second = wire["records"][:2]
    first["ciphertext"], second["ciphertext"] = second["ciphertext"], first["ciphertext"]


CIPHERTEXT = {
    "a changed ciphertext": flip_at("records", 1, "ciphertext"),
    "swapped ciphertexts": swap_ciphertexts,
    "an empty ciphertext": set_at("records", 0, "ciphertext", ""),
    "a ciphertext without a tag": set_at("records", 0, "ciphertext", "AAAA"),
}


@pytest.mark.parametrize("change", CIPHERTEXT.values(), ids=CIPHERTEXT)
def test_a_record_that_is_not_the_sealed_one_is_refused(change, exchange):
    assert refused(changed(exchange.message(), change), exchange.expected) == "ciphertext"


def test_an_entry_from_a_lane_that_does_not_belong_to_the_ciphertext_is_refused(exchange):
    """A log that signs another entry than the one the record was sealed with."""
    draft, other = exchange.seal([unsealed(1)]), exchange.seal([unsealed(1)])
    mixed = replace(draft, entries=other.entries, leaves=other.leaves)
    assert refused(exchange.lane.message(mixed), exchange.expected) == "ciphertext"


# 7 and 8, by a sealer that lies: everything is signed, logged and encrypted as it should be.


def forged(exchange, head, records):
    return exchange.lane.message(parts.forge(head, records, [exchange.private.public()]))


def test_an_honest_batch_made_from_the_description_of_the_format_opens(exchange):
    records = [unsealed(n) for n in range(3)]
    made = [(parts.forged_entry(record), record.octets) for record in records]
    opened = open_batch(forged(exchange, header(exchange.suite, 3), made), exchange.expected, exchange.seen)
    assert [r.octets for r in opened.records] == [r.octets for r in records]


def test_a_record_other_than_the_one_the_entry_commits_to_is_refused(exchange):
    record = unsealed(1)
    message = forged(exchange, header(exchange.suite, 1), [(parts.forged_entry(record), b"{}")])
    assert refused(message, exchange.expected) == "commitment"


LIES = {
    "another sender": ({"sender": "moj"}, "agreement"),
    "another contract": ({"contract": "birth.v1"}, "agreement"),
    "another id": ({"id": "0198c0de-0000-8000-8000-000000000001"}, "agreement"),
    "another reference under the same id": ({"source_ref": "x"}, "agreement"),
    "another recipient": ({"recipient": "moj"}, "recipient"),
    "another kind of entry": ({"kind": "record.refused"}, "entry"),
    "an unknown member": ({"name": "x"}, "entry"),
    "a missing member": ({"agreement": None}, "entry"),
    "an unknown op": ({"op": "delete"}, "entry"),
}


@pytest.mark.parametrize(("changes", "check"), LIES.values(), ids=LIES)
def test_entries_that_do_not_belong_into_the_batch_are_refused(changes, check, exchange):
    record = unsealed(1)
    message = forged(
        exchange, header(exchange.suite, 1), [(parts.forged_entry(record, **changes), record.octets)]
    )
    assert refused(message, exchange.expected) == check


def test_an_entry_that_is_not_canonical_is_refused(exchange):
    record = unsealed(1)

    def spaced(salt):
        return parts.forged_entry(record)(salt).replace(b'{"', b'{ "', 1)

    message = forged(exchange, header(exchange.suite, 1), [(spaced, record.octets)])
    assert refused(message, exchange.expected) == "entry"


def test_records_passed_on_by_a_recipient_to_another_are_refused(exchange):
    """Whoever opened a batch knows its key and could wrap it again; the entries name the first recipient."""
    moj = hpke.PrivateKey.from_seed("moj-1", exchange.suite, b"\x01" * 32)
    record = unsealed(1)
    head = header(exchange.suite, 1, ("moj-1",))
    draft = parts.forge(head, [(parts.forged_entry(record), record.octets)], [moj.public()])
    expected = exchange.expecting(recipient="moj", keys={"moj-1": moj})
    assert refused(exchange.lane.message(draft), expected) == "recipient"


def test_one_bad_record_refuses_the_whole_batch(exchange):
    records = [unsealed(n) for n in range(3)]
    made = [(parts.forged_entry(record), record.octets) for record in records]
    made[2] = (made[2][0], b"{}")
    assert refused(forged(exchange, header(exchange.suite, 3), made), exchange.expected) == "commitment"


# Everything at once: no single changed character goes unnoticed.

EXCHANGES = {suite: Exchange(suite) for suite in SUITES}
MESSAGES = {suite: (exchange.message(2), exchange.message(3, 2)) for suite, exchange in EXCHANGES.items()}


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(SUITES), st.data())
def test_no_single_changed_character_goes_unnoticed(suite, data):
    message = MESSAGES[suite][1]
    at = data.draw(st.integers(0, len(message) - 1))
    octet = data.draw(st.integers(0, 255).filter(lambda octet: octet != message[at]))
    damaged = message[:at] + bytes([octet]) + message[at + 1 :]
    refused(damaged, EXCHANGES[suite].expected)


def test_a_truncated_message_is_refused(exchange):
    message = exchange.message(1)
    for length in (0, 1, len(message) // 2, len(message) - 1):
        assert refused(message[:length], exchange.expected) == "message"


def test_what_is_refused_names_no_value_of_a_record(exchange):
    record = unsealed(1)
    message = forged(exchange, header(exchange.suite, 1), [(parts.forged_entry(record), "سر".encode())])
    with pytest.raises(Tampered) as refusal:
        open_batch(message, exchange.expected, exchange.seen)
    assert str(refusal.value) == "tampered.commitment: the record is not the one that was logged"
    assert refusal.value.code == "tampered.commitment"
