import base64
from dataclasses import replace

import pytest
from exchange_parts import SUITES, TIME_S, LogKeys
from hypothesis import given
from hypothesis import strategies as st

from crypto import merkle
from crypto.errors import Tampered
from crypto.hpke import Suite
from crypto.note import (
    Checkpoint,
    LogPolicy,
    assemble,
    ed25519_message,
    key_id,
    mldsa44_message,
    parse_checkpoint,
    verify,
)
from crypto.policy import decode_vkey, encode_vkey, policy_from_json, policy_to_json

ORIGIN = "gate.example/moh"
CHECKPOINT = Checkpoint(ORIGIN, 20852163, bytes(range(32)))
KEYS, OTHER = LogKeys(), LogKeys()
NOTES = {suite: KEYS.sign(CHECKPOINT, suite) for suite in SUITES}
POLICIES = {suite: KEYS.policy(ORIGIN, suite) for suite in SUITES}


def refused(note, policy):
    with pytest.raises(Tampered) as refusal:
        verify(note, policy)
    return refusal.value.check


def lines_of(note):
    text, _, signatures = note.rpartition("\n\n")
    return text + "\n\n", signatures.splitlines(keepends=True)


@pytest.mark.parametrize("suite", SUITES)
def test_a_checkpoint_signed_as_its_policy_demands_is_believed(suite):
    assert verify(NOTES[suite], POLICIES[suite]) == CHECKPOINT


def test_a_checkpoint_reads_as_c2sp_tlog_checkpoint_writes_it():
    # The example of C2SP tlog-checkpoint.
    body = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    assert parse_checkpoint(body).body() == body


def test_the_ml_dsa_message_is_a_cosigned_message_byte_for_byte():
    # C2SP tlog-cosignature, "ML-DSA-44 signed message".
    assert mldsa44_message(Checkpoint("a.example/b", 258, b"\xaa" * 32), 1679315147) == (
        bytes.fromhex("737562747265652f76310a00")  # subtree/v1\n\0
        + b"\x10a.example/b/seal"
        + bytes.fromhex("0000000064185 0cb".replace(" ", ""))
        + b"\x0ba.example/b"
        + bytes.fromhex("0000000000000000")
        + bytes.fromhex("0000000000000102")
        + b"\xaa" * 32
    )


@pytest.mark.parametrize("kind", ["ed25519", "mldsa44"])
def test_a_hybrid_policy_demands_both_signatures(kind):
    text, signatures = lines_of(NOTES[Suite.HYBRID])
    left = signatures[0] if kind == "ed25519" else signatures[1]
    assert refused(text + left, POLICIES[Suite.HYBRID]) == "signature"


def test_a_classical_checkpoint_does_not_satisfy_a_hybrid_policy():
    assert refused(NOTES[Suite.CLASSICAL], POLICIES[Suite.HYBRID]) == "signature"


def test_a_classical_policy_ignores_the_signature_it_has_no_key_for():
    assert verify(NOTES[Suite.HYBRID], POLICIES[Suite.CLASSICAL]) == CHECKPOINT


@pytest.mark.parametrize("line", [0, 1])
@pytest.mark.parametrize("at", [4, 11, 12, 40, -1])
def test_a_signature_changed_anywhere_is_refused(line, at):
    text, signatures = lines_of(NOTES[Suite.HYBRID])
    dash, name, blob = signatures[line].split()
    octets = bytearray(base64.b64decode(blob))
    octets[at] ^= 1
    signatures[line] = f"{dash} {name} {base64.b64encode(octets).decode()}\n"
    assert refused(text + "".join(signatures), POLICIES[Suite.HYBRID]) == "signature"


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize(("old", "new"), [("20852163", "20852164"), ("AAECAwQF", "AAECAwQG")])
def test_another_size_or_root_under_the_same_signatures_is_refused(suite, old, new):
    assert refused(NOTES[suite].replace(old, new, 1), POLICIES[suite]) == "signature"


def test_an_ml_dsa_signature_for_another_origin_or_time_is_refused():
    ed25519 = (KEYS.ed25519_public(), KEYS.ed25519.sign(ed25519_message(CHECKPOINT)))
    elsewhere = replace(CHECKPOINT, origin="gate.example/moj")
    for message in (mldsa44_message(elsewhere, TIME_S), mldsa44_message(CHECKPOINT, TIME_S + 1)):
        note = assemble(CHECKPOINT, ed25519, (KEYS.mldsa44_public(), TIME_S, KEYS.mldsa44.sign(message)))
        assert refused(note, POLICIES[Suite.HYBRID]) == "signature"


