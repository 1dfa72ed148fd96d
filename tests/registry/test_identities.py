"""A client certificate means the one agency it is registered for, proven, or nobody."""

from datetime import UTC, datetime, timedelta

import pytest
from registry_parts import identity

from crypto.pki import fingerprint, spki_pin
from gateway.demo.pki import Authority
from gateway.errors import Rejected
from gateway.identities import Certificates
from gateway.moments import LEGAL_ZONE
from gateway.refusals import Refusals
from gateway.registry import Living

DAY = timedelta(days=1)


class Door:
    """Asks who somebody is, at a time that a test may choose."""

    def __init__(self, config):
        self.config = config
        self.now = datetime.now(UTC)
        self.refusals = Refusals()
        self.living = Living(config.sources(), lambda _events: None)
        self.certificates = Certificates(lambda: self.living.current, self.refusals, lambda: self.now)

    def name(self, issued):
        return self.certificates.identify(issued.der)[0]

    def code(self, certificate):
        with pytest.raises(Rejected) as caught:
            self.certificates.identify(certificate)
        return caught.value.code


@pytest.fixture
def door(config):
    return Door(config)


def test_a_registered_name_from_the_registered_authority_is_its_agency(door, config):
    issued = config.client()
    assert door.name(issued) == "moh"
    assert door.certificates.identify(issued.der)[1].certificate == fingerprint(issued.der)


def test_names_compare_without_regard_to_case(door, config):
    assert door.name(config.client("ISNAD.MOH.example")) == "moh"


def test_a_uri_names_an_agency_too(door, config):
    config.agency("moh", identity=[identity("uri:urn://isnad/moh")])
    door.living.reload()
    assert door.name(config.client("urn://isnad/moh")) == "moh"


def test_nobody_is_nobody(door, config):
    assert door.code(None) == "identity.certificate_missing"
    assert door.code(b"") == "identity.malformed"
    assert door.code(b"\x30\x82" * 100_000) == "identity.malformed"
    assert door.code(config.client("other.example").der) == "identity.unknown"
    assert door.code(config.client("*.moh.example").der) == "identity.unknown"


def test_the_right_name_from_another_authority_is_untrusted(door):
    other = Authority("Test authority")  # even one that calls itself the same
    issued = other.issue("client", hosts=["isnad.moh.example"])
    assert door.code(issued.der) == "identity.untrusted"


def test_a_certificate_out_of_its_time_is_refused(door, config):
    assert door.code(config.client(valid_from=door.now - 2 * DAY, valid_for=DAY).der) == "identity.expired"
    assert door.code(config.client(valid_from=door.now + DAY).der) == "identity.not_yet_valid"


def test_a_certificate_for_servers_is_refused(door, config):
    assert door.code(config.client(server=True, client=False).der) == "identity.wrong_usage"


def test_a_revoked_certificate_is_refused_as_soon_as_the_list_is_there(door, config):
    issued = config.client()
    assert door.name(issued) == "moh"
    config.authority.revoke(issued)
    config.write("pki/ca.crl", config.authority.crl(valid_for=9 * DAY))
    door.living.reload()
    assert door.code(issued.der) == "identity.revoked"


def test_a_certificate_shut_out_by_hand_is_refused_before_any_list_says_so(door, config):
    issued = config.client()
    config.agency("moh", revoked=[fingerprint(issued.der)])
    door.living.reload()
    assert door.code(issued.der) == "identity.revoked"


def test_with_a_stale_revocation_list_nobody_comes_in(door, config):
    config.write("pki/ca.crl", config.authority.crl(issued_at=door.now - 9 * DAY, valid_for=DAY))
    door.living.reload()
    assert door.code(config.client().der) == "identity.crl_stale"


def test_a_pinned_key_is_its_agency_under_any_name(door, config):
    issued = config.client("new.moh.example")
    config.agency("moh", identity=[identity(), identity(None, spki=spki_pin(issued.der))])
    door.living.reload()
    assert door.name(issued) == "moh"
    assert door.name(config.client()) == "moh"


def test_a_pinned_key_still_needs_the_registered_authority(door, config):
    issued = Authority("Other").issue("client")
    config.agency("moh", identity=[identity(None, spki=spki_pin(issued.der))])
    door.living.reload()
    assert door.code(issued.der) == "identity.untrusted"


def test_a_way_in_closes_at_its_end(door, config):
    config.agency("moh", identity=[identity(not_after=door.now.astimezone(LEGAL_ZONE).date().isoformat())])
    door.living.reload()
    issued = config.client()
    assert door.name(issued) == "moh"
    door.now += DAY  # the day ends at midnight in Cairo
    assert door.code(issued.der) == "identity.expired"


def test_a_certificate_with_the_names_of_two_agencies_is_nobodys(door, config):
    issued = config.authority.issue("client", hosts=["isnad.moh.example", "isnad.cso.example"])
    assert door.code(issued.der) == "identity.ambiguous"


def test_an_answer_is_not_kept_beyond_the_certificates_end(door, config):
    issued = config.client(valid_from=door.now - DAY, valid_for=DAY + timedelta(seconds=1))
    assert door.name(issued) == "moh"
    door.now += timedelta(seconds=6)
    assert door.code(issued.der) == "identity.expired"


def test_an_intermediate_authority_needs_its_own_list(door, config):
    between = Authority("Intermediate", parent=config.authority)
    issued = between.issue("client", hosts=["isnad.moh.example"])
    config.write("pki/chain.pem", config.authority.pem + between.pem)
    config.agency("moh", identity=[identity(issuers="pki/chain.pem")])
    door.living.reload()
    assert door.code(issued.der) == "identity.crl_stale"
    config.write("pki/between.crl", between.crl(valid_for=9 * DAY))
    config.agency("moh", identity=[identity(issuers="pki/chain.pem", crls=["pki/ca.crl", "pki/between.crl"])])
    door.living.reload()
    assert door.name(issued) == "moh"
