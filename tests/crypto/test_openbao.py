"""Keys kept by a real OpenBao: who may do what, staying logged in, signing, and when it is away."""

from __future__ import annotations

import os
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from services.openbao import KeyServer, plan

from crypto import note
from crypto.errors import KeysUnavailable
from crypto.hpke import Suite, unwrap, wrap
from crypto.openbao import (
    Administrator,
    Connection,
    LanePromises,
    LanePseudonyms,
    Recipients,
    Seeds,
    Session,
    TransitSigner,
    log_keys,
    wrapping_token,
)
from crypto.openbao import prepare as preparing
from crypto.openbao.connection import Answer, Nothing, Undecryptable
from crypto.openbao.decryption import ENVELOPE_KEY, EnvelopeKey, offer
from crypto.openbao.signer import ED25519_KEY, MLDSA44_KEY
from gateway.demo.pki import Authority

NOW_S = 1_800_000_000
SIGN = {"input": "AA=="}


def checkpoint(origin: str = "gateway.example/moi", size: int = 7) -> note.Checkpoint:
    return note.Checkpoint(origin, size, os.urandom(32))


def policy(
    server: KeyServer, origin: str = "gateway.example/moi", suite: Suite = Suite.HYBRID
) -> note.LogPolicy:
    public = TransitSigner(server.administrator).public_keys()
    return note.LogPolicy(origin, suite, public.ed25519, public.mldsa44)


# --- signing ---


def test_checkpoints_of_several_lanes_are_signed_in_order_under_both_algorithms(openbao: KeyServer) -> None:
    checkpoints = [checkpoint(f"gateway.example/{lane}") for lane in ("moi", "moj", "ppo")]

    notes = TransitSigner(openbao.session("intake")).sign(checkpoints, NOW_S)

    verified = [
        note.verify(text, policy(openbao, c.origin)) for text, c in zip(notes, checkpoints, strict=True)
    ]
    assert verified == checkpoints


def test_more_checkpoints_than_one_request_may_hold_are_all_signed(openbao: KeyServer) -> None:
    checkpoints = [checkpoint(size=size) for size in range(1, 502)]

    notes = TransitSigner(openbao.session("intake"), mldsa44=None).sign(checkpoints, NOW_S)

    trusted = policy(openbao, suite=Suite.CLASSICAL)
    assert [note.verify(text, trusted) for text in notes] == checkpoints


def test_no_checkpoints_need_no_signature(openbao: KeyServer) -> None:
    assert TransitSigner(openbao.session("intake")).sign([], NOW_S) == []


def test_the_classical_suite_carries_one_signature(openbao: KeyServer) -> None:
    [text] = TransitSigner(openbao.session("intake"), mldsa44=None).sign([checkpoint()], NOW_S)

    assert text.count("\n— ") == 1


def test_after_a_rotation_new_notes_use_the_new_key_and_old_notes_still_verify(
    own_openbao: KeyServer,
) -> None:
    signer = TransitSigner(own_openbao.session("intake"))
    [before] = signer.sign([checkpoint()], NOW_S)

    rotated = log_keys.rotate(own_openbao.administrator, ED25519_KEY)
    [after] = signer.sign([checkpoint()], NOW_S)

    public = signer.public_keys()
    assert rotated.version == 2
    assert public.ed25519[-1] == rotated.public
    only_new = note.LogPolicy("gateway.example/moi", Suite.HYBRID, public.ed25519[-1:], public.mldsa44)
    note.verify(after, only_new)
    note.verify(before, policy(own_openbao))


def test_a_signature_that_does_not_hold_under_the_listed_key_is_not_given_out(own_openbao: KeyServer) -> None:
    signer = TransitSigner(own_openbao.session("intake"))
    signer.sign([checkpoint()], NOW_S)
    # The server loses the key and makes another under the same name: version 1 is now another key.
    admin = own_openbao.administrator
    admin.call("POST", f"transit/keys/{ED25519_KEY}/config", {"deletion_allowed": True}, answer=Nothing)
    admin.call("DELETE", f"transit/keys/{ED25519_KEY}", answer=Nothing)
    admin.call("POST", f"transit/keys/{ED25519_KEY}", {"type": "ed25519"}, answer=Nothing)

    with pytest.raises(KeysUnavailable, match="does not hold"):
        signer.sign([checkpoint()], NOW_S)
    [text] = signer.sign([checkpoint()], NOW_S)

    note.verify(text, policy(own_openbao))


# --- secrets ---