def test_an_ml_dsa_signature_under_a_context_is_refused():
    ed25519 = (KEYS.ed25519_public(), KEYS.ed25519.sign(ed25519_message(CHECKPOINT)))
    signature = KEYS.mldsa44.sign(mldsa44_message(CHECKPOINT, TIME_S), b"context")
    note = assemble(CHECKPOINT, ed25519, (KEYS.mldsa44_public(), TIME_S, signature))
    assert refused(note, POLICIES[Suite.HYBRID]) == "signature"


def test_a_time_beyond_63_bits_is_refused_even_when_signed():
    ed25519 = (KEYS.ed25519_public(), KEYS.ed25519.sign(ed25519_message(CHECKPOINT)))
    signature = KEYS.mldsa44.sign(mldsa44_message(CHECKPOINT, 2**63))
    note = assemble(CHECKPOINT, ed25519, (KEYS.mldsa44_public(), 2**63, signature))
    assert refused(note, POLICIES[Suite.HYBRID]) == "signature"


@pytest.mark.parametrize("suite", SUITES)
def test_another_logs_checkpoint_is_refused_though_its_signatures_are_right(suite):
    note = KEYS.sign(replace(CHECKPOINT, origin="gate.example/moj"), suite)
    assert refused(note, POLICIES[suite]) == "lane"


def test_signatures_by_unknown_keys_are_ignored():
    text, signatures = lines_of(NOTES[Suite.HYBRID])
    witness = f"— witness.example/w {base64.b64encode(bytes(76)).decode()}\n"
    stranger = lines_of(OTHER.sign(CHECKPOINT, Suite.HYBRID))[1]
    note = text + "".join([witness, *stranger, *signatures, witness])
    assert verify(note, POLICIES[Suite.HYBRID]) == CHECKPOINT
    assert refused(text + "".join([witness, *stranger]), POLICIES[Suite.HYBRID]) == "signature"


def test_sixteen_post_quantum_cosignatures_are_accepted():
    text, signatures = lines_of(NOTES[Suite.HYBRID])
    cosignature = base64.b64encode(bytes(4 + 8 + 4900)).decode()
    witnesses = [f"— witness.example/{n} {cosignature}\n" for n in range(14)]
    assert verify(text + "".join([*signatures, *witnesses]), POLICIES[Suite.HYBRID]) == CHECKPOINT


def test_old_and_new_keys_are_both_accepted_while_a_key_is_rotated():
    both = LogPolicy(
        ORIGIN,
        Suite.HYBRID,
        (OTHER.ed25519_public(), KEYS.ed25519_public()),
        (OTHER.mldsa44_public(), KEYS.mldsa44_public()),
    )
    assert verify(NOTES[Suite.HYBRID], both) == CHECKPOINT
    assert verify(OTHER.sign(CHECKPOINT, Suite.HYBRID), both) == CHECKPOINT


def test_a_wrong_signature_by_one_trusted_key_spoils_the_right_one_by_another():
    both = LogPolicy(ORIGIN, Suite.CLASSICAL, (OTHER.ed25519_public(), KEYS.ed25519_public()))
    wrong = assemble(CHECKPOINT, (OTHER.ed25519_public(), bytes(64)))
    note = NOTES[Suite.CLASSICAL] + lines_of(wrong)[1][0]
    assert refused(note, both) == "signature"


GOOD = NOTES[Suite.CLASSICAL]
TEXT, (LINE,) = lines_of(GOOD)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n",
        "\n\n",
        CHECKPOINT.body(),
        CHECKPOINT.body() + "\n",
        GOOD[:-1],
        GOOD + "\n",
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("— ", "- ", 1),
        GOOD.replace("— ", "—  ", 1),
        GOOD.replace("\n20852163\n", "\n020852163\n"),
        GOOD.replace("\n20852163\n", "\n+20852163\n"),
        GOOD.replace("\n20852163\n", "\n٢٠٨٥٢١٦٣\n"),
        GOOD.replace("\n20852163\n", "\n9223372036854775808\n"),
        GOOD.replace("\n20852163\n", "\n0\n"),
        GOOD.replace("\n\n", "\nextension\n\n", 1),
        GOOD.replace("\n\n", "\n\n\n", 1),
        GOOD.replace("gate.example/moh\n", "gate.example/m oh\n", 1),
        GOOD.replace("gate.example/moh\n", "\ud800\n", 1),
        TEXT + LINE + LINE,
        TEXT + LINE.rstrip("\n") + "\x00\n",
        TEXT + "— gate.example/moh AAAAAA==\n",
        TEXT + "— gate.example/moh\n",
        TEXT + "— gate.example+moh " + LINE.split()[2] + "\n",
        TEXT + LINE.rstrip("=\n") + "\n",
        TEXT + "".join(f"— w.example/{n} AAAAAAAA\n" for n in range(64)) + LINE,
        TEXT + "— w.example/1 " + "A" * 131072 + "\n" + LINE,
        TEXT + "— w.example/" + "ي" * 65536 + " AAAAAAAA\n" + LINE,
    ],
)
def test_a_malformed_note_is_refused_before_any_signature_counts(note):
    assert refused(note, POLICIES[Suite.CLASSICAL]) == "note"


