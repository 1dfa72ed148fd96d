"""A port that is listened on, from its first connection to a stop that leaves nothing half done."""

from __future__ import annotations

import asyncio
import ssl
from email.utils import formatdate

import structlog
from starlette.types import ASGIApp
from uvicorn.config import Config as UvicornConfig
from uvicorn.server import ServerState

from gateway import metrics
from gateway.doors import Refusals
from gateway.errors import IsnadError
from gateway.https.config import Config
from gateway.https.connection import Connection, Ready, refusals_heard

LOOPBACK = ("127.0.0.1", "::1")
TICK_S = 1.0
SHUTDOWN_S = 5.0
"""How long a peer may take to say goodbye in TLS."""

log = structlog.get_logger()


class Listener:
    """Serves an ASGI application; `port` is known once it has started.

    Without `tls`, on loopback only. `refusals` hears of connections that end before they become a request.
    """

    def __init__(
        self,
        app: ASGIApp,
        config: Config,
        tls: ssl.SSLContext | None,
        refusals: Refusals | None = None,
    ) -> None:
        if tls is None and config.host not in LOOPBACK:
            raise ValueError("only a loopback address may be listened on without TLS")
        self._config = config
        self._tls = tls
        self._refusals = refusals
        self._state = ServerState()
        self._uvicorn = UvicornConfig(
            app,
            ws="none",
            lifespan="off",
            interface="asgi3",
            access_log=False,
            log_config=None,
            proxy_headers=False,  # whoever connects is who connects
            server_header=False,
            timeout_keep_alive=config.limits.keep_alive_s,
        )
        self._uvicorn.load()
        self._server: asyncio.Server | None = None
        self._clock: asyncio.Task[None] | None = None
        self.port = 0

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address cannot be listened on.
        """
        if self._tls is not None:
            refusals_heard(self._tls, self._handshake_failed)
        loop = asyncio.get_running_loop()
        limits, ready = self._config.limits, Ready(loop)
        self._server = await loop.create_server(
            lambda: Connection(self._uvicorn, self._state, limits, self._refused, ready=ready, loop=loop),
            self._config.host,
            self._config.port,
            ssl=self._tls,
            ssl_handshake_timeout=limits.header_timeout_s if self._tls else None,
            ssl_shutdown_timeout=SHUTDOWN_S if self._tls else None,
        )
        self.port = self._server.sockets[0].getsockname()[1]
        self._clock = asyncio.create_task(self._tell_time())

    async def stop(self) -> None:
        """Take no more connections, let running requests finish within the grace, then hang up."""
        if self._server is None or self._clock is None:
            return
        self._server.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            _, overdue = await asyncio.wait(self._state.tasks, timeout=self._config.grace_s)
            for task in overdue:
                task.cancel()
            if overdue:  # they wait for what they had promised already
                await asyncio.wait(overdue, timeout=SHUTDOWN_S)
            log.info("listener.stopped", waiting=len(overdue))
        self._clock.cancel()

    async def _tell_time(self) -> None:
        while True:
            self._state.default_headers = [
                (b"date", formatdate(usegmt=True).encode()),  # RFC 9110 §6.6.1
                (b"x-content-type-options", b"nosniff"),
            ]
            await asyncio.sleep(TICK_S)

    def _handshake_failed(self, error: ssl.SSLError) -> None:
        if isinstance(error, ssl.SSLCertVerificationError):
            self._count("identity.untrusted")
            log.warning("connection.refused", code="identity.untrusted", reason=error.verify_message)
        else:
            self._count("identity.handshake")
            log.info("connection.refused", code="identity.handshake", reason=error.reason or "")

    def _refused(self, error: IsnadError) -> None:
        self._count(error.code)
        log.warning("request.refused", code=error.code)

    def _count(self, code: str) -> None:
        metrics.count_error(code)
        if self._refusals is not None:
            self._refusals.stranger(code)
