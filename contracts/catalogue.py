"""Every contract, binding and code list, loaded together or not at all."""

import hashlib
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from contracts import binding_folder, codes, contract_folder, folder
from contracts.binding import Binding
from contracts.codes import CodeList
from contracts.contract import Contract
from contracts.documents import CodeListDocument, CodeListsDocument
from contracts.errors import Invalid, Problem, Unfit
from contracts.folder import Files
from contracts.nid import Profile, governorate_verdicts

_CONTRACT_FILE = re.compile(
    r"(canonical/[a-z0-9-]+/v[1-9][0-9]?)/"
    r"(contract\.odcs\.yaml|schema\.json|CHANGELOG\.md|examples/(valid|invalid)/[a-z0-9_.-]+\.json"
    r"|examples/invalid/[a-z0-9_.-]+\.why|examples/valid/[a-z0-9_.-]+\.codes"
    r"|history/[1-9][0-9]*\.[0-9]+\.[0-9]+\.schema\.json)"
)
_BINDING_FILE = re.compile(
    r"(agencies/[a-z0-9-]+/[a-z0-9-]+/v[1-9][0-9]?)/"
    r"(binding\.yaml|mapping\.yaml|source\.schema\.json|source\.xsd|columns\.csv|README\.md"
    r"|samples/(valid|invalid)/[a-z0-9_.-]+|expected/[a-z0-9_.-]+\.(json|codes))"
)
_LISTS = "_codes/lists.yaml"
_NEEDED = ("agencies", "governorates")
"""Contracts name agencies, and national IDs cannot be read without governorates."""
_CODES_FILE = re.compile(r"_codes/([a-z][a-z0-9_]*)\.csv")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All contracts and bindings in force."""

    digest: str
    """SHA-256, in hex, over the names and octets of every file: two gateways with the same digest agree."""
    profile: Profile
    contracts: Mapping[str, Contract]
    bindings: Mapping[tuple[str, str], Binding]
    """By agency and contract name."""
    code_lists: Mapping[str, CodeList]
    files: Files = field(repr=False)
    """What it was made of."""

    def contract(self, name: str) -> Contract:
        """Return the contract called `name`, e.g. `death.v1`; raises KeyError when there is none."""
        return self.contracts[name]

    def binding(self, agency: str, name: str) -> Binding:
        """Return how `agency` writes contract `name`; raises KeyError when it does not."""
        return self.bindings[agency, name]


def load(root: Path | None = None, profile: Profile = "synthetic") -> Catalogue:
    """Load the catalogue at `root`, or the one that is shipped.

    Args:
        root: folder with `_codes/`, `agencies/` and `canonical/`.
        profile: whether national IDs are synthetic ones (test) or real ones (production); never both.

    Raises:
        Invalid: with every problem found; nothing is loaded then.
    """
    return compile_files(folder.read(root or folder.SHIPPED), profile)


def load_what_holds(
    root: Path, profile: Profile, kept: Callable[[], Files], but: Collection[str] = ()
) -> tuple[Catalogue, tuple[Problem, ...]]:
    """Load the catalogue at `root`, but for each agency whose own folder does not hold what it had before.

    Args:
        root: as `load` says.
        profile: as `load` says.
        kept: returns the files of the catalogue that was in force before, or none.
        but: agencies whose folders do not fit for a reason that stands elsewhere.

    Returns:
        The catalogue, and what is wrong with the folders that it leaves out.

    Raises:
        Invalid: with every problem found. Some are of no agency alone, or what an agency had does not hold either.
    """
    files, problems = folder.look(root)
    try:
        whole = compile_files(files, profile)
    except Invalid as invalid:
        problems += invalid.problems
    else:
        if not problems and not but:
            return whole, ()
    told = tuple(sorted(problems, key=lambda problem: (problem.file, problem.where, problem.message)))
    broken = {*but, *(folder.agency_of(problem.file) for problem in problems)}
    before = {} if "" in broken else kept()
    if not before:
        raise Invalid(told)
    mixed = {file: octets for file, octets in files.items() if folder.agency_of(file) not in broken}
    mixed |= {file: octets for file, octets in before.items() if folder.agency_of(file) in broken}
    try:
        return compile_files(dict(sorted(mixed.items())), profile), told
    except Invalid:
        raise Invalid(told) from None


def compile_files(files: Files, profile: Profile = "synthetic") -> Catalogue:
    """Return the catalogue that `files` make up; see `load`."""
    problems: list[Problem] = []
    contract_folders, binding_folders, code_files = _sort(files, problems)
    code_lists = _code_lists(files, code_files, problems)
    verdicts = (
        governorate_verdicts(code_lists["governorates"].codes, profile)
        if "governorates" in code_lists
        else {}
    )
    loaded = [contract_folder.load(place, files, code_lists, problems) for place in contract_folders]
    contracts = {one.name: one for one in loaded if one}
    bound = [
        binding_folder.load(place, files, contracts, code_lists, governorates=verdicts, problems=problems)
        for place in binding_folders
    ]
    bindings = {(one.agency, one.contract.name): one for one in bound if one}
    if problems:
        raise Invalid(
            tuple(sorted(problems, key=lambda problem: (problem.file, problem.where, problem.message)))
        )
    return Catalogue(folder.digest(files), profile, contracts, bindings, code_lists, files)


def _sort(files: Mapping[str, bytes], problems: list[Problem]) -> tuple[list[str], list[str], list[str]]:
    """Return the folders of contracts, those of bindings, and the files of code lists."""
    contract_folders, binding_folders, code_files = dict[str, None](), dict[str, None](), list[str]()
    for file in files:
        if found := _CONTRACT_FILE.fullmatch(file):
            contract_folders[found[1]] = None
        elif found := _BINDING_FILE.fullmatch(file):
            binding_folders[found[1]] = None
        elif _CODES_FILE.fullmatch(file):
            code_files.append(file)
        elif file != _LISTS:
            message, message_ar = "does not belong here; see _meta/README.md", "ليس هذا مكان الملف"
            problems.append(Problem(file, "", "catalogue.file", message, message_ar))
    return list(contract_folders), list(binding_folders), code_files


def _code_lists(files: Mapping[str, bytes], names: list[str], problems: list[Problem]) -> dict[str, CodeList]:
    """Return the lists that are what `_codes/lists.yaml` says of them."""
    about = _list_documents(files, problems)
    lists = {}
    for file in names:
        name = file.removeprefix("_codes/").removesuffix(".csv")
        if name not in about:
            message, message_ar = "lists.yaml says nothing of this list", "القائمة غير مذكورة في lists.yaml"
            problems.append(Problem(file, "", "catalogue.codes", message, message_ar))
            continue
        try:
            lists[name] = codes.parse(name, files[file], about[name])
        except Unfit as problem:
            problems.append(Problem(file, "", "catalogue.codes", str(problem), problem.ar))
        found = hashlib.sha256(files[file]).hexdigest()
        if found != about[name].sha256:
            version = about[name].version
            message = f"changed since version {version}; write a new version and sha256 {found}"
            message_ar = f"تغيّرت القائمة بعد الإصدار {version}؛ اكتب إصدارًا جديدًا وsha256 بالقيمة {found}"
            problems.append(Problem(_LISTS, name, "catalogue.codes", message, message_ar))
    wanted = [f"_codes/{name}.csv" for name in sorted({*about, *_NEEDED})]
    problems += [
        Problem(file, "", "catalogue.missing", "is missing", folder.MISSING_AR)
        for file in wanted
        if file not in names
    ]
    return lists


def _list_documents(files: Mapping[str, bytes], problems: list[Problem]) -> dict[str, CodeListDocument]:
    def complain(file: str, where: str, rule: str, message: str, message_ar: str, /) -> None:
        problems.append(Problem(f"_codes/{file}", where, rule, message, message_ar))

    document = folder.yaml_model(CodeListsDocument, files, "_codes", "lists.yaml", complain)
    return document.root if document else {}
