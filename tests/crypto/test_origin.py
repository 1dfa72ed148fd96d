"""Origin signatures: published vectors, an independent implementation, and every way not to hold."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws as joserfc_jws
from joserfc.jwk import ECKey, OKPKey

from crypto.origin import OriginError, OriginProof, Request, begin, http_signature, jws, load_key

NOW_S = 1_800_000_000
BODY = '{"name":"فاطمة","n":1.5}'.encode()
TARGET = "https://gateway.example/v1/death.v1/records?mode=bulk"
KEYS = {
    "ed25519": Ed25519PrivateKey.generate(),
    "p256": ec.generate_private_key(ec.SECP256R1()),
    "rsa": rsa.generate_private_key(65537, 3072),
}
PUBLIC = {name: key.public_key() for name, key in KEYS.items()}
ALL, JWS_KEYS = sorted(KEYS), ["ed25519", "p256"]

Headers = list[tuple[bytes, bytes]]


def request(
    headers: Sequence[tuple[bytes, bytes]] = (), *, method: str = "POST", target: str = TARGET
) -> Request:
    return Request(
        method, target, [(b"host", b"gateway.example"), (b"content-type", b"application/json"), *headers]
    )


def http_signed(
    key: str = "ed25519", body: bytes = BODY, extra: Headers | None = None, now_s: int = NOW_S
) -> Headers:
    bare = request(extra or [])
    return [*(extra or []), *http_signature.sign(bare, body, KEYS[key], key, now_s)]


def outcome(
    of: Request, body: bytes = BODY, now_s: int = NOW_S, keys=PUBLIC, chunk: int = 7
) -> OriginProof | str | None:
    """What verification says: the proof, the reason why not, or None."""
    try:
        verification = begin(of, keys, now_s)
        if verification is None:
            return None
        for start in range(0, len(body), chunk):
            verification.update(body[start : start + chunk])
        return verification.finish()
    except OriginError as error:
        return error.reason


def replaced(headers: Headers, name: bytes, old: bytes, new: bytes) -> Headers:
    assert any(key == name and old in value for key, value in headers)
    return [(key, value.replace(old, new) if key == name else value) for key, value in headers]


def test_a_request_without_a_signature_has_no_proof() -> None:
    assert outcome(request()) is None


# --- HTTP message signatures ---


@pytest.mark.parametrize("key", ALL)
def test_a_signed_request_proves_its_key(key: str) -> None:
    assert outcome(request(http_signed(key))) == OriginProof("http-signature", key)


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_body_in_any_chunks_is_proven(body: bytes, chunk: int) -> None:
    assert outcome(request(http_signed(body=body)), body, chunk=chunk) == OriginProof(
        "http-signature", "ed25519"
    )


def test_the_signature_of_rfc_9421_b_2_6_holds_over_our_base() -> None:
    key = load_key(
        "-----BEGIN PUBLIC KEY-----\n"
        "MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n"
        "-----END PUBLIC KEY-----\n"
    )
    published = Request(
        "POST",
        "https://example.com/foo?param=Value&Pet=dog",
        [
            (b"date", b"Tue, 20 Apr 2021 02:07:55 GMT"),
            (b"content-type", b"application/json"),
            (b"content-length", b"18"),
        ],
    )
    components = ["date", "@method", "@path", "@authority", "content-type", "content-length"]
    params = (
        '("date" "@method" "@path" "@authority" "content-type" "content-length")'
        ';created=1618884473;keyid="test-key-ed25519"'
    )
    signature = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="

    key.verify(base64.b64decode(signature), http_signature.signature_base(published, components, params))


@pytest.mark.parametrize(
    ("component", "value"),
    [
        ("@method", "POST"),
        ("@target-uri", "https://www.example.com:8443/path?param=value"),
        ("@authority", "www.example.com:8443"),
        ("@scheme", "https"),
        ("@request-target", "/path?param=value"),
        ("@path", "/path"),
        ("@query", "?param=value"),
    ],
)
def test_derived_components_are_those_of_rfc_9421_2_2(component: str, value: str) -> None:
    base = http_signature.signature_base(
        Request("POST", "https://www.example.com:8443/path?param=value", []), [component], "()"
    )

    assert base.decode() == f'"{component}": {value}\n"@signature-params": ()'


def test_the_digest_of_rfc_9530_is_the_one_we_write() -> None:
    body = b'{"hello": "world"}'  # RFC 9421 B.2: the content of the test request, with its sha-512
    published = "WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew=="
    signed = http_resigned([(b"content-digest", f"sha-512=:{published}:".encode())])

    assert outcome(request(signed), body) == OriginProof("http-signature", "ed25519")
    assert outcome(request(signed), body + b" ") == "wrong_digest"
    assert (
        dict(http_signed(body=body))[b"content-digest"]
        == b"sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"
    )


def http_resigned(
    headers: Headers, components: Sequence[str] = http_signature.REQUIRED, params: str | None = None
) -> Headers:
    """Sign by hand, so that a test may sign what `sign` never would."""
    names = " ".join(f'"{name}"' for name in components)
    text = f"({names})" + (f';created={NOW_S};keyid="ed25519"' if params is None else params)
    base = http_signature.signature_base(request(headers), components, text)
    signature = base64.b64encode(KEYS["ed25519"].sign(base)).decode()
    return [
        *headers,
        (b"signature-input", f"sig={text}".encode()),
        (b"signature", f"sig=:{signature}:".encode()),
    ]


def digest(body: bytes = BODY, name: str = "sha256") -> bytes:
    algorithm = {"sha256": "sha-256", "sha512": "sha-512"}[name]
    return f"{algorithm}=:{base64.b64encode(hashlib.new(name, body).digest()).decode()}:".encode()


def test_another_body_is_not_what_was_signed() -> None:
    assert outcome(request(http_signed()), BODY + b" ") == "wrong_digest"
    assert outcome(request(http_signed()), b"") == "wrong_digest"


def test_every_digest_that_is_given_must_match() -> None:
    both = digest() + b", " + digest(name="sha512")
    one_wrong = digest() + b", " + digest(b"other", name="sha512")

    assert outcome(request(http_resigned([(b"content-digest", both)]))) == OriginProof(
        "http-signature", "ed25519"
    )
    assert outcome(request(http_resigned([(b"content-digest", one_wrong)]))) == "wrong_digest"


def test_another_method_target_or_content_type_is_not_what_was_signed() -> None:
    signed = http_signed()

    assert outcome(request(signed, method="PUT")) == "wrong_signature"
    assert outcome(request(signed, target=TARGET + "&x=1")) == "wrong_signature"
    assert outcome(request(signed, target=TARGET.replace("gateway", "other"))) == "wrong_signature"
    changed = [(b"content-type", b"text/csv"), *signed]
    assert outcome(Request("POST", TARGET, changed)) == "wrong_signature"


def test_an_idempotency_key_must_be_signed_when_there_is_one() -> None:
    key = [(b"idempotency-key", b"abc")]

    assert outcome(request(http_signed(extra=key))) == OriginProof("http-signature", "ed25519")
    assert outcome(request(http_signed() + key)) == "not_covered"
    assert (
        outcome(request(replaced(http_signed(extra=key), b"idempotency-key", b"abc", b"abd")))
        == "wrong_signature"
    )


@pytest.mark.parametrize("missing", http_signature.REQUIRED)
def test_what_must_be_signed_must_be_signed(missing: str) -> None:
    components = [name for name in http_signature.REQUIRED if name != missing]

    assert outcome(request(http_resigned([(b"content-digest", digest())], components))) == "not_covered"


@pytest.mark.parametrize(
    ("age_s", "expected"),
    [(0, None), (300, None), (301, "not_fresh"), (-60, None), (-61, "not_fresh"), (10**9, "not_fresh")],
)
def test_a_signature_is_fresh_for_five_minutes(age_s: int, expected: str | None) -> None:
    found = outcome(request(http_signed(now_s=NOW_S - age_s)))

    assert found == (expected or OriginProof("http-signature", "ed25519"))


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (';keyid="ed25519"', "not_covered"),
        (f";created={NOW_S}", "unknown_key"),
        (f';created={NOW_S};keyid="nobody"', "unknown_key"),
        (f';created={NOW_S};expires={NOW_S - 1};keyid="ed25519"', "not_fresh"),
        (f';created={NOW_S};keyid="ed25519";alg="hmac-sha256"', "wrong_algorithm"),
        (f';created={NOW_S};keyid="p256"', "wrong_signature"),
        (f';created={NOW_S};created={NOW_S};keyid="ed25519"', "ambiguous"),
        (f';created="{NOW_S}";keyid="ed25519"', "malformed"),
        (f';created={NOW_S};keyid="ed25519";unknown="x"', "malformed"),
        (f';created={NOW_S}; keyid="ed25519"', "malformed"),
        ("", "malformed"),
    ],
)
def test_parameters_are_held_to(params: str, expected: str) -> None:
    assert outcome(request(http_resigned([(b"content-digest", digest())], params=params))) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"signature-input", b""),
        (b"signature-input", b"sig=()"),
        (b"signature-input", b'sig=("@method" "@method");created=1;keyid="ed25519", b=()'),
        (b"signature-input", b'sig=("@query-param";name="a");created=1;keyid="ed25519"'),
        (b"signature-input", b"sig=" + b"(" * 5000),
        (b"signature", b"sig=:!!:"),
        (b"signature", b"other=:AAAA:"),
        (b"signature", "sig=:ا:".encode()),
        (b"content-digest", b"md5=:AAAA:"),
    ],
)
def test_what_is_not_in_the_one_form_is_malformed(name: bytes, value: bytes) -> None:
    headers = [(key, value if key == name else old) for key, old in http_signed()]

    assert outcome(request(headers)) in {"malformed", "wrong_signature"}
    if name != b"content-digest":
        assert outcome(request(headers)) == "malformed"


def test_a_signed_digest_in_an_unknown_algorithm_is_malformed() -> None:
    assert outcome(request(http_resigned([(b"content-digest", b"md5=:AAAA:")]))) == "malformed"


@pytest.mark.parametrize("name", [b"signature", b"signature-input", b"content-digest", b"content-type"])
def test_a_field_given_twice_is_ambiguous(name: bytes) -> None:
    signed = http_signed()
    value = dict(request(signed).headers)[name]

    assert outcome(request([*signed, (name, value)])) == "ambiguous"


def test_one_of_the_two_fields_alone_is_malformed() -> None:
    signed = http_signed()

    for name in (b"signature", b"signature-input"):
        assert outcome(request([pair for pair in signed if pair[0] != name])) == "malformed"


def test_a_key_of_another_sender_is_unknown() -> None:
    assert outcome(request(http_signed("p256")), keys={"ed25519": PUBLIC["ed25519"]}) == "unknown_key"


@given(
    st.text(st.characters(codec="latin-1"), max_size=80), st.sampled_from(["signature-input", "signature"])
)
def test_no_field_value_ends_in_anything_but_a_reason(value: str, name: str) -> None:
    headers = [(key, value.encode("latin-1") if key == name.encode() else old) for key, old in http_signed()]

    assert isinstance(outcome(request(headers)), str)


# --- detached JWS ---


@pytest.mark.parametrize("key", JWS_KEYS)
def test_a_detached_jws_proves_its_key(key: str) -> None:
    assert outcome(request([jws.sign(BODY, KEYS[key], key)])) == OriginProof("jws", key)


@pytest.mark.parametrize("key", JWS_KEYS)
def test_another_body_breaks_a_detached_jws(key: str) -> None:
    assert outcome(request([jws.sign(BODY, KEYS[key], key)]), BODY + b" ") == "wrong_signature"


@pytest.mark.parametrize("key", JWS_KEYS)
def test_a_jws_that_joserfc_made_is_accepted(key: str) -> None:
    header = {"alg": "ES256" if key == "p256" else "Ed25519", "kid": key, "b64": False, "crit": ["b64"]}
    jwk = ECKey.import_key(KEYS[key]) if key == "p256" else OKPKey.import_key(KEYS[key])
    body = b'{"a":"b"}'

    value = joserfc_jws.serialize_compact(header, body, jwk, algorithms=[header["alg"]])
    protected, _, signature = value.split(".")

    assert outcome(request([(b"jws-signature", f"{protected}..{signature}".encode())]), body) == OriginProof(
        "jws", key
    )


def jws_with(header: dict[str, object] | bytes, key: str = "ed25519") -> Headers:
    octets = header if isinstance(header, bytes) else json.dumps(header).encode()
    protected = base64.urlsafe_b64encode(octets).rstrip(b"=")
    signature = base64.urlsafe_b64encode(KEYS[key].sign(protected + b"." + BODY)).rstrip(b"=")
    return [(b"jws-signature", protected + b".." + signature)]


GOOD: dict[str, object] = {"alg": "Ed25519", "kid": "ed25519", "b64": False, "crit": ["b64"]}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, OriginProof("jws", "ed25519")),
        ({"alg": "EdDSA"}, OriginProof("jws", "ed25519")),
        ({"typ": "ignored"}, OriginProof("jws", "ed25519")),
        ({"jwk": {"kty": "OKP"}, "jku": "https://attacker.example"}, OriginProof("jws", "ed25519")),
        ({"alg": "none"}, "wrong_algorithm"),
        ({"alg": "HS256"}, "wrong_algorithm"),
        ({"alg": "ES256"}, "wrong_algorithm"),
        ({"kid": "p256"}, "wrong_algorithm"),
        ({"kid": "rsa"}, "wrong_algorithm"),
        ({"kid": "nobody"}, "unknown_key"),
        ({"b64": True}, "malformed"),
        ({"crit": []}, "malformed"),
        ({"crit": ["b64", "exp"]}, "malformed"),
        ({"crit": None}, "malformed"),
    ],
)
def test_a_jws_header_is_held_to(change: dict[str, object], expected: object) -> None:
    assert outcome(request(jws_with({**GOOD, **change}))) == expected


@pytest.mark.parametrize(
    "value", [b"", b"..", b"a..b", b"e30..AAAA", b"e30.e30.AAAA", "ا".encode(), b"A" * 5000]
)
def test_what_is_no_detached_jws_is_malformed(value: bytes) -> None:
    assert outcome(request([(b"jws-signature", value)])) == "malformed"


@given(st.binary(max_size=80))
def test_no_jws_value_ends_in_anything_but_a_reason(value: bytes) -> None:
    assert isinstance(outcome(request([(b"jws-signature", value)])), str)


def test_a_body_too_long_for_eddsa_is_refused_while_it_streams() -> None:
    limit = jws.EDDSA_BODY_MAX_BYTES
    exact, longer = bytes(limit), bytes(limit + 1)

    signed = request([jws.sign(exact, KEYS["ed25519"], "ed25519")])

    assert outcome(signed, exact, chunk=1 << 20) == OriginProof("jws", "ed25519")
    assert outcome(signed, longer, chunk=1 << 20) == "body_too_long"


def test_es256_has_no_such_limit() -> None:
    body = bytes(jws.EDDSA_BODY_MAX_BYTES + 1)

    assert outcome(request([jws.sign(body, KEYS["p256"], "p256")]), body, chunk=1 << 20) == OriginProof(
        "jws", "p256"
    )


def test_two_schemes_in_one_request_are_ambiguous() -> None:
    assert outcome(request([*http_signed(), jws.sign(BODY, KEYS["p256"], "p256")])) == "ambiguous"


# --- keys ---


def pem(key) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize("key", ALL)
def test_keys_strong_enough_are_loaded(key: str) -> None:
    assert load_key(pem(KEYS[key])) == PUBLIC[key]


@pytest.mark.parametrize(
    "key",
    [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())],
    ids=["rsa-2048", "p-384"],
)
def test_other_keys_are_not(key) -> None:
    with pytest.raises(ValueError, match="an origin key is"):
        load_key(pem(key))
