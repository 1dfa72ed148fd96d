"""The intake process behind its doors: the log and what signs it, what is in force, the way in and the way on."""

from __future__ import annotations

import os
import time
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from crypto.openbao import Session
from crypto.openbao.kv import LanePromises, LanePseudonyms, Recipients
from crypto.openbao.log_keys import show
from crypto.pki import GatewayTls
from gateway import exchange
from gateway.app.board import Board, Look
from gateway.app.parts import logged_in, own_queue, pem
from gateway.app.words import keys_word, queue_word, registry_word, store_word
from gateway.envelopes import ENVELOPES, let_go
from gateway.groups import Groups, Turn
from gateway.log.apart import LogApart, Setup
from gateway.log.history import INTRODUCED, introduced_keys, logged_digests
from gateway.log.outbox import StoreOutbox
from gateway.log.reading import StoreRecords
from gateway.log.spool import StoreSpool
from gateway.moments import LEGAL_ZONE
from gateway.queue.relay import Relay
from gateway.quotas import Quotas
from gateway.records import GATEWAY, Event, Outcomes, Part, Status, Submission, Terms
from gateway.refusals import Refusals
from gateway.registry.in_force import INTAKE, InForce
from gateway.registry.living import Living
from gateway.registry.snapshot import Sources
from gateway.rules import ByRegistry, Keys
from gateway.settings import Settings
from gateway.workers import Workers

FEW_CORES = 2
"""With so many the listening process prepares small groups itself: it, the log and a worker would each want one."""


@dataclass(frozen=True, slots=True)
class Engine:
    """What takes records and relays them, while `engine` runs it. `certificates` are to be renewed in time."""

    settings: Settings
    session: Session
    keys: Keys
    log: LogApart
    records: StoreRecords
    spool: StoreSpool
    living: Living
    refusals: Refusals
    rules: ByRegistry
    quotas: Quotas
    groups: Groups
    outbox: StoreOutbox
    relay: Relay
    certificates: list[GatewayTls]

    def accept(self, submission: Submission) -> AsyncGenerator[Outcomes, None]:
        """See `ports.Accept`."""
        return exchange.accept(submission, rules=self.rules, keep=self.groups.keep, log=self.log)

    def board(self) -> Board:
        """Return how the process tells of its health."""
        return Board(
            [
                Look("keys", partial(keys_word, self.session), needed=True),
                Look("store", partial(store_word, self.outbox, self.settings.store), needed=True),
                Look("queue", partial(queue_word, self.relay), needed=False),
                Look("registry", partial(registry_word, self.living), needed=False),
            ]
        )

    def housekeeping(self) -> None:
        """Introduce new log keys, fetch what submissions need, count what waits, let go what is kept no longer.

        Blocks.
        """
        store, now_ms = Path(self.settings.store.path), time.time_ns() // 1_000_000
        _introduce_keys(store, self.settings, self.session, self.spool)
        self.rules.warm(now_ms)
        self.quotas.measured(self.outbox.quarantined())
        _release(self.living, self.log)
        kept_days = self.living.current.registry.originals_kept_days
        let_go(store.parent / ENVELOPES, kept_days, now_ms, self.spool.leave)


@asynccontextmanager
async def engine(folder: Path, settings: Settings) -> AsyncIterator[Engine]:
    """Start all of it, and end it in the reverse order. Who asked stops the relay and drains the groups before.

    Raises:
        contracts.errors.Invalid: the configuration has problems.
        Unavailable: keys, store or queue cannot be had at the start.
    """
    store = Path(settings.store.path)
    store.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    contracts = Path(settings.contracts) if settings.contracts else None
    with ExitStack() as stack:
        certificates: list[GatewayTls] = []
        # Keys, and the log that they sign.
        session = stack.enter_context(logged_in(settings, settings.keys.intake))
        keys = Keys(Recipients(session), LanePseudonyms(session), LanePromises(session))
        log = stack.enter_context(closing(_log(settings, session)))
        await log.start()
        records = stack.enter_context(closing(StoreRecords(store, keys.promises)))
        spool = stack.enter_context(closing(StoreSpool(store)))
        # What is in force, and what it decides.
        in_force = InForce(store.parent / INTAKE)
        living = Living(
            Sources(folder, contracts, settings.profile, in_force),
            spool.leave,
            logged=logged_digests(store),
        )
        living.start()
        stack.callback(living.stop)
        refusals = Refusals()
        quotas = Quotas(time.monotonic)
        rules = ByRegistry(lambda: living.current, keys, quotas, settings.suite, refusals)
        # The way in.
        cores = os.cpu_count() or 1
        workers = Workers(
            in_force.current,
            settings.profile,
            settings.workers or cores,
            None if cores > FEW_CORES else lambda: living.current.catalogue,
        )
        stack.enter_context(closing(workers))
        # The way on.
        queue = stack.enter_context(
            own_queue(session, settings.keys.intake, settings.queue, certificates, declares=True)
        )
        outbox = stack.enter_context(closing(StoreOutbox(store, log)))
        quotas.measured(outbox.quarantined())
        relay = Relay(outbox, queue, lambda recipient: _reads_queue(living, recipient))

        async def promise(terms: Terms, parts: tuple[Part, ...], turn: Turn) -> tuple[Outcomes, ...]:
            answered = await exchange.promise(terms, parts, turn, prepare=workers, log=log)
            quotas.quarantined(terms.sender, _held(answered))
            relay.wake()
            return answered

        relay.start()
        yield Engine(
            settings, session, keys, log, records, spool, living, refusals, rules, quotas,
            Groups(promise), outbox, relay, certificates,
        )  # fmt: skip


def _held(answered: Sequence[Outcomes]) -> int:
    return sum(one.status is Status.QUARANTINED for outcomes in answered for one in outcomes)


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


def _release(living: Living, log: LogApart) -> None:
    today = datetime.now(LEGAL_ZONE).date()
    if living.current.calendar.freeze("hold", today) == "pass":
        while log.release(time.time_ns() // 1_000_000):
            pass
