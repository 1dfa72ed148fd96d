"""Health, and the loopback port where operators find its details and the metrics."""

from __future__ import annotations

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway import metrics
from gateway.doors import Health

READY, NOT_READY = 200, 503


def health_routes(health: Health, *, detailed: bool) -> list[Route]:
    """Return `/health/live` and `/health/ready`, which ask for no certificate.

    Only `detailed` ones name each dependency's state: that is for operators, not for whoever can connect.
    """

    async def live(request: Request) -> Response:
        del request
        return Response(b'{"status":"live"}', media_type="application/json")

    async def ready(request: Request) -> Response:
        del request
        fit, states = health()
        body: dict[str, object] = {"status": "ready" if fit else "not_ready"}
        if detailed:
            body["dependencies"] = dict(states)
        return Response(orjson.dumps(body), READY if fit else NOT_READY, media_type="application/json")

    return [Route("/health/live", live), Route("/health/ready", ready)]


def operations_routes(health: Health) -> list[Route]:
    """Return the routes of the loopback port."""

    async def shown(request: Request) -> Response:
        del request
        return Response(metrics.exposition(), headers={"content-type": metrics.CONTENT_TYPE})

    return [*health_routes(health, detailed=True), Route("/metrics", shown)]
