"""What an agency may send, published for it alone: the OpenAPI document and the page."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.rest.openapi import openapi
from adapters.rest.page import CONTENT_SECURITY_POLICY, page
from gateway.doors import Gateway, Published


def describe(agency: str, published: Sequence[Published]) -> dict[str, bytes]:
    """Return the documents, by file name, of what one agency may send: its OpenAPI document."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return {f"{agency}.openapi.json": orjson.dumps(openapi(agency, published), option=options)}


class Publishing:
    """`/openapi.json` and `/docs`, for whoever has a registered certificate."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.routes = [Route("/openapi.json", self._openapi), Route("/docs", self._docs)]

    async def _openapi(self, request: Request) -> Response:
        agency = self._agency(request)
        return Response(orjson.dumps(openapi(agency, self._sends(agency))), media_type="application/json")

    async def _docs(self, request: Request) -> Response:
        agency = self._agency(request)
        headers = {"content-security-policy": CONTENT_SECURITY_POLICY, "referrer-policy": "no-referrer"}
        return Response(page(agency, self._sends(agency)), media_type="text/html", headers=headers)

    def _sends(self, agency: str) -> list[Published]:
        return [one for one in self._gateway.published(agency) if "rest" in one.transports]

    def _agency(self, request: Request) -> str:
        return self._gateway.identities.identify(request.scope["extensions"]["tls"]["client_cert_der"])[0]