def test_lane_keys_differ_by_lane_and_purpose_and_are_the_same_in_every_process(openbao: KeyServer) -> None:
    intake, another, officer = (openbao.session(process) for process in ("intake", "intake", "officer"))

    pseudonym = LanePseudonyms(intake).pseudonym("moi")

    assert len(pseudonym) == 32
    assert pseudonym == LanePseudonyms(another).pseudonym("moi") == LanePseudonyms(officer).pseudonym("moi")
    assert len({pseudonym, LanePseudonyms(intake).pseudonym("moj"), LanePromises(intake).promise("moi")}) == 3


@pytest.mark.parametrize(
    ("kid", "holder", "process"), [("moi-1", "delivery", "deliver"), ("nea-1", "nea", "nea")]
)
def test_what_intake_wraps_its_recipient_unwraps(
    openbao: KeyServer, kid: str, holder: preparing.Holder, process: str
) -> None:
    batch_key = os.urandom(32)

    wrapped = wrap(Recipients(openbao.session("intake")).public(kid), b"info", batch_key)

    assert unwrap(Seeds(openbao.session(process), holder).private(kid), b"info", wrapped) == batch_key


def test_a_key_id_cannot_name_another_path(openbao: KeyServer) -> None:
    with pytest.raises(ValueError, match=r"keys\.name"):
        Recipients(openbao.session("intake")).public("../intake/lanes")


def test_an_unknown_recipient_is_keys_unavailable(openbao: KeyServer) -> None:
    with pytest.raises(KeysUnavailable, match="there is nothing at"):
        Recipients(openbao.session("intake")).public("nobody")


def test_private_keys_are_in_no_repr(openbao: KeyServer) -> None:
    private = Seeds(openbao.session("deliver"), "delivery").private("moi-1")

    assert repr(private) == "PrivateKey(kid='moi-1', suite=<Suite.HYBRID: 'hybrid'>)"


# --- least privilege ---

EVERYBODY = {"intake", "deliver", "nea", "officer", "admit", "admin"}
MAY = {
    ("POST", f"transit/sign/{ED25519_KEY}"): {"intake"},
    ("POST", f"transit/sign/{MLDSA44_KEY}"): {"intake"},
    ("GET", f"transit/keys/{ED25519_KEY}"): {"intake", "deliver", "nea", "officer", "admin"},
    ("GET", f"transit/keys/{MLDSA44_KEY}"): {"intake", "deliver", "nea", "officer", "admin"},
    ("GET", f"transit/export/signing-key/{ED25519_KEY}"): set(),
    ("GET", f"transit/backup/{ED25519_KEY}"): set(),
    ("DELETE", f"transit/keys/{ED25519_KEY}"): set(),
    ("GET", "isnad/data/delivery/moi-1"): {"deliver"},
    ("GET", "isnad/data/nea/nea-1"): {"nea"},
    ("GET", "isnad/data/intake/lanes"): {"intake", "officer"},
    ("GET", "isnad/data/intake/promises"): {"intake"},
    ("GET", "auth/token/lookup-self"): {"officer"},
    ("GET", "isnad/data/recipients/moi-1"): {"intake", "admin"},
    ("DELETE", "isnad/data/delivery/moi-1"): set(),
    ("DELETE", "isnad/metadata/delivery/moi-1"): set(),
    ("POST", "isnad/data/intake/lanes"): set(),
    ("LIST", "isnad/metadata/delivery/"): set(),
    ("LIST", "auth/token/accessors"): set(),
    ("POST", "auth/token/create"): set(),
    ("GET", "sys/policies/acl/isnad-intake"): set(),
    ("PUT", "sys/seal"): set(),
    ("GET", "sys/raw/core"): set(),
}


@pytest.mark.parametrize(
    ("call", "allowed"), MAY.items(), ids=lambda value: str(value[1]) if isinstance(value, tuple) else ""
)
def test_only_those_who_need_it_may(openbao: KeyServer, call: tuple[str, str], allowed: set[str]) -> None:
    method, path = call
    body = SIGN if "/sign/" in path else {"data": {}} if method == "POST" else None
    did, refusals = set(), set()
    for who in sorted(EVERYBODY):
        try:
            caller(openbao, who).call(method, path, body, answer=Nothing)
            did.add(who)
        except KeysUnavailable as error:
            refusals.add(str(error))
    assert did == allowed
    assert refusals <= {f"keys: {method} {path} is not allowed with this login"}


