"""What an agency sees that calls the gateway by SOAP: outcomes, receipts, faults, and nothing it should not."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import httpx
import pytest
from lxml import etree
from soap_parts import Prosecution
from support.sample_records import JUDGMENTS, judgment, reference
from support.soap import MESSAGES, PATH, Answer, enveloped, message
from test_wsdl import compiled

from adapters.soap.names import ANSWER, ERROR, SOAP11, SOAP12

VERSIONS = pytest.mark.parametrize("version", ["SOAP 1.1", "SOAP 1.2"])


@VERSIONS
def test_a_record_is_taken_logged_and_receipted(prosecution: Prosecution, version: str) -> None:
    old = version == "SOAP 1.1"
    answered = prosecution.post(enveloped(message(judgment()), old=old), old=old)
    assert answered.status_code == 200, answered.text
    answer = Answer.of(answered)
    assert (answer.one("accepted"), answer.one("complete")) == ("1", "true")
    receipt = json.loads(answer.one("receipt"))
    entry = prosecution.auditor.entries("ppo")[int(answer.one("index"))]
    assert (entry["kind"], entry["id"]) == ("record.accepted", answer.one("id"))
    assert json.loads(receipt["entry"]) == entry


def test_each_record_of_a_message_is_answered_for_itself(prosecution: Prosecution) -> None:
    known = reference()
    prosecution.post(enveloped(message(judgment(known))))
    records = [judgment(), judgment(item="99"), judgment(known), "<Judgment xmlns='urn:eg:ppo:judgments:1'/>"]
    answer = Answer.of(prosecution.post(enveloped(message(*records))))
    assert answer.all("outcome")[::2] != []
    statuses = [outcome.findtext("{*}outcome") for outcome in answer.root.iter("{*}outcome") if len(outcome)]
    assert statuses == ["accepted", "refused", "duplicate", "refused"]
    assert len(answer.all("receipt")) == 2
    assert all(title for title in answer.all("title_ar"))
    assert [answer.one(name) for name in ("accepted", "duplicate", "refused")] == ["1", "1", "2"]


def test_the_receipt_of_a_record_can_be_read_again(prosecution: Prosecution) -> None:
    identifier = Answer.of(prosecution.post(enveloped(message(judgment())))).one("id")
    asked = f'<m:receipt xmlns:m="{MESSAGES}"><m:id>{identifier}</m:id></m:receipt>'
    answer = Answer.of(prosecution.post(enveloped(asked), "receipt"))
    assert json.loads(answer.one("receipt"))["record_id"] == identifier
    other = asked.replace(identifier, "00000000-0000-8000-8000-000000000000")
    assert Answer.of(prosecution.post(enveloped(other), "receipt")).one("code") == "record.unknown"


BAD = {
    "a document type": (
        enveloped(message(judgment())).replace(b"<s:Env", b"<!DOCTYPE x><s:Env", 1),
        "soap.envelope",
    ),
    "an entity bomb": (
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + enveloped(message("&b;"))[38:],
        "soap.envelope",
    ),
    "an undeclared entity": (enveloped(message("&x;")), "soap.envelope"),
    "broken XML": (enveloped(message(judgment()))[:-5], "soap.envelope"),
    "UTF-16": (
        enveloped(message(judgment())).decode().replace("UTF-8", "UTF-16").encode("utf-16"),
        "soap.envelope",
    ),
    "deep nesting": (enveloped("<a>" * 5000), "soap.envelope"),
    "an oversized attribute": (
        enveloped(message(judgment()).replace("<m:submit", f'<m:submit a="{"x" * 5000}"')),
        "soap.envelope",
    ),
    "no envelope": (message(judgment()).encode(), "soap.envelope"),
    "two bodies": (
        enveloped(f"{message(judgment())}</s:Body><s:Body>{message(judgment())}"),
        "soap.envelope",
    ),
    "another version": (enveloped(message(judgment()), old=False), "soap.version"),
    "a header that must be understood": (
        enveloped(message(judgment()), header='<x:Trace xmlns:x="urn:x" s:mustUnderstand="1"/>'),
        "soap.must_understand",
    ),
    "an empty body": (enveloped(""), "soap.operation"),
    "two operations": (enveloped(message(judgment()) * 2), "soap.operation"),
    "an unknown operation": (enveloped(message(operation="remove")), "soap.operation"),
    "another operation than the action": (enveloped(message(operation="ping")), "soap.action"),
    "no record": (enveloped(message()), "soap.message"),
    "a foreign element": (enveloped(message("<x xmlns='urn:x'/>")), "soap.message"),
    "another element of the agency": (
        enveloped(message("<Case xmlns='urn:eg:ppo:judgments:1'/>")),
        "soap.message",
    ),
    "a recipient that nobody has": (
        enveloped(message("<m:recipient>nobody</m:recipient>", judgment())),
        "agreement.missing",
    ),
    "an oversized envelope": (enveloped(message(judgment()) + " " * (9 << 20)), "submission.too_large"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_a_fault_and_in_the_lane(prosecution: Prosecution, name: str) -> None:
    envelope, code = BAD[name]
    before = prosecution.auditor.size("ppo")
    answered = prosecution.post(envelope)
    assert answered.status_code == 500
    answer = Answer.of(answered)
    assert answer.one("code") == code
    expected = {"soap.version": "s:VersionMismatch", "soap.must_understand": "s:MustUnderstand"}.get(
        code, "s:Client"
    )
    assert answer.root.findtext(".//faultcode") == expected
    assert prosecution.refused(before) == [code]


def test_a_fault_speaks_both_languages(prosecution: Prosecution) -> None:
    wrong = enveloped(message(operation="remove"), old=False)
    answered = prosecution.post(wrong, old=False)
    assert answered.status_code == 400
    fault = Answer.of(answered).root.find(f".//{{{SOAP12}}}Fault")
    texts = {
        text.get("{http://www.w3.org/XML/1998/namespace}lang"): text.text
        for text in fault.iter(f"{{{SOAP12}}}Text")
    }
    assert texts.keys() == {"en", "ar"}
    subcode = fault.find(f"{{{SOAP12}}}Code/{{{SOAP12}}}Subcode/{{{SOAP12}}}Value")
    prefix, _, local = subcode.text.partition(":")
    assert (subcode.nsmap[prefix], local) == (ERROR, "soap.operation")
    old = prosecution.post(enveloped(message(operation="remove")), **{"accept-language": "ar"})
    said = Answer.of(old).root.find(".//faultstring")
    assert (said.get("{http://www.w3.org/XML/1998/namespace}lang"), said.text) == ("ar", texts["ar"])


def test_an_agency_sees_the_services_of_its_own_agreements_only(prosecution: Prosecution) -> None:
    answered = prosecution.http.post(
        "/soap/v1/death.v1",
        content=enveloped(message(judgment())),
        headers={"content-type": "text/xml", "soapaction": '""'},
    )
    assert Answer.of(answered).one("code") == "agreement.missing"
    assert prosecution.http.get("/soap/v1/death.v1?wsdl").status_code == 500


def test_what_is_not_soap_is_refused_as_http_does_and_a_message_is_remembered(
    prosecution: Prosecution,
) -> None:
    before = prosecution.auditor.size("ppo")
    assert prosecution.http.get(PATH).status_code == 405
    assert prosecution.http.get("/soap/v2/x").status_code == 404
    json_body = prosecution.http.post(PATH, content=b"{}", headers={"content-type": "application/json"})
    assert (json_body.status_code, json_body.json()["code"]) == (415, "soap.media_type")
    no_action = prosecution.http.post(PATH, content=enveloped(""), headers={"content-type": "text/xml"})
    assert Answer.of(no_action).one("code") == "soap.action"
    assert prosecution.refused(before) == ["soap.media_type", "soap.action"]


def test_whoever_is_nobody_learns_no_more_than_that(prosecution: Prosecution) -> None:
    site = prosecution.site
    stranger = site.authority.issue("stranger", hosts=("nobody.test",))
    with httpx.Client(verify=site.client(stranger), base_url=site.url, timeout=60, trust_env=False) as http:
        for how in ({"content-type": "text/xml"}, {"content-type": "application/json"}):
            answered = http.post(PATH, content=enveloped(""), headers=how)
            assert Answer.of(answered).one("code") == "identity.unknown"


def test_the_wsdl_is_served_under_the_name_that_was_called(prosecution: Prosecution) -> None:
    served = prosecution.http.get(f"{PATH}?wsdl")
    assert served.headers["content-type"].startswith("text/xml")
    wsdl = etree.fromstring(served.content)
    places = {found.get("location") for found in wsdl.iter("{*}address")}
    assert places == {f"{prosecution.site.url}{PATH}"}
    assert served.content == prosecution.http.get(f"{PATH}?wsdl").content
    assert {found.getparent().tag for found in wsdl.iter("{*}address")} == {
        "{http://schemas.xmlsoap.org/wsdl/}port"
    }
    assert SOAP11 not in served.text


@VERSIONS
def test_everything_answered_is_as_the_wsdl_says(
    prosecution: Prosecution, version: str, tmp_path: Path
) -> None:
    old, known = version == "SOAP 1.1", reference()
    schema = compiled(prosecution.http.get(f"{PATH}?wsdl").content, tmp_path)
    space = SOAP11 if old else SOAP12

    def answered(inner: str, operation: str) -> etree._Element:
        return Answer.of(prosecution.post(enveloped(inner, old=old), operation, old=old)).root

    first = answered(message(judgment(known)), "submit")
    identifier = first.findtext(".//{*}id")
    submit = message(judgment(known), judgment(), judgment(item="99"))
    receipt = f'<m:receipt xmlns:m="{MESSAGES}"><m:id>{identifier}</m:id></m:receipt>'
    document = base64.b64encode(f'<Judgments xmlns="{JUDGMENTS}">{judgment()}</Judgments>'.encode()).decode()
    whole = f'<m:submitDocument xmlns:m="{MESSAGES}"><m:document>{document}</m:document></m:submitDocument>'
    for inner, operation in (
        (submit, "submit"),
        (receipt, "receipt"),
        (whole, "submitDocument"),
        (message(operation="ping"), "ping"),
    ):
        (element,) = answered(inner, operation).find(f"{{{space}}}Body")
        schema.assertValid(element)
        assert element.tag == f"{{{MESSAGES}}}{operation}Response"
    (problem,) = answered(message(operation="remove"), "remove").iter(f"{{{ANSWER}}}problem")
    schema.assertValid(problem)
