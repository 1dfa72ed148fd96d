"""`isnad serve`: takes records in, keeps the log and relays to the queue. It signs and cannot open."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, closing, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import structlog

from crypto.openbao.decryption import EnvelopeKey
from crypto.openbao.kv import SshKeys
from crypto.openbao.messages import MessageSigner
from crypto.pki import GatewayTls
from gateway import metrics
from gateway.answered import answer_desk
from gateway.app.engine import Engine, engine
from gateway.app.files import file_intake
from gateway.app.parts import adapters, beside_rest, client_issuers, port_config
from gateway.app.process import HOUSEKEEPING_S, LOOK_S, every, told_to_stop
from gateway.app.services import Answers, Caller, Pollers
from gateway.app.trying import Fetching
from gateway.beside import Desk
from gateway.cursors import CursorFile
from gateway.decryption import MessageDecryption
from gateway.doors import Gateway, Health
from gateway.envelopes import ENVELOPES, EnvelopeFile
from gateway.errors import Unavailable
from gateway.https.config import Config
from gateway.identities import Certificates
from gateway.interpreter import share_the_interpreter, spare_the_collector
from gateway.onboarding.fetching import trial_desk
from gateway.publishing import Publishing
from gateway.replays import StoredReplays
from gateway.settings import Settings
from gateway.signatures import OriginSignatures

log = structlog.get_logger()


async def serve(folder: Path) -> None:
    """Run until told to stop; then finish what was begun and take nothing more.

    Raises:
        contracts.errors.Invalid: the configuration has problems.
        Unavailable: keys, store or queue cannot be had at the start.
    """
    settings = Settings.load(folder)
    beside = Path(settings.store.path).parent
    share_the_interpreter()
    stop = told_to_stop()
    async with engine(folder, settings) as behind, AsyncExitStack() as stack:
        envelopes = stack.enter_context(
            closing(EnvelopeFile(beside / ENVELOPES, behind.rules, behind.rules.keep_message))
        )
        cursors = stack.enter_context(closing(CursorFile(beside / "cursors.db")))
        living, role, names = behind.living, settings.keys.intake.role, settings.serve.listen.server_names
        # The doors, and where they are.
        board = behind.board()
        gateway = _doors(behind, envelopes, board)
        tls = GatewayTls(behind.session, role, names)
        behind.certificates.append(tls)
        context = tls.server_context(client_issuers(living.current))
        rest = adapters(living.current)["rest"]
        port = port_config(settings, settings.serve)
        listener = rest.inbound(port, gateway, context, beside_rest(living.current, port, gateway))
        operations = rest.operations(
            Config(host=settings.serve.metrics.host, port=settings.serve.metrics.port), board
        )
        files = file_intake(settings, behind.session, gateway, lambda: living.current)
        await listener.start()
        await operations.start()
        if files is not None:
            await files.start()
            log.info("files.started", port=files.port)

        def housekeeping() -> None:
            """Renew what runs out, and trust the authorities that were added."""
            for certificate in behind.certificates:
                certificate.renew_if_due(datetime.now(UTC))
            metrics.CERTIFICATE_EXPIRY.set(tls.credential.not_after.timestamp())
            context.load_verify_locations(cadata=client_issuers(living.current))

        caller = Caller(tls, MessageSigner(behind.session, role, names[0]), gateway.signatures)
        pollers = Pollers(caller, gateway, cursors)
        trials = Fetching(lambda: living.current, tls, caller, cursors, SshKeys(behind.session, "intake"))
        desks = _desks(behind, gateway, trials)
        for desk in desks:
            await desk.start()
        spare_the_collector()
        log.info("gateway.started", port=listener.port)
        chores = [
            asyncio.create_task(every(LOOK_S, board.look, stop)),
            asyncio.create_task(every(LOOK_S, behind.log.look_after, stop, threaded=False)),
            asyncio.create_task(every(LOOK_S, partial(behind.refusals.leave, behind.spool), stop)),
            asyncio.create_task(
                every(LOOK_S, partial(pollers.serve, lambda: living.current), stop, threaded=False)
            ),
            asyncio.create_task(every(HOUSEKEEPING_S, housekeeping, stop, threaded=False)),
            asyncio.create_task(every(HOUSEKEEPING_S, behind.housekeeping, stop)),
        ]
        await stop.wait()
        for desk in desks:
            await desk.stop()
        await pollers.stop(float(settings.stop_grace_s))
        # Take nothing more, finish what was begun, then let go in the reverse order of the above.
        if files is not None:
            await files.stop()
        await listener.stop()
        await operations.stop()
        await behind.groups.drain()
        await asyncio.gather(*chores)
        with suppress(Unavailable):
            behind.refusals.leave(behind.spool)
        await asyncio.to_thread(behind.relay.stop, float(settings.stop_grace_s))
        log.info("gateway.stopped")


def _desks(behind: Engine, gateway: Gateway, trials: Fetching) -> tuple[Desk, ...]:
    """Return where other processes of this machine ask: with what agencies answer, and to have ways to them tried."""
    beside = Path(behind.settings.store.path).parent
    answers = Answers(lambda: behind.living.current, gateway)
    return answer_desk(beside, answers), trial_desk(beside, trials)


def _doors(behind: Engine, envelopes: EnvelopeFile, board: Health) -> Gateway:
    """Return what adapters are given."""
    living = behind.living
    return Gateway(
        accept=behind.accept,
        identities=Certificates(lambda: living.current, behind.refusals),
        records=behind.records,
        note=behind.log.note,
        signatures=OriginSignatures(lambda agency: living.current.registry.agencies[agency]),
        replays=StoredReplays(behind.records, behind.keys.promises),
        refusals=behind.refusals,
        published=Publishing(lambda: living.current),
        agreed=behind.rules.agreed,
        health=board,
        envelopes=envelopes,
        decryption=MessageDecryption(EnvelopeKey(behind.session)),
    )
