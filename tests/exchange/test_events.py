"""The event of a record: a CloudEvent, and one octet string for one record, as RFC 8785 says."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.batches import terms_of

import contracts
from contracts.checking import SAMPLES_DAY, media_type_of
from crypto.canonical import canonical
from gateway.events import Events

CATALOGUE = contracts.load()
IDENTIFIER = "0190f3c2-5a1b-8c3d-9e4f-001122334455"
SUBJECT = "s" * 43


def conformed(binding):
    for sample in binding.samples:
        if sample.expected:
            splitter = binding.splitter(binding.max_record_bytes, media_type_of(binding, sample.file))
            for piece in [*splitter.feed(sample.octets), *splitter.close()]:
                yield binding.conform(piece.octets, SAMPLES_DAY)


def made_by_hand(terms, record, subject):
    event = {
        "specversion": "1.0",
        "id": IDENTIFIER,
        "source": f"urn:isnad:agency:{terms.sender}",
        "type": f"eg.nea.{terms.contract}",
        "dataschema": f"urn:isnad:contract:{terms.contract.replace('.v', ':v')}",
        "datacontenttype": "application/json",
        "sourceref": record.source_ref,
        "op": record.op,
        "data": record.payload,
    }
    if record.prior_ref is not None:
        event["priorref"] = record.prior_ref
    if subject:
        event["subject"] = subject
    return canonical(event)


@pytest.mark.parametrize("source", CATALOGUE.bindings, ids="-".join)
def test_the_event_of_every_sample_is_canonical(source):
    agency, contract = source
    terms = terms_of(agency, contract=contract)
    for record in conformed(CATALOGUE.bindings[source]):
        assert record.octets() == canonical(record.payload)
        for subject in ("", SUBJECT):
            assert Events(terms).octets(IDENTIFIER, record, subject) == made_by_hand(terms, record, subject)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1) | st.sampled_from(
    ["\x00\x01\x1f", "\b\t\n\f\r", '"\\/', "\x7f\u2028\u2029", "\U0001f600\ufeff", "é\u0301"]
)


@given(texts=st.tuples(TEXTS, TEXTS, TEXTS), number=st.integers(-(2**53) + 1, 2**53 - 1), truth=st.booleans())
def test_whatever_texts_a_record_holds_its_event_is_canonical(texts, number, truth):
    source_ref, prior_ref, word = texts
    payload = {"z": {"b": [word, {"y": number, "x": truth}], "a": word}, "note": source_ref}
    record = contracts.Conformed(payload, source_ref, "correct", prior_ref, None, None, "2026-07-01", (), ())
    assert record.octets() == canonical(payload)
    terms = terms_of()
    assert Events(terms).octets(IDENTIFIER, record, SUBJECT) == made_by_hand(terms, record, SUBJECT)
    assert json.loads(Events(terms).octets(IDENTIFIER, record, SUBJECT))["data"] == payload


@pytest.mark.parametrize("value", ["\ud800", 2**53, {1: "a"}, {1, 2}, type("Word", (str,), {})("a")])
def test_what_json_cannot_say_is_never_written(value):
    record = contracts.Conformed({"a": value}, "r", "assert", None, None, None, "2026-07-01", (), ())
    with pytest.raises(TypeError):
        record.octets()
