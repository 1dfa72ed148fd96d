"""The catalogue as it is published: what was compiled, and the documents that it was compiled from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from contracts import folder
from contracts.binding import Binding
from contracts.binding_documents import BindingDocument, MappingDocument
from contracts.catalogue import Catalogue, compile_files
from contracts.codes import CodeList
from contracts.contract import Contract
from contracts.errors import Invalid, Problem
from contracts.folder import Files, yaml_model


@dataclass(frozen=True, slots=True)
class Library:
    """Everything that pages and documents are made from."""

    catalogue: Catalogue
    files: Files
    mappings: Mapping[tuple[str, str], MappingDocument]
    """By agency and contract, as are `bindings`."""
    bindings: Mapping[tuple[str, str], BindingDocument]

    @property
    def contracts(self) -> list[Contract]:
        """All contracts, by name."""
        return [one for _, one in sorted(self.catalogue.contracts.items())]

    @property
    def agencies(self) -> CodeList:
        """The list of agencies."""
        return self.catalogue.code_lists["agencies"]

    def bindings_of(self, contract: str) -> list[Binding]:
        """Return how each agency writes a contract, by agency."""
        return [one for (_, name), one in sorted(self.catalogue.bindings.items()) if name == contract]

    def sent_by(self, agency: str) -> list[Binding]:
        """Return what an agency writes, by contract."""
        return [one for (sender, _), one in sorted(self.catalogue.bindings.items()) if sender == agency]

    def read_by(self, agency: str) -> list[Contract]:
        """Return what an agency receives, by name."""
        return [one for one in self.contracts if agency in roles(one, "read")]


def library(files: Files) -> Library:
    """Compile a catalogue's files for publication.

    Raises:
        Invalid: with every problem found.
    """
    catalogue = compile_files(files)
    problems: list[Problem] = []

    def complain(file: str, where: str, rule: str, message: str, message_ar: str, /) -> None:
        problems.append(Problem(file, where, rule, message, message_ar))

    mappings, bindings = {}, {}
    for agency, name in catalogue.bindings:
        place = f"agencies/{agency}/{path_of(name)}"
        mapping = yaml_model(MappingDocument, files, place, "mapping.yaml", complain)
        binding = yaml_model(BindingDocument, files, place, "binding.yaml", complain)
        if mapping and binding:
            mappings[agency, name], bindings[agency, name] = mapping, binding
    if problems:
        raise Invalid(tuple(problems))
    return Library(catalogue, files, mappings, bindings)


def shipped() -> Library:
    """Return the catalogue that comes with the gateway."""
    return library(folder.read(folder.SHIPPED))


def path_of(contract: str) -> str:
    """Return the folder of a contract: `death/v1` of `death.v1`."""
    name, _, version = contract.rpartition(".")
    return f"{name}/{version}"


def roles(contract: Contract, access: str) -> list[str]:
    """Return the agencies that write a contract, or read it, in the contract's order."""
    return [role.role for role in contract.roles if role.access == access]


def published(file: str) -> str:
    """Return where a file of the catalogue stands in what is published: `contracts/death.v1/schema.json`."""
    part, _, rest = file.partition("/")
    if part == "canonical":
        name, version, inner = rest.split("/", 2)
        return f"contracts/{name}.{version}/{inner}"
    if part == "agencies":
        agency, name, version, inner = rest.split("/", 3)
        return f"agencies/{agency}/{name}.{version}/{inner}"
    return f"codes/{rest}"
