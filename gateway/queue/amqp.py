"""One AMQP connection in a thread of its own, made again whenever it is lost."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pika
import structlog
from pika.adapters.select_connection import IOLoop
from pika.adapters.utils.connection_workflow import AMQPConnectionWorkflowFailed, AMQPConnectorPhaseErrorBase
from pika.channel import Channel
from pika.exceptions import (
    AMQPConnectionError,
    AuthenticationError,
    ChannelClosed,
    ConnectionBlockedTimeout,
    ConnectionClosed,
    ProbableAuthenticationError,
)

from gateway.errors import Unavailable

CODE = "unavailable.queue"
CONNECT_S = 10.0
"""Long enough for a TLS handshake with a busy broker; whoever waits longer is told that there is none."""
HEARTBEAT_S = 20
BACKOFF_FIRST_S, BACKOFF_LONGEST_S = 0.2, 2.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker is and as whom to log in; always over TLS, with the authorities that `tls` trusts.

    An empty `user` logs in by the client certificate in `tls` (SASL EXTERNAL). The broker's certificate must
    name `server_name`; empty means `host`.
    """

    host: str
    port: int
    tls: ssl.SSLContext = field(repr=False)
    user: str = ""
    password: str = field(default="", repr=False)
    vhost: str = "isnad"
    server_name: str = ""

    def parameters(self, name: str, blocked_s: float = CONNECT_S) -> pika.ConnectionParameters:
        """Return what pika needs; `name` is how the broker shows the connection to its operator.

        A connection from which the broker takes nothing for `blocked_s` seconds, for lack of room, is closed.
        """
        if self.tls.verify_mode is not ssl.CERT_REQUIRED or not self.tls.check_hostname:
            raise ValueError("the TLS context must check the broker's certificate and its name")
        if self.user:
            credentials = pika.PlainCredentials(self.user, self.password)
        else:
            credentials = pika.credentials.ExternalCredentials()
        return pika.ConnectionParameters(
            host=self.host,
            port=self.port,
            virtual_host=self.vhost,
            credentials=credentials,
            ssl_options=pika.SSLOptions(self.tls, self.server_name or self.host),
            heartbeat=HEARTBEAT_S,
            socket_timeout=CONNECT_S,
            stack_timeout=CONNECT_S,
            blocked_connection_timeout=blocked_s,
            client_properties={"connection_name": name},
        )


