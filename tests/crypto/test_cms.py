"""Detached CMS signatures as OpenSSL makes them, and what is not accepted of them."""

from __future__ import annotations

import hashlib
import subprocess

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from crypto.origin import OriginError, cms

CONTENT = "بيانات\r\n".encode() * 100
DIGEST = hashlib.sha256(CONTENT).digest()
KINDS = {
    "p256": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "rsa": ["-newkey", "rsa:3072"],
    "ed25519": ["-newkey", "ed25519"],
}


def openssl(*arguments: str, stdin: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def signers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cms")
    (folder / "content").write_bytes(CONTENT)
    for name, how in KINDS.items():
        openssl("req", "-x509", *how, "-nodes", "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem",
                "-days", "10", "-subj", "/CN=agency")  # fmt: skip
    return folder


def key(folder, name):
    return load_pem_public_key(openssl("x509", "-in", f"{folder}/{name}.pem", "-pubkey", "-noout"))


def signed(folder, name, *options: str, form: str = "DER") -> bytes:
    return openssl(
        "cms", "-sign", "-binary", "-in", f"{folder}/content", "-signer", f"{folder}/{name}.pem",
        "-inkey", f"{folder}/{name}.key", "-outform", form, "-md", "sha256", *options,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "options", "form"),
    [
        ("p256", [], "DER"),
        ("p256", ["-nocerts", "-nosmimecap"], "PEM"),
        ("p256", ["-keyid"], "DER"),
        ("rsa", [], "DER"),
        ("rsa", ["-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:32"], "PEM"),
    ],
)
def test_what_openssl_signs_is_verified_and_its_key_named(signers, name, options, form):
    keys = {"other": key(signers, "ed25519"), "agency-1": key(signers, name)}
    proof = cms.verify(signed(signers, name, *options, form=form), DIGEST, keys)
    assert (proof.scheme, proof.key_id) == ("cms", "agency-1")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["-nodetach"], "malformed"),
        (["-noattr"], "not_covered"),
        (["-md", "sha1"], "wrong_algorithm"),
        (["-stream", "-indef"], "malformed"),
    ],
)
def test_another_form_is_refused(signers, options, reason):
    with pytest.raises(OriginError) as refused:
        cms.verify(signed(signers, "p256", *options), DIGEST, {"k": key(signers, "p256")})
    assert refused.value.reason == reason


def test_another_content_or_another_key_is_refused(signers):
    message = signed(signers, "p256")
    with pytest.raises(OriginError, match="wrong_digest"):
        cms.verify(message, hashlib.sha256(b"other").digest(), {"k": key(signers, "p256")})
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{signers}/stranger.key")
    stranger = load_pem_public_key(openssl("pkey", "-in", f"{signers}/stranger.key", "-pubout"))
    with pytest.raises(OriginError, match="wrong_signature"):
        cms.verify(message, DIGEST, {"k": stranger})
    with pytest.raises(OriginError, match="wrong_algorithm"):
        cms.verify(message, DIGEST, {"k": key(signers, "rsa")})


def test_no_changed_octet_passes_for_the_same_signature(signers):
    """Whatever is changed, it is refused, or what was changed says nothing of who signed what."""
    message, keys = signed(signers, "p256", "-nocerts"), {"k": key(signers, "p256")}
    for place in range(len(message)):
        changed = message[:place] + bytes([message[place] ^ 0x55]) + message[place + 1 :]
        try:
            proof = cms.verify(changed, DIGEST, keys)
        except OriginError:
            continue
        assert proof.key_id == "k"


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\x30",
        b"\x30\x80\x00\x00",
        b"\x30\x03\x02\x01",
        bytes(70_000),
        b"-----BEGIN CMS-----\n!\n-----END CMS-----\n",
    ],
)
def test_what_is_no_cms_is_refused(signers, octets):
    with pytest.raises(OriginError, match="malformed"):
        cms.verify(octets, DIGEST, {"k": key(signers, "p256")})


def test_two_signers_are_ambiguous(signers):
    message = openssl(
        "cms", "-sign", "-binary", "-in", f"{signers}/content", "-outform", "DER", "-md", "sha256",
        "-signer", f"{signers}/p256.pem", "-inkey", f"{signers}/p256.key",
        "-signer", f"{signers}/rsa.pem", "-inkey", f"{signers}/rsa.key",
    )  # fmt: skip
    with pytest.raises(OriginError, match="ambiguous"):
        cms.verify(message, DIGEST, {"k": key(signers, "p256")})
