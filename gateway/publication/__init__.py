"""What agencies read about the exchange without asking anybody: generated from the catalogue, never edited.

A catalogue to browse (`index.html`, in Arabic and English), AsyncAPI for the queues, WSDL and XSD for SOAP, the
contracts as they stand, and whatever the adapters describe of themselves. `publish` returns them all as octets;
the same catalogue gives the same octets.
"""

from gateway.publication.documents import publish
from gateway.publication.source import Library, library

__all__ = ["Library", "library", "publish"]
