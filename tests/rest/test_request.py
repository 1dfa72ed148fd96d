"""What a request's head may hold: anything is either understood or refused by code, and never repeated."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.rest.outbound import REFERENCE
from adapters.rest.reading import TILE
from adapters.rest.request import IDEMPOTENCY_KEY, Form, Head, head
from gateway.errors import Rejected
from gateway.https.problems import language_of
from gateway.submissions import submission_id

MIB = 1 << 20
NAMES = st.sampled_from(
    [
        b"content-type",
        b"content-encoding",
        b"idempotency-key",
        b"host",
        b"accept",
        b"accept-language",
        b"prefer",
    ]
)
CODES = {
    "",
    "contract.unknown",
    "request.malformed",
    "submission.content_encoding",
    "submission.idempotency_key",
}
FIELDS = st.lists(st.tuples(NAMES, st.binary(max_size=40)), max_size=6)


def read(headers: Sequence[tuple[bytes, bytes]] = (), query: bytes = b"", contract: str = "death.v1") -> Head:
    return head({"headers": list(headers), "query_string": query}, contract, MIB)


@given(FIELDS, st.binary(max_size=60), st.text(max_size=30))
@example([(b"accept-language", b";;,=;q=x")], b"recipient=%00&recipient", "death.v1")
def test_any_head_is_understood_or_refused_by_code(
    fields: list[tuple[bytes, bytes]], query: bytes, contract: str
):
    try:
        understood = read(fields, query, contract)
    except Rejected as error:
        code = error.code
    else:
        code = ""
        assert understood.contract == contract
        assert not understood.idempotency_key or IDEMPOTENCY_KEY.match(understood.idempotency_key)
    assert code in CODES


@pytest.mark.parametrize(
    ("contract", "good"),
    [
        ("death.v1", True),
        ("a-b.v12", True),
        ("death", False),
        ("Death.v1", False),
        ("death.v1\n", False),
        ("", False),
    ],
)
def test_contracts_have_one_form(contract: str, good: bool):  # noqa: FBT001
    if good:
        assert read(contract=contract).contract == contract
    else:
        with pytest.raises(Rejected, match=r"contract\.unknown"):
            read(contract=contract)


NDJSON, JSON = b"application/x-ndjson", b"application/json"


@pytest.mark.parametrize(
    ("fields", "form"),
    [
        ({b"content-type": JSON, b"content-length": b"10"}, Form.DOCUMENT),
        ({b"content-type": JSON, b"content-length": b"%d" % (MIB + 1)}, Form.LINES),
        ({b"content-type": JSON, b"transfer-encoding": b"chunked"}, Form.LINES),
        ({b"content-type": NDJSON, b"content-length": b"10"}, Form.LINES),
        ({b"content-type": NDJSON, b"content-length": b"10", b"accept": JSON}, Form.DOCUMENT),
        ({b"content-type": JSON, b"content-length": b"10", b"accept": NDJSON}, Form.LINES),
        ({b"content-type": NDJSON, b"prefer": b"return=minimal"}, Form.REFUSALS),
        (
            {b"content-type": b"text/csv; charset=utf-8", b"content-length": b"10", b"accept": b"*/*"},
            Form.DOCUMENT,
        ),
    ],
)
def test_the_form_of_an_answer(fields: dict[bytes, bytes], form: Form):
    assert read(list(fields.items())).form is form


@given(st.from_regex(IDEMPOTENCY_KEY, fullmatch=True), st.sampled_from(["moh", "cso"]))
def test_a_submissions_id_follows_from_sender_and_key(key: str, sender: str):
    other = "cso" if sender == "moh" else "moh"
    assert submission_id(sender, key) == submission_id(sender, key) != submission_id(other, key)


def test_a_submissions_id_is_what_other_programs_compute_too():
    assert submission_id("moh", "2026-06-03/000125") == "14208636-c132-8735-978d-43b5376a76ed"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (b"", "en"), (b"ar", "ar"), (b"en, ar", "en"), (b"ar, en;q=0.9", "ar"), (b"fr, ar;q=0.1", "ar"),
        (b"ar;q=0", "en"), (b"ar" * 500, "en"), (b"\xff\xfe", "en"), (b"ar-EG", "ar"), (b"ar;q=nan", "en"),
    ],
)  # fmt: skip
def test_the_language_of_a_problem(header: bytes, language: str):
    assert language_of(header) == language


@given(st.integers(0, 63) | st.just("entries"), st.integers(0, 10**12), st.integers(1, 256))
def test_every_tile_has_a_name_that_is_understood(level: int | str, number: int, width: int):
    digits = f"{number:03}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    name = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    partial = f".p/{width}" if width < 256 else ""
    named = TILE.match(f"{level}/{name}{partial}")
    assert named is not None
    assert int(named["n"].replace("x", "").replace("/", "")) == number


@given(st.text(max_size=130))
def test_a_reference_that_is_logged_holds_no_national_id(text: str):
    if REFERENCE.match(text):
        assert len(text) <= 128
        assert not any(text[at : at + 14].isdigit() for at in range(len(text) - 13))
