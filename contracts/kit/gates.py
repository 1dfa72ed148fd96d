"""Every gate that a contract or a binding passes before it is taken up, one after the other."""

from collections.abc import Iterator
from dataclasses import dataclass

from contracts.binding import Binding
from contracts.catalogue import Catalogue, compile_files
from contracts.checking import check, folder_of
from contracts.contract import Contract
from contracts.errors import Invalid, Problem
from contracts.kit import fields, fit, history, identities, proofs
from contracts.kit.place import Place


@dataclass(frozen=True, slots=True)
class Report:
    """What the gates found in the part of a catalogue that was asked about."""

    problems: tuple[Problem, ...]
    """What has to be repaired, by file and place."""
    elsewhere: int
    """How many problems outside that part kept it from being judged; 0 when it was judged."""
    contracts: int
    bindings: int
    examples: int
    samples: int


def examine(place: Place) -> Report:
    """Run every gate over the part of the catalogue that was asked about; nothing is written or contacted."""
    # 1. No living person's number anywhere: before anything else, because samples are copied and published.
    problems = [*_identities(place)]
    # 2. The documents, schemas and mappings are acceptable, fit each other, and name codes that exist.
    try:
        catalogue = compile_files(place.files)
    except Invalid as invalid:
        own = [problem for problem in invalid.problems if place.asks(problem.file)]
        elsewhere = 0 if own else len(invalid.problems)
        return Report(_sorted(problems + own), elsewhere, 0, 0, 0, 0)
    contracts = {f"canonical/{folder_of(one)}": one for one in catalogue.contracts.values()}
    bindings = {
        f"agencies/{one.agency}/{folder_of(one.contract)}": one for one in catalogue.bindings.values()
    }
    asked = {folder: one for folder, one in contracts.items() if _asked(place, folder)}
    bound = {folder: one for folder, one in bindings.items() if _asked(place, folder)}
    # 3. Examples and samples give what is written beside them, byte for byte.
    problems += [problem for problem in check(catalogue) if place.asks(problem.file)]
    # 4. What a contract says is explained, shown to refuse, and no less than it promised before.
    for folder, contract in asked.items():
        problems += _of_contract(folder, place, contract)
    # 5. What an agency sends is used, and what the contract needs is given.
    for folder, binding in bound.items():
        problems += _of_binding(folder, place, binding, catalogue)
    return Report(
        _sorted(problems),
        0,
        len(asked),
        len(bound),
        sum(len(contract.examples) for contract in asked.values()),
        sum(len(binding.samples) for binding in bound.values()),
    )


def _identities(place: Place) -> Iterator[Problem]:
    governorates = frozenset(
        line.split(",")[0]
        for line in place.files.get("_codes/governorates.csv", b"")
        .decode("utf-8", "replace")
        .splitlines()[1:]
    )
    asked = {file: octets for file, octets in place.files.items() if place.asks(file)}
    for file, line in identities.in_files(asked, governorates):
        yield Problem(
            file,
            f"line {line}",
            "kit.identity",
            "holds what could be the national ID of a living person",
            "فيه ما قد يكون رقمًا قوميًا لشخص حي",
        )


def _of_contract(folder: str, place: Place, contract: Contract) -> Iterator[Problem]:
    yield from fields.problems(folder, contract)
    yield from proofs.of_contract(folder, contract)
    yield from history.problems(folder, place.files, contract)


def _of_binding(folder: str, place: Place, binding: Binding, catalogue: Catalogue) -> Iterator[Problem]:
    yield from proofs.of_binding(folder, binding)
    yield from fit.problems(folder, place.files, binding, catalogue.code_lists)


def _asked(place: Place, folder: str) -> bool:
    return place.asks(folder) or any(one.startswith(folder + "/") for one in place.asked)


def _sorted(problems: list[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda one: (one.file, one.where, one.rule, one.message)))
