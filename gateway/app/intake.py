"""`isnad serve`: takes records in, keeps the log and relays to the queue. It signs and cannot open."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from base64 import b64encode
from collections.abc import AsyncGenerator
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import structlog

from contracts.folder import SHIPPED
from crypto.openbao import Session
from crypto.openbao.decryption import EnvelopeKey
from crypto.openbao.kv import LanePromises, LanePseudonyms, Recipients
from crypto.openbao.log_keys import show
from crypto.openbao.messages import MessageSigner
from crypto.pki import GatewayTls
from gateway import exchange, metrics
from gateway.answered import AnswerDesk
from gateway.app.board import OK, Board, Look
from gateway.app.files import file_intake
from gateway.app.parts import adapters, beside_rest, client_issuers, logged_in, own_queue, pem, port_config
from gateway.app.process import every, told_to_stop
from gateway.app.services import Answers, Caller, Pollers
from gateway.cursors import CursorFile
from gateway.decryption import MessageDecryption
from gateway.doors import Gateway
from gateway.envelopes import ENVELOPES, EnvelopeFile, let_go
from gateway.errors import Unavailable
from gateway.groups import Groups, Turn
from gateway.https.config import Config
from gateway.identities import Certificates
from gateway.interpreter import share_the_interpreter, spare_the_collector
from gateway.log.apart import LogApart, Setup
from gateway.log.history import INTRODUCED, introduced_keys, logged_digests
from gateway.log.outbox import StoreOutbox
from gateway.log.reading import StoreRecords
from gateway.log.spool import StoreSpool
from gateway.moments import LEGAL_ZONE
from gateway.publishing import Publishing
from gateway.queue.relay import Relay
from gateway.quotas import Quotas
from gateway.records import GATEWAY, Event, Outcomes, Part, Submission, Terms
from gateway.refusals import Refusals
from gateway.registry.living import Living
from gateway.registry.snapshot import Sources
from gateway.replays import StoredReplays
from gateway.rules import ByRegistry, Keys
from gateway.settings import Settings, Store
from gateway.signatures import OriginSignatures
from gateway.workers import Workers

LOOK_S = 2.0
HOUSEKEEPING_S = 30.0
DISK_LEAST_BYTES = 64 << 20
"""What a large round of the log and bringing the file up to date after it may take."""

log = structlog.get_logger()


async def serve(folder: Path) -> None:  # noqa: PLR0915  long and in order: nothing but wiring
    """Run until told to stop; then finish what was begun and take nothing more.

    Raises:
        contracts.errors.Invalid: the configuration has problems.
        Unavailable: keys, store or queue cannot be had at the start.
    """
    settings = Settings.load(folder)
    store = Path(settings.store.path)
    store.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    share_the_interpreter()
    stop = told_to_stop()
    with ExitStack() as stack:
        certificates: list[GatewayTls] = []
        # Keys, and the log that they sign.
        session = stack.enter_context(logged_in(settings, settings.keys.intake))
        keys = Keys(Recipients(session), LanePseudonyms(session), LanePromises(session))
        exchange_log = stack.enter_context(closing(_log(settings, session)))
        await exchange_log.start()
        records = stack.enter_context(closing(StoreRecords(store, keys.promises)))
        spool = stack.enter_context(closing(StoreSpool(store)))
        # What is in force, and what it decides.
        sources = Sources(folder, Path(settings.contracts) if settings.contracts else None, settings.profile)
        living = Living(sources, spool.leave, logged=logged_digests(store))
        living.start()
        stack.callback(living.stop)
        refusals = Refusals()
        rules = ByRegistry(lambda: living.current, keys, Quotas(time.monotonic), settings.suite, refusals)
        identities = Certificates(lambda: living.current, refusals)
        # The way in.
        workers = Workers(
            Path(settings.contracts) if settings.contracts else SHIPPED,
            settings.profile,
            settings.workers or os.cpu_count() or 1,
        )
        stack.enter_context(closing(workers))

        async def promise(terms: Terms, parts: tuple[Part, ...], turn: Turn) -> tuple[Outcomes, ...]:
            outcomes = await exchange.promise(terms, parts, turn, prepare=workers, log=exchange_log)
            relay.wake()
            return outcomes

        groups = Groups(promise)
        # The way on.
        queue = stack.enter_context(
            own_queue(session, settings.keys.intake, settings.queue, certificates, declares=True)
        )
        outbox = stack.enter_context(closing(StoreOutbox(store, exchange_log)))
        relay = Relay(outbox, queue, lambda recipient: _reads_queue(living, recipient))
        relay.start()

        board = Board(
            [
                Look("keys", partial(keys_word, session), needed=True),
                Look("store", partial(_store_word, outbox, settings.store), needed=True),
                Look("queue", partial(_queue_word, relay), needed=False),
                Look("registry", partial(_registry_word, living), needed=False),
            ]
        )

        def accept(submission: Submission) -> AsyncGenerator[Outcomes, None]:
            return exchange.accept(submission, rules=rules, keep=groups.keep, log=exchange_log)

        signatures = OriginSignatures(lambda agency: living.current.registry.agencies[agency])
        envelopes = stack.enter_context(closing(EnvelopeFile(store.parent / ENVELOPES, rules)))
        gateway = Gateway(
            accept=accept,
            identities=identities,
            records=records,
            note=exchange_log.note,
            signatures=signatures,
            replays=StoredReplays(records, keys.promises),
            refusals=refusals,
            published=Publishing(lambda: living.current),
            health=board,
            envelopes=envelopes,
            decryption=MessageDecryption(EnvelopeKey(session)),
        )
        tls = GatewayTls(session, settings.keys.intake.role, settings.serve.listen.server_names)
        certificates.append(tls)
        context = tls.server_context(client_issuers(living.current))
        rest = adapters(living.current)["rest"]
        port = port_config(settings, settings.serve)
        listener = rest.inbound(port, gateway, context, beside_rest(living.current, port, gateway))
        operations = rest.operations(
            Config(host=settings.serve.metrics.host, port=settings.serve.metrics.port), board
        )
        files = file_intake(settings, session, gateway, lambda: living.current)
        await listener.start()
        await operations.start()
        if files is not None:
            await files.start()
            log.info("files.started", port=files.port)

        def housekeeping() -> None:
            """Renew what runs out, and trust the authorities that were added."""
            for certificate in certificates:
                certificate.renew_if_due(datetime.now(UTC))
            metrics.CERTIFICATE_EXPIRY.set(tls.credential.not_after.timestamp())
            context.load_verify_locations(cadata=client_issuers(living.current))

        def slow_housekeeping() -> None:
            """Introduce new log keys, fetch what submissions need, let go what is no longer held or kept."""
            _introduce_keys(store, settings, session, spool)
            rules.warm(time.time_ns() // 1_000_000)
            _release(living, exchange_log)
            registry = living.current.registry
            let_go(
                store.parent / ENVELOPES,
                registry.originals_kept_days,
                time.time_ns() // 1_000_000,
                spool.leave,
            )

        cursors = stack.enter_context(closing(CursorFile(store.parent / "cursors.db")))
        signer = MessageSigner(session, settings.keys.intake.role, settings.serve.listen.server_names[0])
        pollers = Pollers(Caller(tls, signer, signatures), accept, envelopes, cursors)
        desk = AnswerDesk(store.parent, Answers(lambda: living.current, signatures, accept, envelopes))
        await desk.start()
        spare_the_collector()
        log.info("gateway.started", port=listener.port)
        chores = [
            asyncio.create_task(every(LOOK_S, board.look, stop)),
            asyncio.create_task(every(LOOK_S, exchange_log.look_after, stop, threaded=False)),
            asyncio.create_task(every(LOOK_S, partial(refusals.leave, spool), stop)),
            asyncio.create_task(
                every(LOOK_S, partial(pollers.serve, lambda: living.current), stop, threaded=False)
            ),
            asyncio.create_task(every(HOUSEKEEPING_S, housekeeping, stop, threaded=False)),
            asyncio.create_task(every(HOUSEKEEPING_S, slow_housekeeping, stop)),
        ]
        await stop.wait()
        await desk.stop()
        await pollers.stop(float(settings.stop_grace_s))
        # Take nothing more, finish what was begun, then let go in the reverse order of the above.
        if files is not None:
            await files.stop()
        await listener.stop()
        await operations.stop()
        await groups.drain()
        await asyncio.gather(*chores)
        with suppress(Unavailable):
            refusals.leave(spool)
        await asyncio.to_thread(relay.stop, float(settings.stop_grace_s))
        log.info("gateway.stopped")


def _log(settings: Settings, session: Session) -> LogApart:
    store, keys = settings.store, settings.keys
    setup = Setup(
        Path(store.path),
        settings.origin,
        store.outbox_max_bytes,
        keys.address,
        pem(keys.ca_file),
        keys.timeout_s,
        settings.suite,
    )
    return LogApart(setup, lambda: session.login)


def _reads_queue(living: Living, recipient: str) -> bool:
    agency = living.current.registry.agencies.get(recipient)
    return agency is not None and agency.file.delivery.mode == "queue"


def _introduce_keys(store: Path, settings: Settings, session: Session, spool: StoreSpool) -> None:
    """Have the gateway's lane name every log key that verifies, before or soon after it signs."""
    known = introduced_keys(store)
    spool.leave(
        [
            Event(
                GATEWAY,
                INTRODUCED,
                (
                    ("name", key.name),
                    ("version", key.version),
                    ("key_id", key.key_id),
                    ("public", b64encode(key.public).decode()),
                ),
            )
            for key in show(session, settings.suite)
            if key.key_id not in known
        ]
    )


