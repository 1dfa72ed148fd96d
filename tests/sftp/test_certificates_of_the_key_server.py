"""SSH certificates that the key server's own SSH engine signs, shown by OpenSSH's client."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import pytest
from place import FileKeysHeld, Person, Place, configured, host_key, open_place
from support.ssh import key_pair

from crypto.openbao.connection import Administrator, Answer, Nothing
from gateway.demo import openbao

AGENCY = "moh"
DEADLINE_S = 90.0


class _Authority(msgspec.Struct):
    public_key: str


class _Signed(msgspec.Struct):
    signed_key: str


@dataclass
class Engine:
    """An SSH engine of the key server, mounted at `path`: an authority whose key nobody has."""

    administrator: Administrator
    path: str

    def open(self) -> str:
        """Mount it with a key of its own and a role; return the key's public half."""
        call = self.administrator.call
        call("POST", f"sys/mounts/{self.path}", {"type": "ssh"}, answer=Nothing)
        ca = {"generate_signing_key": True, "key_type": "ed25519"}
        call("POST", f"{self.path}/config/ca", ca, answer=Answer[_Authority])
        role = {
            "key_type": "ca", "allow_user_certificates": True, "allowed_users": f"{AGENCY},cso",
            "algorithm_signer": "default", "max_ttl": "1h",
        }  # fmt: skip
        call("POST", f"{self.path}/roles/agency", role, answer=Nothing)
        public = call("GET", f"{self.path}/config/ca", answer=Answer[_Authority]).data.public_key
        return " ".join(public.split()[:2])

    def certify(self, person: Person, *, principal: str = AGENCY, ttl: str = "30m") -> None:
        """Sign a person's key and put the certificate where OpenSSH looks for it."""
        asked = {
            "public_key": (person.folder / "id.pub").read_text(),
            "valid_principals": principal,
            "cert_type": "user",
            "ttl": ttl,
        }
        signed = self.administrator.call(
            "POST", f"{self.path}/sign/agency", asked, answer=Answer[_Signed]
        ).data.signed_key
        person.write("id-cert.pub", signed.encode())


@dataclass
class Gate:
    place: Place
    person: Person
    engine: Engine
    authority: str

    def let(self, **files: object) -> None:
        """Register the agency otherwise."""
        self.place.configuration.agency(AGENCY, adapter=["rest", "sftp"], files=files)
        self.place.reload()


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    folder = tmp_path_factory.mktemp("engine")
    key_pair(folder / AGENCY)
    keys = FileKeysHeld()
    with openbao.running() as server:
        engine = Engine(server.administrator(), "ssh")
        authority = engine.open()
        configuration = configured(folder, keys=[key_pair(folder / "cso")])
        configuration.agency(AGENCY, adapter=["rest", "sftp"], files={"authorities": [authority]})
        with open_place(folder, configuration, keys) as place:
            person = Person(folder / AGENCY, AGENCY, place.port, host_key(keys))
            yield Gate(place, person, engine, authority)


def comes_in(person: Person) -> bool:
    done = person.sftp("ls /in")
    assert done.returncode == 0 or "Permission denied (publickey)" in done.stderr, done.stderr
    return done.returncode == 0


def fingerprint(public: str) -> str:
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", "-"], input=public, capture_output=True, text=True, check=True
    )
    return shown.stdout.split()[1]


def test_a_key_that_the_engine_signed_opens_its_agencys_tree(gate: Gate):
    gate.engine.certify(gate.person)
    assert comes_in(gate.person)


def test_a_certificate_that_has_run_out_opens_nothing(gate: Gate):
    gate.engine.certify(gate.person, ttl="2s")
    deadline = time.monotonic() + DEADLINE_S
    while comes_in(gate.person):
        assert time.monotonic() < deadline, "it never ran out"
    gate.engine.certify(gate.person)
    assert comes_in(gate.person)


def test_a_certificate_for_another_agency_opens_neither_tree(gate: Gate):
    gate.engine.certify(gate.person, principal="cso")
    assert not comes_in(gate.person)
    other = Person(gate.person.folder, "cso", gate.person.port, gate.person.host_key)
    assert not comes_in(other), "the authority vouches for moh's keys, and for nobody else's"


def test_a_certificate_of_another_engine_opens_nothing(gate: Gate):
    other = Engine(gate.engine.administrator, "ssh-other")
    other.open()
    other.certify(gate.person)
    assert not comes_in(gate.person)


@pytest.mark.parametrize("whose", ["key", "authority"])
def test_what_is_revoked_opens_nothing_however_valid_its_certificate_is(gate: Gate, whose: str):
    gate.engine.certify(gate.person)
    assert comes_in(gate.person)
    public = gate.authority if whose == "authority" else (gate.person.folder / "id.pub").read_text()
    gate.let(authorities=[gate.authority], revoked=[fingerprint(public)])
    try:
        assert not comes_in(gate.person)
    finally:
        gate.let(authorities=[gate.authority])
    assert comes_in(gate.person)
