"""Calling an agency's own SFTP server: its host keys pinned, our key in memory, its addresses tried in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from hashlib import sha256

import asyncssh

from adapters.sftp.algorithms import CIPHERS, KEX, MACS, SIGNATURES
from gateway.errors import Unavailable
from gateway.files import SftpServer
from gateway.records import Origin

PART = ".isnad-part"
"""What a name ends with while the file is written."""


class Remote:
    """A session with an agency's server. `origin` says whom it was with."""

    def __init__(self, sftp: asyncssh.SFTPClient, origin: Origin) -> None:
        self.sftp = sftp
        self.origin = origin

    async def put(self, path: str, chunks: Iterable[bytes]) -> None:
        """Write a file under a temporary name and rename it: it is whole or not there, however often it is put."""
        async with self.sftp.open(path + PART, "wb") as file:
            for chunk in chunks:
                await file.write(chunk)
        # Not every server replaces: what is there was left by an attempt whose answer did not reach us.
        try:
            await self.sftp.posix_rename(path + PART, path)
        except asyncssh.SFTPOpUnsupported:
            if await self.sftp.exists(path):
                await self.sftp.remove(path)
            await self.sftp.rename(path + PART, path)


@asynccontextmanager
async def connected(server: SftpServer, key: bytes) -> AsyncIterator[Remote]:
    """Log in at a server and yield the session. `key` is our private key (OpenSSH, PEM).

    Raises:
        Unavailable: `unavailable.recipient`: none of its addresses answers, it has another host key, it does not let
            us in, or the session broke off.
    """
    trusted = [asyncssh.import_public_key(each) for each in server.host_keys]
    try:
        async with await _first(server, key, trusted) as connection, connection.start_sftp_client() as sftp:
            shown = connection.get_server_host_key()
            if shown is None:
                raise Unavailable("unavailable.recipient", "the agency's server must show its host key")
            yield Remote(sftp, Origin(sha256(shown.public_data).hexdigest(), channel="ssh"))
    except (OSError, asyncssh.Error) as error:
        raise Unavailable("unavailable.recipient", "the agency's SFTP server must answer") from error


async def _first(
    server: SftpServer, key: bytes, trusted: list[asyncssh.SSHKey]
) -> asyncssh.SSHClientConnection:
    failure: Exception = OSError("no address")
    for address in server.addresses:
        host, _, port = address.rpartition(":")
        try:
            return await asyncio.wait_for(
                asyncssh.connect(
                    host,
                    int(port),
                    username=server.user,
                    client_keys=[asyncssh.import_private_key(key)],
                    known_hosts=(trusted, [], []),
                    kex_algs=KEX,
                    encryption_algs=CIPHERS,
                    mac_algs=MACS,
                    signature_algs=SIGNATURES,
                    compression_algs=["none"],
                    password_auth=False,
                    kbdint_auth=False,
                    gss_host=None,
                    agent_path=None,
                    config=None,
                    keepalive_interval=15,
                ),
                server.timeout_s,
            )
        except (OSError, asyncssh.Error, TimeoutError) as error:
            failure = error
    raise failure
