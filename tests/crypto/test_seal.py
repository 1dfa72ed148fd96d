import uuid
from dataclasses import replace
from hashlib import sha256

import exchange_parts as parts
import pytest
from exchange_parts import SUITES, Exchange, header, unsealed
from hypothesis import given
from hypothesis import strategies as st

from crypto import hpke, merkle, note
from crypto.batch import parse_header, record_secrets
from crypto.entry import Entry, parse_entry, record_id
from crypto.errors import Tampered
from crypto.seal import seal


@pytest.fixture(params=SUITES)
def exchange(request):
    return Exchange(request.param)


def test_a_record_id_is_a_uuid_of_version_8_that_depends_on_every_part_and_on_nothing_else():
    parts_of_it = ("moh", "death.v1", "وفاة/1", "assert")
    identifier = record_id(*parts_of_it)
    assert uuid.UUID(identifier).version == 8
    assert uuid.UUID(identifier).variant == uuid.RFC_4122
    assert str(uuid.UUID(identifier)) == identifier
    digest = sha256("isnad-record/v1\0moh\0death.v1\0وفاة/1\0assert".encode()).digest()
    assert uuid.UUID(identifier).bytes[:6] == digest[:6]
    others = {record_id(*(p + "x" if n == at else p for n, p in enumerate(parts_of_it))) for at in range(4)}
    assert len(others | {identifier}) == 5
    assert record_id("moh", "d", "eath.v1", "assert") != record_id("moh", "de", "ath.v1", "assert")


def test_the_separator_of_a_record_id_cannot_be_smuggled_into_a_part():
    with pytest.raises(ValueError, match=r"U\+0000"):
        record_id("moh", "death.v1", "a\0assert", "x")


@given(st.binary(min_size=32, max_size=32), st.integers(0, 255))
def test_record_secrets_are_hkdf_expand_of_the_batch_key(batch_key, position):
    assert record_secrets(batch_key, position + 1)[position] == parts.forged_secrets(batch_key, position)


def test_entries_hold_what_was_given_and_commit_to_record_and_source(exchange):
    records = [unsealed(n) for n in range(3)]
    draft = exchange.seal(records)
    for record, octets, leaf, salt in zip(records, draft.entries, draft.leaves, draft.salts, strict=True):
        assert octets == parts.forged_entry(record)(salt)
        assert leaf == sha256(b"\0" + octets).digest()
        assert parse_entry(octets).source_ref == record.entry["source_ref"]


def test_sealing_again_draws_new_keys(exchange):
    records = [unsealed(1)]
    first, second = exchange.seal(records), exchange.seal(records)
    assert first.salts != second.salts
    assert first.entries != second.entries
    assert first.ciphertexts != second.ciphertexts


def test_nothing_of_a_record_is_readable_in_a_draft(exchange):
    draft = exchange.seal([unsealed(1, octets="سر".encode() * 50)])
    visible = b"".join((draft.header, draft.keys, draft.ciphertexts, *draft.entries))
    assert "سر".encode() not in visible
    assert "سر" not in repr(draft)
    assert "سر" not in repr(unsealed(1, octets="سر".encode()))


def test_one_record_and_256_are_batches_and_none_and_257_are_not(exchange):
    for count in (1, 256):
        assert len(exchange.seal([unsealed(n) for n in range(count)]).entries) == count
    for count in (0, 257):
        with pytest.raises(ValueError, match="header"):
            exchange.seal([unsealed(n) for n in range(count)])


REFUSED_ENTRIES = {
    "another sender": {"sender": "moj"},
    "another contract": {"contract": "birth.v1"},
    "another id": {"id": "0198c0de-0000-8000-8000-000000000001"},
    "an unknown member": {"name": "محمد"},
    "an unknown op": {"op": "delete"},
    "another kind": {"kind": "record.refused"},
    "another version": {"v": 2},
    "a member of another type": {"time": 5},
    "an empty member that should be absent": {"prior_ref": ""},
    "a float": {"position": 1.5},
    "too much": {"agreement": "x" * 4096},
}


@pytest.mark.parametrize("changes", REFUSED_ENTRIES.values(), ids=REFUSED_ENTRIES)
def test_what_the_recipient_would_refuse_is_not_sealed(exchange, changes):
    with pytest.raises(ValueError, match=r"refuse|canonical"):
        exchange.seal([unsealed(1, **changes)])


