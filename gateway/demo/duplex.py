"""One submission over mutual TLS, sent and answered at the same time: what a bulk sender's program does.

The gateway answers each record as it becomes durable, while the rest is still coming. A client that only
reads when it has sent everything would make it wait.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httptools
import orjson

from gateway.errors import Rejected, Unavailable

NDJSON = "application/x-ndjson"
READ_BYTES = 64 * 1024
_OK = 200


@dataclass(frozen=True, slots=True)
class Gate:
    """The gateway as an agency knows it: its address, `https://host:port`, and the context to call it with."""

    url: str
    tls: ssl.SSLContext


async def submit(
    gate: Gate, contract: str, media_type: str, chunks: Iterable[bytes]
) -> AsyncIterator[dict[str, Any]]:
    """Send a body of any length and yield the answer's lines as they come, the summary last.

    Raises:
        Rejected: the submission was refused; what was answered before stands.
        Unavailable: `unavailable.gateway`; the answer ended early, send the same again.
    """
    address = urlsplit(gate.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port, ssl=gate.tls)
    head = (
        f"POST /v1/{contract}/records HTTP/1.1\r\nhost: {address.netloc}\r\ncontent-type: {media_type}\r\n"
        f"accept: {NDJSON}\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    sending = asyncio.create_task(_send(writer, head.encode(), chunks))
    try:
        async for line in _lines(reader):
            if "problem" in line:
                raise Rejected(line["problem"]["code"])
            yield line
            if "summary" in line:
                return
        raise Unavailable("unavailable.gateway", "the answer has no end")
    finally:
        sending.cancel()
        with suppress(asyncio.CancelledError, OSError):
            await sending
        writer.close()


async def _send(writer: asyncio.StreamWriter, head: bytes, chunks: Iterable[bytes]) -> None:
    writer.write(head)
    for chunk in chunks:
        if chunk:  # an empty one would end the body (RFC 9112 §7.1)
            writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            await writer.drain()
    writer.write(b"0\r\n\r\n")
    await writer.drain()


async def _lines(reader: asyncio.StreamReader) -> AsyncIterator[dict[str, Any]]:
    answer = _Answer()
    parser = httptools.HttpResponseParser(answer)
    while not answer.complete and (octets := await reader.read(READ_BYTES)):
        parser.feed_data(octets)
        if parser.get_status_code() != _OK:
            continue
        *lines, rest = answer.body.split(b"\n")
        answer.body = bytearray(rest)
        for line in lines:
            yield orjson.loads(line)
    if answer.body:
        yield {"problem": orjson.loads(answer.body)}


class _Answer:
    """Takes what the parser finds."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.complete = False

    def on_body(self, octets: bytes) -> None:
        self.body += octets

    def on_message_complete(self) -> None:
        self.complete = True