@given(st.text(max_size=200))
def test_no_text_breaks_the_parser(text):
    for note in (text, TEXT + text, text + "\n\n" + LINE):
        try:
            verify(note, POLICIES[Suite.CLASSICAL])
        except Tampered:
            continue
        assert note == GOOD


def test_a_checkpoint_that_cannot_be_is_not_made():
    for origin, size, root in [
        ("", 1, bytes(32)),
        ("a b", 1, bytes(32)),
        ("a+b", 1, bytes(32)),
        ("a\nb", 1, bytes(32)),
        ("ي" * 101, 1, bytes(32)),
        ("a", -1, bytes(32)),
        ("a", 2**63, bytes(32)),
        ("a", 1, bytes(31)),
        ("a", 0, bytes(32)),
    ]:
        with pytest.raises(ValueError, match=r"origin|checkpoint|empty tree"):
            Checkpoint(origin, size, root)
    assert Checkpoint("ي" * 100, 0, merkle.EMPTY_ROOT).size == 0


def test_a_policy_without_the_keys_it_demands_is_not_made():
    ed25519, mldsa44 = KEYS.ed25519_public(), KEYS.mldsa44_public()
    for suite, ed25519_keys, mldsa44_keys in [
        (Suite.HYBRID, (ed25519,), ()),
        (Suite.HYBRID, (), (mldsa44,)),
        (Suite.CLASSICAL, (), ()),
        (Suite.CLASSICAL, (ed25519, ed25519), ()),
        (Suite.CLASSICAL, (ed25519[:-1],), ()),
        (Suite.HYBRID, (ed25519,), (mldsa44[:-1],)),
    ]:
        with pytest.raises(ValueError, match=r"polic|public key"):
            LogPolicy(ORIGIN, suite, ed25519_keys, mldsa44_keys)


def test_signatures_of_the_wrong_length_are_not_assembled():
    with pytest.raises(ValueError, match="signature"):
        assemble(CHECKPOINT, (KEYS.ed25519_public(), bytes(63)))
    with pytest.raises(ValueError, match="signature"):
        assemble(CHECKPOINT, (KEYS.ed25519_public(), bytes(64)), (KEYS.mldsa44_public(), 1, bytes(2419)))


# From the tests of golang.org/x/mod/sumdb/note and the key of the Go checksum database.
@pytest.mark.parametrize(
    "vkey",
    [
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop",
        "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
    ],
)
def test_verifier_keys_of_other_implementations_are_read_and_written_alike(vkey):
    name, kind, public = decode_vkey(vkey)
    assert key_id(name, kind, public).hex() == vkey.split("+")[1]
    assert encode_vkey(name, kind, public) == vkey


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a3",
        "PeterNeumann+c74f20a3+",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumaNN+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+BBpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10Q=",
    ],
)
def test_a_verifier_key_that_is_not_one_is_refused(vkey):
    with pytest.raises(ValueError, match=r"verifier key|base64|public key"):
        decode_vkey(vkey)


@pytest.mark.parametrize("suite", SUITES)
def test_a_policy_file_holds_the_whole_policy(suite):
    assert policy_from_json(policy_to_json(POLICIES[suite])) == POLICIES[suite]


def test_a_policy_file_that_says_more_or_less_or_something_else_is_refused():
    good = policy_to_json(POLICIES[Suite.HYBRID]).decode()
    foreign = encode_vkey("gate.example/moj", 1, KEYS.ed25519_public())
    for text in [
        "",
        "{}",
        good.replace('"suite"', '"more":1,"suite"'),
        good.replace("hybrid", "none"),
        good.replace('"keys":[', f'"keys":["{foreign}",'),
        good.replace('"origin":"gate.example/moh"', '"origin":"gate.example/moj"'),
        good + " " * 65536,
    ]:
        with pytest.raises(ValueError):
            policy_from_json(text.encode())