def test_an_entry_that_lacks_a_member_is_not_sealed(exchange):
    record = unsealed(1)
    entry = {name: value for name, value in record.entry.items() if name != "agreement"}
    with pytest.raises(ValueError, match="refuse"):
        exchange.seal([replace(record, entry=entry)])


def test_records_for_two_recipients_are_not_one_batch(exchange):
    with pytest.raises(ValueError, match="one recipient"):
        exchange.seal([unsealed(1), unsealed(2, recipient="moj")])


def test_a_header_that_does_not_fit_is_not_sealed(exchange):
    suite, public = exchange.suite, exchange.private.public()
    other = next(s for s in SUITES if s != suite)
    foreign = hpke.PrivateKey.from_seed("nea-1", other, b"\x01" * 32).public()
    for head, keys in [
        (header(suite, 2), [public]),
        (header(suite, 1, ("nea-2",)), [public]),
        (header(suite, 1, ()), []),
        (header(suite, 1), [foreign]),
        (header(suite, 1, ("nea-1", "nea-1")), [public, public]),
        (header(suite, 1, lane=""), [public]),
        (header("none", 1), [replace(public, suite=suite)]),
    ]:
        with pytest.raises(ValueError, match=r"header|suite|refuse"):
            seal(head, [unsealed(1)], keys)


def test_records_beyond_the_limits_are_not_sealed(exchange):
    with pytest.raises(ValueError, match="1 MiB"):
        exchange.seal([unsealed(1, octets=bytes(1024 * 1024 + 1))])
    with pytest.raises(ValueError, match=r"7\.5 MiB"):
        exchange.seal([unsealed(n, octets=bytes(1024 * 1024)) for n in range(6)])
    exchange.seal([unsealed(1, octets=bytes(1024 * 1024))])


def test_a_message_beyond_8_mib_is_not_encoded(exchange):
    draft = exchange.seal([unsealed(1)])
    start = note.Checkpoint(exchange.lane.origin, 0, merkle.EMPTY_ROOT)
    with pytest.raises(ValueError, match="8 MiB"):
        parts.encoded(draft, merkle.Frontier(0, ()), "x" * (8 * 1024 * 1024), start, ())


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"[]",
        b"{}",
        b'{"v":1}',
        header("hybrid", 1).octets() + b" ",
        header("hybrid", 1).octets().replace(b'"count":1', b'"count":257'),
        header("hybrid", 1).octets().replace(b'"count":1', b'"count":0'),
        header("hybrid", 1).octets().replace(b'"count":1', b'"count":1,"count":1'),
        header("hybrid", 1).octets().replace(b'"v":1', b'"v":2'),
        header("hybrid", 1).octets().replace(b'"v":1', b'"v":1,"w":1'),
        header("hybrid", 1).octets().replace(b"hybrid", b"none"),
        header("hybrid", 1).octets().replace(b'"nea-1"', b'"nea-1","nea-1"'),
        header("hybrid", 1).octets().replace(b'"nea-1"', b'"nea-1 \xff"'),
    ],
)
def test_a_header_has_one_form_only(octets):
    with pytest.raises(Tampered) as refusal:
        parse_header(octets)
    assert refusal.value.check == "header"


TEXT = st.text(st.characters(codec="utf-8"), max_size=20)


@given(TEXT, TEXT, st.dictionaries(st.text("abcdefgh-", min_size=1, max_size=5), TEXT, max_size=3))
def test_entries_with_any_text_are_read_as_they_are_written_by_rfc_8785(reference, subject, origin):
    salt = bytes(32)
    octets = parts.forged_entry(unsealed(1), source_ref=reference, subject=subject or None, origin=origin)(
        salt
    )
    entry = parse_entry(octets)
    assert isinstance(entry, Entry)
    assert (entry.source_ref, entry.subject, entry.origin) == (reference, subject, origin)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'{"', b'{ "'),
        (b'"v":1', b'"v":1,"v":1'),
        (b'"freeze":"pass"', b'"freeze":"\\u0070ass"'),
        (b'"freeze":"pass"', b'"freeze":"maybe"'),
        (b'"kind":"record.accepted",', b""),
        (b'"v":1', b'"v":1.0'),
    ],
)
def test_an_entry_has_one_form_only(old, new):
    octets = parts.forged_entry(unsealed(1))(bytes(32))
    assert parse_entry(octets)
    with pytest.raises(Tampered) as refusal:
        parse_entry(octets.replace(old, new, 1))
    assert refusal.value.check == "entry"
