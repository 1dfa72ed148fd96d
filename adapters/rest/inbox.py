"""`GET /v1/inbox` and its acknowledgements: for agencies that fetch what is for them.

Records come as they are pushed to agencies with an endpoint, `{"event": …, "receipt": …}`, and come again
until they are acknowledged by id.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.rest.outbound import bundle
from gateway.doors import Mailbox
from gateway.errors import Rejected
from gateway.https.body import Body
from gateway.https.config import KIB, Limits
from gateway.ports import Identities

FETCH_DEFAULT, FETCH_MOST = 100, 256
ACKNOWLEDGE_MOST = 1000
ACKNOWLEDGE_MAX_BYTES = 64 * KIB

_Id = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", max_length=36)]


class _Acknowledgements(msgspec.Struct, forbid_unknown_fields=True):
    ids: Annotated[list[_Id], msgspec.Meta(min_length=1, max_length=ACKNOWLEDGE_MOST)]


_DECODER = msgspec.json.Decoder(_Acknowledgements)


class Inbox:
    """The routes."""

    def __init__(self, mailbox: Mailbox, identities: Identities, limits: Limits) -> None:
        self._mailbox = mailbox
        self._identities = identities
        self._limits = limits
        self.routes = [
            Route("/v1/inbox", self._fetch),
            Route("/v1/inbox/acknowledgements", self._acknowledge, methods=["POST"]),
        ]

    async def _fetch(self, request: Request) -> Response:
        agency = self._agency(request)
        limit = _limit(request.query_params.get("limit", str(FETCH_DEFAULT)))
        records = await asyncio.to_thread(self._mailbox.fetch, agency, limit)
        return Response(bundle(records), media_type="application/json", headers={"cache-control": "no-store"})

    async def _acknowledge(self, request: Request) -> Response:
        agency = self._agency(request)
        octets = await Body(request.scope, request.receive, self._limits).whole(ACKNOWLEDGE_MAX_BYTES)
        try:
            ids = _DECODER.decode(octets).ids
        except ValueError:
            raise Rejected(
                "request.malformed", 'the body must be {"ids": [record ids, at most 1000]}'
            ) from None
        acknowledged = await asyncio.to_thread(self._mailbox.acknowledge, agency, ids)
        return Response(orjson.dumps({"acknowledged": acknowledged}), media_type="application/json")

    def _agency(self, request: Request) -> str:
        return self._identities.identify(request.scope["extensions"]["tls"]["client_cert_der"])[0]


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(FETCH_MOST))):
        raise Rejected("request.malformed", "limit must be a number", "limit")
    return max(1, min(int(text), FETCH_MOST))
