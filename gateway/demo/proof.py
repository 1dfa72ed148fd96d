"""What anybody can prove with files alone: the real commands, run as an officer or an outsider would."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import msgspec

from crypto.hpke import Suite
from crypto.note import LogPolicy
from crypto.openbao.signer import ED25519_KEY, MLDSA44_KEY
from crypto.policy import policy_to_json
from gateway.demo.agency import RECEIPT, RECORD
from gateway.demo.site import Site, isnad
from gateway.log.reading import Readers
from gateway.log.search import lanes

POLICIES, PROOF = "policies", "proof"
TAMPERED = "tampered.json"
REASON = "demonstration: who reported this citizen?"
TIMEOUT_S = 60.0
OFFICER_TTL_S = 3600


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that was run: as it is typed, what it printed, and its exit status beside the expected one."""

    shown: str
    output: str
    status: int
    expected: int

    @property
    def as_expected(self) -> bool:
        """Whether it ended as it should."""
        return self.status == self.expected


def prove(site: Site, folder: Path) -> Iterator[Ran]:
    """Prove the kept record, refute a changed copy, find its citizen, tell its story, replay every lane."""
    config, receipt, record = str(folder / "config"), folder / PROOF / RECEIPT, folder / PROOF / RECORD
    write_policies(site, folder)
    policy = ("--policy", str(folder / POLICIES / "moh.json"))
    # 1. With the record as it was sent, its receipt and the lane's public keys, and nothing else.
    yield run("verify", str(receipt), "--source", str(record), *policy)
    # 2. The same with one letter of the name exchanged.
    tampered = folder / PROOF / TAMPERED
    tampered.write_text(tampered_with(record.read_text()))
    yield run("verify", str(receipt), "--source", str(tampered), *policy, expected=1)
    # 3. As a security officer: everything about one citizen. The national ID is typed, never an argument.
    citizen = json.loads(record.read_bytes())["deceased"]["national_id"]
    token = {"BAO_TOKEN": officer_token(site)}
    search = ("log", "search", "--config", config, "--citizen", "--reason", REASON)
    yield run(*search, typed=f"{citizen}\n", environment=token)
    # 4. Everything that happened to the record.
    yield run("trace", "--config", config, record_id(folder))
    # 5. Every entry, tile and checkpoint of every lane.
    yield run("log", "verify", "--config", config, *given_policies(folder))


def write_policies(site: Site, folder: Path) -> None:
    """Write for each lane what an outsider needs to verify it, `policies/<lane>.json`."""
    settings = site.settings
    ed25519, mldsa44 = (
        tuple(key.public for key in site.prepared.log_keys if key.name == name)
        for name in (ED25519_KEY, MLDSA44_KEY)
    )
    with closing(Readers(site.store)) as readers:
        names = lanes(readers.db())
    for name in names:
        policy = LogPolicy(f"{settings['origin']}/{name}", Suite(settings["suite"]), ed25519, mldsa44)
        (folder / POLICIES / f"{name}.json").write_bytes(policy_to_json(policy))


def given_policies(folder: Path) -> list[str]:
    """Return the arguments that give a command every lane's policy."""
    files = sorted((folder / POLICIES).iterdir())
    return [argument for file in files for argument in ("--policy", str(file))]


def record_id(folder: Path) -> str:
    """Return the id of the kept record."""
    identifier: str = json.loads((folder / PROOF / RECEIPT).read_bytes())["record_id"]
    return identifier


def tampered_with(record: str) -> str:
    """Return a record with a single letter exchanged in the name."""
    at = record.index('"name":"') + len('"name":"')
    return record[:at] + ("ب" if record[at] != "ب" else "ت") + record[at + 1 :]


def officer_token(site: Site) -> str:
    """Return a token of the key server with which citizens can be searched for, and nothing else be done."""
    wanted = {"policies": ["isnad-officer"], "no_default_policy": True, "ttl": f"{OFFICER_TTL_S}s"}
    answer = site.keys.administrator().call("POST", "auth/token/create", wanted, answer=_Created)
    return answer.auth.client_token


def run(*arguments: str, expected: int = 0, typed: str = "", environment: Mapping[str, str] = {}) -> Ran:
    """Run `isnad` with arguments and what is typed into it."""
    finished = subprocess.run(  # noqa: S603  our own program
        isnad(*arguments),
        env={**os.environ, "COLUMNS": "110", "NO_COLOR": "1", **environment},
        input=typed.encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=TIMEOUT_S,
        check=False,
    )
    return Ran(command(*arguments), finished.stdout.decode(), finished.returncode, expected)


def command(*arguments: str) -> str:
    """Return how `isnad` is called from here."""
    return shlex.join([program("isnad"), *arguments])


def program(name: str) -> str:
    """Return how a program of this environment is called from here."""
    path = Path(sys.executable).with_name(name)
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


class _Token(msgspec.Struct):
    client_token: str


class _Created(msgspec.Struct):
    auth: _Token
