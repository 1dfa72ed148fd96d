"""An empty OpenBao or Vault made ready for the gateway, and its processes let in. For administrators."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from crypto.errors import KeysUnavailable
from crypto.hpke import PrivateKey, Suite
from crypto.openbao.connection import Answer, BadRequest, NotFound, Nothing, OpenBao, checked_name
from crypto.openbao.kv import FILES, LANES, MOUNT, PROMISES, Holder, data_path
from crypto.openbao.log_keys import LogKey, log_key_names, show
from crypto.openbao.messages import MESSAGE_KEY, MESSAGE_KEY_KIND
from crypto.openbao.session import Wrapped

PROCESSES = ("intake", "deliver", "nea", "officer")
POLICIES = (*PROCESSES, "admit", "admin")
SERVING = ("intake", "deliver")
"""Processes with certificates of their own, each from a PKI role with its AppRole's name."""
CERTIFICATE_TTL_S = 24 * 3600
CA_TTL_S = 10 * 365 * 24 * 3600
SECRET_ID_TTL_S = 300  # from handing out to logging in
ADMIT_WRAP_TTL_S = 120  # from admitting a process to its start
SECRET_BYTES = 32
SSH_KEYS = ("intake/ssh-host", "intake/ssh-client", "delivery/ssh-host", "delivery/ssh-client")
"""What agencies' clients know the gateway by, and what it shows to agencies' servers."""
VERSIONED_WITHIN_S, VERSIONED_LOOK_S = 30.0, 0.05

