"""What a request says before its message is asked: its head, the envelope's octets, and the records beside them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from starlette.types import Scope

from adapters.soap.envelope import Kind, kind_of
from adapters.soap.multipart import Multipart
from adapters.soap.operations import Asked, document, records_octets
from gateway.doors import XmlRecords
from gateway.errors import Rejected
from gateway.records import Origin
from gateway.submissions import Whole

PATH = re.compile(r"/soap/v1/(?P<contract>[a-z][a-z0-9-]{0,62}\.v[0-9]{1,3})\Z")
CERTIFICATE_QUERY = b"certificate"
WSDL_QUERIES = frozenset({b"wsdl", b"WSDL", b"singleWsdl"})


@dataclass(frozen=True, slots=True)
class Call:
    """What the head of a request says."""

    contract: str
    kind: Kind
    language: str


def call_of(scope: Scope, fields: Mapping[bytes, bytes], language: str) -> Call | None:
    """Return what the head of a request says; None when it asks for the WSDL."""
    contract = contract_of(scope["path"])
    if scope["method"] == "GET" and scope["query_string"] in WSDL_QUERIES:
        return None
    if scope["method"] != "POST":
        raise Rejected("request.method", "messages are sent by POST; the WSDL is at ?wsdl")
    once = [name for name, _ in scope["headers"] if name in (b"content-type", b"soapaction")]
    if len(once) != len(set(once)):
        raise Rejected("soap.media_type", "this header field must stand once", "Content-Type")
    if fields.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Rejected("submission.content_encoding", "bodies must not be compressed", "Content-Encoding")
    action = fields.get(b"soapaction")
    kind = kind_of(
        fields.get(b"content-type", b"").decode("latin-1"),
        None if action is None else action.decode("latin-1"),
    )
    return Call(contract, kind, language)


def contract_of(path: str) -> str:
    """Return the contract that a path names.

    Raises:
        Rejected: `request.unknown`.
    """
    named = PATH.match(path)
    if named is None:
        raise Rejected("request.unknown", "there must be such a resource")
    return named["contract"]


def expected_bytes(scope: Scope, most: int) -> int:
    """Return the memory that an envelope may need; a message with attachments is not held but for its first part."""
    fields = dict(scope["headers"])
    if fields.get(b"content-type", b"").lower().startswith(b"multipart/"):
        return most
    length = int(fields.get(b"content-length", b"%d" % most))
    if length > most:
        raise Rejected("submission.too_large", f"an envelope has at most {most} bytes")
    return length


class Watched:
    """A submission's body as it is read. `failure` is what the client did wrong, if it did."""

    def __init__(self, octets: AsyncIterator[bytes]) -> None:
        self._octets = octets
        self.failure: Rejected | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the octets.

        Raises:
            Rejected: as the body does.
        """
        try:
            async for chunk in self._octets:
                yield chunk
        except Rejected as error:
            self.failure = error
            raise


async def root_of(parts: Multipart, start: str, most: int) -> bytes:
    """Return the first part, which must be the one that `start` names."""
    await parts.open()
    headers = await parts.headers()
    if headers is None or (start and headers.get("content-id", "").strip() != start):
        raise Rejected("soap.attachment", "the envelope must be the first part", "start")
    return await parts.whole(most)


async def records_of(
    one: Asked, contract: str, records: XmlRecords, parts: Multipart | None, origin: Origin
) -> AsyncIterator[bytes]:
    """Return the octets of a submission's records, as they would be sent elsewhere.

    Raises:
        Rejected: `soap.attachment`, `origin.not_covered`.
    """
    if one.operation == "submit":
        return Whole(records_octets(one, records))
    content = document(one, contract)
    if isinstance(content, bytes):
        return Whole(content)
    if origin.signature:
        raise Rejected("origin.not_covered", "a signature does not cover an attachment", "signature")
    headers = await parts.headers() if parts else None
    if parts is None or headers is None or headers.get("content-id", "").strip() != f"<{content}>":
        raise Rejected(
            "soap.attachment", "the part that xop:Include names must follow the envelope", "document"
        )
    return _to_the_end(parts)


async def _to_the_end(parts: Multipart) -> AsyncIterator[bytes]:
    async for chunk in parts.content():
        yield chunk
    if await parts.headers() is not None:
        raise Rejected("soap.attachment", "nothing may follow the attachment")
