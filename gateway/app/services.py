"""The agencies' SOAP services: what the adapter is given to call them, and the pollers that fetch from them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import Any

import structlog

from crypto.errors import KeysUnavailable
from crypto.openbao.messages import MessageSigner
from crypto.pki import GatewayTls
from gateway.app.parts import adapters
from gateway.doors import Cursors, Envelopes
from gateway.errors import IsnadError, Unavailable
from gateway.ports import Accept, Outbound
from gateway.records import Origin
from gateway.registry import Agency
from gateway.registry.agency import ByEndpoint, Server
from gateway.registry.by_soap import SOAP
from gateway.registry.snapshot import Snapshot
from gateway.signatures import OriginSignatures

log = structlog.get_logger()


class Caller:
    """Calls agencies' services under the gateway's own certificate and, where agreed, signature."""

    def __init__(self, tls: GatewayTls, signer: MessageSigner, signatures: OriginSignatures) -> None:
        self._tls = tls
        self._signer = signer
        self._signatures = signatures

    def outbound(self, soap: ModuleType, agency: Agency) -> Outbound:
        """Return the way to an agency's service."""
        delivery = agency.file.delivery
        if not isinstance(delivery, ByEndpoint) or agency.server is None:
            raise TypeError("only an agency with an endpoint is delivered to")
        service = self.service(
            soap, agency, agency.server, delivery.url, delivery.timeout_s, signed=delivery.signed
        )
        outbound: Outbound = soap.SoapOutbound(service, delivery.max_batch)
        return outbound

    def service(
        self, soap: ModuleType, agency: Agency, server: Server, url: str, timeout_s: int, *, signed: bool
    ) -> Any:
        """Return an agency's service.

        Raises:
            Rejected: `soap.wsdl`.
        """

        def verify(origin: Origin, envelope: bytes) -> tuple[Origin, bytes]:
            proven = self._signatures.verify_envelope(agency.name, origin, envelope)
            return proven.origin, proven.body

        context = self._tls.client_context(server.ca_pem)
        place = soap.Place(url, server.wsdl, float(timeout_s))
        return soap.Service(place, context, self._sign if signed else None, verify)

    def _sign(self, envelope: bytes) -> bytes:
        try:
            return self._signer(envelope)
        except KeysUnavailable as error:
            raise Unavailable("unavailable.keys", str(error)) from error


class Pollers:
    """Starts and ends a poller for each agency that the registry says is fetched from. Runs in the event loop."""

    def __init__(self, caller: Caller, accept: Accept, envelopes: Envelopes, cursors: Cursors) -> None:
        self._caller = caller
        self._accept = accept
        self._envelopes = envelopes
        self._cursors = cursors
        self._snapshot: Snapshot | None = None
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def serve(self, in_force: Callable[[], Snapshot]) -> None:
        """Have a poller for each agency of the snapshot in force; nothing happens while it stays the same."""
        snapshot = in_force()
        if snapshot is self._snapshot:
            return
        self._stop.set()  # those of before finish what they have in hand
        self._snapshot, self._stop = snapshot, asyncio.Event()
        self._tasks = [task for task in self._tasks if not task.done()]
        soap = adapters(snapshot).get(SOAP)
        for agency in snapshot.registry.agencies.values():
            if soap is not None and agency.file.fetched is not None:
                self._start(soap, snapshot, agency)

    async def stop(self, grace_s: float) -> None:
        """End all pollers; each finishes what it has in hand, if it can within the grace."""
        self._stop.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_s)

    def _start(self, soap: ModuleType, snapshot: Snapshot, agency: Agency) -> None:
        fetched = agency.file.fetched
        if fetched is None or agency.fetched is None:
            return
        try:
            service = self._caller.service(
                soap, agency, agency.fetched, fetched.url, fetched.timeout_s, signed=fetched.signed
            )
        except IsnadError as error:
            log.error("poll.impossible", agency=agency.name, code=error.code)  # noqa: TRY400  its code says it
            return
        bindings = (snapshot.catalogue.binding(agency.name, name) for name in fetched.contracts)
        media_types = {one.contract.name: one.media_types[0] for one in bindings}
        what = soap.Round(agency.name, media_types, fetched.max_records, float(fetched.interval_s))
        poller = soap.Poller(what, service, self._accept, self._envelopes, self._cursors)
        self._tasks.append(asyncio.create_task(poller.run(self._stop)))