def test_the_key_of_messages_decrypts_by_one_padding_for_the_intake_alone(own_openbao: KeyServer) -> None:
    least = holder_of(own_openbao, "isnad-admin")
    pem = offer(least, "localhost", new=False)
    public = x509.load_pem_x509_certificate(pem.encode()).public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    intake = own_openbao.session("intake")
    key = EnvelopeKey(intake)
    oaep = padding.OAEP(padding.MGF1(SHA256()), SHA256(), None)
    old = padding.OAEP(padding.MGF1(SHA1()), SHA1(), None)  # noqa: S303  refused below

    assert (key.certificate(), offer(least, "localhost", new=False)) == (pem, pem)
    assert key.unwrap(public.encrypt(b"k" * 32, oaep)) == b"k" * 32
    for other in (old, padding.PKCS1v15()):
        assert key.unwrap(public.encrypt(b"k" * 32, other)) is None
    assert key.unwrap(b"") is None

    asked = {"ciphertext": "vault:v1:AA=="}
    for more in ({"padding_scheme": "pkcs1v15"}, {"padding_scheme": "oaep"}, {"batch_input": [asked]}):
        with pytest.raises(KeysUnavailable, match="not allowed"):
            intake.call("POST", f"transit/decrypt/{ENVELOPE_KEY}", {**asked, **more}, answer=Nothing)
    with pytest.raises(Undecryptable):
        intake.call("POST", f"transit/decrypt/{ENVELOPE_KEY}", asked, answer=Nothing)
    for who in sorted(EVERYBODY - {"intake"}):
        with pytest.raises(KeysUnavailable, match="not allowed"):
            caller(own_openbao, who).call("POST", f"transit/decrypt/{ENVELOPE_KEY}", asked, answer=Nothing)
    with pytest.raises(KeysUnavailable, match="not allowed"):
        intake.call("GET", f"transit/export/encryption-key/{ENVELOPE_KEY}", answer=Nothing)


def test_without_a_key_of_messages_it_is_said_so(openbao: KeyServer) -> None:
    with pytest.raises(KeysUnavailable, match="nothing at"):
        EnvelopeKey(openbao.session("intake")).certificate()


def caller(openbao: KeyServer, who: str) -> Session | Administrator:
    if who not in {"admit", "admin"}:
        return openbao.session(who)
    return holder_of(openbao, f"isnad-{who}")


def holder_of(openbao: KeyServer, policy_name: str) -> Administrator:
    body = {"policies": [policy_name], "no_default_policy": True, "ttl": "60s"}
    token = openbao.administrator.call("POST", "auth/token/create", body, answer=dict[str, object])["auth"]
    assert isinstance(token, dict)
    return Administrator(openbao.server.connection(), token["client_token"])


@pytest.mark.parametrize("process", preparing.PROCESSES)
def test_a_process_gets_its_next_secret_id_only_wrapped_and_only_its_own(
    openbao: KeyServer, process: str
) -> None:
    session = openbao.session(process)
    own = f"auth/approle/role/isnad-{process}/secret-id"

    session.call("POST", own, answer=Nothing, wrap_ttl_s=30)

    with pytest.raises(KeysUnavailable, match="not allowed"):
        session.call("POST", own, answer=Nothing)
    with pytest.raises(KeysUnavailable, match="not allowed"):
        session.call("POST", own, answer=Nothing, wrap_ttl_s=3600)
    with pytest.raises(KeysUnavailable, match="not allowed"):
        session.call("POST", own, {"num_uses": 100}, answer=Nothing, wrap_ttl_s=30)
    with pytest.raises(KeysUnavailable, match="not allowed"):
        session.call("POST", own, {"ttl": "1000h"}, answer=Nothing, wrap_ttl_s=30)
    for other in set(preparing.PROCESSES) - {process}:
        with pytest.raises(KeysUnavailable, match="not allowed"):
            session.call("POST", f"auth/approle/role/isnad-{other}/secret-id", answer=Nothing, wrap_ttl_s=30)


def test_who_admits_processes_cannot_see_what_it_hands_out(openbao: KeyServer) -> None:
    supervisor = holder_of(openbao, "isnad-admit")

    assert preparing.admit(supervisor, "intake")

    with pytest.raises(KeysUnavailable, match="not allowed"):
        supervisor.call("POST", "auth/approle/role/isnad-intake/secret-id", answer=Nothing)


# --- logging in and staying so ---


