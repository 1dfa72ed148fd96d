"""Who is let in, how, and to what: nothing but an agency's own tree, by key or certificate."""

from __future__ import annotations

import socket
import subprocess
import time

import asyncssh
import pytest
from place import CSV, FileKeysHeld, Person, Place, configured, host_key, open_place, rows
from support.ssh import key_pair

from adapters.sftp.refusing import Refusing
from contracts.errors import Invalid
from gateway.demo.local import free_ports


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    """A gateway with two agencies: `cso` by keys, `moh` by certificates of its own authority."""
    folder = tmp_path_factory.mktemp("gate")
    people = {name: folder / name for name in ("cso", "moh", "stranger")}
    public = {name: key_pair(path) for name, path in people.items()}
    authority = key_pair(folder / "moh", "authority")
    keys = FileKeysHeld()
    configuration = configured(folder, keys=[public["cso"]])
    configuration.agency("moh", adapter=["rest", "sftp"], files={"authorities": [authority]})
    with open_place(folder, configuration, keys) as place:
        place.host_key = host_key(keys)
        place.public = public
        yield place


@pytest.fixture
def person(gate):
    def made(who: str, user: str = "", **how) -> Person:
        return Person(gate.folder / who, user or who, gate.port, gate.host_key, **how)

    return made


def certified(gate: Place, *, principals: str = "moh", validity: str = "+1h", serial: int = 1) -> None:
    """Have moh's authority sign moh's key, as an administrator does."""
    folder = gate.folder / "moh"
    names = ["-n", principals] if principals else []
    subprocess.run(
        ["ssh-keygen", "-q", "-s", str(folder / "authority"), "-I", "export", *names, "-V", validity,
         "-z", str(serial), str(folder / "id.pub")],
        check=True,
    )  # fmt: skip


def test_a_registered_key_opens_its_own_tree(person):
    listed = person("cso").sftp("ls -1 /", "ls -1 /in")
    assert listed.returncode == 0, listed.stderr
    assert {"/in", "/in/death.v1", f"/in/{CSV}"} <= set(listed.stdout.split())


@pytest.mark.parametrize(
    ("who", "user"), [("stranger", "cso"), ("cso", "moh"), ("cso", "nobody"), ("moh", "moh")]
)
def test_another_key_opens_nothing(person, who, user):
    """The last one: a key whose owner is only known by certificates."""
    refused = person(who, user, options=["-o", "CertificateFile=none"]).sftp("ls /")
    assert refused.returncode != 0
    assert "Permission denied (publickey)" in refused.stderr


def test_a_certificate_of_the_agencys_authority_opens_its_tree(gate, person):
    certified(gate)
    assert person("moh").sftp("ls /in").returncode == 0


@pytest.mark.parametrize(
    "how",
    [{"principals": "cso"}, {"principals": ""}, {"validity": "20200101:20200201"}],
    ids=["other", "none", "past"],
)
def test_a_certificate_for_others_or_for_everybody_or_from_another_time_opens_nothing(gate, person, how):
    certified(gate, **how)
    assert person("moh").sftp("ls /in").returncode != 0


def test_a_revoked_key_opens_nothing_whatever_certificate_it_has_and_its_connections_end(gate, person):
    certified(gate)
    moh = person("moh")
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(moh.folder / "id.pub")], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    authority = " ".join((moh.folder / "authority.pub").read_text().split()[:2])
    assert moh.sftp("ls /in").returncode == 0
    gate.configuration.agency(
        "moh", adapter=["rest", "sftp"], files={"authorities": [authority], "revoked": [shown]}
    )
    deadline = time.monotonic() + 30
    while moh.sftp("ls /in").returncode == 0:
        assert time.monotonic() < deadline
    gate.configuration.agency("moh", adapter=["rest", "sftp"], files={"authorities": [authority]})
    gate.reload()


