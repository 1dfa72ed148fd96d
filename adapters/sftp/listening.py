"""The process that speaks SSH: agencies' sessions, what they put down until it is whole, and visits to their servers.

It takes no record, asks no key server and keeps no log: what it needs of those it asks the gateway for. It ends with
the gateway, whose end of the wire closes.
"""

from __future__ import annotations

import asyncio
import pickle
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import count

import structlog
import uvloop

from adapters.sftp.config import JOURNAL, Config
from adapters.sftp.journal import Journal
from adapters.sftp.landing import Landing
from adapters.sftp.lane import Lane
from adapters.sftp.polling import Polling
from adapters.sftp.server import Server
from adapters.sftp.session import Session
from adapters.sftp.tree import Tree
from adapters.sftp.wire import (
    ENCODER,
    Agencies,
    ClientKey,
    Counted,
    Done,
    Failed,
    Given,
    Landed,
    Next,
    Noting,
    Question,
    Reply,
    Start,
    Stop,
    Stranger,
    Tidings,
)
from gateway import observe
from gateway.child import framed, next_asked
from gateway.errors import IsnadError, Unavailable
from gateway.files import FileAgency
from gateway.interpreter import keep_freed_memory, share_the_interpreter, spare_the_collector
from gateway.records import Event

LOOK_S, HOUSEKEEPING_S = 1.0, 30.0
GATHER_S = 0.01
"""How long tidings gather: files become whole one after the other."""

log = structlog.get_logger()


def listen(asker: socket.socket, listening: socket.socket, config: Config) -> None:
    """Do what is asked, until nobody asks any more."""
    observe.configure("serve")
    share_the_interpreter()
    keep_freed_memory()
    uvloop.run(_run(asker, listening, config))


async def _run(asker: socket.socket, listening: socket.socket, config: Config) -> None:
    reader, writer = await asyncio.open_unix_connection(sock=asker)
    with closing(Journal(config.folder / JOURNAL)) as journal:
        front = _Front(config, listening, journal, writer)
        doing: set[asyncio.Task[None]] = set()
        while (asked := await next_asked(reader)) is not None:
            # Each by itself: while it stops, the gateway still gives what was asked for.
            task = asyncio.create_task(front.answer(*asked))
            doing.add(task)
            task.add_done_callback(doing.discard)


class _Front:
    """Everything that speaks SSH, by what the gateway said last."""

    def __init__(
        self, config: Config, listening: socket.socket, journal: Journal, writer: asyncio.StreamWriter
    ) -> None:
        self._writer = writer
        self._gateway = gateway = _Gateway(writer)
        self._listening = listening
        self._tree = tree = Tree(config.folder, gateway)
        self._landing = landing = Landing(tree, journal, gateway.landed)
        self._lane = lane = Lane(gateway.note)
        self._host_key = b""
        self._server = Server(
            config,
            gateway.agencies,
            lambda: self._host_key,
            lambda channel, current, origin: Session(channel, landing, current, origin, lane),
            gateway,
        )
        self._polling = Polling(gateway, tree, journal, landing)
        self._chores: list[asyncio.Task[None]] = []

    async def answer(self, number: int, octets: bytes) -> None:
        """Do what is asked, and say so."""
        question: Question = pickle.loads(octets)  # noqa: S301  of the process that has started this one
        if isinstance(question, Next):
            self._gateway.listens(number)
            return
        reply: Reply = Done()
        try:
            await self._do(question)
        except Unavailable as error:
            reply = Failed(error.code, error.rule)
        except Exception:  # the outermost frame of its task; who asks must not wait for ever
            log.exception("files.held_up")
            reply = Failed("unavailable.internal", "")
        with suppress(ConnectionError):  # nobody wants to know any more
            self._writer.write(framed(number, ENCODER.encode(reply)))

    async def _do(self, question: Question) -> None:
        match question:
            case Start(host_key):
                self._host_key = host_key
                await self._start()
            case Agencies(agencies, keys):
                self._gateway.known, self._gateway.keys = agencies, keys
                self._server.look()
            case Counted(grown):
                for agency, (octets, files) in grown.items():
                    self._tree.count(agency, octets=octets, files=files)
            case Given():
                self._gateway.given(question)
            case Stop():
                await self._stop()

    async def _start(self) -> None:
        # Before the gateway writes something of its own, which it will say.
        self._tree.take_stock()
        await self._server.start(self._listening)
        self._chores = [
            asyncio.create_task(_every(LOOK_S, lambda: self._landing.look(self._gateway.agencies()))),
            asyncio.create_task(_every(LOOK_S, self._polling.look)),
            asyncio.create_task(_every(HOUSEKEEPING_S, self._server.look)),
            asyncio.create_task(_every(HOUSEKEEPING_S, self._landing.sweep)),
        ]
        spare_the_collector()

    async def _stop(self) -> None:
        await self._server.stop()
        for chore in self._chores:
            chore.cancel()
        await self._polling.stop()
        await self._lane.end()
        await self._landing.stop()