_MOUNTS: dict[str, dict[str, object]] = {
    "transit": {"type": "transit"},
    MOUNT: {"type": "kv", "options": {"version": "2"}},
    "pki": {"type": "pki", "config": {"max_lease_ttl": f"{CA_TTL_S}s"}},
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a server is prepared for.

    `policies` maps each name of `POLICIES` to its text (HCL). `recipients` maps key ids to who holds the
    private half. `hosts` are the DNS names that the certificates of each process of `SERVING` may carry: no
    process gets one for another's name. `cidrs`, when given, are the only addresses that may log in and use a
    login.
    """

    policies: Mapping[str, str]
    recipients: Mapping[str, Holder]
    hosts: Mapping[str, tuple[str, ...]]
    suite: Suite = Suite.HYBRID
    token_ttl_s: int = 3600
    cidrs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """What configuration needs of a server: role ids (not secret), log keys, its CA's certificate.

    `ssh_keys` are the public halves (OpenSSH) of the keys of `SSH_KEYS`, for agencies to pin and to let in.
    """

    role_ids: Mapping[str, str]
    log_keys: tuple[LogKey, ...]
    ca_pem: str
    ssh_keys: Mapping[str, str]


def read_policies(folder: Path) -> dict[str, str]:
    """Read the policies of all processes from `<folder>/<name>.hcl`.

    Raises:
        OSError: one of them is missing.
    """
    return {name: (folder / f"{name}.hcl").read_text(encoding="utf-8") for name in POLICIES}


def prepare(bao: OpenBao, plan: Plan) -> Prepared:
    """Make a server ready; run again, it changes what the plan changed and never replaces a key or a secret.

    Raises:
        KeysUnavailable: a call failed; what was done stands, and running it again goes on from there.
    """
    # 1. Engines and the way to log in.
    _mount(bao)
    # 2. Log keys, and the one that signs messages to agencies: they cannot be exported, backed up or deleted.
    for name, kind in log_key_names(plan.suite).items():
        _create_transit_key(bao, name, kind)
    _create_transit_key(bao, MESSAGE_KEY, MESSAGE_KEY_KIND)
    # 3. What lane keys derive from. Lost secrets cannot be made again: written only where there is nothing.
    for path in (LANES, PROMISES, FILES):
        _create_secret(bao, path, {"secret": base64.b64encode(os.urandom(SECRET_BYTES)).decode()})
    for name in SSH_KEYS:
        _create_ssh_key(bao, name)
    # 4. Recipients' keys.
    for kid, holder in plan.recipients.items():
        _create_recipient(bao, checked_name(kid), holder, plan.suite)
    # 5. The authority for the gateway's own certificates.
    ca_pem = _prepare_pki(bao, plan.hosts)
    # 6. Who may do what. Roles come last: nobody can log in before everything else is in place.
    for name in POLICIES:
        bao.call("PUT", f"sys/policies/acl/isnad-{name}", {"policy": plan.policies[name]}, answer=Nothing)
    role_ids = {process: _create_role(bao, process, plan) for process in PROCESSES}
    return Prepared(role_ids, show(bao, plan.suite), ca_pem, _ssh_keys(bao))


def admit(bao: OpenBao, process: str) -> str:
    """Return a wrapping token with which one start of `process` logs in once, within two minutes.

    Raises:
        KeysUnavailable: the caller may not admit this process, or the server is not there.
    """
    path = f"auth/approle/role/isnad-{checked_name(process)}/secret-id"
    return bao.call("POST", path, answer=Wrapped, wrap_ttl_s=ADMIT_WRAP_TTL_S).wrap_info.token


def _mount(bao: OpenBao) -> None:
    mounted = bao.call("GET", "sys/mounts", answer=Answer[dict[str, _Mount]]).data
    for path, engine in _MOUNTS.items():
        there = mounted.get(f"{path}/")
        if there is None:
            bao.call("POST", f"sys/mounts/{path}", engine, answer=Nothing)
            if path == MOUNT:
                _await_versions(bao)
        elif there.type != engine["type"]:
            raise KeysUnavailable(
                f"keys: {path}/ is already mounted as {there.type}; prepare a server of its own"
            )
    if "approle/" not in bao.call("GET", "sys/auth", answer=Answer[dict[str, _Mount]]).data:
        bao.call("POST", "sys/auth/approle", {"type": "approle"}, answer=Nothing)


def _await_versions(bao: OpenBao) -> None:
    """Wait for a new key-value engine to have versions: until then it refuses every call."""
    deadline = time.monotonic() + VERSIONED_WITHIN_S
    while True:
        try:
            _exists(bao, LANES)
        except BadRequest:
            if time.monotonic() > deadline:
                raise
            time.sleep(VERSIONED_LOOK_S)
        else:
            return


def _create_transit_key(bao: OpenBao, name: str, kind: str) -> None:
    try:
        there = bao.call("GET", f"transit/keys/{name}", answer=Answer[_Mount]).data.type
    except NotFound:
        there = ""
    if there not in ("", kind):
        raise KeysUnavailable(f"keys: {name} exists with type {there}, not {kind}")
    if there:
        return
    try:
        bao.call("POST", f"transit/keys/{name}", {"type": kind}, answer=Nothing)
    except BadRequest as error:
        raise KeysUnavailable(
            f"keys: this server cannot make {kind} keys; use the classical suite"
        ) from error


def _create_secret(bao: OpenBao, path: str, secret: Mapping[str, str]) -> bool:
    """Write a secret where there is none, and say whether it was written."""
    if _exists(bao, path):
        return False
    # cas=0: if somebody was faster, the server refuses, in the same step, rather than replace theirs.
    bao.call("POST", data_path(path), {"options": {"cas": 0}, "data": secret}, answer=Nothing)
    return True


def _create_ssh_key(bao: OpenBao, name: str) -> None:
    """Make an SSH key pair where there is none: the private half for its process alone, the public one for all."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    if _create_secret(bao, name, {"key": private}):
        path = data_path(_public_half(name))
        bao.call("POST", path, {"data": {"public": public}}, answer=Nothing)


def _ssh_keys(bao: OpenBao) -> dict[str, str]:
    return {
        name: bao.call(
            "GET", data_path(_public_half(name)), answer=Answer[Answer[_SshPublic]]
        ).data.data.public
        for name in SSH_KEYS
    }


def _public_half(name: str) -> str:
    return f"ssh/{name.replace('/', '-')}"


def _exists(bao: OpenBao, path: str) -> bool:
    try:
        bao.call("GET", f"{MOUNT}/metadata/{path}", answer=Nothing)
    except NotFound:
        return False
    return True


def _create_recipient(bao: OpenBao, kid: str, holder: Holder, suite: Suite) -> None:
    if _exists(bao, f"recipients/{kid}"):
        return
    # The private half first: a public half whose private one was never written would swallow records.
    seed = os.urandom(SECRET_BYTES)
    if not _create_secret(
        bao, f"{holder}/{kid}", {"suite": suite.value, "seed": base64.b64encode(seed).decode()}
    ):
        raise KeysUnavailable(
            f"keys: {holder}/{kid} is half made and was never used; delete it with its metadata, run again"
        )
    public = PrivateKey.from_seed(kid, suite, seed).public()
    half = {"suite": suite.value, "public": base64.b64encode(public.raw).decode()}
    _create_secret(bao, f"recipients/{kid}", half)


def _prepare_pki(bao: OpenBao, hosts: Mapping[str, tuple[str, ...]]) -> str:
    try:
        bao.call("LIST", "pki/issuers", answer=Nothing)
    except NotFound:
        root = {"common_name": "Isnad gateway CA", "key_type": "ec", "key_bits": 384, "ttl": f"{CA_TTL_S}s"}
        bao.call("POST", "pki/root/generate/internal", root, answer=Nothing)
    for process in SERVING:
        bao.call("POST", f"pki/roles/isnad-{process}", _certificates_for(hosts[process]), answer=Nothing)
    return bao.call("GET", "pki/issuer/default/json", answer=Answer[_Issuer]).data.certificate


def _certificates_for(hosts: tuple[str, ...]) -> dict[str, object]:
    return {
        "allowed_domains": list(hosts),
        "allow_bare_domains": True,
        "allow_subdomains": False,
        "allow_localhost": False,
        "allow_ip_sans": False,
        "allow_wildcard_certificates": False,
        "key_type": "ec",
        "key_bits": 256,
        "key_usage": ["DigitalSignature"],
        "server_flag": True,
        "client_flag": True,
        "ttl": f"{CERTIFICATE_TTL_S}s",
        "max_ttl": f"{CERTIFICATE_TTL_S}s",
    }


def _create_role(bao: OpenBao, process: str, plan: Plan) -> str:
    path = f"auth/approle/role/isnad-{process}"
    role = {
        "token_type": "batch",
        "token_ttl": f"{plan.token_ttl_s}s",
        "token_max_ttl": f"{plan.token_ttl_s}s",
        "token_policies": [f"isnad-{process}"],
        "token_no_default_policy": True,
        "token_bound_cidrs": list(plan.cidrs),
        "bind_secret_id": True,
        "secret_id_num_uses": 1,
        "secret_id_ttl": f"{SECRET_ID_TTL_S}s",
        "secret_id_bound_cidrs": list(plan.cidrs),
    }
    bao.call("POST", path, role, answer=Nothing)
    return bao.call("GET", f"{path}/role-id", answer=Answer[_RoleId]).data.role_id


class _SshPublic(msgspec.Struct):
    public: str


class _Mount(msgspec.Struct):
    type: str


class _RoleId(msgspec.Struct):
    role_id: str


class _Issuer(msgspec.Struct):
    certificate: str  # PEM
