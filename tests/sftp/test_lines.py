"""The lines of the results, as any reader of CSV takes them."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from adapters.sftp.lines import HEADER, result_line
from gateway.records import Outcome, Refusal, Status

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(TEXT, TEXT, TEXT)
def test_whatever_a_reference_holds_is_read_as_it_was(reference: str, name: str, rule: str):
    refused = Outcome(7, Status.REFUSED, refusal=Refusal("record.field", name, rule), reference=reference)
    kept = Outcome(8, Status.QUARANTINED, "r-1", "cso", 9, reference=reference, warnings=("a.b", "c.d"))
    text = HEADER.decode() + result_line(refused) + result_line(kept)
    first, second = csv.DictReader(io.StringIO(text, newline=""))
    assert first == {
        "row": "7", "reference": reference, "outcome": "refused", "code": "record.field", "field": name,
        "rule": rule, "record": "", "index": "",
    }  # fmt: skip
    assert second == {
        "row": "8", "reference": reference, "outcome": "quarantined", "code": "a.b c.d", "field": "",
        "rule": "", "record": "r-1", "index": "9",
    }  # fmt: skip
