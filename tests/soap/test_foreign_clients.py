"""Clients that are not ours: zeep, node-soap, curl with stored envelopes, and what xmlsec1 signs."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
import zeep
from lxml import etree
from signed_parts import Signer, b64, xmlsec1
from soap_parts import Prosecution
from support.node_programs import node
from support.sample_records import judgment, reference
from support.soap import MESSAGES, PATH, Answer, enveloped, message

from crypto.origin.envelope import WSSE, WSU
from crypto.origin.wsse import BASE64, X509_V3
from crypto.origin.xml_signature import DS, EXC_C14N
from gateway.demo.local import in_memory

CLIENT = Path(__file__).with_name("client.js")
STORED = Path(__file__).with_name("envelopes")


def fields(number: str) -> dict[str, object]:
    """Return a judgment as a generated client's program fills it in."""
    return {
        "kind": "جديد",
        "NotificationNo": number,
        "Person": {
            "nationalId": "28811034204512",
            "Name": "مينا جرجس حنا ميخائيل",
            "BirthDate": "03/11/1988",
            "Sex": "ذكر",
        },
        "Case": {
            "Court": "محكمة شمال القاهرة الابتدائية",
            "Number": "1234 جنح قسم أول",
            "Year": "2025",
            "JudgedOn": "04/05/2026",
            "FinalOn": "14/06/2026",
        },
        "Verdict": {"item": "28", "suspended": "لا", "inAbsentia": "لا", "Penalty": "حبس", "Months": "12"},
        "NotifiedOn": "20/06/2026",
    }


def with_attributes(record: dict[str, object]) -> dict[str, object]:
    """Write attributes as node-soap wants them."""
    attributes = {"kind", "nationalId", "item", "suspended", "inAbsentia"}
    inner = {
        name: with_attributes(value) if isinstance(value, dict) else value
        for name, value in record.items()
        if name not in attributes
    }
    found = {name: value for name, value in record.items() if name in attributes}
    return {"attributes": found, **inner} if found else inner


@contextmanager
def files(prosecution: Prosecution) -> Iterator[tuple[str, str]]:
    """Certificate with key, and the gateway's authority, for programs that read files only."""
    issued = prosecution.site.issue("ppo")
    held = [
        in_memory(issued.key_pem + issued.chain_pem.encode()),
        in_memory(prosecution.site.prepared.ca_pem.encode()),
    ]
    yield tuple(f"/proc/{os.getpid()}/fd/{descriptor}" for descriptor in held)
    for descriptor in held:
        os.close(descriptor)


@pytest.mark.parametrize("port", ["IsnadSoap11", "IsnadSoap12"])
def test_zeep(prosecution: Prosecution, port: str) -> None:
    with files(prosecution) as (certificate, authority):
        session = requests.Session()
        session.cert, session.verify, session.trust_env = certificate, authority, False
        transport = zeep.Transport(session=session)
        client = zeep.Client(f"{prosecution.site.url}{PATH}?wsdl", port_name=port, transport=transport)
        pong = client.service.ping()
        assert pong["agency"] == "ppo"
        answer = client.service.submit(Judgment=[fields(reference()), fields(reference())])
        assert [outcome["outcome"] for outcome in answer["outcome"]] == ["accepted", "accepted"]
        with pytest.raises(zeep.exceptions.Fault) as raised:
            client.service.receipt(id="nothing")
        assert "record.unknown" in etree.tostring(raised.value.detail, encoding="unicode")


