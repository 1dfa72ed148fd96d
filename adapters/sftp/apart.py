"""SSH in a process of its own: who puts files down and who takes them do not wait for each other's interpreter.

`listening` is what runs there, `wire` what is said. The process has the keys of agencies' files and the host key, as
they are given to it, and asks for everything else; it is replaced when it dies.
"""

from __future__ import annotations

import asyncio
import pickle
import socket
import time
from collections.abc import Callable, Coroutine, Mapping

import structlog
from msgspec import MsgspecError

from adapters.sftp.config import Config
from adapters.sftp.listening import listen
from adapters.sftp.wire import (
    REPLY,
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
from gateway.child import Child, Died
from gateway.doors import Refusals
from gateway.errors import Unavailable
from gateway.files import FileAgency, Files

LOOK_S = 0.2
"""How often the registry is asked whether something has changed."""
COUNT_S = 0.05
"""How long what is counted gathers."""
AGAIN_S = 1.0
STOP_S = 10.0
MAY_NOTE = frozenset({"ping.received", "file.denied"})
"""What the process may have lanes say: strangers talk to it."""

log = structlog.get_logger()


class Apart:
    """The process, from `start` to `stop`."""

    def __init__(self, config: Config, files: Files, refusals: Refusals) -> None:
        self._config = config
        self._files = files
        self._refusals = refusals
        self._listening: socket.socket | None = None
        self._child: Child | None = None
        self._told: Mapping[str, FileAgency] | None = None
        self._keys: dict[str, bytes] = {}
        self._look_again_s = 0.0  # when to ask for keys that could not be had
        self._grown: dict[str, tuple[int, int]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        if self._listening is None:
            raise RuntimeError("the server was not started")
        return int(self._listening.getsockname()[1])

    async def start(self, on_landed: Callable[[], None]) -> None:
        """Listen; `on_landed` is called when files have become whole.

        Raises:
            Unavailable: `unavailable.keys`; the host key cannot be had. `unavailable.internal`.
            OSError: the port cannot be listened on.
        """
        host = self._config.host
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # It is kept here, so that a process that takes the place of another listens on the same port.
        self._listening = socket.create_server((host, self._config.port), family=family)
        try:
            child = await self._begun(self._listening)
        except Died:
            await self.stop()
            raise Unavailable("unavailable.internal", "the process that speaks SSH must start") from None
        except BaseException:
            await self.stop()
            raise
        self._do(self._hear(self._listening, child, on_landed))
        self._do(self._keep_telling())

    async def stop(self) -> None:
        """Let nobody in any more and break off what runs there."""
        if self._listening is not None:
            self._listening.close()
        child, self._child = self._child, None
        if child is not None:
            try:
                await asyncio.wait_for(_asked(child, Stop()), STOP_S)
            except (Died, TimeoutError):
                child.end()
            else:
                child.finish(STOP_S)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def tell(self) -> None:
        """Say what the registry has now, if that is something else; done a few times a second."""
        if self._child is not None:
            await self._tell(self._child)

    def count(self, agency: str, octets: int, files: int) -> None:
        """Say that an agency has octets and files more, or less."""
        if not self._grown:
            asyncio.get_running_loop().call_later(COUNT_S, self._count)
        before = self._grown.get(agency, (0, 0))
        self._grown[agency] = before[0] + octets, before[1] + files

    def _count(self) -> None:
        grown, self._grown = self._grown, {}
        if self._child is not None:
            _ignored(self._child.ask(pickle.dumps(Counted(grown))))

    async def _begun(self, listening: socket.socket) -> Child:
        """Start a process, and return it once it listens."""
        host_key = await asyncio.to_thread(self._files.keys.of_host)
        child = self._child = Child("isnad-sftp", listen, listening, self._config)
        self._told, self._look_again_s = None, 0.0
        await self._tell(child)
        self._grown.clear()  # it counts what is there by itself
        reply = await _asked(child, Start(host_key))
        if isinstance(reply, Failed):
            raise Unavailable(reply.code, reply.rule)
        return child

    async def _keep_telling(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.tell()
            except Died:
                continue  # it is being replaced
            except Exception:  # the outermost loop: the next turn may do better
                log.exception("files.held_up")

    async def _tell(self, child: Child) -> None:
        """Say what the registry has now, if that is something else."""
        agencies = self._files.agencies()
        missing = agencies.keys() - self._keys.keys()
        found: dict[str, bytes] = {}
        if missing and time.monotonic() >= self._look_again_s:
            found = await asyncio.to_thread(self._found, missing)
            self._look_again_s = time.monotonic() + AGAIN_S
        if agencies is self._told and not found:
            return
        self._keys |= found
        keys = {name: key for name, key in self._keys.items() if name in agencies}
        if isinstance(await _asked(child, Agencies(agencies, keys)), Done):
            self._told = agencies

    def _found(self, agencies: set[str]) -> dict[str, bytes]:
        """Return the keys of agencies' files, as far as they can be had now."""
        found = {}
        try:
            for agency in agencies:
                found[agency] = self._files.keys.of_files(agency)
        except Unavailable as error:
            log.warning("files.held_up", code=error.code)
        return found

    async def _hear(self, listening: socket.socket, child: Child, on_landed: Callable[[], None]) -> None:
        """Do what the process asks for, and replace it when it dies."""
        while True:
            try:
                reply = await _asked(child, Next())
            except (Died, MsgspecError):
                if self._child is None:
                    return  # it was stopped
                child = await self._replaced(listening, child)
                on_landed()  # what the former could not say any more
                continue
            for told in reply.told if isinstance(reply, Tidings) else ():
                match told:
                    case Landed():
                        on_landed()
                    case Stranger(code, certificate):
                        self._refusals.stranger(code, certificate)
                    case _:
                        self._do(self._give(child, told))

    async def _replaced(self, listening: socket.socket, child: Child) -> Child:
        log.error("files.restarted")
        while True:
            child.end()
            try:
                return await self._begun(listening)
            except Exception:  # the outermost loop: the next turn may do better
                log.exception("files.held_up")
                child = self._child or child
            await asyncio.sleep(AGAIN_S)

    async def _give(self, child: Child, wanted: Noting | ClientKey) -> None:
        try:
            if isinstance(wanted, Noting):
                if not MAY_NOTE.issuperset(event.kind for event in wanted.events):
                    raise PermissionError  # noqa: TRY301  as whatever else should not happen
                receipts = await self._files.note(wanted.events)
                given = Given(wanted.number, [receipt.to_json() for receipt in receipts])
            else:
                given = Given(wanted.number, [await asyncio.to_thread(self._files.keys.of_client)])
        except Unavailable as error:
            given = Given(wanted.number, code=error.code, rule=error.rule)
        except Exception:  # the outermost frame of its task; who asks must not wait for ever
            log.exception("files.held_up")
            given = Given(wanted.number, code="unavailable.internal")
        _ignored(child.ask(pickle.dumps(given)))

    def _do(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _asked(child: Child, question: Question) -> Reply:
    return REPLY.decode(await child.ask(pickle.dumps(question)))


def _ignored(answer: asyncio.Future[bytes]) -> None:
    """Let nobody wait for an answer: who died is replaced by another that learns it anew."""
    answer.add_done_callback(lambda done: done.exception())
