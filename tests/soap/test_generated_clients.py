"""Clients that generators make from the WSDLs: they are made without complaint, compile, call, and are answered."""

from __future__ import annotations

import json
import re
import shutil
import ssl
from pathlib import Path

import pytest
from generated import HERE, der, java, keystore, run
from signed_parts import Signer
from soap_parts import Prosecution
from support.sample_records import reference
from support.soap import PATH

from adapters.soap import describe
from gateway.demo.site import HOST
from gateway.publication.source import shipped
from gateway.publishing import published_as

BINDINGS = [one for one in shipped().catalogue.bindings.values() if "soap" in one.transport]
XENC = "http://www.w3.org/2001/04/xmlenc#"


@pytest.fixture(scope="module")
def wsdls(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("wsdls")
    paths = []
    for binding in BINDINGS:
        for name, octets in describe(binding.agency, [published_as(binding)]).items():
            paths.append(folder / name.replace("/", "-"))
            paths[-1].write_bytes(octets)
    return paths


@pytest.fixture(scope="module")
def made_by_cxf(wsdls: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of classes that CXF's generator and the compiler make of all WSDLs, and of our caller."""
    folder = tmp_path_factory.mktemp("cxf")
    _, complaints = run(java(HERE / "java" / "Generator.java", folder, HERE / "java" / "Caller.java", *wsdls))
    assert complaints == ""
    return folder / "classes"


def test_cxf_makes_a_client_of_every_wsdl(wsdls: list[Path], made_by_cxf: Path) -> None:
    services = list(made_by_cxf.rglob("IsnadService.class"))
    assert len(services) == len(wsdls) == len(BINDINGS)


def task(prosecution: Prosecution, tmp_path: Path, *, old: bool = False, **more: str) -> dict[str, str]:
    """Return what a caller is told: where, and who it is."""
    (tmp_path / "isnad.wsdl").write_bytes(prosecution.http.get(f"{PATH}?wsdl").content)
    issued = prosecution.site.issue("ppo")
    return {
        "wsdl": (tmp_path / "isnad.wsdl").as_uri(),
        "url": f"{prosecution.site.url}{PATH}",
        "number": reference(),
        "ca": der(prosecution.site.prepared.ca_pem),
        "client": keystore(issued.key, issued.certificate, old=old),
        **more,
    }


def signing(signer: Signer) -> dict[str, str]:
    return {
        "signer": keystore(signer.held.key, signer.certificate),
        "algorithm": f"{signer.held.kind}-sha256",
    }


@pytest.mark.parametrize("soap", ["1.1", "1.2"])
@pytest.mark.parametrize("secured", ["mTLS", "signed", "encrypted"])
def test_cxf_calls_and_reads_the_outcome_and_the_receipt(  # noqa: PLR0917  fixtures
    prosecution: Prosecution, offered: str, made_by_cxf: Path, tmp_path: Path, soap: str, secured: str
) -> None:
    told = task(prosecution, tmp_path, soap=soap)
    if secured != "mTLS":
        told |= signing(prosecution.signer("rsa" if soap == "1.1" else "ecdsa"))
    if secured == "encrypted":
        told |= {"encrypted": der(offered)}
    said, _ = run(java("Caller", also=[made_by_cxf]), told)
    entry = json.loads(json.loads(said["receipt"])["entry"])
    assert (said["agency"], said["outcome"], said["problem"]) == ("ppo", "accepted", "record.unknown")
    assert entry["source_ref"] == told["number"]
    assert ("wsse" in entry["origin"]) == (secured != "mTLS")


def test_cxf_reads_why_it_is_refused(
    prosecution: Prosecution, offered: str, made_by_cxf: Path, tmp_path: Path
) -> None:
    told = task(prosecution, tmp_path, soap="1.2", encrypted=der(offered), transport=f"{XENC}rsa-oaep-mgf1p")
    told |= signing(prosecution.signer("ecdsa"))
    said, _ = run(java("Caller", also=[made_by_cxf]), told)
    assert said == {"problem": "origin.wrong_algorithm"}


@pytest.fixture(scope="module")
def made_by_dotnet(wsdls: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the program that .NET's generator and the compiler make of all WSDLs and our caller."""
    folder = tmp_path_factory.mktemp("dotnet")
    for path in wsdls:
        space = "Eg." + re.sub(r"[^a-z0-9]", "_", path.stem)
        generated = folder / f"{path.stem}.cs"
        said, complaints = run(["wsdl", "-nologo", f"-namespace:{space}", f"-out:{generated}", path])
        assert (said, complaints) == ({}, "")
    program = folder / "Caller.exe"
    sources = [*(HERE / "dotnet").glob("*.cs"), *folder.glob("*.cs")]
    libraries = ["-r:System.Web.Services", "-r:System.Security"]
    _, complaints = run(["mcs", "-warnaserror", *libraries, f"-out:{program}", *sources])
    assert complaints == ""
    shutil.copy(HERE / "dotnet" / "Caller.exe.config", folder)
    return program


def test_dotnet_makes_a_client_of_every_wsdl(wsdls: list[Path], made_by_dotnet: Path) -> None:
    assert len(list(made_by_dotnet.parent.glob("*.v1.cs"))) == len(wsdls)


@pytest.mark.parametrize("secured", ["mTLS", "signed"])
def test_dotnet_calls_and_reads_the_outcome_and_the_receipt(
    prosecution: Prosecution, made_by_dotnet: Path, tmp_path: Path, secured: str
) -> None:
    port = prosecution.site.ports["serve"]
    shown = ssl.get_server_certificate(
        (HOST, port), ca_certs=str(prosecution.site.config / "pki" / "gateway.pem")
    )
    told = task(prosecution, tmp_path, old=True, server=der(shown))
    if secured == "signed":
        signer = prosecution.signer("rsa")
        told |= {"signer": keystore(signer.held.key, signer.certificate, old=True)}
    said, _ = run(["mono", made_by_dotnet], told)
    entry = json.loads(json.loads(said["receipt"])["entry"])
    assert (said["agency"], said["outcome"], said["problem"]) == ("ppo", "accepted", "record.unknown")
    assert entry["source_ref"] == told["number"]
    assert entry["origin"].get("wsse", "") == ("ppo-rsa" if secured == "signed" else "")