def called(prosecution: Prosecution, tmp_path: Path, **task: object) -> dict:
    wsdl = tmp_path / "isnad.wsdl"
    wsdl.write_bytes(prosecution.http.get(f"{PATH}?wsdl").content)
    issued = prosecution.site.issue("ppo")
    whole = {
        "wsdl": str(wsdl),
        "url": f"{prosecution.site.url}{PATH}",
        "key": issued.key_pem.decode(),
        "cert": issued.chain_pem,
        "ca": prosecution.site.prepared.ca_pem,
        "soap12": False,
        **task,
    }
    done = subprocess.run(
        node(CLIENT), input=json.dumps(whole), capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("soap12", [False, True], ids=["SOAP 1.1", "SOAP 1.2"])
def test_node_soap(prosecution: Prosecution, tmp_path: Path, soap12) -> None:
    records = [with_attributes(fields(reference())) for _ in range(3)]
    done = called(prosecution, tmp_path, operation="submit", message={"Judgment": records}, soap12=soap12)
    assert [outcome["outcome"] for outcome in done["answer"]["outcome"]] == ["accepted"] * 3
    unknown = called(prosecution, tmp_path, operation="receipt", message={"id": "nothing"}, soap12=soap12)
    assert "record.unknown" in json.dumps(unknown["fault"])


def test_node_soap_signs(prosecution: Prosecution, tmp_path: Path) -> None:
    signer = prosecution.signer("rsa")
    done = called(
        prosecution,
        tmp_path,
        operation="submit",
        message={"Judgment": [with_attributes(fields(reference()))]},
        signer={"key": signer.held.pem.decode(), "cert": signer.certificate_pem.decode()},
    )
    assert "answer" in done, done
    receipt = json.loads(done["answer"]["outcome"][0]["receipt"])
    assert json.loads(receipt["entry"])["origin"]["wsse"] == "ppo-rsa"
    assert xmlsec1(done["sent"].encode(), signer.certificate, tmp_path)


STORED_ANSWERS = {
    "submit-1.1.xml": ("text/xml; charset=utf-8", "submit", "200", "accepted"),
    "submit-1.2.xml": (
        f'application/soap+xml; charset=utf-8; action="{MESSAGES}:submit"',
        "submit",
        "200",
        "accepted",
    ),
    "ping-1.1.xml": ("text/xml", "ping", "200", "ppo"),
    "doctype.xml": ("text/xml", "submit", "500", "soap.envelope"),
    "unknown-operation-1.2.xml": ("application/soap+xml", "submit", "400", "soap.operation"),
}


@pytest.mark.parametrize("name", STORED_ANSWERS)
def test_curl_with_a_stored_envelope(prosecution: Prosecution, tmp_path: Path, name: str) -> None:
    kind, operation, status, said = STORED_ANSWERS[name]
    body = tmp_path / name
    body.write_text((STORED / name).read_text().replace("@NUMBER@", reference()))
    with files(prosecution) as (certificate, authority):
        command = [
            "curl", "--silent", "--show-error", "--noproxy", "*", "--cert", certificate, "--cacert", authority,
            "--header", f"Content-Type: {kind}", "--header", f'SOAPAction: "{MESSAGES}:{operation}"',
            "--data-binary", f"@{body}", "--write-out", "\n%{http_code}", f"{prosecution.site.url}{PATH}",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    answer, _, code = done.stdout.rpartition("\n")
    assert code == status
    assert f">{said}<" in answer


def template(signer: Signer, prefixes: str) -> bytes:
    """Return an envelope that xmlsec1 is to sign, with prefix lists as WSS4J writes them."""
    now = datetime.now(UTC)
    listed = f'<x:InclusiveNamespaces xmlns:x="{EXC_C14N}" PrefixList="{prefixes}"/>'
    references = "".join(
        f'<d:Reference URI="#{name}"><d:Transforms><d:Transform Algorithm="{EXC_C14N}">{listed}</d:Transform>'
        '</d:Transforms><d:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><d:DigestValue/>'
        "</d:Reference>"
        for name in ("time", "body")
    )
    stamps = [f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (now, now + timedelta(minutes=5))]
    header = (
        f'<w:Security xmlns:w="{WSSE}"><u:Timestamp u:Id="time"><u:Created>{stamps[0]}</u:Created>'
        f"<u:Expires>{stamps[1]}</u:Expires></u:Timestamp>"
        f'<w:BinarySecurityToken ValueType="{X509_V3}" EncodingType="{BASE64}" u:Id="token">{b64(signer.der)}'
        f'</w:BinarySecurityToken><d:Signature xmlns:d="{DS}"><d:SignedInfo>'
        f'<d:CanonicalizationMethod Algorithm="{EXC_C14N}">{listed}</d:CanonicalizationMethod>'
        f'<d:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#{signer.held.kind}-sha256"/>'
        f"{references}</d:SignedInfo><d:SignatureValue/><d:KeyInfo><w:SecurityTokenReference>"
        '<w:Reference URI="#token"/></w:SecurityTokenReference></d:KeyInfo></d:Signature></w:Security>'
    )
    return (
        enveloped(message(judgment()), header=header)
        .replace(b"<s:Envelope", f'<s:Envelope xmlns:u="{WSU}" xmlns:unused="urn:unused"'.encode())
        .replace(b"<s:Body", b'<s:Body u:Id="body"')
    )


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_what_xmlsec1_signs_with_prefix_lists(prosecution: Prosecution, kind: str, tmp_path: Path) -> None:
    signer = prosecution.signer(kind)
    unsigned, signed, key = (tmp_path / name for name in ("template.xml", "signed.xml", "key.pem"))
    unsigned.write_bytes(template(signer, "s unused"))
    key.write_bytes(signer.held.pem)
    soap = "http://schemas.xmlsoap.org/soap/envelope/"
    ids = [f"{WSU}:Timestamp", f"{soap}:Body"]
    command = [
        "xmlsec1",
        "--sign",
        "--privkey-pem",
        key,
        *(word for one in ids for word in ("--id-attr:Id", one)),
    ]
    subprocess.run([*command, "--output", signed, unsigned], check=True, capture_output=True, timeout=60)
    assert xmlsec1(signed.read_bytes(), signer.certificate, tmp_path)
    answered = prosecution.post(signed.read_bytes())
    assert Answer.of(answered).one("accepted") == "1", answered.text
