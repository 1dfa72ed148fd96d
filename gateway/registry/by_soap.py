"""What the registry says of an agency whose SOAP service the gateway calls to fetch records."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from contracts.documents import ContractName
from gateway.configuration import Document, FileName, Line

SOAP = "soap"
"""The adapter that calls SOAP services."""
ServerUrl = Annotated[
    str, StringConstraints(pattern=r"^https://[a-z0-9.-]+(:[0-9]{1,5})?(/[!-~]*)?$", max_length=500)
]


ElementName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,99}$")]
ElementPath = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,99}(/[A-Za-z_][A-Za-z0-9_.-]{0,99}){0,7}$")
]


class OwnRecord(Document):
    """The element of a request that is repeated for each record; in it, where the event and the receipt go."""

    element: ElementName
    event: ElementName
    receipt: ElementName | None = None


class OwnCall(Document):
    """What a call of the gateway's is at the agency.

    `asks` says in which elements of the request the gateway's words go, `fixed` what else stands there, `answers` by
    which path (local names with `/` between them) its words are found in the answer. A document is base64, or the
    element at its path itself.
    """

    operation: ElementName
    asks: dict[Literal["contract", "cursor", "most", "key"], ElementName] = Field(default_factory=dict)
    fixed: Annotated[dict[ElementName, Line], Field(max_length=16, default_factory=dict)]
    record: OwnRecord | None = None
    answers: dict[
        Literal["document", "cursor", "more", "reference", "answer", "agency", "time"], ElementPath
    ] = Field(default_factory=dict)


class OwnShape(Document):
    """A service in the agency's own shape: the `binding` of its WSDL, the version of SOAP, and its calls."""

    binding: ElementName
    version: Literal["1.1", "1.2"]
    calls: Annotated[dict[Literal["fetch", "deliver", "ping"], OwnCall], Field(min_length=1)]

    @model_validator(mode="after")
    def _enough(self) -> OwnShape:
        fetch, deliver = self.calls.get("fetch"), self.calls.get("deliver")
        if fetch is not None and not (
            {"document", "cursor"} <= fetch.answers.keys() and "cursor" in fetch.asks
        ):
            raise ValueError("fetch must ask with a cursor, and be answered with a document and a cursor")
        if deliver is not None and deliver.record is None:
            raise ValueError("deliver must say where records go")
        return self


def having(shape: OwnShape | None, call: Literal["fetch", "deliver"]) -> None:
    """Refuse a shape without the one call that its place is for.

    Raises:
        ValueError: the call is not there.
    """
    if shape is not None and call not in shape.calls:
        raise ValueError(f"shape must say what {call} is")


class Fetched(Document):
    """Where the gateway fetches the agency's records: `fetch` of its service, every `interval_s`.

    The server is known by a certificate of `server_ca` for the name in `url`. `wsdl` is a copy of the service's WSDL;
    nothing that it refers to is fetched. `signed` is whether the gateway signs what it asks, and `shape` what
    the service is like when it is not the one that the gateway describes.
    """

    url: ServerUrl
    server_ca: FileName
    wsdl: FileName
    contracts: Annotated[tuple[ContractName, ...], Field(min_length=1, max_length=32)]
    interval_s: Annotated[int, Field(ge=1, le=86_400)] = 60
    timeout_s: Annotated[int, Field(ge=1, le=120)] = 30
    max_records: Annotated[int, Field(ge=1, le=10_000)] = 1000
    signed: bool = True
    shape: OwnShape | None = None

    @model_validator(mode="after")
    def _fetch(self) -> Fetched:
        having(self.shape, "fetch")
        return self
