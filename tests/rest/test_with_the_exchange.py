"""The adapter with everything real behind it: registry, contracts, worker processes, seal and log."""

from __future__ import annotations

import base64
import dataclasses
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from registry.registry_parts import Configuration
from served import HOST, Client, client_context, lines, server_context, serving
from support.batches import RECIPIENT, LaneKeys
from support.signing import LocalSigner

import contracts
from adapters.rest import Config, inbound
from crypto.hpke import PublicKey, Suite
from crypto.origin import Request, http_signature, jws
from crypto.receipt import BatchReceipt, Receipt, verify_receipt
from gateway import exchange
from gateway.doors import Gateway
from gateway.envelopes import ENVELOPES, EnvelopeFile
from gateway.errors import Rejected, Unavailable
from gateway.groups import Groups
from gateway.identities import Certificates
from gateway.log.committer import Committer
from gateway.log.reading import StoreRecords
from gateway.publishing import Publishing
from gateway.quotas import Quotas
from gateway.refusals import Refusals
from gateway.replays import StoredReplays
from gateway.rules import ByRegistry, Keys
from gateway.signatures import OriginSignatures
from gateway.workers import Workers

SHIPPED = Path(contracts.__file__).parent
SAMPLES = SHIPPED / "agencies" / "moh" / "death" / "v1" / "samples" / "valid"
ORIGIN = "gate.example"
QUOTA = {"records_per_s": 10_000, "burst": 10_000, "submissions_per_s": 1000, "records_per_day": 100_000}


SIGNING_KEY = ec.generate_private_key(ec.SECP256R1())


class Recipients:
    """The authority's public key."""

    def public(self, kid: str) -> PublicKey:
        return dataclasses.replace(RECIPIENT.public(), kid=kid)


class NothingToDecrypt:
    """Nobody encrypts messages over REST."""

    def decrypt(self, envelope: bytes) -> bytes:  # noqa: ARG002  as the door has it
        raise Rejected("origin.undecryptable")

    def certificate(self) -> str:
        raise Unavailable("unavailable.keys")


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    configuration = Configuration(tmp_path_factory.mktemp("rest") / "config")
    public = SIGNING_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    configuration.write("pki/signing.pem", public)
    configuration.agency("moh", quota=QUOTA, origin_keys=[{"kid": "moh-1", "key": "pki/signing.pem"}])
    return configuration


@pytest.fixture(scope="module")
def signer() -> LocalSigner:
    return LocalSigner(Suite.HYBRID)


@pytest.fixture(scope="module")
def client(
    configuration: Configuration, signer: LocalSigner, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Client]:
    snapshot = configuration.sources().load()
    store = tmp_path_factory.mktemp("store") / "store.db"
    with ExitStack() as stack:
        log = stack.enter_context(closing(Committer(store, signer, origin=ORIGIN, outbox_max_bytes=1 << 30)))
        records = stack.enter_context(closing(StoreRecords(store, LaneKeys())))
        workers = stack.enter_context(closing(Workers(SHIPPED, "synthetic", 1)))
        refusals = Refusals()
        rules = ByRegistry(
            lambda: snapshot,
            Keys(Recipients(), LaneKeys(), LaneKeys()),
            Quotas(time.monotonic),
            Suite.HYBRID,
            refusals,
        )
        groups = Groups(partial(exchange.promise, prepare=workers, log=log))
        gateway = Gateway(
            accept=partial(exchange.accept, rules=rules, keep=groups.keep, log=log),
            identities=Certificates(lambda: snapshot, refusals),
            records=records,
            note=log.note,
            signatures=OriginSignatures(lambda agency: snapshot.registry.agencies[agency]),
            replays=StoredReplays(records, LaneKeys()),
            refusals=refusals,
            published=Publishing(lambda: snapshot),
            agreed=rules.agreed,
            health=lambda: (True, {}),
            envelopes=stack.enter_context(
                closing(EnvelopeFile(store.parent / ENVELOPES, rules, rules.keep_message))
            ),
            decryption=NothingToDecrypt(),
        )
        authority = configuration.authority
        tls = server_context(authority.issue("gateway", hosts=[HOST], server=True), authority.pem)
        listener = stack.enter_context(serving(inbound(Config(port=0), gateway, tls)))
        yield Client(listener.port, client_context(authority, configuration.client()))


def test_the_same_again_is_a_duplicate_whose_first_receipt_still_verifies(
    client: Client, signer: LocalSigner
):
    sent = (SAMPLES / "arabic_digits.json").read_bytes()
    first, again = (client.post(sent).json()["outcomes"][0] for _ in range(2))
    assert (again["outcome"], again["id"], again["index"]) == ("duplicate", first["id"], first["index"])
    receipt = Receipt.from_json(json.dumps(again["receipt"]).encode())
    verify_receipt(receipt, signer.policy(f"{ORIGIN}/moh"), source=sent.strip())


