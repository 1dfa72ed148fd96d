"""The canonical record: a CloudEvent (CloudEvents 1.0, JSON format) as RFC 8785 JSON."""

from __future__ import annotations

import msgspec

import contracts
from gateway.records import Terms


class _Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The members, in their order as RFC 8785 sorts them; an empty `priorref` or `subject` is left out."""

    data: msgspec.Raw
    datacontenttype: str
    dataschema: str
    id: str
    op: str
    priorref: str = ""
    source: str
    sourceref: str
    specversion: str
    subject: str = ""
    type: str


_ENCODE = msgspec.json.Encoder().encode  # for texts and ASCII names in this order: RFC 8785


class Events:
    """The events of records under one agreement. Each is the same at every retry, so it names no instant."""

    def __init__(self, terms: Terms) -> None:
        name, _, version = terms.contract.rpartition(".")
        self._source = f"urn:isnad:agency:{terms.sender}"
        self._type = f"eg.nea.{terms.contract}"
        self._schema = f"urn:isnad:contract:{name}:{version}"

    def octets(self, identifier: str, conformed: contracts.Conformed, subject: str) -> bytes:
        """Return the event of a record.

        Args:
            identifier: the record's id.
            conformed: the record.
            subject: base64url of the citizen's pseudonym, or empty.
        """
        return _ENCODE(
            _Event(
                data=msgspec.Raw(conformed.octets()),
                datacontenttype="application/json",
                dataschema=self._schema,
                id=identifier,
                op=conformed.op,
                priorref=conformed.prior_ref or "",
                source=self._source,
                sourceref=conformed.source_ref,
                specversion="1.0",
                subject=subject,
                type=self._type,
            )
        )
