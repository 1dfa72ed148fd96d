"""What a participant can ask about its submissions and its lane, and what others cannot."""

from __future__ import annotations

import hashlib
import json

import jsonschema
from desk import Desk
from served import Client, client_context

from crypto.merkle import leaf_hash
from crypto.pki import fingerprint
from crypto.receipt import Receipt, verify_logged
from gateway.demo.pki import Authority

UNKNOWN = "00000000-0000-8000-8000-000000000000"


def get(client: Client, path: str):
    with client.http as http:
        return http.get(path)


def submitted(moh: Client, count: int = 1) -> dict:
    body = json.dumps([{"ref": f"r{n}"} for n in range(count)]).encode()
    return moh.post(body).json()


def neighbour(port: int, authority: Authority, desk: Desk) -> Client:
    issued = authority.issue("cso")
    desk.agencies[fingerprint(issued.der)] = "cso"
    return Client(port, client_context(authority, issued))


def test_a_submission_can_be_asked_for_by_its_sender(moh: Client):
    moh.post(b'{"ref": "r1"}\n{\n', "application/x-ndjson", idempotency_key="k")
    identifier = moh.post(b'{"ref": "r1"}', idempotency_key="k2").json()["submission"]
    state = get(moh, f"/v1/submissions/{identifier}").json()
    assert state["counts"] == {"accepted": 0, "quarantined": 0, "duplicate": 1, "refused": 0}
    assert (state["complete"], state["contract"]) == (True, "death.v1")


def test_a_submissions_refusals_are_explained_in_both_languages(moh: Client):
    answer = moh.post(b'{\n{"ref": "r1"}', "application/x-ndjson", accept="application/json").json()
    (refusal,) = get(moh, f"/v1/submissions/{answer['submission']}").json()["refusals"]
    assert (refusal["position"], refusal["code"]) == (1, "record.json.syntax")
    assert refusal["title_ar"]


def test_a_record_can_be_asked_for_with_its_receipt(moh: Client, desk: Desk):
    outcome = submitted(moh)["outcomes"][0]
    record = get(moh, f"/v1/records/{outcome['id']}").json()
    assert (record["id"], record["state"]) == (outcome["id"], "accepted")
    verify_logged(Receipt.from_json(json.dumps(record["receipt"]).encode()), desk.policy)


def test_what_is_anothers_is_as_unknown_as_what_is_not_there(
    moh: Client, port: int, authority: Authority, desk: Desk
):
    answer = submitted(moh)
    cso = neighbour(port, authority, desk)
    for path, code in (
        (f"/v1/submissions/{answer['submission']}", "submission.unknown"),
        (f"/v1/records/{answer['outcomes'][0]['id']}", "record.unknown"),
    ):
        theirs, nobodys = get(cso, path), get(cso, path.rpartition("/")[0] + "/" + UNKNOWN)
        assert (theirs.status_code, theirs.json()["code"]) == (404, code)
        assert theirs.json() == nobodys.json()


def test_an_id_that_is_no_uuid_is_unknown(moh: Client):
    assert get(moh, "/v1/records/1%20OR%201").json()["code"] == "record.unknown"


def test_a_ping_is_receipted_in_ones_own_lane_and_never_delivered(moh: Client, desk: Desk):
    with moh.http as http:
        answer = http.post("/v1/ping").json()
    receipt = Receipt.from_json(json.dumps(answer["receipt"]).encode())
    verify_logged(receipt, desk.policy)
    assert json.loads(receipt.entry)["kind"] == "ping.received"
    assert not desk.promises


