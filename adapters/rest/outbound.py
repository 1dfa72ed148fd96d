"""Handing records to an agency's own HTTPS endpoint.

The body is `{"records": [{"event": …, "receipt": …}, …]}`: each event the canonical CloudEvent, octet for
octet what its receipt commits to, so it stands beside its receipt and not around it. Any 2xx answer says
that the agency has all of them durably; the `Idempotency-Key` is the same whenever the same records are
sent.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from gateway.errors import Rejected, Unavailable
from gateway.https.config import KIB
from gateway.records import Acknowledgement, Handed

ANSWER_MAX_BYTES = 64 * KIB
RETRY_DEFAULT_S, RETRY_LONGEST_S = 1, 3600
REFERENCE_FIELD = "isnad-reference"
# A lane forgets nothing, so what could be a national ID does not get into it.
REFERENCE = re.compile(r"(?!.*[0-9]{14})[A-Za-z0-9._:/-]{1,128}\Z")
PASSING = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an agency takes records (an `https` URL), how long that may take, and how many at a time."""

    url: str
    timeout_s: float
    max_batch: int


def bundle(records: Sequence[Handed]) -> bytes:
    """Return records with their receipts as one JSON document."""
    pairs = (b'{"event":%s,"receipt":%s}' % (one.event, one.receipt.to_json()) for one in records)
    return b'{"records":[' + b",".join(pairs) + b"]}"


class HttpsOutbound:
    """An agency's endpoint (`ports.Outbound`). Its connection stays open between calls until `close`."""

    def __init__(self, endpoint: Endpoint, tls: ssl.SSLContext) -> None:
        self._endpoint = endpoint
        # No redirects, no proxy from the environment: records go to the registered endpoint or nowhere.
        self._http = httpx.AsyncClient(
            verify=tls,
            timeout=endpoint.timeout_s,
            follow_redirects=False,
            trust_env=False,
            headers={
                "content-type": "application/json",
                "accept-encoding": "identity",
                "user-agent": "isnad",
            },
        )

    async def hand(self, records: Sequence[Handed]) -> Acknowledgement:
        """See `ports.Outbound.hand`."""
        most = self._endpoint.max_batch
        reference = ""
        for first in range(0, len(records), most):
            reference = await self._post(records[first : first + most])
        return Acknowledgement(reference)

    async def close(self) -> None:
        """Close the connection."""
        await self._http.aclose()

    async def _post(self, records: Sequence[Handed]) -> str:
        headers = {"idempotency-key": _key(records), "isnad-contract": records[0].contract}
        try:
            async with (
                asyncio.timeout(self._endpoint.timeout_s),
                self._http.stream(
                    "POST", self._endpoint.url, content=bundle(records), headers=headers
                ) as answer,
            ):
                await _drained(answer)
        except (httpx.HTTPError, TimeoutError) as error:
            raise Unavailable(
                "unavailable.recipient", "the agency's endpoint must answer", RETRY_DEFAULT_S
            ) from error
        if answer.is_success:
            reference = answer.headers.get(REFERENCE_FIELD, "")
            return reference if REFERENCE.match(reference) else ""
        if answer.is_server_error or answer.status_code in PASSING:
            after_s = _retry_after_s(answer.headers.get("retry-after", ""), datetime.now(UTC))
            raise Unavailable(
                "unavailable.recipient", f"the agency's endpoint answered {answer.status_code}", after_s
            )
        raise Rejected("delivery.refused", f"the agency's endpoint answered {answer.status_code}")


async def _drained(answer: httpx.Response) -> None:
    """Read an answer to its end, so that the connection can be used again, and no further than it may go."""
    read = 0
    async for chunk in answer.aiter_raw():
        read += len(chunk)
        if read > ANSWER_MAX_BYTES:
            raise httpx.ReadError("the answer is too long")


def _key(records: Sequence[Handed]) -> str:
    if len(records) == 1:
        return records[0].record_id
    return hashlib.sha256("\0".join(record.record_id for record in records).encode()).hexdigest()


def _retry_after_s(value: str, now: datetime) -> int:
    """Return the seconds that a Retry-After field asks for (RFC 9110 §10.2.3), within reason."""
    if value.isascii() and value.isdigit():
        return max(1, min(int(value[:9]), RETRY_LONGEST_S))
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # a zone may be out of all range
        return RETRY_DEFAULT_S
    after_s = (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
    return max(1, min(round(after_s), RETRY_LONGEST_S))
