"""What a session has an agency's lane say: that it tried whether it is connected, and what it was denied.

To try, it reads `/ping.json`, which is made when it is opened: receipted, and never delivered. Who can read it has come
through the network, known our host key, logged in and been known, and can hold its clock against the time in it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson
import structlog
from asyncssh import FILEXFER_TYPE_REGULAR, SFTPAttrs

from adapters.sftp.dense import seek
from gateway.doors import Note
from gateway.errors import Rejected, Unavailable
from gateway.records import Event

PING = "ping.json"
PING_PATH = b"/ping.json"
PING_BYTES = 16 << 10
"""Octets, filled up with spaces: clients ask how long a file is before there is a receipt to be measured."""
_READ_ONLY = 0o100440

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, eq=False)
class Pinged:
    """The answer to one ping, open to be read."""

    octets: bytes = field(repr=False)

    def seek(self, offset: int, whence: int) -> int:
        """See `dense.seek`; reading and writing say their places themselves."""
        return seek(len(self.octets), offset, whence)

    def read(self, offset: int, size: int) -> bytes:
        """Return octets from a place; none at the end."""
        return self.octets[offset : offset + size]


class Lane:
    """Tells all agencies' lanes, through `note`."""

    def __init__(self, note: Note) -> None:
        self._note = note
        self._noting: set[asyncio.Task[None]] = set()

    async def pinged(self, agency: str, certificate: str) -> Pinged:
        """Put an agency's knock into its lane and return the answer; `certificate` names the key that it showed.

        Raises:
            Unavailable: the log cannot say it now.
        """
        event = Event(lane=agency, kind="ping.received", fields=(("certificate", certificate),))
        (receipt,) = await self._note([event])
        answer = {
            "agency": agency,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "receipt": orjson.Fragment(receipt.to_json()),
        }
        return Pinged(orjson.dumps(answer).ljust(PING_BYTES))

    async def end(self) -> None:
        """Wait for what is being said: call it once nobody comes any more."""
        if self._noting:
            await asyncio.wait(self._noting)

    def denied(self, agency: str, certificate: str, error: Rejected) -> None:
        """Say what an agency was denied; its client need not wait for that."""
        fields = (("certificate", certificate), ("code", error.code), ("rule", error.rule))
        task = asyncio.create_task(self._said(Event(agency, "file.denied", fields)))
        self._noting.add(task)
        task.add_done_callback(self._noting.discard)

    async def _said(self, event: Event) -> None:
        try:
            await self._note([event])
        except Unavailable as error:
            log.warning("file.denied", agency=event.lane, code=error.code)


def ping_described() -> SFTPAttrs:
    """Return what clients see of `/ping.json`."""
    return SFTPAttrs(type=FILEXFER_TYPE_REGULAR, size=PING_BYTES, permissions=_READ_ONLY, uid=0, gid=0)
