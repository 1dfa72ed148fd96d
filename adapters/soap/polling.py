"""Fetching an agency's records from its service: what came after the cursor, again and again.

The cursor is kept once everything before it is in the log, so a crash between fetches some records twice, which then
are duplicates.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from adapters.soap.service import Said, Service
from adapters.soap.taking import Taking
from gateway import metrics
from gateway.doors import Cursors, Gateway
from gateway.errors import IsnadError, Rejected, Unavailable
from gateway.moments import now_ms

ATTEMPTS = 3
"""Calls for one document; then the next round tries again."""
PAUSE_S = 1.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Round:
    """What is fetched from one agency: which contracts, in which media type, how many records a call, how often."""

    agency: str
    contracts: Mapping[str, str]
    max_records: int
    interval_s: float


class Poller:
    """Fetches from one agency until told to stop."""

    def __init__(self, what: Round, service: Service, gateway: Gateway, cursors: Cursors) -> None:
        self._what = what
        self._service = service
        self._agreed = gateway.agreed
        self._taking = Taking(what.agency, gateway)
        self._cursors = cursors
        self._refused: dict[str, str] = {}  # the code that each contract's last answer was refused with

    async def run(self, stop: asyncio.Event) -> None:
        """Fetch what there is, wait, and fetch again."""
        while not stop.is_set():
            for contract in self._what.contracts:
                await self._round(contract, stop)
            try:
                await asyncio.wait_for(stop.wait(), self._what.interval_s)
            except TimeoutError:
                continue
        await asyncio.to_thread(self._service.close)

    async def _round(self, contract: str, stop: asyncio.Event) -> None:
        """Fetch all that there is of one contract; what goes wrong is said, and the next round tries again."""
        try:
            while not stop.is_set() and await self._fetch(contract):
                pass
        except IsnadError as error:
            metrics.count_error(error.code)
            log.warning(
                "poll.failed", agency=self._what.agency, contract=contract, code=error.code, rule=error.rule
            )
        except Exception:  # the outermost loop of this agency: others go on, and so does the next round
            log.exception("poll.broken", agency=self._what.agency, contract=contract)

    async def _fetch(self, contract: str) -> bool:
        """Take one document into the log, then move the cursor; say whether there is more."""
        before = await asyncio.to_thread(self._cursors.read, self._what.agency, contract)
        said = await self._answered(contract, before)
        document, cursor = said.told.document, said.told.cursor
        if document:
            await self._taking.take(
                contract, self._what.contracts[contract], said.origin, said.envelope, document
            )
        if cursor != before:
            await asyncio.to_thread(self._cursors.write, self._what.agency, contract, cursor)
        return said.told.more

    async def _answered(self, contract: str, cursor: str) -> Said:
        """Return an answer that may be taken; of a row of refusals for one reason, the log says the first."""
        try:
            said = await self._asked(contract, cursor)
        except Rejected as error:
            if self._refused.get(contract) != error.code:
                await self._taking.refuse(contract, error)
                self._refused[contract] = error.code
            raise
        self._refused.pop(contract, None)
        return said

    async def _asked(self, contract: str, cursor: str) -> Said:
        """Ask for what came after a cursor; nothing is asked for that no agreement covers now."""
        self._agreed(self._what.agency, contract, now_ms())
        said = await self._called(contract, cursor)
        if said.told.more and said.told.cursor == cursor:
            raise Rejected("soap.answer", "a cursor must move when there is more", "cursor")
        return said

    async def _called(self, contract: str, cursor: str) -> Said:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await asyncio.to_thread(
                    self._service.call,
                    "fetch",
                    contract=contract,
                    cursor=cursor,
                    most=self._what.max_records,
                )
            except Unavailable:
                if attempt == ATTEMPTS:
                    raise
                await asyncio.sleep(PAUSE_S * 2**attempt)
        raise AssertionError("the last attempt returns or raises")
