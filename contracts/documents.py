"""What may stand in the YAML documents of a catalogue; anything else is refused by name.

`contract.odcs.yaml` is Open Data Contract Standard 3.1.0. The part of ODCS that is used here is checked
closed; what ODCS has no place for stands in its `customProperties` under the names of `ContractProperties`.
"""

import builtins
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

from contracts.errors import Unfit

Line = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Pointer = Annotated[str, StringConstraints(pattern=r"^(/[a-z][a-z0-9_]*)+$", max_length=200)]
ContractName = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*\.v[1-9][0-9]?$", max_length=64)
]
Scalar = str | int | bool
FreezeClass = Literal["pass", "hold", "exempt"]
"""What a called election does to a record: it passes until the cut-off, waits, or never changes the register."""


class Document(BaseModel):
    """A document in which unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _OdcsDocument(Document):
    model_config = ConfigDict(alias_generator=to_camel)


# -- contract.odcs.yaml


class Description(_OdcsDocument):
    """ODCS `description`."""

    purpose: Line
    usage: Line
    limitations: Line


class Team(_OdcsDocument):
    """ODCS `team`: who keeps the contract."""

    name: Line
    """A code of the list `agencies`."""
    description: Line


class SchemaObject(_OdcsDocument):
    """ODCS `schema[]`: names the object; its fields are in `schema.json`."""

    name: Line
    logical_type: Literal["object"]
    physical_type: Literal["json"]
    description: Line


class Role(_OdcsDocument):
    """ODCS `roles[]`: who writes records of the contract and who reads them."""

    role: Line
    """A code of the list `agencies`."""
    access: Literal["write", "read"]
    description: Line


class ServiceLevel(_OdcsDocument):
    """ODCS `slaProperties[]`."""

    property: Line
    value: Scalar
    unit: Line | None = None
    driver: Literal["regulatory", "analytics", "operational"] | None = None
    description: Line


class CustomProperty(_OdcsDocument):
    """ODCS `customProperties[]`."""

    property: Line
    value: object
    description: Line | None = None


class OdcsDocument(_OdcsDocument):
    """The part of ODCS 3.1.0 that a contract of this catalogue uses."""

    api_version: Literal["v3.1.0"]
    kind: Literal["DataContract"]
    id: Annotated[str, StringConstraints(pattern=r"^urn:[a-z0-9][a-z0-9:._-]+$", max_length=200)]
    name: ContractName
    version: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]*\.[0-9]+\.[0-9]+$")]
    status: Literal["proposed", "draft", "active", "deprecated", "retired"]
    domain: Line
    description: Description
    schema_: Annotated[list[SchemaObject], Field(alias="schema", min_length=1, max_length=1)]
    team: Team
    roles: Annotated[list[Role], Field(min_length=1)]
    sla_properties: Annotated[list[ServiceLevel], Field(min_length=1)]
    custom_properties: list[CustomProperty]


class Rule(Document):
    """One condition across fields that JSON Schema cannot say; exactly one kind is given.

    Every pointer that is absent from a record makes the condition hold, but for `present`: to require a field is
    the schema's business.
    """

    code: Annotated[str, StringConstraints(pattern=r"^(record|review|warning)\.[a-z_.]+$")]
    """`record.` refuses the record, `review.` keeps it for an officer, `warning.` is a remark."""
    says: Line
    """What must hold, in English; told to the sender."""
    says_ar: Line
    """The same in Arabic."""
    order: tuple[Pointer, Pointer] | None = None
    """The first date or number is not after, or above, the second."""
    not_future: Pointer | None = None
    """The date is not after today (Africa/Cairo)."""
    sender: tuple[Pointer, Scalar | list[Scalar], list[str]] | None = None
    """Only these agencies may send this value, or one of these values, in this field."""
    only: tuple[Pointer, list[str]] | None = None
    """Only these agencies may send this field at all."""
    years: tuple[Pointer, Literal["exactly", "at_least"], int, Pointer] | None = None
    """From the first date to the second it is so many years; 29 February counts to 1 March."""
    within: tuple[Pointer, int, Pointer] | None = None
    """The second date is at most so many days after the first."""
    same: tuple[Pointer, Pointer] | None = None
    """Both fields say the same."""
    differ: tuple[Pointer, Pointer] | None = None
    """The fields do not say the same."""
    sum: tuple[Pointer, list[Pointer]] | None = None
    """The first number is the sum of the others."""
    present: Pointer | None = None
    """The field is there, although the schema does not require it: for what an officer should look at."""
    when: tuple[Pointer, Scalar] | None = None
    """The rule applies only when this field has this value."""

    @model_validator(mode="after")
    def _one_kind(self) -> "Rule":
        if builtins.sum(getattr(self, kind) is not None for kind in RULE_KINDS) != 1:
            raise Unfit(
                f"give exactly one of {', '.join(RULE_KINDS)}", f"اكتب واحدًا فقط من: {'، '.join(RULE_KINDS)}"
            )
        return self


RULE_KINDS = ("order", "not_future", "sender", "only", "years", "within", "same", "differ", "sum", "present")


class LegalBasis(Document):
    """One provision that the contract rests on."""

    en: Line
    ar: Line
    reference: Line
    """Law, year and article."""
    verified: bool
    """Whether counsel has confirmed it against the official text."""


class ContractProperties(_OdcsDocument):
    """The `customProperties` of a contract, by name."""

    title_en: Line
    title_ar: Line
    description_ar: Line
    usage_ar: Line
    limitations_ar: Line
    roles_ar: list[Line]
    """In the order of `roles`."""
    service_levels_ar: list[Line]
    """In the order of `slaProperties`."""
    classification: Literal["confidential", "restricted"]
    legal_basis: Annotated[list[LegalBasis], Field(min_length=1)]
    freeze: FreezeClass
    subject: Pointer | None = None
    about: Pointer | None = None
    logged: list[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]] = []
    rules: list[Rule] = []


# -- _codes/lists.yaml


class CodeListDocument(Document):
    """What is known of one code list."""

    version: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]*\.[0-9]+\.[0-9]+$")]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """Of the file, in hex: a list cannot change while its version stays."""
    title_en: Line
    title_ar: Line
    source: Line
    source_ar: Line
    verified: bool
    """Whether the owner of the codes has confirmed them."""


class CodeListsDocument(RootModel[dict[str, CodeListDocument]]):
    """`lists.yaml`: every code list by name."""
