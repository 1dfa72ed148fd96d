"""A canonical contract: what a record of one kind means, and what holds it to that."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from contracts.documents import FreezeClass, LegalBasis, Role, Rule, ServiceLevel
from contracts.judging import Judge, Told
from contracts.rules import Payload
from contracts.schemas import Checker, Schema


@dataclass(frozen=True, slots=True)
class Example:
    """One example record of a contract."""

    file: str
    octets: bytes
    why: str | None
    """The code that it must be refused with; None when it is valid."""
    sender: str | None
    """The agency that it is judged to come from; None when that does not matter."""
    codes: tuple[str, ...]
    """The remarks that a valid one must give."""


@dataclass(frozen=True, slots=True)
class Contract:
    """What a record of one kind means, between whom, and by which law."""

    name: str
    """With its major version, e.g. `death.v1`."""
    version: str
    status: str
    title_en: str
    title_ar: str
    description: str
    description_ar: str
    usage: str
    usage_ar: str
    limitations: str
    limitations_ar: str
    owner: str
    """The agency that keeps the contract."""
    classification: Literal["confidential", "restricted"]
    legal_basis: tuple[LegalBasis, ...]
    roles: tuple[Role, ...]
    """Who writes such records and who reads them."""
    roles_ar: tuple[str, ...]
    """What `roles` describe, in Arabic and in the same order."""
    service_levels: tuple[ServiceLevel, ...]
    service_levels_ar: tuple[str, ...]
    """What `service_levels` describe, in Arabic and in the same order."""
    freeze: FreezeClass
    """Whether it is handed over while the register is frozen before an election."""
    schema: Schema
    """Closed JSON Schema 2020-12 of the canonical record."""
    reader_schema: Schema
    """The same, open: what a consumer validates with."""
    subject: str | None
    """JSON pointer to the national ID of the person, or None."""
    about: str | None
    """JSON pointer to the id of the record that this record is about, or None."""
    logged: tuple[str, ...]
    """Top-level fields, enumerated in the schema, that may stand in clear in a log entry."""
    examples: tuple[Example, ...]
    rules: tuple[Rule, ...]
    """Conditions across fields, as they are written in the contract."""
    checker: Checker
    judge: Judge
    """Holds a record that keeps the schema to the rest: cross-field rules and national ID rules, in that order."""

    def hold(
        self,
        payload: Payload,
        today: str,
        sender: str | None,
        governorates: Mapping[str, bool],
        notes: list[str],
    ) -> Told:
        """Hold any JSON object to all of it; parameters, result and refusals as `Judge` says."""
        if not self.checker.is_valid(payload):
            raise self.checker.refusal(payload)
        return self.judge(payload, today, sender, governorates, notes)
