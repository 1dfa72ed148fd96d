"""Detached signatures over a manifest or a file: named in every entry, and mandatory where the agreement says so."""

from __future__ import annotations

import json
import subprocess

import pytest
from place import CSV, XML, FileKeysHeld, Person, configured, host_key, open_place, rows, shipped
from support.ssh import key_pair


@pytest.fixture(scope="module")
def signing(tmp_path_factory):
    """A gateway whose agreements with cso demand a signature, and cso's signing key."""
    folder, keys = tmp_path_factory.mktemp("signing"), FileKeysHeld()
    configuration = configured(folder, keys=[key_pair(folder / "cso")])
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "10",
         "-subj", "/CN=cso", "-keyout", str(folder / "sign.key"), "-out", str(folder / "sign.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    public = subprocess.run(
        ["openssl", "x509", "-in", str(folder / "sign.pem"), "-pubkey", "-noout"],
        check=True,
        capture_output=True,
    ).stdout
    configuration.write("pki/sign.pem", public)
    path = configuration.folder / "agencies" / "cso.yaml"
    path.write_text(path.read_text() + "origin_keys:\n- {kid: cso-files-1, key: pki/sign.pem}\n")
    for contract in (CSV, XML):
        configuration.agreement("cso", "nea", contract, origin_signature="required")
    with open_place(folder, configuration, keys) as place:
        yield place, Person(folder / "cso", "cso", place.port, host_key(keys))


def sign(place, path):
    """Sign a file as an agency does, with OpenSSL."""
    subprocess.run(
        ["openssl", "cms", "-sign", "-binary", "-in", str(path), "-signer", str(place.folder / "sign.pem"),
         "-inkey", str(place.folder / "sign.key"), "-outform", "DER", "-md", "sha256", "-out", f"{path}.p7s"],
        check=True, capture_output=True,
    )  # fmt: skip


def test_a_file_waits_for_the_signature_over_its_manifest_which_every_entry_then_names(signing):
    place, cso = signing
    cso.put("signed.csv", rows(3), 3)
    assert place.entry("signed.csv").state == "landing"
    sign(place, cso.folder / "signed.csv.manifest.json")
    assert cso.sftp(f"put signed.csv.manifest.json.p7s /in/{CSV}/").returncode == 0
    entry = place.answered("signed.csv")
    assert (entry.accepted, entry.signature, entry.key_id) == (3, "cms", "cso-files-1")
    accepted = [said for said in place.lane("cso") if said["kind"] == "record.accepted"]
    assert {said["origin"]["cms"] for said in accepted} == {"cso-files-1"}
    assert all(set(said["origin"]) == {"ssh", "cms"} for said in accepted)
    assert cso.summary("signed.csv")["cms"] == "cso-files-1"


def test_a_signature_over_another_file_refuses_the_file(signing):
    place, cso = signing
    cso.write("wrong.xml", shipped("cso", "death", "one.xml"))
    other = cso.write("other.xml", shipped("cso", "death", "abroad.xml"))
    sign(place, other)
    done = cso.sftp(f"put other.xml.p7s /in/{XML}/wrong.xml.p7s", f"put wrong.xml /in/{XML}/wrong.part",
                    f"rename /in/{XML}/wrong.part /in/{XML}/wrong.xml")  # fmt: skip
    assert done.returncode == 0, done.stderr
    entry = place.answered("wrong.xml")
    assert (entry.state, entry.code) == ("refused", "origin.wrong_digest")
    refused = [said for said in place.lane("cso") if said["kind"] == "file.refused"]
    assert refused[-1]["code"] == "origin.wrong_digest"


def test_a_signature_over_the_file_itself_is_taken_where_there_is_no_manifest(signing):
    place, cso = signing
    path = cso.write("right.xml", shipped("cso", "death", "one.xml"))
    sign(place, path)
    cso.sftp(f"put right.xml.p7s /in/{XML}/", f"put right.xml /in/{XML}/right.part",
             f"rename /in/{XML}/right.part /in/{XML}/right.xml")  # fmt: skip
    assert place.answered("right.xml").key_id == "cso-files-1"
    assert json.loads(cso.get(f"/in/{XML}/right.xml.summary.json"))["accepted"] == 1
