"""The registry lets in what is written in full and refuses all else, with file, line and plain words."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from registry_parts import Configuration, agency, agreement, identity, plain

from contracts.errors import Invalid
from gateway.configuration import Document, parse
from gateway.registry import Registry


def refused(config, profile="synthetic"):
    """Return the problems of a configuration as lines."""
    with pytest.raises(Invalid) as caught:
        config.sources(profile).load()
    return [str(problem) for problem in caught.value.problems]


def test_a_whole_configuration_loads(config):
    snapshot = config.sources().load()
    assert set(snapshot.registry.agencies) == {"moh", "cso", "nea"}
    assert [each.file.recipient for each in snapshot.registry.between("nea", "disposition.v1")] == [
        "cso",
        "moh",
    ]
    assert snapshot.registry.between("moh", "disposition.v1") == ()
    assert snapshot.registry.adapters() == {"rest"}
    assert config.authority.pem in snapshot.registry.issuers_pem()


def test_what_is_loaded_twice_is_the_same_and_has_the_same_digest(config):
    assert Registry.load(config.folder).digest == Registry.load(config.folder).digest


@pytest.mark.parametrize(
    "name", ["pki/ca.crl", "pki/ca.pem", "agencies/moh.yaml", "agreements/moh-nea-death.v1.yaml"]
)
def test_whatever_decides_is_in_the_digest(config, name):
    before = Registry.load(config.folder).digest
    other = Configuration(config.folder.parent / "other")
    if name.startswith("pki"):  # another authority's, with its list, so that both still fit
        for part in ("pki/ca.pem", "pki/ca.crl"):
            config.write(part, (other.folder / part).read_bytes())
    else:
        config.write(name, (config.folder / name).read_text() + "# changed\n")
    assert Registry.load(config.folder).digest != before


def test_an_unknown_key_is_named_with_its_line(config):
    path = config.agency("moh", quotas={"records_per_s": 1})
    line = path.read_text().splitlines().index("quotas:") + 1
    (problem,) = refused(config)
    assert problem == (
        f"agencies/moh.yaml: line {line}, quotas: is not a key that is known here; is it misspelt? "
        "[configuration.extra_forbidden]"
    )


def test_a_missing_key_is_named(config):
    document = agency("moh")
    del document["delivery"]
    config.write("agencies/moh.yaml", plain(document))
    assert refused(config) == [
        "agencies/moh.yaml: line 1, delivery: is required and missing [configuration.missing]"
    ]


def test_a_wrong_value_deep_inside_is_named_with_its_line_and_not_repeated(config):
    path = config.agency(
        "moh", delivery={"mode": "endpoint", "url": "http://plain.example", "server_ca": "pki/ca.pem"}
    )
    line = path.read_text().splitlines().index("  url: http://plain.example") + 1
    (problem,) = refused(config)
    assert problem.startswith(f"agencies/moh.yaml: line {line}, delivery.endpoint.url: ")
    assert "plain.example" not in problem


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: moh\nname: moh\n", "occurs twice"),
        ("name: &a moh\nother: *a\n", "not allowed"),
        ("name: [moh\n", "not acceptable YAML"),
        ("- moh\n", "must be keys with values"),
        ("", "must be keys with values"),
        ("name: !!python/object/apply:os.system [true]\n", "not acceptable YAML"),
        ("a: " * 30 + "b\n", "not acceptable YAML"),
    ],
)
def test_yaml_that_can_be_read_in_two_ways_or_runs_something_is_refused(config, text, says):
    config.write("agencies/moh.yaml", text)
    assert any(says in problem for problem in refused(config)), refused(config)


def test_a_file_that_is_too_large_is_not_parsed(config):
    config.write("agencies/moh.yaml", b"#" * (1 << 20) + b"\n")
    assert refused(config) == [
        "agencies/moh.yaml: has more than 1048576 bytes [configuration.file_too_large]"
    ]


def test_what_is_not_utf8_is_refused(config):
    config.write("agencies/moh.yaml", b"name: \xff\n")
    assert any("UTF-8" in problem for problem in refused(config))


@pytest.mark.parametrize("name", ["../ca.pem", "/etc/ssl/ca.pem", "pki/../../ca.pem", "pki/ca.key"])
def test_a_file_outside_the_folder_or_of_another_kind_cannot_be_referred_to(config, name):
    config.agency("moh", identity=[identity(issuers=name)])
    assert any("must be a path below the configuration folder" in problem for problem in refused(config))


def test_a_file_that_is_referred_to_must_be_there(config):
    config.agency("moh", identity=[identity(crls=["pki/other.crl"])])
    (problem,) = refused(config)
    assert "identity.0.crls.0: pki/other.crl there is no such file" in problem


@pytest.mark.parametrize(
    ("file", "says"),
    [("pki/ca.pem", "must hold certificates"), ("pki/ca.crl", "must be a revocation list")],
)
def test_certificates_and_lists_must_be_what_they_are_called(config, file, says):
    config.write(file, "no certificate")
    assert all(says in problem for problem in refused(config))


def test_an_origin_key_must_be_a_strong_public_key(config):
    config.agency("moh", origin_keys=[{"kid": "moh-1", "key": "pki/ca.pem"}])
    (problem,) = refused(config)
    assert "origin_keys.0.key: must be a public key" in problem


def test_two_ways_in_may_overlap_and_a_third_is_refused(config):
    ways = [identity(), identity(None, spki="sha256/" + "A" * 43 + "=", not_after="2027-01-31")]
    config.agency("moh", identity=ways)
    assert len(Registry.load(config.folder).agencies["moh"].ways_in) == 2
    config.agency("moh", identity=[*ways, identity("dns:third.moh.example")])
    assert any("at most 2" in problem for problem in refused(config))


@pytest.mark.parametrize("marks", [{"san": None}, {"spki": "sha256/" + "A" * 43 + "="}])
def test_a_way_in_is_known_by_exactly_one_mark(config, marks):
    config.agency("moh", identity=[identity(**marks)])
    assert any("exactly one of san and spki" in problem for problem in refused(config))


def test_two_agencies_must_not_be_known_by_the_same_mark(config):
    config.agency("moh", identity=[identity("dns:isnad.cso.example")])
    (problem,) = refused(config)
    assert "is also cso's" in problem


def test_a_file_must_be_called_as_what_it_describes(config):
    config.write("agencies/mod.yaml", plain(agency("moh2")))
    config.write("agreements/other.yaml", plain(agreement("moh", "nea", "death.v1")))
    assert sum("must be the file's own name" in problem for problem in refused(config)) == 2


def test_no_agency_takes_the_gateways_own_lane(config):
    config.agency("gateway")
    assert any("the gateway's own lane" in problem for problem in refused(config))


def test_two_agreements_about_the_same_exchange_must_not_be_in_force_together(config):
    config.agreement(
        "moh", "nea", "death.v1", id="moh-nea-death.v1-b", valid_from="2028-12-31", valid_until="2030-12-31"
    )
    (problem,) = refused(config)
    assert "is in force at the same time as agreements/moh-nea-death.v1.yaml" in problem


def test_one_agreement_may_follow_another_at_midnight(config):
    config.agreement(
        "moh", "nea", "death.v1", id="moh-nea-death.v1-b", valid_from="2029-01-01", valid_until="2030-12-31"
    )
    assert len(Registry.load(config.folder).between("moh", "death.v1")) == 2


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"valid_until": "2025-12-31"}, "valid_until must come after valid_from"),
        ({"valid_from": "2026-01-01T00:00:00"}, "valid_from"),  # an instant without its offset
        ({"recipient": "moh"}, "sender and recipient must be two"),
        ({"recipient": "mod"}, "there is no agencies/mod.yaml"),
        ({"origin_signature": "required"}, "has no origin_keys"),
        ({"contract": "death.v2"}, "there is no such contract"),
        ({"contract": "disposition.v1"}, "moh has no binding for it"),
    ],
)
def test_an_agreement_that_could_not_work_is_refused(config, changes, says):
    config.agreement("moh", "nea", "death.v1", id="moh-nea-death.v1", **changes)
    assert any(says in problem for problem in refused(config)), refused(config)


def test_a_plain_date_is_a_day_in_cairo(config):
    config.agreement("moh", "nea", "death.v1", valid_from="2026-07-01", valid_until="2026-07-01")
    (found,) = Registry.load(config.folder).between("moh", "death.v1")
    summer_midnight_ms = 1_782_853_200_000  # 2026-06-30T21:00:00Z: Cairo keeps summer time
    assert (found.from_ms, found.until_ms) == (summer_midnight_ms, summer_midnight_ms + 24 * 3600 * 1000)


def test_an_adapter_that_is_not_installed_is_refused(config):
    config.agency("moh", adapter="carrier_pigeon")
    assert any(
        "carrier_pigeon" not in problem and "is not installed" in problem for problem in refused(config)
    )


def test_whoever_reads_its_own_queue_must_not_be_sealed_for_with_the_gateways_key(config):
    config.agency("nea", "authority", recipient_keys=["delivery-1"])
    (problem,) = refused(config)
    assert "delivery by queue needs the agency's own keys" in problem


def test_whom_the_gateway_delivers_to_must_be_sealed_for_with_the_gateways_key(config):
    config.agency("moh", recipient_keys=["moh-1"])
    (problem,) = refused(config)
    assert "must begin with delivery-" in problem


def test_production_refuses_test_agencies_and_unverified_legal_bases(config):
    problems = refused(config, "production")
    assert sum("test and production never meet" in problem for problem in problems) == 3
    assert sum("counsel must have confirmed" in problem for problem in problems) == 4


def test_an_empty_registry_is_a_mistake_and_not_a_registry_of_nobody(config):
    for path in (config.folder / "agreements").iterdir():
        path.unlink()
    assert any("must hold 1 to" in problem for problem in refused(config))


def test_every_problem_is_told_at_once(config):
    config.agency("moh", role="guest")
    config.agency("cso", adapter="NO")
    config.write("calendar.yaml", "elections: no\n")
    files = {problem.partition(":")[0] for problem in refused(config)}
    assert files == {"agencies/moh.yaml", "agencies/cso.yaml", "calendar.yaml"}


class Anything(Document):
    value: dict[str, int]


@given(st.binary(max_size=200))
def test_no_octets_make_the_reader_fail_otherwise_than_by_refusing(octets):
    with suppress(Invalid):
        parse(octets, "any.yaml", Anything)


@pytest.mark.parametrize("place", ["fetched", "delivery"])
def test_whose_service_is_called_by_soap_is_registered_for_soap(config, place):
    called = {"url": "https://moh.example/isnad", "server_ca": "pki/ca.pem", "wsdl": "pki/moh.wsdl"}
    more = {"fetched": {"contracts": ["death.v1"]}, "delivery": {"mode": "endpoint"}}[place]
    config.write("pki/moh.wsdl", b"<wsdl/>")
    config.agency("moh", adapter=["rest", "soap"], **{place: called | more})
    config.sources().load()
    config.agency("moh", adapter="rest", **{place: called | more})
    assert any("name soap among the adapters" in problem for problem in refused(config))


def test_only_what_an_agency_writes_is_fetched_from_it(config):
    fetched = {
        "url": "https://moh.example/isnad",
        "server_ca": "pki/ca.pem",
        "wsdl": "pki/moh.wsdl",
        "contracts": ["death.v1", "deprivation.v1"],
    }
    config.write("pki/moh.wsdl", b"<wsdl/>")
    config.agency("moh", fetched=fetched, adapter=["rest", "soap"])
    with pytest.raises(Invalid) as raised:
        config.sources().load()
    problems = [problem for problem in raised.value.problems if problem.where.startswith("fetched")]
    assert [(one.where, one.rule) for one in problems] == [("fetched.contracts.1", "registry.binding")]
