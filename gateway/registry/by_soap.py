"""What the registry says of an agency whose SOAP service the gateway calls to fetch records."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from contracts.documents import ContractName
from gateway.configuration import Document, FileName

SOAP = "soap"
"""The adapter that calls SOAP services."""
ServerUrl = Annotated[
    str, StringConstraints(pattern=r"^https://[a-z0-9.-]+(:[0-9]{1,5})?(/[!-~]*)?$", max_length=500)
]


class Fetched(Document):
    """Where the gateway fetches the agency's records: `fetch` of its service, every `interval_s`.

    The server is known by a certificate of `server_ca` for the name in `url`. `wsdl` is a copy of the service's WSDL;
    nothing that it refers to is fetched. `signed` is whether the gateway signs what it asks.
    """

    url: ServerUrl
    server_ca: FileName
    wsdl: FileName
    contracts: Annotated[tuple[ContractName, ...], Field(min_length=1, max_length=32)]
    interval_s: Annotated[int, Field(ge=1, le=86_400)] = 60
    timeout_s: Annotated[int, Field(ge=1, le=120)] = 30
    max_records: Annotated[int, Field(ge=1, le=10_000)] = 1000
    signed: bool = True
