"""The agencies' SOAP services: what the adapter is given to call them, and the pollers that fetch from them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import structlog

from crypto.errors import KeysUnavailable
from crypto.openbao.messages import MessageSigner
from crypto.pki import GatewayTls
from gateway.answered import Given, hand_in
from gateway.app.parts import adapters
from gateway.doors import Cursors, Gateway, Signatures
from gateway.errors import IsnadError, Rejected, Unavailable
from gateway.ports import Outbound
from gateway.records import Origin
from gateway.registry import Agency
from gateway.registry.agency import Server
from gateway.registry.agency_file import ByEndpoint
from gateway.registry.by_soap import SOAP, Fetched, OwnShape
from gateway.registry.snapshot import Snapshot

log = structlog.get_logger()


class Caller:
    """Calls agencies' services under the gateway's own certificate and, where agreed, signature."""

    def __init__(self, tls: GatewayTls, signer: MessageSigner, signatures: Signatures) -> None:
        self._tls = tls
        self._signer = signer
        self._signatures = signatures

    def outbound(self, soap: ModuleType, agency: Agency, beside: Path) -> Outbound:
        """Return the way to an agency's service; what it answers at once goes to the socket in `beside`."""
        delivery = agency.file.delivery
        if not isinstance(delivery, ByEndpoint) or agency.server is None:
            raise TypeError("only an agency with an endpoint is delivered to")
        service = self.service(soap, agency, agency.server, delivery)

        def answered(contract: str, certificate: str, envelope: bytes) -> None:
            hand_in(beside, Given(agency.name, contract, certificate, envelope))

        outbound: Outbound = soap.SoapOutbound(service, delivery.max_batch, answered)
        return outbound

    def service(self, soap: ModuleType, agency: Agency, server: Server, where: ByEndpoint | Fetched) -> Any:
        """Return an agency's service, as the registry says where and what it is.

        Raises:
            Rejected: `soap.wsdl`.
        """
        context = self._tls.client_context(server.ca_pem)
        place = soap.Place(where.url, server.wsdl, float(where.timeout_s), shape_of(soap, where.shape))
        return soap.Service(
            place, context, self._sign if where.signed else None, verifying(self._signatures, agency.name)
        )

    def _sign(self, envelope: bytes) -> bytes:
        try:
            return self._signer(envelope)
        except KeysUnavailable as error:
            raise Unavailable("unavailable.keys", str(error)) from error


def verifying(signatures: Signatures, agency: str) -> Callable[[Origin, bytes], tuple[Origin, bytes]]:
    """Return what verifies an agency's signature: the origin completed, and the Body that was signed."""

    def verify(origin: Origin, envelope: bytes) -> tuple[Origin, bytes]:
        proven = signatures.verify_envelope(agency, origin, envelope)
        return proven.origin, proven.body

    return verify


def shape_of(soap: ModuleType, own: OwnShape | None) -> Any:
    """Return a service's shape as the adapter knows it."""
    if own is None:
        return soap.OURS
    calls = {
        name: soap.CallShape(
            call.operation,
            call.asks,
            call.fixed,
            soap.RecordShape(call.record.element, call.record.event, call.record.receipt or "")
            if call.record
            else None,
            call.answers,
        )
        for name, call in own.calls.items()
    }
    return soap.Shape(calls, soap.Version.V11 if own.version == "1.1" else soap.Version.V12, own.binding)


class Answers:
    """Takes what agencies answer in the call that asked them (`answered.Take`)."""

    def __init__(self, in_force: Callable[[], Snapshot], gateway: Gateway) -> None:
        self._in_force = in_force
        self._gateway = gateway

    async def __call__(self, given: Given) -> None:
        """Take one, if the registry says that this agency is called by SOAP.

        Raises:
            Rejected: it does not, or what was answered is refused.
            Unavailable: it is not taken now.
        """
        snapshot = self._in_force()
        agency = snapshot.registry.agencies.get(given.agency)
        soap = adapters(snapshot).get(SOAP)
        delivery = agency.file.delivery if agency is not None else None
        if soap is None or agency is None or not isinstance(delivery, ByEndpoint) or delivery.wsdl is None:
            raise Rejected("soap.answer", "the agency must have a service that is called by SOAP", "agency")
        try:
            binding = snapshot.catalogue.binding(agency.name, given.contract)
        except KeyError as error:
            raise Rejected("contract.unknown", "the agency must have this contract", "contract") from error
        taking = soap.Taking(agency.name, self._gateway)
        await taking.answer(
            given.contract,
            binding.media_types[0],
            (given.certificate, given.envelope),
            verifying(self._gateway.signatures, agency.name),
            shape_of(soap, delivery.shape),
        )


class Pollers:
    """Starts and ends a poller for each agency that the registry says is fetched from. Runs in the event loop."""

    def __init__(self, caller: Caller, gateway: Gateway, cursors: Cursors) -> None:
        self._caller = caller
        self._gateway = gateway
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
            service = self._caller.service(soap, agency, agency.fetched, fetched)
        except IsnadError as error:
            log.error("poll.impossible", agency=agency.name, code=error.code)  # noqa: TRY400  its code says it
            return
        bindings = (snapshot.catalogue.binding(agency.name, name) for name in fetched.contracts)
        media_types = {one.contract.name: one.media_types[0] for one in bindings}
        what = soap.Round(agency.name, media_types, fetched.max_records, float(fetched.interval_s))
        poller = soap.Poller(what, service, self._gateway, self._cursors)
        self._tasks.append(asyncio.create_task(poller.run(self._stop)))
