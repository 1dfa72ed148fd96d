"""The SOAP adapter: SOAP 1.1 and 1.2 over HTTPS with client certificates, described by a WSDL for each binding.

`application` answers below `PATH` on the port that agencies call; `describe` writes the WSDLs for publication.
`README.md` says what operators and whoever changes the adapter need to know.
"""

from __future__ import annotations

from adapters.soap.application import application
from adapters.soap.wsdl import describe

PATH = "/soap/"

__all__ = ["PATH", "application", "describe"]
