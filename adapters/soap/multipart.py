"""A multipart/related body (RFC 2387, RFC 2046 §5.1) with XOP: the root part held, the attachment streamed.

Two parts at most, in this order: the envelope, and what its `xop:Include` refers to. MTOM writers put the root first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from email.parser import BytesHeaderParser

from gateway.errors import Rejected

HEADERS_MAX_BYTES = 4096
ENDS = b"--"


class Multipart:
    """Reads the parts of a body in order; each part is read to its end before the next begins."""

    def __init__(self, body: AsyncIterator[bytes], boundary: str) -> None:
        self._body = aiter(body)
        self._delimiter = b"\r\n--" + boundary.encode()
        self._held = b"\r\n"  # the first delimiter may stand at the very beginning
        self._more = True

    async def open(self, max_preamble: int = HEADERS_MAX_BYTES) -> None:
        """Pass by what comes before the first part.

        Raises:
            Rejected: `soap.attachment`.
        """
        await self._until(self._delimiter, max_preamble)

    async def headers(self) -> dict[str, str] | None:
        """Return the header fields of the next part, by name in lower case; None after the last one.

        Raises:
            Rejected: `soap.attachment`.
        """
        await self._fill(2)
        if self._held.startswith(ENDS):
            return None
        end = await self._until(b"\r\n", HEADERS_MAX_BYTES)
        if end.strip(b" \t"):
            raise _wrong("after a boundary there must be the end of the line")
        self._held = b"\r\n" + self._held  # a part may have no header fields at all
        block = await self._until(b"\r\n\r\n", HEADERS_MAX_BYTES)
        fields = BytesHeaderParser().parsebytes(block.lstrip(b"\r\n") + b"\r\n\r\n")
        names = [name.lower() for name in fields]
        if len(set(names)) != len(names):
            raise _wrong("a header field of a part must stand once")
        found = {name.lower(): str(value) for name, value in fields.items()}
        if found.get("content-transfer-encoding", "binary").strip().lower() not in ("binary", "8bit", "7bit"):
            raise _wrong("parts must be sent as they are")
        return found

    async def whole(self, max_bytes: int) -> bytes:
        """Return the content of the part.

        Raises:
            Rejected: `submission.too_large`, `soap.attachment`.
        """
        chunks: list[bytes] = []
        size = 0
        async for chunk in self.content():
            size += len(chunk)
            if size > max_bytes:
                raise Rejected("submission.too_large", f"an envelope has at most {max_bytes} bytes")
            chunks.append(chunk)
        return b"".join(chunks)

    async def content(self) -> AsyncIterator[bytes]:
        """Yield the content of the part as it comes; at the end the delimiter has been read.

        Raises:
            Rejected: `soap.attachment`.
        """
        keep = len(self._delimiter) - 1
        while True:
            content, found, rest = self._held.partition(self._delimiter)
            if found:
                self._held = rest
                if content:
                    yield content
                return
            if len(self._held) > keep:
                content, self._held = self._held[:-keep], self._held[-keep:]
                yield content
            await self._next()

    async def _until(self, mark: bytes, max_bytes: int) -> bytes:
        while mark not in self._held:
            if len(self._held) > max_bytes:
                raise _wrong(f"at most {max_bytes} bytes of header fields")
            await self._next()
        before, _, self._held = self._held.partition(mark)
        return before

    async def _fill(self, octets: int) -> None:
        while len(self._held) < octets:
            await self._next()

    async def _next(self) -> None:
        chunk = await anext(self._body, None) if self._more else None
        if chunk is None:
            self._more = False
            raise _wrong("the parts must end with the closing boundary")
        self._held += chunk


def _wrong(rule: str) -> Rejected:
    return Rejected("soap.attachment", rule, "Content-Type")
