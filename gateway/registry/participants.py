"""The registry: all agencies and all agreements, checked against each other. Nothing else is allowed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from contracts.errors import Invalid, Problem
from gateway.registry.agency import Agency, load_agency
from gateway.registry.agency_file import ByQueue
from gateway.registry.agreement import ORIGINALS_KEPT_DAYS, Agreement, load_agreement

FILES_MAX = 2000
DELIVERY_KEYS = "delivery-"
"""Key ids of the gateway's own delivery process begin like this."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Registry:
    """Who takes part and who may send what to whom. `digest` is the SHA-256 (hex) over all of it."""

    agencies: Mapping[str, Agency]
    agreements: tuple[Agreement, ...]
    digest: str
    _sent: Mapping[tuple[str, str], tuple[Agreement, ...]] = field(repr=False)

    @classmethod
    def load(cls, folder: Path) -> Registry:
        """Read `agencies/` and `agreements/` below `folder`.

        Raises:
            Invalid: every problem found, ordered by file.
        """
        problems: list[Problem] = []
        agencies = _each(folder, "agencies", load_agency, problems)
        agreements = _each(folder, "agreements", load_agreement, problems)
        if problems:  # what does not stand alone cannot be compared with the rest
            raise Invalid(tuple(problems))
        problems += [
            *_identities_apart(agencies),
            *_own_keys(agencies),
            *_between_known(agencies, agreements),
        ]
        problems += _one_at_a_time(agreements)
        if problems:
            raise Invalid(tuple(sorted(problems, key=str)))
        hasher = hashlib.sha256(b"isnad-registry/v1\0")
        for digest in (*(each.digest for each in agencies), *(each.digest for each in agreements)):
            hasher.update(bytes.fromhex(digest))
        known = {agency.name: agency for agency in agencies}
        return cls(known, tuple(agreements), hasher.hexdigest(), _by_sender(agreements))

    def between(self, sender: str, contract: str) -> tuple[Agreement, ...]:
        """Return the agreements, of any time, under which `sender` sends `contract`."""
        return self._sent.get((sender, contract), ())

    def originals_kept_days(self, sender: str, recipient: str, contract: str) -> int:
        """Return how long what came is kept as it came: as the longest of the agreements says, of any time."""
        agreed = [one.file for one in self.between(sender, contract) if one.file.recipient == recipient]
        return max((file.originals_kept_days for file in agreed), default=ORIGINALS_KEPT_DAYS)

    def issuers_pem(self) -> str:
        """Return the certificates of all authorities that agencies' certificates may come from."""
        files = {way.issuers_pem for agency in self.agencies.values() for way in agency.ways_in}
        return "\n".join(sorted(files))

    def adapters(self) -> frozenset[str]:
        """Return the names of the adapters that some agency uses: those to load, and no others."""
        return frozenset(name for agency in self.agencies.values() for name in agency.file.adapter)


def _each(folder: Path, kind: str, load: Callable[[Path, str], T], problems: list[Problem]) -> list[T]:
    names = sorted(path.name for path in (folder / kind).glob("*") if not path.name.startswith("."))
    if not names or len(names) > FILES_MAX:
        message = f"must hold 1 to {FILES_MAX} files; without any, nobody may send anything"
        problems.append(Problem(kind, "", "registry.folder", message))
        return []
    loaded: list[T] = []
    for name in names:
        path = f"{kind}/{name}"
        if not name.endswith(".yaml"):
            problems.append(
                Problem(path, "", "registry.file", "is not a .yaml file; rename it or take it away")
            )
            continue
        try:
            loaded.append(load(folder, path))
        except Invalid as error:
            problems += error.problems
    return loaded


def _by_sender(agreements: Sequence[Agreement]) -> dict[tuple[str, str], tuple[Agreement, ...]]:
    sent: dict[tuple[str, str], tuple[Agreement, ...]] = {}
    for agreement in agreements:
        key = agreement.file.sender, agreement.file.contract
        sent[key] = (*sent.get(key, ()), agreement)
    return sent


def _path(agency: Agency) -> str:
    return f"agencies/{agency.name}.yaml"


def _identities_apart(agencies: Sequence[Agency]) -> list[Problem]:
    """Two agencies must never be known by the same name or key: a certificate has to mean one of them."""
    owners: dict[str, Agency] = {}
    problems: list[Problem] = []
    for agency in agencies:
        for way in agency.ways_in:
            mark = way.identity.san or way.identity.spki or ""
            other = owners.setdefault(mark, agency)
            if other is not agency:
                message = f"an identity is also {other.name}'s; one certificate must mean one agency"
                problems.append(Problem(_path(agency), "identity", "registry.identity_shared", message))
    return problems


def _own_keys(agencies: Sequence[Agency]) -> list[Problem]:
    """Whoever reads its own queue must hold its own key, and whoever is delivered to must not need one."""
    problems: list[Problem] = []
    for agency in agencies:
        reads_itself = isinstance(agency.file.delivery, ByQueue)
        for kid in agency.file.recipient_keys:
            if kid.startswith(DELIVERY_KEYS) == reads_itself:
                message = (
                    f"delivery by queue needs the agency's own keys, which do not begin with {DELIVERY_KEYS}"
                    if reads_itself
                    else f"the gateway opens for this agency, so its keys must begin with {DELIVERY_KEYS}"
                )
                problems.append(Problem(_path(agency), "recipient_keys", "registry.recipient_keys", message))
    return problems


def _between_known(agencies: Sequence[Agency], agreements: Sequence[Agreement]) -> list[Problem]:
    known = {agency.name: agency for agency in agencies}
    problems: list[Problem] = []
    for agreement in agreements:
        for role, name in (("sender", agreement.file.sender), ("recipient", agreement.file.recipient)):
            if name not in known:
                problems.append(
                    Problem(
                        agreement.path, role, "registry.agency_unknown", f"there is no agencies/{name}.yaml"
                    )
                )
        sender = known.get(agreement.file.sender)
        if agreement.file.origin_signature == "required" and sender and not sender.origin_keys:
            message = f"is required, but agencies/{sender.name}.yaml has no origin_keys to verify one with"
            problems.append(
                Problem(agreement.path, "origin_signature", "registry.origin_keys_missing", message)
            )
    return problems


def _one_at_a_time(agreements: Sequence[Agreement]) -> list[Problem]:
    in_order = sorted(agreements, key=lambda each: (each.exchange, each.from_ms))
    return [
        Problem(
            later.path,
            later.where,
            "registry.overlap",
            f"is in force at the same time as {earlier.path} for the same sender, recipient and contract",
        )
        for earlier, later in pairwise(in_order)
        if earlier.exchange == later.exchange and later.from_ms < earlier.until_ms
    ]
