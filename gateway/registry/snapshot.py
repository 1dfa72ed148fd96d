"""Registry, contracts and calendar as they are in force together: loaded as one, or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

import contracts
from contracts.errors import Invalid, Problem
from contracts.folder import SHIPPED
from gateway.calendar import Calendar
from gateway.configuration import REFERRED_SUFFIXES, parse, read
from gateway.records import GATEWAY, Event
from gateway.registry.agreement import Agreement
from gateway.registry.in_force import InForce
from gateway.registry.participants import Registry

CALENDAR = "calendar.yaml"
ADAPTERS = "isnad.adapters"
"""The entry point group in which an adapter names itself."""

Digests = Mapping[tuple[str, str], str]
"""What is in force, by what kind of event tells of its change and by name: SHA-256, hex."""

Signature = frozenset[tuple[str, int, int, int]]
"""Of each file its name, time of change (ns), size and inode."""


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """What is in force at one time. Immutable: who holds one decides by it to the end of its work."""

    registry: Registry
    catalogue: contracts.Catalogue
    calendar: Calendar
    digests: Digests
    left_out: tuple[Problem, ...] = ()
    """What is wrong with the contracts of agencies for which those of before stay in force."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a snapshot comes from.

    `contracts_folder` is None for the contracts that come with the gateway. `profile` is the gateway's:
    agencies of the other one are refused, and so are legal bases that counsel has not verified in
    `production`. `in_force` has what was accepted before, for agencies whose contracts do not hold; without it nothing
    is accepted then.
    """

    config: Path
    contracts_folder: Path | None
    profile: contracts.Profile
    in_force: InForce | None = None

    def load(self) -> Snapshot:
        """Read everything and check it against everything.

        Raises:
            Invalid: every problem found, in the order registry, calendar, contracts, between them.
        """
        problems: list[Problem] = []
        registry = catalogue = calendar = None
        try:
            registry = Registry.load(self.config)
        except Invalid as error:
            problems += error.problems
        try:
            octets = read(self.config, CALENDAR)
            calendar = parse(octets, CALENDAR, Calendar)
        except Invalid as error:
            problems += error.problems
        try:
            catalogue, left_out = self._contracts()
        except Invalid as error:
            problems += error.problems
        if registry is None or calendar is None or catalogue is None:
            raise Invalid(tuple(problems))
        unbound = _unbound(registry, catalogue)
        if unbound and self.in_force is not None:
            # Whoever writes a binding may take it away as well: what its agency had may still do.
            with suppress(Invalid):
                before, _ = self._contracts(but=unbound)
                if not _unbound(registry, before):
                    left_out = (*left_out, *(problem for found in unbound.values() for problem in found))
                    catalogue, unbound = before, {}
        problems += [
            *_adapters(registry),
            *_profiles(registry, self.profile),
            *(problem for found in unbound.values() for problem in found),
        ]
        if problems:
            raise Invalid(tuple(problems))
        return Snapshot(registry, catalogue, calendar, _digests(registry, catalogue, octets), left_out)

    def _contracts(self, but: Collection[str] = ()) -> tuple[contracts.Catalogue, tuple[Problem, ...]]:
        kept = self.in_force.files if self.in_force is not None else dict
        return contracts.load_what_holds(self.contracts_folder or SHIPPED, self.profile, kept, but)

    def config_signature(self) -> Signature:
        """Return what changes when a file of the configuration does. Reads none."""
        return _signature(self.config, lambda name: name.endswith((".yaml", *REFERRED_SUFFIXES)))

    def contracts_signature(self) -> Signature:
        """Return what changes when a file of the contracts does: thousands of them. Reads none."""
        folder = self.contracts_folder or SHIPPED
        return _signature(folder, lambda name: not name.endswith((".py", ".pyc")))


def _signature(folder: Path, counts: Callable[[str], bool]) -> Signature:
    found = set[tuple[str, int, int, int]]()
    for within, _, names in os.walk(folder):
        for name in filter(counts, names):
            path = f"{within}/{name}"
            try:
                status = os.stat(path)  # noqa: PTH116  thousands of files at a time: no Path for each
            except OSError:
                continue  # gone since it was listed
            found.add((path, status.st_mtime_ns, status.st_size, status.st_ino))
    return frozenset(found)


def changes(before: Digests, after: Digests) -> tuple[Event, ...]:
    """Return what the gateway's lane must remember of a change: of each thing its old and new digest."""
    names = sorted({*before, *after})
    return tuple(
        Event(
            GATEWAY,
            kind,
            (("name", name), ("old", before.get((kind, name), "")), ("new", after.get((kind, name), ""))),
        )
        for kind, name in names
        if before.get((kind, name)) != after.get((kind, name))
    )


