"""`isnad agency test`: what an onboarding engineer reads, for an agency that is well and for one that is not."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest
import yaml
from soap_parts import PARTICIPANTS, Prosecution
from support.agency_service import WSDL, AgencyService, agency_service
from support.auditor import Auditor
from support.participants import participant, small_site
from support.soap import enveloped, message

from gateway.demo.pki import Authority
from gateway.demo.site import HOST, Site, free_ports, isnad


@dataclass
class Onboarding:
    site: Site
    prosecution: Prosecution
    service: AgencyService

    def run(self, name: str) -> tuple[int, str]:
        """Run the command as an operator does, admitted once."""
        done = subprocess.run(
            [*isnad("agency", "test", name), "--config", str(self.site.config)],
            env={**os.environ, **self.site.admit("deliver")},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return done.returncode, done.stdout + done.stderr

    def change(self, name: str, **changes: object) -> None:
        path = self.site.config / "agencies" / f"{name}.yaml"
        agency = yaml.safe_load(path.read_text())
        agency["delivery"] |= changes
        path.write_text(yaml.safe_dump(agency, allow_unicode=True))


@pytest.fixture(scope="module")
def onboarding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Onboarding]:
    (port,) = free_ports(1)
    with small_site(tmp_path_factory.mktemp("onboarding"), participants=PARTICIPANTS) as made:
        (made.config / "pki" / "ppo.wsdl").write_bytes(WSDL.read_bytes())
        (made.config / "pki" / "other.pem").write_text(Authority("Elsewhere").pem)
        path = made.config / "agencies" / "ppo.yaml"
        agency = yaml.safe_load(path.read_text())
        agency["delivery"] = {
            "mode": "endpoint",
            "url": f"https://{HOST}:{port}/isnad",
            "server_ca": "pki/site.pem",
            "wsdl": "pki/ppo.wsdl",
        }
        path.write_text(yaml.safe_dump(agency, allow_unicode=True))
        with (
            agency_service(made.authority, made.prepared.ca_pem, port) as service,
            closing(Auditor(made)) as auditor,
            Prosecution(made, made.serve(), auditor, {}) as prosecution,
        ):
            yield Onboarding(made, prosecution, service)


def test_an_agency_that_is_well(onboarding: Onboarding) -> None:
    assert onboarding.prosecution.post(enveloped(message(operation="ping")), "ping").status_code == 200
    status, said = onboarding.run("ppo")
    assert status == 0, said
    for about in ("the server's certificate", "our certificate", "the clock", "ping", "ping.received"):
        assert f"ok    {about}" in said


def test_an_agency_that_has_sent_nothing_is_told_so(onboarding: Onboarding) -> None:
    status, said = onboarding.run("moj")
    assert (status, "agency.silent" in said) == (1, True)
    assert "اطلب من الجهة إرسال عملية الاختبار" in said


def test_what_an_agency_was_refused_is_explained(onboarding: Onboarding) -> None:
    with participant(onboarding.site, "moj") as moj:
        fields = {"content-type": "text/xml", "soapaction": '""'}
        refused = moj.post("/soap/v1/restoration.v1", content=enveloped("<x/>"), headers=fields)
    assert refused.status_code == 500
    status, said = onboarding.run("moj")
    assert (status, "soap.operation" in said) == (1, True)
    assert "Send one operation in each message" in said


WRONG = {
    "endpoint.address": {"url": "https://nobody.invalid/isnad"},
    "endpoint.connection": {"url": f"https://{HOST}:1/isnad"},
    "endpoint.certificate_name": {"url": "https://127.0.0.1:PORT/isnad"},
    "endpoint.certificate_untrusted": {"server_ca": "pki/other.pem"},
}


@pytest.mark.parametrize("code", WRONG)
def test_what_is_wrong_with_a_server_is_named(onboarding: Onboarding, code: str) -> None:
    right = {"url": f"https://{HOST}:{onboarding.service.port}/isnad", "server_ca": "pki/site.pem"}
    port = str(onboarding.service.port)
    onboarding.change("ppo", **{name: value.replace("PORT", port) for name, value in WRONG[code].items()})
    try:
        status, said = onboarding.run("ppo")
    finally:
        onboarding.change("ppo", **right)
    assert (status, code in said) == (1, True), said


def test_a_service_that_faults_is_named(onboarding: Onboarding) -> None:
    onboarding.service.tell(fault="Server")
    try:
        status, said = onboarding.run("ppo")
    finally:
        onboarding.service.tell(fault="")
    assert (status, "unavailable.recipient" in said) == (1, True), said
    assert "28811034204512" not in said
