"""Handing records to an agency's own SOAP service: `deliver`, with the key that makes it one delivery however often."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Sequence

from adapters.soap.service import Service
from gateway.records import Acknowledgement, Handed

# A lane forgets nothing, so what could be a national ID does not get into it.
REFERENCE = re.compile(r"(?!.*[0-9]{14})[A-Za-z0-9._:/-]{1,128}\Z")


class SoapOutbound:
    """An agency's service (`ports.Outbound`)."""

    def __init__(self, service: Service, max_batch: int) -> None:
        self._service = service
        self._most = max_batch

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
        said = self._service.call(
            "deliver",
            contract=records[0].contract,
            key=_key(records),
            record=[
                {"event": one.event.decode(), "receipt": one.receipt.to_json().decode()} for one in records
            ],
        )
        reference = said.values or ""
        return reference if isinstance(reference, str) and REFERENCE.match(reference) else ""


def _key(records: Sequence[Handed]) -> str:
    if len(records) == 1:
        return records[0].record_id
    return hashlib.sha256("\0".join(record.record_id for record in records).encode()).hexdigest()