def _digests(registry: Registry, catalogue: contracts.Catalogue, calendar: bytes) -> Digests:
    return {
        **{("agency.changed", agency.name): agency.digest for agency in registry.agencies.values()},
        **{("agreement.changed", agreement.file.id): agreement.digest for agreement in registry.agreements},
        ("calendar.changed", CALENDAR): hashlib.sha256(calendar).hexdigest(),
        ("contract.changed", "catalogue"): catalogue.digest,
    }


def _adapters(registry: Registry) -> list[Problem]:
    installed = entry_points(group=ADAPTERS).names
    return [
        Problem(
            f"agencies/{agency.name}.yaml",
            "adapter",
            "registry.adapter_unknown",
            f"is not installed; installed are: {', '.join(sorted(installed))}",
        )
        for agency in registry.agencies.values()
        if not installed.issuperset(agency.file.adapter)
    ]


def _profiles(registry: Registry, profile: contracts.Profile) -> list[Problem]:
    problems = [
        Problem(
            f"agencies/{agency.name}.yaml",
            "profile",
            "registry.profile",
            f"is not the gateway's, which is {profile}; test and production never meet",
        )
        for agency in registry.agencies.values()
        if agency.file.profile != profile
    ]
    if profile == "production":
        problems += [
            Problem(
                agreement.path,
                "legal_basis.verified",
                "registry.legal_basis",
                "is false; in production counsel must have confirmed the legal basis",
            )
            for agreement in registry.agreements
            if not agreement.file.legal_basis.verified
        ]
    return problems


def _unbound(registry: Registry, catalogue: contracts.Catalogue) -> dict[str, list[Problem]]:
    """What is agreed or fetched must be possible: there is the contract, and a binding that the adapter carries.

    Return what is not, by the agency that sends.
    """
    found: dict[str, list[Problem]] = {}
    for agreement in registry.agreements:
        message = _missing(agreement, registry, catalogue)
        if message:
            problem = Problem(agreement.path, agreement.where, "registry.binding", message)
            found.setdefault(agreement.file.sender, []).append(problem)
    for agency in registry.agencies.values():
        for position, contract in enumerate(agency.file.fetched.contracts if agency.file.fetched else ()):
            if (agency.name, contract) not in catalogue.bindings:
                place = f"agencies/{agency.name}.yaml", f"fetched.contracts.{position}"
                message = f"{agency.name} has no binding for {contract}"
                found.setdefault(agency.name, []).append(Problem(*place, "registry.binding", message))
    return found


def _missing(agreement: Agreement, registry: Registry, catalogue: contracts.Catalogue) -> str:
    sender, contract = agreement.file.sender, agreement.file.contract
    if contract not in catalogue.contracts:
        return "there is no such contract"
    binding = catalogue.bindings.get((sender, contract))
    if binding is None:
        return f"{sender} has no binding for it; add contracts/agencies/{sender}/{contract.replace('.', '/')}"
    adapters = registry.agencies[sender].file.adapter
    if not set(adapters) & set(binding.transport):
        sends, carried = ", ".join(adapters), ", ".join(binding.transport)
        return f"{sender} sends by {sends}, but its binding is for {carried}"
    return ""
