"""Certificates: the gateway's own, from a real PKI engine over real handshakes; and peers', with reasons."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from services.openbao import KeyServer

from crypto.errors import KeysUnavailable
from crypto.pki import GatewayTls, PeerRefused, PeerVerifier, fingerprint, issue, spki_pin
from gateway.demo.pki import DAY, HOUR, Authority

INTAKE, DELIVER = "isnad-intake", "isnad-deliver"


def verifier(*authorities: Authority) -> PeerVerifier:
    return PeerVerifier(
        [authority.pem for authority in authorities], [authority.crl() for authority in authorities]
    )


def refusal(judge: PeerVerifier, der: bytes, at: datetime | None = None) -> str:
    with pytest.raises(PeerRefused) as refused:
        judge.verify(der, at or datetime.now(UTC))
    return refused.value.reason


# --- peers ---


def test_a_client_certificate_of_a_named_issuer_is_accepted() -> None:
    authority = Authority("agencies")
    issued = authority.issue("moi", hosts=("moi.example",))

    accepted = verifier(authority).verify(issued.der, datetime.now(UTC))

    assert accepted == issued.certificate


def test_an_intermediate_issuer_needs_its_own_and_its_parents_list() -> None:
    root = Authority("national root")
    agencies = Authority("agencies", parent=root)
    issued = agencies.issue("moi")

    verifier(root, agencies).verify(issued.der, datetime.now(UTC))

    assert refusal(PeerVerifier([root.pem, agencies.pem], [agencies.crl()]), issued.der) == "crl_stale"
    assert refusal(PeerVerifier([root.pem], [root.crl()]), issued.der) == "untrusted"
    assert refusal(PeerVerifier([agencies.pem], [agencies.crl(), root.crl()]), issued.der) == "untrusted"


def test_an_issuer_of_the_same_name_with_another_key_is_untrusted() -> None:
    assert refusal(verifier(Authority("agencies")), Authority("agencies").issue("moi").der) == "untrusted"


def test_a_self_signed_client_is_untrusted() -> None:
    stranger = Authority("moi")

    assert refusal(verifier(Authority("agencies")), fingerprintable(stranger)) == "untrusted"


def fingerprintable(authority: Authority) -> bytes:
    return ssl.PEM_cert_to_DER_cert(authority.pem)


def test_time_is_judged_at_the_instant_that_is_asked_about() -> None:
    authority = Authority("agencies")
    now = datetime.now(UTC)
    issued = authority.issue("moi", valid_from=now + HOUR, valid_for=HOUR)
    judge = PeerVerifier([authority.pem], [authority.crl(valid_for=2 * DAY)])

    assert refusal(judge, issued.der, now) == "not_yet_valid"
    judge.verify(issued.der, now + 1.5 * HOUR)
    cairo = (now + 1.5 * HOUR).astimezone(tz=None)
    judge.verify(issued.der, cairo)
    assert refusal(judge, issued.der, now + 3 * HOUR) == "expired"


def test_a_revoked_certificate_is_refused_once_the_list_says_so() -> None:
    authority = Authority("agencies")
    revoked, other = authority.issue("moi"), authority.issue("moj")
    before = verifier(authority)
    authority.revoke(revoked)
    after = verifier(authority)

    before.verify(revoked.der, datetime.now(UTC))
    assert refusal(after, revoked.der) == "revoked"
    after.verify(other.der, datetime.now(UTC))


@pytest.mark.parametrize("age", [2 * DAY, -2 * HOUR], ids=["too old", "from the future"])
def test_a_list_that_is_not_current_is_as_bad_as_none(age: timedelta) -> None:
    authority = Authority("agencies")
    issued = authority.issue("moi")
    stale = authority.crl(issued_at=datetime.now(UTC) - age)

    assert refusal(PeerVerifier([authority.pem], [stale]), issued.der) == "crl_stale"
    assert refusal(PeerVerifier([authority.pem], []), issued.der) == "crl_stale"


def test_a_list_signed_by_somebody_else_does_not_count() -> None:
    authority, forger = Authority("agencies"), Authority("agencies")
    issued = authority.issue("moi")

    assert refusal(PeerVerifier([authority.pem], [forger.crl()]), issued.der) in {"crl_stale", "untrusted"}


@pytest.mark.parametrize(
    ("server", "client"), [(True, False), (False, False)], ids=["for servers", "for nothing"]
)
def test_a_certificate_that_is_not_for_clients_is_refused(*, server: bool, client: bool) -> None:
    authority = Authority("agencies")

    assert (
        refusal(verifier(authority), authority.issue("moi", server=server, client=client).der)
        == "wrong_usage"
    )


@pytest.mark.parametrize(
    "der",
    [b"", b"\x30\x03\x02\x01\x01", bytes(range(100)), b"\x30" * 20_000],
    ids=["empty", "short", "noise", "long"],
)
def test_what_is_no_certificate_is_malformed(der: bytes) -> None:
    assert refusal(verifier(Authority("agencies")), der) == "malformed"


def test_pins_follow_the_key_and_fingerprints_the_certificate() -> None:
    authority = Authority("agencies")
    issued = authority.issue("moi")
    # openssl x509 -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256, of a fixed certificate.
    der = ssl.PEM_cert_to_DER_cert((Path(__file__).parent / "pin.pem").read_text())

    assert spki_pin(der) == "sha256/KzjxjeSGNJnrSJRujUUdDm53BjspbZ2wbBO0pQ6tF7w="
    assert fingerprint(der) == "5bf44736f4e3f5b090d40b316d6499ef470b5d9261c2f409e27f20c044a9a0b4"
    assert fingerprint(issued.der) != fingerprint(authority.issue("moi").der)


# --- the gateway's own ---


def handshake(
    server: ssl.SSLContext, client: ssl.SSLContext, name: str = "localhost"
) -> tuple[bytes, bytes | None, str]:
    """Return what the client saw of the server, what the server saw of it, and the protocol version."""
    listener = socket.create_server(("127.0.0.1", 0))
    seen: list[bytes | None] = []

    def serve() -> None:
        accepted, _ = listener.accept()
        with accepted, server.wrap_socket(accepted, server_side=True) as secured:
            seen.append(secured.getpeercert(binary_form=True))
            secured.sendall(b"hello")

    thread = threading.Thread(target=lambda: _quietly(serve))
    thread.start()
    try:
        with (
            socket.create_connection(listener.getsockname()) as plain,
            client.wrap_socket(plain, server_hostname=name) as secured,
        ):
            assert secured.recv(5) == b"hello"
            shown = secured.getpeercert(binary_form=True)
            assert shown is not None
            return shown, seen[0], secured.version() or ""
    finally:
        thread.join()
        listener.close()


def _quietly(serve) -> None:
    with contextlib.suppress(OSError):  # the client's side of a failure is what the test looks at
        serve()


def test_the_gateways_certificate_is_for_its_name_and_a_short_time(openbao: KeyServer) -> None:
    credential = issue(openbao.session("intake"), INTAKE, ["localhost"])
    leaf = x509.load_pem_x509_certificate(credential.chain_pem.encode())

    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc < timedelta(days=1, minutes=1)
    assert "PRIVATE" not in repr(credential)
    assert credential.chain_pem.count("BEGIN") == 1  # the root is what clients have already


def test_a_name_that_the_role_does_not_allow_is_not_certified(openbao: KeyServer) -> None:
    with pytest.raises(KeysUnavailable):
        issue(openbao.session("intake"), INTAKE, ["gateway.attacker.example"])


def test_officers_and_the_authority_get_no_gateway_certificate(openbao: KeyServer) -> None:
    for process in ("officer", "nea"):
        for role in (INTAKE, DELIVER):
            with pytest.raises(KeysUnavailable, match="not allowed"):
                issue(openbao.session(process), role, ["localhost"])


def test_no_process_of_the_gateway_gets_a_certificate_for_the_other(openbao: KeyServer) -> None:
    with pytest.raises(KeysUnavailable, match="not allowed"):
        issue(openbao.session("deliver"), INTAKE, ["localhost"])
    with pytest.raises(KeysUnavailable, match="not allowed"):
        issue(openbao.session("intake"), DELIVER, ["localhost"])


def test_the_gateway_and_an_agency_meet_over_tls(openbao: KeyServer) -> None:
    agencies = Authority("agencies")
    tls = GatewayTls(openbao.session("intake"), INTAKE, ["localhost"])
    issued = agencies.issue("moi")

    shown, seen, version = handshake(tls.server_context(agencies.pem), agency(openbao, issued))

    assert seen == issued.der
    assert shown == ssl.PEM_cert_to_DER_cert(tls.credential.chain_pem)
    assert version == "TLSv1.3"


def agency(openbao: KeyServer, issued=None) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=openbao.prepared.ca_pem)
    if issued is not None:
        descriptor = os.memfd_create("client")
        os.write(descriptor, issued.key_pem + issued.chain_pem.encode())
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
        os.close(descriptor)
    return context


def test_a_client_without_a_valid_certificate_is_let_in_to_be_refused(
    openbao: KeyServer,
) -> None:
    agencies = Authority("agencies")
    server = GatewayTls(openbao.session("intake"), INTAKE, ["localhost"]).server_context(agencies.pem)
    expired = agencies.issue("moi", valid_from=datetime.now(UTC) - 3 * DAY, valid_for=DAY)

    assert handshake(server, agency(openbao))[1] is None
    seen = handshake(server, agency(openbao, expired))[1]
    assert seen == expired.der
    assert refusal(verifier(agencies), seen) == "expired"


def test_a_client_of_another_issuer_does_not_get_in(openbao: KeyServer) -> None:
    server = GatewayTls(openbao.session("intake"), INTAKE, ["localhost"]).server_context(
        Authority("agencies").pem
    )

    with pytest.raises((ssl.SSLError, ConnectionError)):
        handshake(server, agency(openbao, Authority("agencies").issue("moi")))


def test_tls_1_2_is_spoken_with_ephemeral_keys_and_aead_only(openbao: KeyServer) -> None:
    agencies = Authority("agencies")
    server = GatewayTls(openbao.session("intake"), INTAKE, ["localhost"]).server_context(agencies.pem)
    old = agency(openbao, agencies.issue("moi"))
    old.maximum_version = ssl.TLSVersion.TLSv1_2

    assert handshake(server, old)[2] == "TLSv1.2"
    old.set_ciphers("ECDHE-ECDSA-AES128-SHA256")  # CBC
    with pytest.raises(ssl.SSLError):
        handshake(server, old)
    assert all("GCM" in c["name"] or "CHACHA20" in c["name"] for c in server.get_ciphers())


def test_the_gateway_calls_only_servers_of_the_issuer_and_the_name_it_means(openbao: KeyServer) -> None:
    agencies = Authority("agencies")
    client = GatewayTls(openbao.session("deliver"), DELIVER, ["localhost"]).client_context(agencies.pem)
    endpoint = agencies.issue("moi", hosts=("moi.example",), server=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    descriptor = os.memfd_create("server")
    os.write(descriptor, endpoint.key_pem + endpoint.chain_pem.encode())
    server.load_cert_chain(f"/proc/self/fd/{descriptor}")
    os.close(descriptor)
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(cadata=openbao.prepared.ca_pem)

    handshake(server, client, "moi.example")

    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(server, client, "moj.example")


def test_a_renewed_certificate_is_shown_by_contexts_in_use(openbao: KeyServer) -> None:
    agencies = Authority("agencies")
    tls = GatewayTls(openbao.session("intake"), INTAKE, ["localhost"])
    server = tls.server_context(agencies.pem)
    client = agency(openbao, agencies.issue("moi"))
    first = handshake(server, client)[0]

    assert not tls.renew_if_due(datetime.now(UTC))
    assert handshake(server, client)[0] == first
    assert tls.renew_if_due(tls.credential.renew_at)

    assert handshake(server, client)[0] == ssl.PEM_cert_to_DER_cert(tls.credential.chain_pem) != first


def test_no_private_key_is_left_open(openbao: KeyServer) -> None:
    def in_memory() -> list[str]:
        """Files without a place on disk that are open; what other tests of this process left is not ours."""
        links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        assert links
        return [name for name in map(os.readlink, links) if "memfd" in name]

    before = in_memory()
    GatewayTls(openbao.session("intake"), INTAKE, ["localhost"]).server_context(Authority("agencies").pem)

    assert in_memory() == before
