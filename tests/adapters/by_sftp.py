"""The Civil Status Organization, which puts files down with OpenSSH and has an sshd of its own."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from driver import Interrupted, Reply, Told
from lxml import etree
from support.changing import change
from support.draining import PATIENCE_S
from support.sample_records import registration
from support.ssh import AgencyServer, SshUser, key_pair

from crypto.receipt import BatchReceipt
from gateway.demo.running import Running
from gateway.demo.site import Site

PROLOG = b'<?xml version="1.0" encoding="UTF-8"?>'
GOOD = registration("CSO-1").encode()
HEAD, TAIL = GOOD[: GOOD.index(b"<Death ")], GOOD[GOOD.index(b"</Deaths>") :]
BOMB = b'<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'


class Sftp:
    """See `driver.Driver`.

    OpenSSH's client repeats nothing of what it is told, so what was denied is read at the gateway's desk: in its log.
    """

    adapter, agency, contract = "sftp", "cso", "death.v1"
    wrong = ("record.nid.format", "d:Person/@nid")
    unallowed, expired = "file.folder", "agreement.expired"
    stranger = revoked = "identity.unknown"
    down, refusing = "endpoint.folder", "endpoint.folder_forbidden"
    whole: ClassVar = {
        "nothing": (b"", "record.xml.syntax"),
        "half a record": (GOOD[:-60], "record.xml.syntax"),
        "no text": (GOOD.replace("محمد".encode(), b"\xff\xfe"), "record.xml.syntax"),
        "what would grow without end": (GOOD.replace(PROLOG, PROLOG + BOMB), "record.xml.doctype"),
        "too much": (registration("CSO-1", "ب" * (20 << 10)).encode(), "record.size"),
    }  # fmt: skip

    def __init__(self, site: Site, folder: Path) -> None:
        self._site = site
        self.heard: list[bytes] = []
        self._folder = folder
        self._serve: Running | None = None
        self._put: set[str] = set()
        client = site.prepared.ssh_keys["delivery/ssh-client"]
        self._theirs = AgencyServer.prepared(folder / "theirs", client)
        delivery = {
            "mode": "sftp",
            "server": self._theirs.as_configured(timeout_s=5),
            "folder": str(self._theirs.incoming),
        }
        self._keys = [site.ssh_key(self.agency)]
        change(site, f"agencies/{self.agency}.yaml", delivery=delivery, files={"keys": self._keys})
        self._own = self._user("own", site.ssh_identities[self.agency])

    def _user(self, name: str, private_key: bytes = b"") -> SshUser:
        folder = self._folder / name
        if private_key:
            folder.mkdir()
            (folder / "id").touch(0o600)
            (folder / "id").write_bytes(private_key)
        else:
            key_pair(folder)
        host_key = self._site.prepared.ssh_keys["intake/ssh-host"]
        return SshUser(folder, self.agency, self._site.ports["sftp"], host_key)

    def attach(self, serve: Running) -> None:
        self._serve = serve

    def record(self, reference: str, **changes: str) -> bytes:
        return registration(reference, **changes).encode().removeprefix(HEAD).removesuffix(TAIL)

    def _got(self, name: str) -> bytes:
        done = self._own.sftp(f"get /in/{self.contract}/{name}")
        if done.returncode != 0:
            raise Interrupted(done.stderr)
        return (self._own.folder / name).read_bytes()

    def committed(self, record: bytes) -> bytes:
        (own,) = etree.fromstring(HEAD + record + TAIL)
        return etree.tostring(own, method="c14n", exclusive=True, with_tail=False)

    def send(self, *records: bytes) -> Reply:
        return self.send_whole(HEAD + b"".join(records) + TAIL)

    def send_whole(self, body: bytes) -> Reply:
        """Put the file down unless it lies there already, and wait until it is answered or held up."""
        name = hashlib.sha256(body).hexdigest()[:16] + ".xml"
        path = f"/in/{self.contract}/{name}"
        said = len(self._said())
        if name not in self._put:
            self._own.write(name, body)
            denied = self._uploaded(name, path, said)
            if denied:
                return denied
            self._put.add(name)
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            done = self._own.sftp(f"get {path}.summary.json")
            if done.returncode == 0:
                return self._answer(name)
            if "Connection" in done.stderr:
                raise Interrupted(done.stderr)
            held = [line for line in self._said()[said:] if line.get("event") == "file.held_up"]
            if held:
                return Reply(code=held[-1]["code"], retry_after_s=held[-1]["retry_after_s"])
        raise AssertionError(f"{name} was not answered")

    def send_unallowed(self) -> Reply:
        self._own.write("unallowed.csv", b"x")
        said = len(self._said())
        assert self._own.sftp("put unallowed.csv /in/capacity-status.v1/").returncode != 0
        return Reply(code=self._denied(said))

    def _uploaded(self, name: str, path: str, said: int) -> Reply | None:
        """Put a file down as `name.part` and rename it; return the refusal if there is one."""
        done = self._own.sftp(f"put {name} {path}.part", f"rename {path}.part {path}")
        if done.returncode == 0:
            return None
        if "Connection" in done.stderr:
            raise Interrupted(done.stderr)
        return Reply(code=self._denied(said))

    def _denied(self, since: int) -> str:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for line in self._said()[since:]:
                if line.get("event") == "file.denied":
                    return line["code"]
            time.sleep(0.05)
        raise AssertionError("nobody was told why")

    def _said(self) -> list[dict]:
        assert self._serve is not None
        return self._serve.said

    def _answer(self, name: str) -> Reply:
        self.heard.append((self._own.folder / f"{name}.summary.json").read_bytes())
        summary = json.loads(self.heard[-1])
        if summary.get("outcome") == "refused":
            return Reply(code=summary["code"])
        self.heard += [self._got(f"{name}.results.csv"), self._got(f"{name}.receipts.ndjson")]
        results = csv.DictReader(io.StringIO(self.heard[-2].decode(), newline=""))
        receipts = _receipts(self.heard[-1])
        told = tuple(
            Told(
                int(row["row"]), row["outcome"], row["record"], int(row["index"] or -1),
                row["code"] if row["outcome"] == "refused" else "",  # else it has remarks
                row["field"], receipts.get(int(row["row"]), b""),
            )
            for row in results
        )  # fmt: skip
        return Reply(told, summary.get("code", ""))

    def misplace(self, text: str) -> None:
        good, name = GOOD.decode(), "_" + text.replace(" ", "_")
        for wrong in (
            good.replace("</Death>", f"<{name}>{text}</{name}></Death>"),
            good.replace("<Office>", f'<Office {name}="{text}">'),
            good.replace("</Deaths>", f"</{name}>"),
            good.replace("CSO-77", f"&{name};"),
            f'<{name} xmlns="urn:eg:moi:cso:deaths:1"/>',
        ):
            self.send_whole(wrong.encode())
        self._own.write("x", GOOD)
        for path in (f"/in/{self.contract}/{text}.xml", f"/in/{text}/x.xml", f"/{text}"):
            for command in ("put x", "get", "rename x", "mkdir"):
                done = self._own.sftp(f'{command} "{path}"')
                self.heard.append(done.stderr.replace(path, "").encode())  # OpenSSH repeats what it was asked

    def ping(self) -> bytes:
        return json.dumps(json.loads(self._own.get("/ping.json"))["receipt"]).encode()

    def knock_as_stranger(self) -> None:
        refused = self._user("stranger").sftp("ls /")
        assert "Permission denied (publickey)" in refused.stderr

    def knock_revoked(self) -> Iterator[bool]:
        stolen = self._user("stolen")
        file = f"agencies/{self.agency}.yaml"
        public = " ".join((stolen.folder / "id.pub").read_text().split()[:2])
        change(self._site, file, files={"keys": [*self._keys, public]})
        deadline = time.monotonic() + PATIENCE_S
        while stolen.sftp("ls /").returncode != 0:
            assert time.monotonic() < deadline
        yield True
        shown = subprocess.run(
            ["ssh-keygen", "-l", "-f", str(stolen.folder / "id.pub")], capture_output=True, text=True, check=True
        ).stdout.split()[1]  # fmt: skip
        change(self._site, file, files={"keys": [*self._keys, public], "revoked": [shown]})
        while True:
            yield stolen.sftp("ls /").returncode == 0

    @contextmanager
    def server(self) -> Iterator[_Server]:
        self._theirs.start()
        try:
            yield _Server(self._theirs)
        finally:
            self._theirs.stop()


class _Server:
    """See `driver.Server`."""

    def __init__(self, sshd: AgencyServer) -> None:
        self._sshd = sshd
        self._away = sshd.incoming.with_name("away")

    def taken(self) -> list[dict]:
        files = sorted(self._sshd.incoming.glob("*.ndjson")) if self._sshd.incoming.exists() else []
        return [json.loads(line) for path in files for line in path.read_bytes().splitlines()]

    def attempts(self) -> int:
        return self._sshd.log.read_text().count("Accepted publickey")

    def behave(self, how: str) -> None:
        if self._away.exists():
            self._away.rename(self._sshd.incoming)
        if how == "down":
            self._sshd.incoming.rename(self._away)
        self._sshd.stop()
        self._sshd.start(*(["ForceCommand internal-sftp -R"] if how == "refusing" else []))


def _receipts(lines: bytes) -> dict[int, bytes]:
    """Return the receipts that a receipts file holds, by position."""
    receipts, batch = {}, None
    for line in lines.splitlines():
        told = json.loads(line)
        if "batch" in told:
            batch = BatchReceipt.from_json(json.dumps(told["batch"]).encode())
        elif told.get("receipt"):
            receipts[told["position"]] = json.dumps(told["receipt"]).encode()
        elif "salt" in told and batch is not None:
            salt = base64.urlsafe_b64decode(told["salt"] + "=")
            own = batch.expand(told["index"], told["id"], salt, told["entry"].encode())
            receipts[told["position"]] = own.to_json()
    return receipts
