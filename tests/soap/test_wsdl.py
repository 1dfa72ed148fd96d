"""The WSDL of every binding: what it describes, that foreign tools take it, and that it stays what it is."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest
import zeep
from lxml import etree
from support.node_programs import node

from adapters.soap import describe
from adapters.soap.names import XS, messages_of
from adapters.soap.types import OPERATIONS
from gateway.publication.source import shipped
from gateway.publishing import published_as

KEPT = Path(__file__).with_name("wsdl") / "ppo-deprivation.v1.wsdl"
PUBLISHED = Path(__file__).with_name("wsdl") / "published.sha256"
"""Of every WSDL as it was last released, as `sha256sum` writes them."""
LIBRARY = shipped()
BINDINGS = [one for one in LIBRARY.catalogue.bindings.values() if "soap" in one.transport]
EACH = pytest.mark.parametrize("binding", BINDINGS, ids=lambda one: f"{one.agency} {one.contract.name}")
IMPORT = """
const soap = require('soap');
soap.createClientAsync(process.argv[2]).then(client =>
  console.log(JSON.stringify(client.describe())));
"""


def described(binding) -> bytes:
    (octets,) = describe(binding.agency, [published_as(binding)]).values()
    return octets


def compiled(wsdl: bytes, folder: Path) -> etree.XMLSchema:
    """Compile the XSDs of a WSDL, each in a file of its own as XSD wants them."""
    schemas = {one.get("targetNamespace"): one for one in etree.fromstring(wsdl).iter(f"{{{XS}}}schema")}
    names = {space: f"{number}.xsd" for number, space in enumerate(schemas)}
    for space, schema in schemas.items():
        for imported in schema.findall(f"{{{XS}}}import"):
            imported.set("schemaLocation", names[imported.get("namespace")])
        (folder / names[space]).write_bytes(etree.tostring(schema))
    messages = next(space for space in schemas if space.endswith(".v1"))
    return etree.XMLSchema(etree.parse(folder / names[messages]))


@EACH
def test_the_schemas_hold_what_the_agency_sends(binding, tmp_path):
    schema = compiled(described(binding), tmp_path)
    record = binding.source.record_path[-1]
    for sample in binding.samples:
        if sample.expected is not None:
            message = etree.Element(f"{{{messages_of(binding.contract.name)}}}submit")
            message.extend(etree.fromstring(sample.octets).iter(record))
            schema.assertValid(message)
            del message[0][0]
            assert not schema.validate(message)


@EACH
def test_the_agencys_own_schema_stands_in_it_as_it_is(binding):
    own = etree.fromstring(binding.source_document[1])
    space = own.get("targetNamespace")
    (found,) = etree.fromstring(described(binding)).findall(f".//{{{XS}}}schema[@targetNamespace='{space}']")
    names = [[(child.tag, child.get("name")) for child in schema] for schema in (own, found)]
    assert names[0] == names[1]
    assert len(list(own.iter())) == len(list(found.iter()))


@EACH
def test_zeep_takes_it(binding, tmp_path):
    path = tmp_path / "service.wsdl"
    path.write_bytes(described(binding))
    client = zeep.Client(str(path))
    (service,) = client.wsdl.services.values()
    assert sorted(service.ports) == ["IsnadSoap11", "IsnadSoap12"]
    for port in service.ports.values():
        assert sorted(port.binding._operations) == sorted(OPERATIONS)


def test_node_soap_takes_it(tmp_path):
    for number, binding in enumerate(BINDINGS):
        path = tmp_path / f"{number}.wsdl"
        path.write_bytes(described(binding))
        done = subprocess.run(node("-e", IMPORT, "x", path), capture_output=True, text=True, check=True)
        ports = json.loads(done.stdout)["IsnadService"]
        assert sorted(ports["IsnadSoap11"]) == sorted(OPERATIONS)


def test_what_was_published_stays_as_it_is():
    """An agency's generated client is made from this; whoever changes it tells the agencies first."""
    (binding,) = [one for one in BINDINGS if (one.agency, one.contract.name) == ("ppo", "deprivation.v1")]
    assert described(binding) == KEPT.read_bytes()


@EACH
def test_every_wsdl_is_the_one_that_was_released(binding):
    """A changed one is a new release to its agency: it is told, then its line in the file is replaced."""
    released = dict(line.split("  ")[::-1] for line in PUBLISHED.read_text().splitlines())
    name = f"{binding.agency}-{binding.contract.name}.wsdl"
    assert hashlib.sha256(described(binding)).hexdigest() == released.get(name), name


def test_no_wsdl_is_gone_that_was_released():
    released = {line.split("  ")[1] for line in PUBLISHED.read_text().splitlines()}
    assert released <= {f"{one.agency}-{one.contract.name}.wsdl" for one in BINDINGS}