def _release(living: Living, exchange_log: LogApart) -> None:
    today = datetime.now(LEGAL_ZONE).date()
    if living.current.calendar.freeze("hold", today) == "pass":
        while exchange_log.release(time.time_ns() // 1_000_000):
            pass


def keys_word(session: Session) -> str:
    """Return `ok`, or what is wrong with the key server or the login to it."""
    health = session.health()
    metrics.KEYS_READY.set(health.ready)
    metrics.KEYS_LOGIN_SECONDS.set(health.token_s)
    if not health.reachable:
        return "unreachable"
    if health.sealed:
        return "sealed"
    return OK if health.ready else "logged out: admit the process again"


def _store_word(outbox: StoreOutbox, store: Store) -> str:
    if shutil.disk_usage(Path(store.path).parent).free < DISK_LEAST_BYTES:
        return "disk full"
    state = outbox.state()
    quarantine = outbox.quarantine()
    metrics.QUARANTINE_RECORDS.set(quarantine.records)
    metrics.QUARANTINE_OLDEST_SECONDS.set(_age_s(quarantine.oldest_ms))
    metrics.OUTBOX_MESSAGES.set(state.messages)
    metrics.OUTBOX_BYTES.set(state.octets)
    metrics.RELAY_LAG_SECONDS.set(_age_s(state.oldest_ms))
    return OK if state.octets < store.outbox_max_bytes else "outbox full"


def _age_s(since_ms: int) -> float:
    """Return how long ago an instant was (Unix ms); 0 when there is none."""
    return max(0.0, time.time() - since_ms / 1000) if since_ms else 0.0


def _queue_word(relay: Relay) -> str:
    state = relay.state
    metrics.QUEUE_UP.set(not state.problem)
    return state.problem or OK


def _registry_word(living: Living) -> str:
    problems = living.state().problems
    return OK if not problems else f"a change is refused: {problems[0]}"