def test_a_wrapping_token_lets_in_once(openbao: KeyServer) -> None:
    token = preparing.admit(openbao.administrator, "intake")
    connection, role_id = openbao.server.connection(), openbao.prepared.role_ids["intake"]
    Session(connection, "isnad-intake", role_id).log_in(token)

    with pytest.raises(KeysUnavailable, match="was used before"):
        Session(connection, "isnad-intake", role_id).log_in(token)


def test_a_wrapping_token_for_another_role_is_an_attack(openbao: KeyServer) -> None:
    token = preparing.admit(openbao.administrator, "deliver")
    session = Session(openbao.server.connection(), "isnad-intake", openbao.prepared.role_ids["intake"])

    with pytest.raises(KeysUnavailable, match="treat it as an attack"):
        session.log_in(token)


def test_before_the_login_nothing_is_asked_of_the_server(openbao: KeyServer) -> None:
    session = Session(openbao.server.connection(), "isnad-intake", openbao.prepared.role_ids["intake"])

    with pytest.raises(KeysUnavailable, match="isnad keys admit"):
        LanePseudonyms(session).pseudonym("moi")
    assert session.health().token_s == 0
    assert not session.health().ready


def test_the_login_outlives_its_tokens(own_openbao: KeyServer) -> None:
    session = own_openbao.session("intake")  # a token lives four seconds here
    signer = TransitSigner(session)

    with session.staying():
        for _ in range(11):
            time.sleep(0.5)
            signer.sign([checkpoint()], NOW_S)
        assert session.health().ready


def test_a_short_outage_is_sat_out_and_a_longer_one_fails_closed(own_openbao: KeyServer) -> None:
    patient, late = own_openbao.session("intake"), own_openbao.session("deliver")
    with patient.staying():
        own_openbao.server.seal()
        time.sleep(1.6)  # past the first refresh, before the token's end
        assert "sealed" in patient.health().trouble
        own_openbao.server.unseal()
        time.sleep(3.5)  # past the end of the first token
        assert patient.health().ready
        TransitSigner(patient).sign([checkpoint()], NOW_S)
    # Nobody kept this one logged in.
    with pytest.raises(KeysUnavailable, match="not logged in as isnad-deliver; run `isnad keys admit`"):
        late.keep_alive()


def test_emptying_a_policy_ends_the_tokens_that_are_out(own_openbao: KeyServer) -> None:
    session = own_openbao.session("intake")
    nothing = {"policy": 'path "none" { capabilities = ["deny"] }'}

    own_openbao.administrator.call("PUT", "sys/policies/acl/isnad-intake", nothing, answer=Nothing)

    with pytest.raises(KeysUnavailable, match="not allowed"):
        TransitSigner(session).sign([checkpoint()], NOW_S)


@pytest.mark.parametrize("kind", ["env", "file", "fd"])
def test_a_wrapping_token_is_read_once(kind: str, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "env":
        monkeypatch.setenv("WRAPPED", " s.token\n")
        reference = "env:WRAPPED"
    elif kind == "file":
        (tmp_path / "token").write_text("s.token\n")
        reference = f"file:{tmp_path / 'token'}"
    else:
        read, write = os.pipe()
        os.write(write, b"s.token\n")
        os.close(write)
        reference = f"fd:{read}"

    assert wrapping_token(reference) == "s.token"
    with pytest.raises(KeysUnavailable, match="no wrapping token"):
        wrapping_token(reference)


def test_a_wrapping_token_itself_is_no_reference() -> None:
    with pytest.raises(ValueError, match="env:NAME") as refused:
        wrapping_token("s.abcdef")
    assert "abcdef" not in str(refused.value)


# --- when it is away ---


def test_sealed_frozen_and_stopped_are_told_apart_and_overcome(own_openbao: KeyServer) -> None:
    session = own_openbao.session("intake", timeout_s=0.3)
    signer = TransitSigner(session)

    own_openbao.server.seal()
    assert (session.health().reachable, session.health().sealed) == (True, True)
    with pytest.raises(KeysUnavailable, match="unseal it"):
        signer.sign([checkpoint()], NOW_S)
    own_openbao.server.unseal()
    signer.sign([checkpoint()], NOW_S)

    own_openbao.server.pause()
    began = time.monotonic()
    with pytest.raises(KeysUnavailable, match="cannot be reached"):
        signer.sign([checkpoint()], NOW_S)
    assert time.monotonic() - began < 2
    assert not session.health().reachable
    own_openbao.server.resume()
    signer.sign([checkpoint()], NOW_S)

    own_openbao.server.stop()
    with pytest.raises(KeysUnavailable, match="cannot be reached"):
        signer.sign([checkpoint()], NOW_S)
    assert not session.health().ready


def test_a_server_certified_by_anybody_else_is_not_spoken_to(openbao: KeyServer) -> None:
    impostor = Connection(openbao.server.address, Authority("somebody else").pem)

    with pytest.raises(KeysUnavailable, match="cannot be reached: SSLError"):
        impostor.call("", "GET", "sys/health", answer=Nothing)


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost:8200",
        "localhost:8200",
        "https://",
        "https://user:secret@localhost",
        "https://localhost/v1",
        "",
    ],
)
def test_only_an_https_origin_is_an_address(address: str) -> None:
    with pytest.raises(ValueError, match="https://host") as refused:
        Connection(address, Authority("any").pem)
    assert "secret" not in str(refused.value)