class TestLog:
    def test_a_lane_is_read_as_tiles_by_its_own_agency(self, moh: Client, desk: Desk):
        submitted(moh, 300)
        full, partial = get(moh, "/v1/log/moh/tile/0/000"), get(moh, "/v1/log/moh/tile/0/001.p/44")
        leaves = [leaf_hash(entry) for entry in desk.lanes["moh"].entries]
        assert full.content + partial.content == b"".join(leaves)
        assert "immutable" in full.headers["cache-control"]
        bundle = get(moh, "/v1/log/moh/tile/entries/000.p/3").content
        first = desk.lanes["moh"].entries[0]
        assert bundle.startswith(len(first).to_bytes(2) + first)

    def test_checkpoints_and_hashes_are_for_every_participant_and_entries_are_not(
        self, moh: Client, port: int, authority: Authority, desk: Desk
    ):
        submitted(moh)
        cso = neighbour(port, authority, desk)
        assert get(cso, "/v1/log/moh/checkpoint").text == desk.lanes["moh"].checkpoint
        assert len(get(cso, "/v1/log/moh/tile/0/000.p/1").content) == hashlib.sha256().digest_size
        refused = get(cso, "/v1/log/moh/tile/entries/000.p/1")
        assert (refused.status_code, refused.json()["code"]) == (403, "log.entries_forbidden")

    def test_what_the_lane_does_not_have_is_unknown(self, moh: Client):
        submitted(moh)
        for path in (
            "moh/tile/0/000", "moh/tile/0/000.p/2", "moh/tile/0/000.p/256", "moh/tile/0/0", "moh/tile/64/000",
            "moh/tile/0/x001/000/000", "moh/tile/entries/../../x", "nobody/checkpoint", "MOH/checkpoint",
        ):  # fmt: skip
            answer = get(moh, f"/v1/log/{path}")
            assert (answer.status_code, answer.json()["code"]) in {
                (404, "log.unknown"),
                (404, "request.unknown"),
            }

    def test_without_a_certificate_there_is_nothing_to_read(self, anonymous: Client):
        for path in (
            "log/moh/checkpoint",
            "log/moh/tile/0/000",
            f"records/{UNKNOWN}",
            f"submissions/{UNKNOWN}",
        ):
            assert get(anonymous, f"/v1/{path}").status_code == 401


class TestPublished:
    def test_the_openapi_document_names_the_agencys_contracts_and_every_reference_resolves(self, moh: Client):
        document = get(moh, "/openapi.json").json()
        assert document["openapi"] == "3.1.0"
        content = document["paths"]["/v1/death.v1/records"]["post"]["requestBody"]["content"]
        assert sorted(content) == ["application/json", "application/x-ndjson"]
        for reference in _references(document):
            node = document
            for step in reference.removeprefix("#/").split("/"):
                node = node[step]

    def test_answers_are_as_the_openapi_document_says(self, moh: Client):
        document = get(moh, "/openapi.json").json()
        answer = moh.post(b'[{"ref": "r1"}, {"ref": "r2"}]').json()
        line = moh.post(b'{"ref": "r1"}\n{"ref": "r3"}\n{\n', "application/x-ndjson").content.splitlines()
        problem = moh.post(b"{").json()
        ping = moh.http.post("/v1/ping").json()
        state = get(moh, f"/v1/submissions/{answer['submission']}").json()
        record = get(moh, f"/v1/records/{answer['outcomes'][0]['id']}").json()
        instances = [("Line", json.loads(one)) for one in line]
        instances += [("Document", answer), ("Problem", problem), ("Ping", ping)]
        instances += [("Submission", state), ("Record", record)]
        for name, instance in instances:
            jsonschema.validate(instance, {"$ref": f"#/components/schemas/{name}"} | document)

    def test_the_page_needs_nothing_from_elsewhere_and_escapes_what_it_shows(self, moh: Client):
        page = get(moh, "/docs")
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
        assert "<script" not in page.text
        assert "http" not in page.text.replace("http-equiv", "")
        assert "A &lt;death&gt;" in page.text
        assert 'dir="rtl"' in page.text

    def test_strangers_learn_nothing(self, anonymous: Client):
        assert get(anonymous, "/openapi.json").status_code == 401
        assert get(anonymous, "/docs").status_code == 401


def test_other_paths_and_methods_are_problems_too(moh: Client):
    assert get(moh, "/v2/x").json()["code"] == "request.unknown"
    assert get(moh, "/v1/ping").json()["code"] == "request.method"
    assert get(moh, "/v1/death.v1/records").json()["code"] == "request.unknown"


def _references(node: object):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)
