"""Documents for programs hold to their standards, and say what the exchange really does."""

import hashlib
import json
from pathlib import Path

import jsonschema_rs
import pytest
from click.testing import CliRunner

from adapters import rest, soap
from contracts.folder import SHIPPED
from contracts.folder import read as read_catalogue
from gateway.cli.publish import publish as command
from gateway.publication import library, publish

SCHEMAS = Path(__file__).with_name("schemas")


def document(published: dict[str, bytes], name: str) -> dict[str, object]:
    return json.loads(published[name])


def references(node: object):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for inner in node:
            yield from references(inner)


def resolves(whole: object, reference: str) -> bool:
    for step in reference.removeprefix("#/").split("/"):
        if not isinstance(whole, dict) or step not in whole:
            return False
        whole = whole[step]
    return True


def accepts(whole: dict[str, object], reference: str):
    """Return the check of a schema that stands inside a document."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": reference}
    return jsonschema_rs.validator_for(schema | {"components": whole["components"]}).is_valid


def test_the_same_catalogue_gives_the_same_octets(published, library):
    assert publish(library, {"rest": rest.describe, "soap": soap.describe}) == published


def test_the_manifest_names_every_file_with_its_hash(published, library):
    manifest = document(published, "manifest.json")
    assert manifest["catalogue"] == library.catalogue.digest
    assert manifest["files"] == {
        name: {"bytes": len(octets), "sha256": hashlib.sha256(octets).hexdigest()}
        for name, octets in published.items()
        if name != "manifest.json"
    }


def test_every_file_of_the_catalogue_is_published_as_it_is(published, library):
    octets = set(published.values())
    assert [name for name, content in library.files.items() if content not in octets] == []


def test_asyncapi_holds_to_its_standard(published):
    whole = document(published, "asyncapi.json")
    standard = jsonschema_rs.validator_for(json.loads((SCHEMAS / "asyncapi-3.0.0.json").read_bytes()))
    assert [error.message for error in standard.iter_errors(whole)] == []
    assert [reference for reference in references(whole) if not resolves(whole, reference)] == []


def test_a_document_that_is_not_asyncapi_does_not_pass(published):
    whole = document(published, "asyncapi.json")
    whole["channels"]["nea.death.v1"]["adress"] = "isnad.nea.death.v1"
    standard = jsonschema_rs.validator_for(json.loads((SCHEMAS / "asyncapi-3.0.0.json").read_bytes()))
    assert not standard.is_valid(whole)


def test_each_recipient_has_a_queue_for_each_contract_it_reads(published, library):
    channels = document(published, "asyncapi.json")["channels"]
    addresses = {channel["address"] for channel in channels.values()}
    wanted = {
        f"isnad.{role.role}.{contract.name}"
        for contract in library.contracts
        for role in contract.roles
        if role.access == "read"
    }
    assert wanted | {None} == addresses


def test_every_valid_example_passes_as_the_data_of_its_event(published, library):
    whole = document(published, "asyncapi.json")
    for contract in library.contracts:
        fits = accepts(whole, f"#/components/schemas/{contract.name}.event")
        name, _, version = contract.name.rpartition(".")
        event = {
            "specversion": "1.0",
            "id": "018f3c5e-7b1a-7c3d-9e4f-5a6b7c8d9e0f",
            "source": "urn:isnad:agency:cso",
            "type": f"eg.nea.{contract.name}",
            "dataschema": f"urn:isnad:contract:{name}:{version}",
            "datacontenttype": "application/json",
            "sourceref": "X-1",
            "op": "assert",
        }
        valid = [json.loads(example.octets) for example in contract.examples if example.why is None]
        assert valid
        assert all(fits(event | {"data": data}) for data in valid), contract.name
        assert not fits(event | {"data": {}}), contract.name
        assert not fits(event | {"type": "eg.nea.other.v1", "data": valid[0]})


def test_openapi_holds_to_its_standard_for_every_agency(published, library):
    standard = jsonschema_rs.validator_for(json.loads((SCHEMAS / "openapi-3.1.json").read_bytes()))
    for agency in {sender for sender, _ in library.catalogue.bindings}:
        whole = document(published, f"rest/{agency}.openapi.json")
        assert [error.message for error in standard.iter_errors(whole)] == [], agency
        assert [reference for reference in references(whole) if not resolves(whole, reference)] == [], agency


def test_openapi_has_a_path_for_everything_an_agency_may_send(published, library):
    for agency, name in library.catalogue.bindings:
        assert f"/v1/{name}/records" in document(published, f"rest/{agency}.openapi.json")["paths"]


def test_json_samples_pass_the_schema_that_openapi_gives_them(published, library):
    seen = 0
    for (agency, name), binding in library.catalogue.bindings.items():
        if binding.format != "json":
            continue
        whole = document(published, f"rest/{agency}.openapi.json")
        fits = accepts(whole, f"#/components/schemas/{name}")
        for sample in binding.samples:
            if sample.expected is None or not sample.file.endswith(".json"):
                continue
            content = json.loads(sample.octets)
            assert all(map(fits, content if isinstance(content, list) else [content])), sample.file
            assert not fits({"another": "record"})
            seen += 1
    assert seen


def test_the_command_writes_everything_and_never_over_something(tmp_path, published):
    out = tmp_path / "out"
    first = CliRunner().invoke(command, [str(out)])
    assert first.exit_code == 0, first.output
    written = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    assert written.keys() == published.keys()
    assert (out / "index.html").read_bytes() == published["index.html"]
    again = CliRunner().invoke(command, [str(out)])
    assert again.exit_code == 1
    assert "is not empty" in again.output


def test_a_catalogue_with_a_fault_is_not_published(tmp_path):
    for name, octets in read_catalogue(SHIPPED).items():
        target = tmp_path / "catalogue" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(octets)
    (tmp_path / "catalogue/canonical/death/v1/schema.json").write_bytes(b"{}")
    result = CliRunner().invoke(command, [str(tmp_path / "out"), "--at", str(tmp_path / "catalogue")])
    assert result.exit_code == 1
    assert "canonical/death/v1" in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("missing", ["agencies/moh/death/v1/"])
def test_a_contract_without_bindings_is_published_all_the_same(missing):
    files = {
        name: octets for name, octets in read_catalogue(SHIPPED).items() if not name.startswith("agencies/")
    }
    assert missing not in files
    made = publish(library(files), {"rest": rest.describe})
    assert b"No agency has a binding yet." in made["en/death.v1.html"]
    assert not any(name.startswith(("soap/", "rest/")) for name in made)