def test_errors_name_the_path_and_hold_no_token(openbao: KeyServer) -> None:
    with pytest.raises(KeysUnavailable) as refused:
        Administrator(openbao.server.connection(), "s.stolen-token").call(
            "GET", "isnad/data/nea/nea-1", answer=Nothing
        )

    assert "stolen" not in repr(refused.value) + repr(refused.value.__cause__)


# --- preparing ---


def test_preparing_again_changes_no_key_and_completes_what_is_new(own_openbao: KeyServer) -> None:
    admin = own_openbao.administrator
    public = Recipients(own_openbao.session("intake")).public("moi-1")
    pseudonym = LanePseudonyms(own_openbao.session("intake")).pseudonym("moi")

    again = preparing.prepare(
        admin, plan(recipients={"moi-1": "delivery", "nea-1": "nea", "moj-1": "delivery"})
    )

    assert again == own_openbao.prepared
    assert Recipients(own_openbao.session("intake")).public("moi-1") == public
    assert LanePseudonyms(own_openbao.session("intake")).pseudonym("moi") == pseudonym
    assert Seeds(own_openbao.session("deliver"), "delivery").private("moj-1").kid == "moj-1"


def test_the_admin_policy_suffices_to_prepare_and_to_rotate(own_openbao: KeyServer) -> None:
    admin = own_openbao.administrator
    for path in ("transit", "isnad", "pki"):
        admin.call("DELETE", f"sys/mounts/{path}", answer=Nothing)
    admin.call("DELETE", "sys/auth/approle", answer=Nothing)

    least = holder_of(own_openbao, "isnad-admin")
    prepared = preparing.prepare(least, plan())

    assert preparing.prepare(least, plan()) == prepared
    assert log_keys.rotate(least, MLDSA44_KEY).version == 2
    assert [key.version for key in log_keys.show(least, Suite.HYBRID)] == [1, 1, 2]


def test_a_classical_server_has_no_post_quantum_key(own_openbao: KeyServer) -> None:
    admin = own_openbao.administrator
    admin.call("DELETE", "sys/mounts/transit", answer=Nothing)
    admin.call("DELETE", "sys/mounts/isnad", answer=Nothing)

    prepared = preparing.prepare(admin, plan(suite=Suite.CLASSICAL))

    assert [key.name for key in prepared.log_keys] == [ED25519_KEY]
    assert Recipients(admin).public("moi-1").suite is Suite.CLASSICAL


def test_a_recipient_whose_public_half_was_never_written_is_named(own_openbao: KeyServer) -> None:
    admin = own_openbao.administrator
    admin.call("DELETE", "isnad/metadata/recipients/moi-1", answer=Nothing)

    with pytest.raises(KeysUnavailable, match="delivery/moi-1 is half made"):
        preparing.prepare(admin, plan())


def test_a_mount_of_another_kind_is_left_alone(own_openbao: KeyServer) -> None:
    admin = own_openbao.administrator
    admin.call("DELETE", "sys/mounts/isnad", answer=Nothing)
    admin.call("POST", "sys/mounts/isnad", {"type": "transit"}, answer=Nothing)

    with pytest.raises(KeysUnavailable, match="already mounted as transit"):
        preparing.prepare(admin, plan())


def test_log_keys_can_be_neither_exported_nor_deleted_even_by_root(openbao: KeyServer) -> None:
    for method, path in (
        ("GET", f"transit/export/signing-key/{MLDSA44_KEY}"),
        ("GET", f"transit/backup/{MLDSA44_KEY}"),
        ("DELETE", f"transit/keys/{MLDSA44_KEY}"),
    ):
        with pytest.raises(KeysUnavailable):
            openbao.administrator.call(method, path, answer=Answer[dict[str, object]])
