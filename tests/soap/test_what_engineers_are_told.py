"""What an agency's engineers got wrong, by SOAP, is told by `isnad agency test` in words that they can act on."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from lxml import etree
from signed_parts import Signer
from soap_parts import Prosecution
from support.draining import eventually
from support.sample_records import judgment
from support.soap import MESSAGES, PATH, call, enveloped, message

from crypto.origin.xml_signature import DS
from gateway.codes import CODES
from gateway.demo.site import isnad

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def weak(signer: Signer) -> bytes:
    """Sign with SHA-1 digests."""
    root = etree.fromstring(signer.sign(enveloped(message(judgment()))))
    for method in root.iter(f"{{{DS}}}DigestMethod"):
        method.set("Algorithm", f"{DS}sha1")
    return signer.resigned(root)


@pytest.fixture(scope="module")
def said(prosecution: Prosecution) -> str:
    """Return what the command says after an agency has done everything wrong once."""
    signer, good = prosecution.signer(), enveloped(message(judgment()))
    for envelope in (
        signer.sign(good, datetime.now(UTC) - HOUR),
        prosecution.signer(signs=False).sign(good),
        weak(signer),
        enveloped(message("<x xmlns='urn:x'/>")),
        enveloped(message(judgment()), header='<x:T xmlns:x="urn:x" s:mustUnderstand="1"/>'),
    ):
        prosecution.post(envelope)
    prosecution.http.post(PATH, content=good, headers={"content-type": "text/xml"})
    ended = prosecution.site.issue("ppo", valid_from=datetime.now(UTC) - 3 * DAY, valid_for=DAY)
    context, url = prosecution.site.client(ended), prosecution.site.url
    with httpx.Client(verify=context, base_url=url, timeout=60, trust_env=False) as late:
        call(late, enveloped(f'<m:ping xmlns:m="{MESSAGES}"/>'), "ping")
    told: list[str] = []

    def heard() -> bool:
        done = subprocess.run(
            [*isnad("agency", "test", "ppo"), "--config", str(prosecution.site.config)],
            capture_output=True, text=True, check=False, timeout=240,
        )  # fmt: skip
        told.append(done.stdout + done.stderr)
        return "identity.expired" in told[-1]  # strangers are counted together, and told every few seconds

    assert eventually(heard), told[-1]
    return told[-1]


WRONG = {
    "the clock": "origin.not_fresh",
    "the certificate of the signature": "origin.untrusted",
    "the certificate of the connection": "identity.expired",
    "the algorithm": "origin.wrong_algorithm",
    "the schema": "soap.message",
    "a header field that is missing": "soap.action",
    "a header block too much": "soap.must_understand",
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_told_with_what_to_do_in_both_languages(said: str, what: str) -> None:
    code = WRONG[what]
    (line,) = [at for at, text in enumerate(said.splitlines()) if text.endswith(f": {code}")]
    english, arabic = said.splitlines()[line + 1 : line + 3]
    assert (CODES[code].remedy_en in english, CODES[code].remedy_ar in arabic) == (True, True)