async def _every(seconds: float, work: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            work()
        except IsnadError as error:
            log.warning("files.held_up", code=error.code)
        except Exception:  # the outermost loop: the next turn may do better
            log.exception("files.held_up")


@dataclass(frozen=True, slots=True)
class _Evidence:
    """A receipt, as it was given."""

    octets: bytes = field(repr=False)

    def to_json(self) -> bytes:
        """See `doors.Evidence`."""
        return self.octets


class _Gateway:
    """The gateway, as far as this process needs it: what it said, and what it can be asked."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.known: Mapping[str, FileAgency] = {}
        self.keys: Mapping[str, bytes] = {}
        self._writer = writer
        self._told: list[Noting | ClientKey | Stranger | Landed] = []
        self._listens: int | None = None
        self._gathering = False
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[Sequence[bytes]]] = {}

    def agencies(self) -> Mapping[str, FileAgency]:
        """See `files.FileAgencies`."""
        return self.known

    def of_files(self, agency: str) -> bytes:
        """See `files.FileKeys.of_files`."""
        key = self.keys.get(agency)
        if key is None:
            raise Unavailable("unavailable.keys", "the key of an agency's files must be there")
        return key

    async def client_key(self) -> bytes:
        """See `files.FileKeys.of_client`."""
        number = next(self._numbers)
        (key,) = await self._asked(number, ClientKey(number))
        return key

    async def note(self, events: Sequence[Event]) -> Sequence[_Evidence]:
        """See `doors.Note`."""
        number = next(self._numbers)
        return [_Evidence(octets) for octets in await self._asked(number, Noting(number, events))]

    def stranger(self, code: str, certificate: str = "") -> None:
        """See `doors.Refusals`."""
        self._tell(Stranger(code, certificate))

    def landed(self) -> None:
        """Say that files have become whole."""
        if not any(isinstance(told, Landed) for told in self._told):
            self._tell(Landed())

    def listens(self, number: int) -> None:
        """Answer this question with the next tidings."""
        self._listens = number
        self._say()

    def given(self, given: Given) -> None:
        """Hand on what was asked for."""
        future = self._waiting.pop(given.number, None)
        if future is None or future.done():
            return
        if given.code:
            future.set_exception(Unavailable(given.code, given.rule))
        else:
            future.set_result(given.octets)

    async def _asked(self, number: int, wanted: Noting | ClientKey) -> Sequence[bytes]:
        future: asyncio.Future[Sequence[bytes]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        self._tell(wanted)
        return await future

    def _tell(self, what: Noting | ClientKey | Stranger | Landed) -> None:
        self._told.append(what)
        self._say()

    def _say(self) -> None:
        if self._told and self._listens is not None and not self._gathering:
            self._gathering = True
            asyncio.get_running_loop().call_later(GATHER_S, self._said)

    def _said(self) -> None:
        self._gathering = False
        if self._listens is not None:
            told, self._told = self._told, []
            number, self._listens = self._listens, None
            with suppress(ConnectionError):  # the gateway has ended
                self._writer.write(framed(number, ENCODER.encode(Tidings(told))))
