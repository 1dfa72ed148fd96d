"""What `agreements/<id>.yaml` says: who may send which contract to whom, on what legal ground, and when."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from contracts.documents import ContractName
from contracts.errors import Invalid, Problem
from gateway.configuration import (
    Bilingual,
    Document,
    Line,
    Moment,
    Name,
    begins_ms,
    ends_ms,
    line_of,
    parse,
    read,
)

ORIGINALS_KEPT_DAYS = 30
"""Unless the agreement says otherwise."""


class LegalBasis(Bilingual):
    """The provision that allows the exchange; `verified` by counsel, or production refuses it."""

    reference: Line
    verified: bool


class AgreementFile(Document):
    """`agreements/<id>.yaml`.

    A plain date in `valid_from` or `valid_until` is a whole day in Cairo: it begins, and ends, at midnight
    there.
    """

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,99}$")]
    sender: Name
    recipient: Name
    contract: ContractName
    legal_basis: LegalBasis
    valid_from: Moment
    valid_until: Moment
    origin_signature: Literal["required", "optional"]
    body_encryption: Literal["required", "optional", "refused"] = "refused"
    """Whether SOAP messages under it are encrypted for the gateway, beyond TLS."""
    reviewed_by: Annotated[tuple[Line, ...], Field(min_length=1, max_length=8)]
    """Offices that approved it, never persons."""
    originals_kept_days: Annotated[int, Field(ge=1, le=3650)] = ORIGINALS_KEPT_DAYS
    """How long a file or a signed SOAP message is kept as it came, sealed; then it is removed for good."""

    @model_validator(mode="after")
    def _some_time(self) -> AgreementFile:
        if begins_ms(self.valid_from) >= ends_ms(self.valid_until):
            raise ValueError("valid_until must come after valid_from")
        if self.sender == self.recipient:
            raise ValueError("sender and recipient must be two")
        return self


@dataclass(frozen=True, slots=True)
class Agreement:
    """An agreement and the time it holds: from `from_ms` to before `until_ms` (Unix ms)."""

    file: AgreementFile
    from_ms: int
    until_ms: int
    path: str
    where: str
    digest: str

    def covers(self, at_ms: int) -> bool:
        """Return whether it is in force at an instant."""
        return self.from_ms <= at_ms < self.until_ms

    @property
    def exchange(self) -> tuple[str, str, str]:
        """Sender, recipient and contract: at any instant one agreement covers them, or none."""
        return self.file.sender, self.file.recipient, self.file.contract


def load_agreement(folder: Path, path: str) -> Agreement:
    """Return the agreement that `path` (relative to `folder`) states.

    Raises:
        Invalid: every problem of the file.
    """
    octets = read(folder, path)
    file = parse(octets, path, AgreementFile)
    if f"agreements/{file.id}.yaml" != path:
        raise Invalid((Problem(path, line_of(octets, "id"), "registry.name", "must be the file's own name"),))
    return Agreement(
        file,
        begins_ms(file.valid_from),
        ends_ms(file.valid_until),
        path,
        line_of(octets, "contract"),
        hashlib.sha256(octets).hexdigest(),
    )
