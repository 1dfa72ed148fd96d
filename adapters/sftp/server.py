"""The SSH server: lets registered agencies in by key or certificate, to SFTP and to nothing else.

No passwords, no shell, no commands, no forwarding of any kind: asyncssh refuses each of them unless it is asked for,
and nothing here asks.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from typing import cast

import structlog
from asyncssh import (
    KeyImportError,
    SFTPServer,
    SSHKey,
    SSHServer,
    SSHServerChannel,
    SSHServerConnection,
    SSHServerConnectionOptions,
    import_private_key,
    import_public_key,
)
from asyncssh.public_key import SSHOpenSSHCertificate, decode_ssh_certificate, decode_ssh_public_key

from adapters.sftp.algorithms import CIPHERS, KEX, MACS, SIGNATURES
from adapters.sftp.config import Config
from gateway.doors import Refusals
from gateway.errors import Unavailable
from gateway.files import FileAgencies, FileAgency
from gateway.records import Origin

SESSIONS_MAX = 8
"""Channels of one connection."""
KEY_MAX_BYTES = 16 << 10

log = structlog.get_logger()


NewSession = Callable[[SSHServerChannel[bytes], Callable[[], FileAgency | None], Origin], SFTPServer]
"""Makes what answers a channel, given who its client is, as long as it is let in, and how it was known."""


class Server:
    """Listens from `start` to `stop`. `host_key` returns its private key (OpenSSH, PEM) and may block."""

    def __init__(
        self,
        config: Config,
        agencies: FileAgencies,
        host_key: Callable[[], bytes],
        session: NewSession,
        refusals: Refusals,
    ) -> None:
        self._config = config
        self._agencies = agencies
        self._host_key = host_key
        self._new_session = session
        self._refusals = refusals
        self._connections: set[_Connection] = set()
        self._listener: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        if self._listener is None:
            raise RuntimeError("the server was not started")
        return int(self._listener.sockets[0].getsockname()[1])

    async def start(self, listening: socket.socket | None = None) -> None:
        """Listen, on a socket that listens already if there is one.

        Raises:
            Unavailable: `unavailable.keys`; the host key cannot be had.
            OSError: the port cannot be listened on.
        """
        loop = asyncio.get_running_loop()
        try:
            host_key = import_private_key(await asyncio.to_thread(self._host_key))
        except KeyImportError as error:
            raise Unavailable("unavailable.keys", "the host key must be an OpenSSH private key") from error
        options = SSHServerConnectionOptions(
            server_factory=lambda: _Guard(
                self._agencies, self._refusals, self._connections, self._config.max_connections
            ),
            server_host_keys=[host_key],
            server_version="Isnad",
            kex_algs=KEX,
            encryption_algs=CIPHERS,
            mac_algs=MACS,
            compression_algs=["none"],
            signature_algs=SIGNATURES,
            x509_trusted_certs=None,
            password_auth=False,
            kbdint_auth=False,
            host_based_auth=False,
            gss_host=None,
            agent_forwarding=False,
            x11_forwarding=False,
            allow_pty=False,
            allow_scp=False,
            line_editor=False,
            encoding=None,
            sftp_factory=self._session,
            sftp_version=3,
            login_timeout=self._config.login_timeout_s,
            keepalive_interval=self._config.idle_timeout_s,
        )

        def connection() -> _Connection:
            return _Connection(loop, options, self._agencies)

        if listening is None:
            self._listener = await loop.create_server(connection, self._config.host, self._config.port)
        else:
            self._listener = await loop.create_server(connection, sock=listening)

    async def stop(self) -> None:
        """Stop listening and end the connections; what they were sending is kept, to be resumed."""
        if self._listener is not None:
            self._listener.close()
        for connection in list(self._connections):
            connection.abort()
        for connection in list(self._connections):
            await connection.wait_closed()

    def look(self) -> None:
        """End the connections of those who would not be let in any more."""
        for connection in list(self._connections):
            if connection.agency and not connection.allowed():
                connection.abort()

    def _session(self, channel: SSHServerChannel[bytes]) -> SFTPServer:
        connection = cast("_Connection", channel.get_connection())
        if len(connection.sessions) >= SESSIONS_MAX:
            connection.abort()
        session = self._new_session(channel, connection.current, connection.origin)
        connection.sessions.add(session)
        return session


class _Connection(SSHServerConnection):
    """A connection that knows what its client has shown: asyncssh itself does not keep it."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        options: SSHServerConnectionOptions,
        agencies: FileAgencies,
    ) -> None:
        super().__init__(loop, options)
        self._agencies = agencies
        self._shown = b""
        self._looked_at: FileAgency | None = None
        self._current: FileAgency | None = None
        self.agency = ""
        self.sessions: set[SFTPServer] = set()

    @property
    def origin(self) -> Origin:
        """How the client was known."""
        return Origin(sha256(self._shown).hexdigest(), channel="ssh")

    def current(self) -> FileAgency | None:
        """Return the agency as the registry has it now, or None when its key would not be let in any more."""
        agency = self._agencies().get(self.agency)
        if agency is not self._looked_at:
            self._looked_at = agency
            self._current = agency if agency is not None and _allowed(agency, self._shown) else None
        return self._current

    def allowed(self) -> bool:
        """Return whether the client would still be let in."""
        return self.current() is not None

    async def validate_public_key(self, username: str, key_data: bytes, msg: bytes, signature: bytes) -> bool:
        """Let in whose key or certificate the registry allows, and who proves to hold the key (RFC 4252 §7)."""
        agency = self._agencies().get(username)
        self._shown = key_data
        if agency is None or not _allowed(agency, key_data):
            return False
        # asyncssh checks the certificate's time and principal, and the signature; whom to trust it asks `_Guard`.
        if not await super().validate_public_key(username, key_data, msg, signature):
            return False
        if msg:
            self.agency = username
            log.info("connection.opened", agency=username, certificate=self.origin.certificate)
        return True


