import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.encoding import b64, b64url, from_b64, from_b64url, hash_from_b64, hash_from_b64url


@given(st.binary(max_size=70))
def test_what_was_encoded_decodes_and_the_standard_library_agrees(octets):
    assert b64url(octets) == base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
    assert b64(octets) == base64.b64encode(octets).decode()
    assert from_b64url(b64url(octets)) == octets
    assert from_b64(b64(octets)) == octets


@given(st.text(alphabet="ABwgQ-_+/=9 é\n", max_size=9))
def test_no_second_text_decodes_to_the_same_octets(text):
    for encode, decode in ((b64url, from_b64url), (b64, from_b64)):
        try:
            octets = decode(text)
        except ValueError:
            continue
        assert encode(octets) == text


@pytest.mark.parametrize(
    "text", ["A", "AB", "AAB", "AA==", "A+AA", "A/AA", "AA A", "AA\nA", "AAAé", "=", "AAAA="]
)
def test_every_other_form_of_base64url_is_refused(text):
    with pytest.raises(ValueError, match=r"base64url|base64"):
        from_b64url(text)


@pytest.mark.parametrize("text", ["AA", "AB==", "A-AA", "AAAA\n", "AA==AA==", "é==="])
def test_every_other_form_of_base64_is_refused(text):
    with pytest.raises(ValueError, match="base64"):
        from_b64(text)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_hash_of_another_length_is_refused(length):
    with pytest.raises(ValueError, match="SHA-256"):
        hash_from_b64url(b64url(bytes(length)))
    with pytest.raises(ValueError, match="SHA-256"):
        hash_from_b64(b64(bytes(length)))
