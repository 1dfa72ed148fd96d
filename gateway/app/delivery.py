"""`isnad deliver`: opens what is for agencies that the gateway serves and hands it over. It opens and cannot sign."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager, closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import ModuleType

import structlog

from crypto.openbao import Seeds, Session
from crypto.openbao.kv import SshKeys
from crypto.openbao.messages import MessageSigner
from crypto.openbao.signer import TransitLogKeys
from crypto.pki import GatewayTls
from gateway.app.board import Board, Look
from gateway.app.couriers import Couriers
from gateway.app.files import file_inbox, file_outbound
from gateway.app.parts import adapters, client_issuers, for_delivery, logged_in, own_queue, port_config
from gateway.app.process import HOUSEKEEPING_S, LOOK_S, every, told_to_stop
from gateway.app.services import Caller
from gateway.app.words import keys_word
from gateway.consumer.ledger import LedgerFile
from gateway.consumer.opening import BatchOpener, Reader
from gateway.errors import Unavailable
from gateway.https.config import Config
from gateway.identities import Certificates
from gateway.log.spool import StoreSpool
from gateway.mailbox import Mailbox
from gateway.ports import Outbound
from gateway.records import Handed, Message
from gateway.refusals import Refusals
from gateway.registry import Agency
from gateway.registry.agency_file import ByEndpoint
from gateway.registry.by_sftp import ByServer
from gateway.registry.by_soap import SOAP
from gateway.registry.in_force import DELIVER, InForce
from gateway.registry.living import Living
from gateway.registry.snapshot import Snapshot, Sources
from gateway.settings import Settings
from gateway.signatures import OriginSignatures

STORE_RETRY_S = 1.0

log = structlog.get_logger()


async def deliver(folder: Path) -> None:
    """Run until told to stop; what is being handed over is finished first.

    Raises:
        contracts.errors.Invalid: the configuration has problems.
        Unavailable: keys, store or queue cannot be had at the start.
    """
    settings = Settings.load(folder)
    stop = told_to_stop()
    async with _carrying(folder, settings, stop) as behind:
        living, rest = behind.living, adapters(behind.living.current)["rest"]
        # The doors by which agencies fetch what is for them, and where they are.
        board, refusals = behind.board(), Refusals()
        context = behind.tls.server_context(client_issuers(living.current))
        identities = Certificates(lambda: living.current, refusals)
        port = port_config(settings, settings.deliver)
        listener = rest.inbox(port, behind.mailbox, identities, board, context, refusals=refusals)
        metrics = settings.deliver.metrics
        operations = rest.operations(Config(host=metrics.host, port=metrics.port), board)
        keys = SshKeys(behind.session, "delivery")
        files = file_inbox(settings, keys, behind.mailbox, refusals, lambda: living.current)
        await listener.start()
        await operations.start()
        if files is not None:
            await files.start()

        def housekeeping() -> None:
            """Renew what runs out, and trust the authorities that were added."""
            for certificate in behind.certificates:
                certificate.renew_if_due(datetime.now(UTC))
            context.load_verify_locations(cadata=client_issuers(living.current))
            if files is not None:
                files.look()

        log.info("delivery.started", port=listener.port)
        chores = [
            asyncio.create_task(every(LOOK_S, board.look, stop)),
            asyncio.create_task(every(LOOK_S, partial(refusals.leave, behind.spool), stop)),
            asyncio.create_task(every(LOOK_S, lambda: behind.couriers.serve(living.current), stop)),
            asyncio.create_task(every(HOUSEKEEPING_S, housekeeping, stop, threaded=False)),
        ]
        await stop.wait()
        if files is not None:
            await files.stop()
        await listener.stop()
        await operations.stop()
        await asyncio.gather(*chores)
        with suppress(Unavailable):
            refusals.leave(behind.spool)
        await asyncio.to_thread(behind.couriers.stop)
        log.info("delivery.stopped")


@dataclass(frozen=True, slots=True)
class _Carrying:
    """What opens records and carries them to agencies, while `_carrying` runs it.

    `certificates` are to be renewed in time.
    """

    session: Session
    living: Living
    spool: StoreSpool
    mailbox: Mailbox
    couriers: Couriers
    tls: GatewayTls
    certificates: list[GatewayTls]

    def board(self) -> Board:
        """Return how the process tells of its health."""
        return Board(
            [
                Look("keys", partial(keys_word, self.session), needed=True),
                Look("queue", self.couriers.word, needed=False),
            ]
        )


@asynccontextmanager
async def _carrying(folder: Path, settings: Settings, stop: asyncio.Event) -> AsyncIterator[_Carrying]:
    """Start all of it, and end it in the reverse order. Who asked stops the couriers before."""
    beside = Path(settings.store.path).parent
    role, names = settings.keys.deliver.role, settings.deliver.listen.server_names
    with ExitStack() as stack:
        certificates: list[GatewayTls] = []
        session = stack.enter_context(logged_in(settings, settings.keys.deliver))
        # What is in force, and what the process remembers.
        contracts = Path(settings.contracts) if settings.contracts else None
        sources = Sources(folder, contracts, settings.profile, InForce(beside / DELIVER))
        living = Living(sources, lambda _: None)  # the intake process logs what changes
        living.start()
        stack.callback(living.stop)
        spool = stack.enter_context(closing(await _spool(Path(settings.store.path), stop)))
        ledger = stack.enter_context(closing(LedgerFile(beside / "deliver-ledger.db")))
        opener = _Opener(settings, living, session, ledger)
        mailbox = stack.enter_context(closing(Mailbox(beside / "deliver-mailbox.db", opener, spool)))
        # The queue, and the ways from it to agencies.
        taken = for_delivery(settings.queue)
        queue = stack.enter_context(
            own_queue(session, settings.keys.deliver, taken, certificates, declares=False)
        )
        tls = GatewayTls(session, role, names)
        certificates.append(tls)
        signatures = OriginSignatures(lambda agency: living.current.registry.agencies[agency])
        caller = Caller(tls, MessageSigner(session, role, names[0]), signatures)
        ways = _Ways(
            adapters(living.current)["rest"], tls, caller, SshKeys(session, "delivery"), living, beside
        )
        couriers = Couriers(
            queue=queue, opener=opener, ledger=ledger, spool=spool, mailbox=mailbox, outbound=ways
        )
        yield _Carrying(session, living, spool, mailbox, couriers, tls, certificates)


async def _spool(store: Path, stop: asyncio.Event) -> StoreSpool:
    """Open the spool, once the intake process has made the store."""
    while True:
        try:
            return StoreSpool(store)
        except Unavailable:
            if stop.is_set():
                raise
            log.info("delivery.waiting")
            await asyncio.sleep(STORE_RETRY_S)


class _Opener:
    """Opens for the agencies of the snapshot in force (`ports.Opener`)."""

    def __init__(self, settings: Settings, living: Living, session: Session, ledger: LedgerFile) -> None:
        self._settings = settings
        self._living = living
        self._seeds = Seeds(session, "delivery")
        self._log_keys = TransitLogKeys(session, settings.suite)
        self._ledger = ledger
        self._of = living.current
        self._opener = self._made()

    def open(self, message: Message) -> Sequence[Handed]:
        """See `ports.Opener.open`."""
        if self._living.current is not self._of:
            self._of = self._living.current
            self._opener = self._made()
        return self._opener.open(message)

    def _made(self) -> BatchOpener:
        return BatchOpener(_reader(self._settings, self._of), self._seeds, self._log_keys, self._ledger)


def _reader(settings: Settings, snapshot: Snapshot) -> Reader:
    agencies = snapshot.registry.agencies
    return Reader(
        kids={name: agency.file.recipient_keys for name, agency in agencies.items()},
        lanes={name: name for name in agencies},
        origin=settings.origin,
        suites=frozenset({settings.suite}),
    )


@dataclass(frozen=True, slots=True)
class _Ways:
    """The ways to agencies that records are carried to."""

    rest: ModuleType
    tls: GatewayTls
    caller: Caller
    keys: SshKeys
    living: Living
    beside: Path

    def __call__(self, agency: Agency) -> Outbound:
        """Return the way to an agency's SFTP server or endpoint: by SOAP where there is a WSDL of it."""
        delivery = agency.file.delivery
        if isinstance(delivery, ByServer):
            return file_outbound(delivery, self.keys)
        if not isinstance(delivery, ByEndpoint) or agency.server is None:
            raise TypeError("only an agency with an endpoint or a server is delivered to")
        if delivery.wsdl is not None:
            return self.caller.outbound(adapters(self.living.current)[SOAP], agency, self.beside)
        endpoint = self.rest.Endpoint(delivery.url, float(delivery.timeout_s), delivery.max_batch)
        outbound: Outbound = self.rest.outbound(endpoint, self.tls.client_context(agency.server.ca_pem))
        return outbound