class _Guard(SSHServer):
    """What asyncssh asks about one connection."""

    def __init__(
        self, agencies: FileAgencies, refusals: Refusals, connections: set[_Connection], most: int
    ) -> None:
        self._agencies = agencies
        self._refusals = refusals
        self._connections = connections
        self._most = most
        self._connection: _Connection | None = None

    def connection_made(self, conn: SSHServerConnection) -> None:
        """Count a connection, or end it at once when there are too many."""
        self._connection = cast("_Connection", conn)
        if len(self._connections) >= self._most:
            self._connection.abort()
        self._connections.add(self._connection)

    def connection_lost(self, exc: Exception | None) -> None:
        """Close what the client has left open: asyncssh does not when it is cut off."""
        del exc
        if self._connection is not None:
            self._connections.discard(self._connection)
            if not self._connection.agency:
                self._refusals.stranger("identity.unknown", self._connection.origin.certificate)
            for session in self._connection.sessions:
                session.exit()

    def begin_auth(self, username: str) -> bool:
        """Nobody comes in without."""
        del username
        return True

    def public_key_auth_supported(self) -> bool:
        """Only by key."""
        return True

    def validate_public_key(self, username: str, key: SSHKey) -> bool:
        """Return whether a key is an agency's own."""
        agency = self._agencies().get(username)
        return agency is not None and _fingerprint(key) in _fingerprints(agency.keys)

    def validate_ca_key(self, username: str, key: SSHKey) -> bool:
        """Return whether an authority vouches for an agency's keys."""
        agency = self._agencies().get(username)
        return agency is not None and _fingerprint(key) in _fingerprints(agency.authorities)


def _allowed(agency: FileAgency, key_data: bytes) -> bool:
    """Return whether the registry allows a key or certificate, as far as that can be told without its signature."""
    key, certificate = _decoded(key_data)
    if key is None or _fingerprint(key) in agency.revoked:
        return False
    if certificate is None:
        return _fingerprint(key) in _fingerprints(agency.keys)
    signer = certificate.signing_key
    # To asyncssh a certificate without principals is one for everybody.
    return (
        agency.name in certificate.principals
        and _fingerprint(signer) in _fingerprints(agency.authorities)
        and _fingerprint(signer) not in agency.revoked
    )


def _decoded(key_data: bytes) -> tuple[SSHKey | None, SSHOpenSSHCertificate | None]:
    if len(key_data) > KEY_MAX_BYTES:
        return None, None
    try:
        certificate = decode_ssh_certificate(key_data)
    except KeyImportError:
        pass
    else:
        if not isinstance(certificate, SSHOpenSSHCertificate):
            return None, None
        return certificate.key, certificate
    try:
        return decode_ssh_public_key(key_data), None
    except KeyImportError:
        return None, None


@lru_cache(maxsize=4096)  # it is asked for with every operation
def _fingerprints(keys: tuple[str, ...]) -> frozenset[str]:
    return frozenset(_fingerprint(import_public_key(key)) for key in keys)


def _fingerprint(key: SSHKey) -> str:
    return key.get_fingerprint()