class Connection:
    """Keeps one connection with one channel open until `close`.

    Both `ready` and `lost` are called in the connection's own thread: `ready` with each new channel, `lost`
    with the reason when that channel is of no more use. A channel that the broker closes ends the connection:
    what had been sent is then in doubt, and starting over is the one way back that always works.
    """

    def __init__(
        self,
        parameters: pika.ConnectionParameters,
        ready: Callable[[Channel], None],
        lost: Callable[[str], None],
    ) -> None:
        self._parameters = parameters
        self._name: str = parameters.client_properties["connection_name"]
        self._ready, self._lost = ready, lost
        self._lock = threading.Lock()  # guards _loop, so that nothing is scheduled on a closed one
        self._loop: IOLoop | None = None
        self._closing = threading.Event()
        self._connected = threading.Event()
        self._tried = threading.Event()
        self._problem = "there is no connection to the broker yet"
        self._reason = ""  # why this connection ends; the connection's thread only
        self._thread = threading.Thread(target=self._keep_open, name=self._name, daemon=True)
        self._thread.start()

    @property
    def problem(self) -> str:
        """Why there is no connection now, without any value in it; empty when there is one."""
        return "" if self._connected.is_set() else self._problem

    def require(self) -> None:
        """Return once there is a channel; waits for a first attempt under way.

        Raises:
            Unavailable: `unavailable.queue`, the broker cannot be had now.
        """
        self._tried.wait(CONNECT_S)
        if not self._connected.is_set():
            raise Unavailable(CODE, self._problem)

    def run(self, action: Callable[[], None]) -> None:
        """Have an action run in the connection's thread; if the connection is lost before, it never runs."""
        with self._lock:
            if self._loop is not None:
                self._loop.add_callback_threadsafe(action)

    def start_over(self) -> None:
        """Close this connection and make a new one."""
        self.run(self._shut)

    def close(self) -> None:
        """Send what was written, close, and end the thread."""
        self._closing.set()
        self.run(self._shut)
        self._thread.join(CONNECT_S)

    def _keep_open(self) -> None:
        backoff_s, said = BACKOFF_FIRST_S, ""
        while not self._closing.is_set():
            try:
                had_channel = self._one_connection()
            except Exception:  # outermost loop: whatever it is, the next connection starts from nothing
                had_channel = False
                self._problem = "the connection failed in a way it never should"
                log.exception("queue.connection_failed", name=self._name, code=CODE)
            self._tried.set()
            if self._closing.is_set():
                return
            if self._problem != said:
                log.warning("queue.connection_lost", name=self._name, code=CODE, rule=self._problem)
            said = self._problem
            backoff_s = BACKOFF_FIRST_S if had_channel else min(backoff_s * 2, BACKOFF_LONGEST_S)
            self._closing.wait(backoff_s)

    def _one_connection(self) -> bool:
        """Open a connection and return when it has ended: whether it came to a channel."""
        loop = IOLoop()
        self._reason = ""
        self._connection = pika.SelectConnection(
            self._parameters,
            on_open_callback=self._on_open,
            on_open_error_callback=self._on_end,
            on_close_callback=self._on_end,
            custom_ioloop=loop,
        )
        with self._lock:
            self._loop = loop
        if self._closing.is_set():  # set before `_loop` was: nobody else will end this loop
            self.run(self._shut)
        try:
            loop.start()
        finally:
            had_channel = self._connected.is_set()
            self._problem = self._reason or self._problem
            self._connected.clear()
            with self._lock:
                self._loop = None
            loop.close()
            if had_channel:
                self._lost(self._problem)
        return had_channel

    def _on_open(self, connection: pika.SelectConnection) -> None:
        connection.channel(on_open_callback=self._on_channel)

    def _on_channel(self, channel: Channel) -> None:
        channel.add_on_close_callback(self._on_channel_end)
        self._ready(channel)
        self._connected.set()
        self._tried.set()
        log.info("queue.connected", name=self._name)

    def _on_channel_end(self, channel: Channel, reason: BaseException) -> None:
        if channel.connection.is_open:
            self._reason = words(reason)
            self._shut()

    def _on_end(self, connection: pika.SelectConnection, reason: BaseException) -> None:
        self._reason = self._reason or words(reason)
        connection.ioloop.stop()

    def _shut(self) -> None:
        if not (self._connection.is_closing or self._connection.is_closed):
            self._connection.close()


def words(error: BaseException) -> str:
    """Return why a broker cannot be used, for an operator: names of queues and accounts, no values."""
    match error:  # pika wraps what happened up to three times
        case AMQPConnectionWorkflowFailed():
            return words(error.exceptions[-1])
        case AMQPConnectorPhaseErrorBase():
            return words(error.exception)
        case AMQPConnectionError(args=(BaseException() as inside, *_)):
            return words(inside)
    match error:
        case ConnectionClosed() | ChannelClosed():
            text = f"the broker says: {error.reply_text}"
        case AuthenticationError() | ProbableAuthenticationError():
            text = "the broker does not accept the account"
        case ConnectionBlockedTimeout():
            text = "the broker takes no messages: it is short of disk or memory"
        case ssl.SSLCertVerificationError():
            text = f"the broker's certificate is not accepted: {error.verify_message}"
        case ssl.SSLError():
            text = f"TLS with the broker failed: {error.reason}"
        case OSError() if error.strerror:
            text = f"the broker cannot be reached: {error.strerror}"
        case _:
            text = f"the connection to the broker ended: {type(error).__name__}"
    return text
