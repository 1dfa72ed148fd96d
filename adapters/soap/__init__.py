"""The SOAP adapter: SOAP 1.1 and 1.2 over HTTPS with client certificates, described by a WSDL for each binding.

`application` answers below `PATH` on the port that agencies call; `describe` writes the WSDLs for publication.
`Service` calls an agency's own service: `SoapOutbound` hands records to it, `Poller` fetches records from it, and
`Taking` takes what it answers at once.
`README.md` says what operators and whoever changes the adapter need to know.
"""

from __future__ import annotations

from adapters.soap.application import application
from adapters.soap.envelope import Version
from adapters.soap.outbound import SoapOutbound
from adapters.soap.polling import Poller, Round
from adapters.soap.service import Place, Service
from adapters.soap.shape import OURS, CallShape, RecordShape, Shape
from adapters.soap.taking import Taking
from adapters.soap.trying import tried, tried_fetching
from adapters.soap.wsdl import describe

PATH = "/soap/"

__all__ = [
    "OURS",
    "PATH",
    "CallShape",
    "Place",
    "Poller",
    "RecordShape",
    "Round",
    "Service",
    "Shape",
    "SoapOutbound",
    "Taking",
    "Version",
    "application",
    "describe",
    "tried",
    "tried_fetching",
]