def test_a_stream_is_sealed_in_batches_and_each_record_can_be_proven(client: Client, signer: LocalSigner):
    sent = [_record(number) for number in range(200_000, 200_600)]
    answered = lines(client.post(b"\n".join(sent), "application/x-ndjson").content)
    assert answered[-1]["summary"]["accepted"] == len(sent)
    batch = None
    proven = 0
    for line in answered[:-1]:
        if "batch" in line:
            batch = BatchReceipt.from_json(json.dumps(line["batch"]).encode())
        elif line["position"] % 97 == 0:
            salt = base64.urlsafe_b64decode(line["salt"] + "=")
            receipt = batch.expand(line["index"], line["id"], salt, line["entry"].encode())
            verify_receipt(receipt, signer.policy(f"{ORIGIN}/moh"), source=sent[line["position"] - 1])
            proven += 1
    assert proven == len(sent) // 97


@pytest.mark.parametrize(
    ("contract", "kind", "status", "code"),
    [
        ("birth.v1", "application/json", 404, "contract.unknown"),
        ("disposition.v1", "application/json", 403, "agreement.missing"),
        ("death.v1", "application/xml", 415, "contract.media_type"),
    ],
)
def test_what_no_agreement_allows_is_refused(
    client: Client, contract: str, kind: str, status: int, code: str
):
    with client.http as http:
        answer = http.post(f"/v1/{contract}/records", content=b"{}", headers={"content-type": kind})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_an_idempotency_key_stands_for_one_body(client: Client):
    one, other = ((SAMPLES / name).read_bytes() for name in ("one.json", "persian_yeh.json"))
    first = client.post(one, idempotency_key="k-1").json()["submission"]
    assert client.post(one, idempotency_key="k-1").json()["submission"] == first
    answer = client.post(other, idempotency_key="k-1")
    assert (answer.status_code, answer.json()["code"]) == (422, "submission.idempotency_key_reused")


@pytest.mark.parametrize("scheme", ["jws", "http-signature"])
def test_a_signed_submission_is_verified_and_its_signature_named_in_the_entry(client: Client, scheme: str):
    body = _record(400_000 + len(scheme))
    answer = _signed(client, scheme, body, body)
    entry = json.loads(answer.json()["outcomes"][0]["receipt"]["entry"])
    assert entry["origin"][scheme] == "moh-1"


@pytest.mark.parametrize("scheme", ["jws", "http-signature"])
def test_a_body_other_than_the_signed_one_is_refused(client: Client, scheme: str):
    answer = _signed(client, scheme, _record(500_001), _record(500_002))
    assert answer.status_code == 403
    assert answer.json()["code"].startswith("origin.wrong_")


def test_a_submission_and_its_record_can_be_asked_for(client: Client):
    answer = client.post((SAMPLES / "decorated_name.json").read_bytes()).json()
    with client.http as http:
        state = http.get(f"/v1/submissions/{answer['submission']}").json()
        record = http.get(f"/v1/records/{answer['outcomes'][0]['id']}").json()
        checkpoint = http.get("/v1/log/moh/checkpoint").text
    assert (state["complete"], state["counts"]["accepted"]) == (True, 1)
    assert record["receipt"]["lane"] == "moh"
    assert checkpoint.startswith(f"{ORIGIN}/moh\n")


def test_the_published_documents_show_the_agencys_own_form(client: Client):
    with client.http as http:
        document = http.get("/openapi.json").json()
        page = http.get("/docs").text
    assert "/v1/death.v1/records" in document["paths"]
    assert "/v1/disposition.v1/records" not in document["paths"]
    assert "notification_no" in page


def _record(number: int) -> bytes:
    """A notification that differs from the sample in its number."""
    pattern = json.loads((SAMPLES / "one.json").read_bytes())
    changed = pattern | {"notification_no": f"MOH-1203-2026-{number:06}"}
    return json.dumps(changed, ensure_ascii=False).encode()


def _signed(client: Client, scheme: str, signed: bytes, sent: bytes) -> httpx.Response:
    """Send one body with the signature over another."""
    target = f"https://{HOST}:{client.port}/v1/death.v1/records"
    head = [(b"content-type", b"application/json")]
    if scheme == "jws":
        fields = [jws.sign(signed, SIGNING_KEY, "moh-1")]
    else:
        request = Request("POST", target, head)
        fields = http_signature.sign(request, signed, SIGNING_KEY, "moh-1", int(time.time()))
    with client.http as http:
        return http.post(target, content=sent, headers=[*head, *fields])
