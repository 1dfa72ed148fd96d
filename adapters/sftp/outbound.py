"""Delivering to an agency's own SFTP server: a file for each hand-over, a line for each record.

A line is `{"event": …, "receipt": …}`, as in the bodies that the REST adapter POSTs. The file's name follows from
its records, and it is renamed to it once it is whole: handed over again it is the same file again.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence

import asyncssh

from adapters.sftp.client import connected
from gateway.errors import Rejected, Unavailable
from gateway.files import SftpServer
from gateway.records import Acknowledgement, Handed


class SftpOutbound:
    """An agency's server (`ports.Outbound`). `key` returns our private key (OpenSSH, PEM) and may block."""

    def __init__(self, server: SftpServer, key: Callable[[], bytes]) -> None:
        self._server = server
        self._key = key

    async def hand(self, records: Sequence[Handed]) -> Acknowledgement:
        """See `ports.Outbound.hand`."""
        if not records:
            return Acknowledgement()
        name = file_name(records)
        try:
            async with connected(self._server, await asyncio.to_thread(self._key)) as remote:
                await remote.put(f"{self._server.folder}/{name}", map(line, records))
        except Unavailable as error:
            if isinstance(error.__cause__, asyncssh.SFTPPermissionDenied):
                raise Rejected("delivery.refused", "the agency's server must let us write") from error
            raise
        return Acknowledgement(name)


def line(record: Handed) -> bytes:
    """Return a record with its receipt as a line."""
    return b'{"event":%s,"receipt":%s}\n' % (record.event, record.receipt.to_json())


def file_name(records: Sequence[Handed]) -> str:
    """Return what the file with these records is called: contract, place in the lane, and a digest of their ids."""
    digest = hashlib.sha256("\0".join(record.record_id for record in records).encode()).hexdigest()
    return f"{records[0].contract}-{records[0].lane}-{records[0].index:012}-{digest[:12]}.ndjson"
