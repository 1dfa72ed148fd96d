"""Handing records to an agency's own SOAP service: `deliver`, with the key that makes it one delivery however often.

A service that is asked a question may answer in the same call. The records are handed over once its answer is in the
log; until then it is asked again, and what it answers again are duplicates.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Sequence

import structlog

from adapters.soap.service import RETRY_S, Said, Service
from gateway.doors import Answered
from gateway.errors import Rejected, Unavailable
from gateway.records import Acknowledgement, Handed

FINAL = frozenset({"delivery.refused", "soap.wsdl"})
"""What stays so when it is asked again: the service's own no, and a WSDL that does not know the call."""

log = structlog.get_logger()

# A lane forgets nothing, so what could be a national ID does not get into it.
REFERENCE = re.compile(r"(?!.*[0-9]{14})[A-Za-z0-9._:/-]{1,128}\Z")


class SoapOutbound:
    """An agency's service (`ports.Outbound`)."""

    def __init__(self, service: Service, max_batch: int, answered: Answered) -> None:
        self._service = service
        self._most = max_batch
        self._answered = answered

    async def hand(self, records: Sequence[Handed]) -> Acknowledgement:
        """See `ports.Outbound.hand`."""
        reference = ""
        for first in range(0, len(records), self._most):
            reference = await asyncio.to_thread(self._deliver, records[first : first + self._most])
        return Acknowledgement(reference)

    async def close(self) -> None:
        """Close the connection."""
        await asyncio.to_thread(self._service.close)

    def _deliver(self, records: Sequence[Handed]) -> str:
        said = self._said(records)
        if said.told.answer:
            self._take(records[0].contract, said)
        return said.told.reference if REFERENCE.match(said.told.reference) else ""

    def _said(self, records: Sequence[Handed]) -> Said:
        """Hand records over and return what was answered.

        Raises:
            Rejected: the service will not take them, or the pinned WSDL knows no such call.
            Unavailable: as `Service.call`; also when the answer is none that may be believed. It may be a proxy's, or
                that of a service in the middle of an update, and `key` makes asking again harmless.
        """
        try:
            return self._service.call(
                "deliver",
                contract=records[0].contract,
                key=_key(records),
                records=[(one.event.decode(), one.receipt.to_json().decode()) for one in records],
            )
        except Rejected as error:
            if error.code in FINAL:
                raise
            log.warning("answer.refused", contract=records[0].contract, code=error.code, rule=error.rule)
            raise Unavailable("unavailable.answer", error.rule, RETRY_S) from error

    def _take(self, contract: str, said: Said) -> None:
        """Have an answer taken; of one that is refused the log says so, and asking again would not help."""
        try:
            self._answered(contract, said.origin.certificate, said.envelope)
        except Rejected as error:
            log.warning("answer.refused", contract=contract, code=error.code, rule=error.rule)


def _key(records: Sequence[Handed]) -> str:
    if len(records) == 1:
        return records[0].record_id
    return hashlib.sha256("\0".join(record.record_id for record in records).encode()).hexdigest()
