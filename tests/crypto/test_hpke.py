import pickle
from hashlib import sha256

import pytest
from exchange_parts import SUITES

from crypto.errors import Tampered
from crypto.hpke import PrivateKey, PublicKey, Suite, unwrap, wrap

# draft-connolly-cfrg-xwing-kem-08, appendix C: seed, first 36 and last 64 bytes of the public key.
X_WING = [
    (
        "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26",
        "e2236b35a8c24b39b10aa1323a96a919a2ced88400633a7b07131713fc14b2b5b19cfc3d",
        (
            "9042581237d522828824ee3bdfd07fb03f1f942d2ea179fe722f06cc03de5b69859edb06"
            "eff389b27dce59844570216223593d4ba32d9abac8cd049040ef6534"
        ),
    ),
    (
        "badfd6dfaac359a5efbb7bcc4b59d538df9a04302e10c8bc1cbf1a0b3a5120ea",
        "0333285fa253661508c9fb444852caa4061636cb060e69943b431400134ae1fbc0228724",
        (
            "7c2507376a750d18248ee0a81c4318d9a38fc44c3b41e8681f87c34138442659512c4127"
            "6e1cc8fc4eb66e12727bcb5a9e0e405cdea21538d6ea885ab169050e6b91e1b69f7ed34b"
            "cbb48fd4c562a576549f85b528c953926d96ea8a160b8843f1c89c62"
        ),
    ),
]
BATCH_KEY = bytes(range(32))


@pytest.mark.parametrize(("seed", "begin", "end"), X_WING)
def test_a_seed_expands_to_the_published_x_wing_public_key(seed, begin, end):
    raw = PrivateKey.from_seed("k", Suite.HYBRID, bytes.fromhex(seed)).public().raw
    assert len(raw) == 1216
    assert raw.hex().startswith(begin)
    assert raw.hex().endswith(end)


def test_a_classical_seed_is_the_x25519_key_of_rfc_7748():
    # RFC 7748 §6.1, Alice.
    seed = bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
    public = PrivateKey.from_seed("k", Suite.CLASSICAL, seed).public()
    assert public.raw.hex() == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"


@pytest.mark.parametrize("suite", SUITES)
def test_a_batch_key_comes_back_with_the_same_key_and_info_only(suite):
    private = PrivateKey.from_seed("k", suite, b"\x01" * 32)
    other = PrivateKey.from_seed("k", suite, b"\x02" * 32)
    wrapped = wrap(private.public(), b"info", BATCH_KEY)
    assert len(wrapped) == (1168 if suite == Suite.HYBRID else 80)
    assert unwrap(private, b"info", wrapped) == BATCH_KEY
    for key, info in ((other, b"info"), (private, b"other"), (private, b"")):
        with pytest.raises(Tampered) as refusal:
            unwrap(key, info, wrapped)
        assert refusal.value.check == "key"


@pytest.mark.parametrize("suite", SUITES)
def test_a_wrapped_key_changed_anywhere_does_not_open(suite):
    private = PrivateKey.from_seed("k", suite, b"\x01" * 32)
    wrapped = wrap(private.public(), b"info", BATCH_KEY)
    at = [0, len(wrapped) // 2, len(wrapped) - 49, len(wrapped) - 1]
    changed = [wrapped[:n] + bytes([wrapped[n] ^ 1]) + wrapped[n + 1 :] for n in at]
    small_order = wrapped[: len(wrapped) - 80] + bytes(32) + wrapped[len(wrapped) - 48 :]  # RFC 7748 §6.1
    for value in [*changed, small_order, wrapped[:-1], wrapped + b"\x00", b""]:
        with pytest.raises(Tampered) as refusal:
            unwrap(private, b"info", value)
        assert refusal.value.check == "key"


@pytest.mark.parametrize("suite", SUITES)
def test_keys_of_the_wrong_length_are_refused_when_they_are_made(suite):
    raw = PrivateKey.from_seed("k", suite, b"\x01" * 32).public().raw
    for wrong in (raw[:-1], raw + b"\x00", b""):
        with pytest.raises(ValueError, match="public key"):
            PublicKey("k", suite, wrong)
    with pytest.raises(ValueError, match="seed"):
        PrivateKey.from_seed("k", suite, bytes(31))


@pytest.mark.parametrize("suite", SUITES)
def test_a_private_key_does_not_leave_its_process(suite):
    private = PrivateKey.from_seed("k", suite, b"\x01" * 32)
    with pytest.raises(TypeError):
        pickle.dumps(private)


def test_a_private_key_does_not_show_itself():
    seed = sha256(b"seed").digest()
    shown = repr(PrivateKey.from_seed("nea-1", Suite.HYBRID, seed))
    assert shown == "PrivateKey(kid='nea-1', suite=<Suite.HYBRID: 'hybrid'>)"
