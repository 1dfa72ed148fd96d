"""What an agency's service answers with a signature: fetched, verified, taken, and kept, on a whole site."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree
from own_service import OwnService, own_service
from signed_parts import HeldKey, Signer, certificate, xmlsec1
from soap_parts import PARTICIPANTS, Prosecution, register_keys
from support.agency_service import WSDL
from support.auditor import Auditor
from support.participants import small_site
from support.sample_records import JUDGMENTS, judgment, reference
from support.soap import CONTRACT

from adapters.soap.service import AGENCY
from gateway.demo.running import Running
from gateway.envelopes import ENVELOPES, kept


@dataclass
class Fetched:
    """The gateway, and the service that it fetches from."""

    prosecution: Prosecution
    serve: Running
    service: OwnService

    def offer(self, number: str, seal: Callable[[bytes], bytes]) -> None:
        """Have the service answer one judgment until it has been taken."""
        document = base64.b64encode(f'<Judgments xmlns="{JUDGMENTS}">{judgment(number)}</Judgments>'.encode())

        def answer(asked: etree._Element) -> str:
            new = asked.findtext(f"{{{AGENCY}}}cursor") != number
            held = f"<a:document>{document.decode()}</a:document>" if new else ""
            return (
                f'<a:fetchResponse xmlns:a="{AGENCY}">{held}<a:cursor>{number}</a:cursor>'
                "<a:more>false</a:more></a:fetchResponse>"
            )

        self.service.answer, self.service.seal = answer, seal

    def entry(self, number: str) -> dict | None:
        entries = self.prosecution.auditor.entries("ppo")
        return next((one for one in entries if one.get("source_ref") == number), None)

    def failed_with(self, code: str) -> bool:
        return any(one.get("event") == "poll.failed" and one.get("code") == code for one in self.serve.said)


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fetched]:
    keys = {"ecdsa": HeldKey(ec.generate_private_key(ec.SECP256R1()))}
    with (
        small_site(tmp_path_factory.mktemp("signed-answers"), participants=PARTICIPANTS) as made,
        own_service(made.authority, made.prepared.ca_pem) as service,
    ):
        register_keys(made, keys)
        agreement = made.config / "agreements" / "ppo-nea-deprivation.v1.yaml"
        agreement.write_text(
            agreement.read_text().replace("origin_signature: optional", "origin_signature: required")
        )
        (made.config / "pki" / "ppo.wsdl").write_bytes(WSDL.read_bytes())
        path = made.config / "agencies" / "ppo.yaml"
        agency = yaml.safe_load(path.read_text())
        agency["fetched"] = {
            "url": service.url,
            "server_ca": "pki/site.pem",
            "wsdl": "pki/ppo.wsdl",
            "contracts": [CONTRACT],
            "interval_s": 1,
        }
        path.write_text(yaml.safe_dump(agency, allow_unicode=True))
        service.answer = lambda _: (
            f'<a:fetchResponse xmlns:a="{AGENCY}"><a:cursor/><a:more>false</a:more></a:fetchResponse>'
        )
        serve = made.serve()
        with closing(Auditor(made)) as auditor, Prosecution(made, serve, auditor, keys) as prosecution:
            yield Fetched(prosecution, serve, service)


def test_a_signed_answer_is_taken_and_kept(fetched: Fetched, tmp_path: Path) -> None:
    signer, number = fetched.prosecution.signer(), reference()
    sent: list[bytes] = []

    def seal(envelope: bytes) -> bytes:
        sent.append(signer.sign(envelope))
        return sent[-1]

    fetched.offer(number, seal)
    fetched.prosecution.until(lambda: fetched.entry(number) is not None)
    entry = fetched.entry(number)
    assert entry is not None
    assert (entry["kind"], entry["origin"]["wsse"]) == ("record.accepted", "ppo-ecdsa")
    assert kept(fetched.prosecution.site.store.parent / ENVELOPES, entry["submission"]) is not None
    assert xmlsec1(sent[0], signer.certificate, tmp_path)


def test_an_answer_without_the_signature_that_is_agreed_on_is_refused_in_the_lane(fetched: Fetched) -> None:
    before, number = fetched.prosecution.auditor.size("ppo"), reference()
    fetched.offer(number, lambda envelope: envelope)
    code = "agreement.origin_signature_required"
    fetched.prosecution.until(lambda: code in fetched.prosecution.refused(before))
    assert fetched.entry(number) is None
    # The cursor has not moved: once the agency signs, the same document is taken.
    fetched.offer(number, fetched.prosecution.signer().sign)
    fetched.prosecution.until(lambda: fetched.entry(number) is not None)


Seal = Callable[[bytes], bytes]


def changed(prosecution: Prosecution, number: str) -> Seal:
    signer = prosecution.signer()
    return lambda envelope: signer.sign(envelope).replace(f">{number}<".encode(), f">{number}0<".encode())


def by_another_key(prosecution: Prosecution, _: str) -> Seal:
    key = HeldKey(ec.generate_private_key(ec.SECP256R1()))
    return Signer(key, prosecution.signer().certificate).sign


def by_a_key_that_is_not_registered(prosecution: Prosecution, _: str) -> Seal:
    key = HeldKey(ec.generate_private_key(ec.SECP256R1()))
    return Signer(key, certificate(prosecution.site.authority, key.key)).sign


@pytest.mark.parametrize(
    ("attack", "code"),
    [
        (changed, "origin.wrong_digest"),
        (by_another_key, "origin.wrong_signature"),
        (by_a_key_that_is_not_registered, "origin.unknown_key"),
    ],
)
def test_an_answer_whose_signature_does_not_hold_is_not_taken_and_the_lane_says_so(
    fetched: Fetched, attack: Callable[[Prosecution, str], Seal], code: str
) -> None:
    number, before = reference(), fetched.prosecution.auditor.size("ppo")
    fetched.offer(number, attack(fetched.prosecution, number))
    fetched.prosecution.until(lambda: fetched.failed_with(code))
    assert fetched.entry(number) is None
    entries = fetched.prosecution.auditor.entries("ppo", before)
    assert [one["code"] for one in entries if one["kind"] == "answer.refused"] == [code]
    fetched.offer(number, fetched.prosecution.signer().sign)
    fetched.prosecution.until(lambda: fetched.entry(number) is not None)
