"""`isnad keys`, as an administrator types it, against a real server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from services.openbao import POLICIES

from crypto.openbao import Session, TransitSigner
from crypto.openbao.signer import ED25519_KEY
from gateway.cli.keys import keys
from gateway.demo import openbao as development
from gateway.demo.openbao import Server

INIT = ("init", "--policies", str(POLICIES), "--host", "localhost", "--recipient", "nea-1=nea")


@pytest.fixture(scope="module")
def server():
    with development.running() as started:
        yield started


def isnad_keys(server: Server, folder: Path, *arguments: str, token: str | None = None) -> Result:
    (folder / "ca.pem").write_text(server.ca_pem)
    environment = {
        "BAO_ADDR": server.address,
        "BAO_CACERT": str(folder / "ca.pem"),
        "BAO_TOKEN": server.root_token if token is None else token,
    }
    return CliRunner().invoke(keys, arguments, env=environment)


def test_an_empty_server_is_prepared_and_a_process_let_in(server: Server, tmp_path: Path) -> None:
    prepared = json.loads(isnad_keys(server, tmp_path, *INIT).stdout)
    wrapping_token = isnad_keys(server, tmp_path, "admit", "intake").stdout.strip()

    session = Session(server.connection(), "isnad-intake", prepared["role_ids"]["intake"])
    session.log_in(wrapping_token)

    assert [key["version"] for key in prepared["log_keys"]] == [1, 1]
    assert TransitSigner(session).public_keys().ed25519
    assert isnad_keys(server, tmp_path, *INIT).stdout == json.dumps(prepared, indent=2) + "\n"


def test_a_rotated_key_is_shown_beside_the_old_one(server: Server, tmp_path: Path) -> None:
    isnad_keys(server, tmp_path, *INIT)

    rotated = json.loads(isnad_keys(server, tmp_path, "rotate", ED25519_KEY).stdout)
    shown = json.loads(isnad_keys(server, tmp_path, "show").stdout)

    assert [key["version"] for key in shown if key["name"] == ED25519_KEY] == [1, 2]
    assert rotated in shown


def test_the_certificate_to_encrypt_for_is_made_once_and_anew_when_told(
    server: Server, tmp_path: Path
) -> None:
    isnad_keys(server, tmp_path, *INIT)

    first, again, newer = (
        isnad_keys(server, tmp_path, "encryption", "--host", "localhost", *more).stdout
        for more in ((), (), ("--new",))
    )

    assert first.startswith("-----BEGIN CERTIFICATE-----")
    assert (first == again, first == newer) == (True, False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rotate", "no-such-key"), "keys: "),
        (("rotate", "../sys/seal"), "keys.name"),
        ((*INIT, "--recipient", "moi-1=anybody"), "--recipient"),
        (("init", "--policies", "nowhere", "--host", "localhost"), "nowhere"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    server: Server, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    result = isnad_keys(server, tmp_path, *arguments)

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_a_wrong_token_is_refused_and_not_repeated(server: Server, tmp_path: Path) -> None:
    result = isnad_keys(server, tmp_path, *INIT, token="s.wrong-token")

    assert result.exit_code == 1
    assert "not allowed" in result.stderr
    assert "wrong-token" not in result.output