def test_there_is_no_shell_no_command_no_copy_and_no_forwarding(gate, person, tmp_path):
    cso = person("cso")
    for arguments in ([], ["id"], ["-s", "other"], ["scp", "-t", "/"]):
        done = cso.ssh(*arguments)
        assert done.returncode != 0, arguments
        assert "uid=" not in done.stdout
    (port,) = free_ports(1)
    tunnel = subprocess.Popen(
        ["ssh", *cso.options_of_ssh(), "-p", str(gate.port), "-N", "-L", f"{port}:127.0.0.1:{gate.port}",
         "-o", "ExitOnForwardFailure=yes", "cso@127.0.0.1"],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert through(port) == b""
    finally:
        tunnel.kill()
        tunnel.wait()
    back = cso.ssh("-N", "-R", "0:127.0.0.1:1", "-o", "ExitOnForwardFailure=yes")
    assert back.returncode != 0


def through(port: int) -> bytes:
    """Return what comes out of a forwarded port, once ssh listens on it."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                return connection.recv(100)
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise AssertionError("ssh never listened")


async def test_passwords_are_not_asked_for(gate):
    with pytest.raises(asyncssh.PermissionDenied):
        await asyncssh.connect(
            "127.0.0.1", gate.port, username="cso", password="cso", known_hosts=None, client_keys=None,
            agent_path=None, config=None,
        )  # fmt: skip


@pytest.mark.parametrize(
    "path",
    ["/..", "/../../../etc/passwd", "/in/../../etc/passwd", "/etc/passwd", "in/../../../../proc/1/environ"],
)
def test_no_path_leads_out_of_the_tree(person, path, tmp_path):
    cso = person("cso")
    assert cso.sftp(f"get {path} {tmp_path}/out").returncode != 0
    assert not (tmp_path / "out").exists()


def test_agencies_do_not_see_each_others_files(gate, person):
    cso = person("cso")
    cso.write("own.csv", rows(1))
    assert cso.sftp(f"put own.csv /in/{CSV}/own.csv").returncode == 0
    certified(gate)
    moh = person("moh")
    assert "own.csv" not in moh.sftp("ls /in/*").stdout
    assert moh.sftp(f"get /in/{CSV}/own.csv").returncode != 0
    assert moh.sftp(f"get /../cso/in/{CSV}/own.csv").returncode != 0


def test_links_folders_and_foreign_names_are_refused(person):
    cso = person("cso")
    cso.write("x.csv", rows(1))
    for command in ("ln -s /etc/passwd /in/death.v1/link", "ln /in/death.v1/a /in/death.v1/b", "mkdir /out",
                    "mkdir /in/birth.v1", "rmdir /in/death.v1", f'put x.csv "/in/{CSV}/\u202egpj.csv"',
                    "put x.csv /in/x.csv", "put x.csv /in/birth.v1/x.csv", "df /"):  # fmt: skip
        assert cso.sftp(command).returncode != 0, command


async def test_only_authenticated_encryption_is_offered(gate):
    refused = (asyncssh.KeyExchangeFailed, asyncssh.ConnectionLost)  # whichever end says so first
    told = {"aes128-gcm@openssh.com": asyncssh.PermissionDenied}
    for cipher in (*told, "chacha20-poly1305@openssh.com", "aes256-ctr", "3des-cbc"):
        with pytest.raises(told.get(cipher, refused)):
            await asyncssh.connect(
                "127.0.0.1", gate.port, username="cso", known_hosts=None, encryption_algs=[cipher],
                client_keys=None, agent_path=None, config=None,
            )  # fmt: skip


def test_openssh_takes_aes_gcm_by_itself(person):
    said = person("cso").ssh("-v").stderr
    assert "cipher: aes256-gcm@openssh.com" in said or "cipher: aes128-gcm@openssh.com" in said
    assert "ssh-rsa\n" not in said


def test_every_operation_that_asyncssh_knows_is_answered_by_us():
    """What is inherited would be done to the machine's own files."""
    harmless = {"channel", "connection", "env", "logger", "convert_attrs", "format_user", "format_group"}
    theirs = {name for name in vars(asyncssh.SFTPServer) if not name.startswith("_")} - harmless
    assert theirs <= set(vars(Refusing))


def test_a_weak_or_foreign_kind_of_key_cannot_be_registered(gate):
    (gate.folder / "weak").mkdir()
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", str(gate.folder / "weak" / "id")],
        check=True,
    )
    small = " ".join((gate.folder / "weak" / "id.pub").read_text().split()[:2])
    for key in (small, "ssh-dss AAAAB3NzaC1kc3MAAACB" + "A" * 60, "ssh-ed25519 " + "A" * 44):
        gate.configuration.agency("moh", adapter=["rest", "sftp"], files={"keys": [key]})
        with pytest.raises(Invalid, match="files"):
            gate.configuration.sources().load()
    gate.configuration.agency("moh", adapter=["rest", "sftp"], files={"keys": [gate.public["moh"]]})
