"""The routes of a listener, and the last place where an error can become an answer."""

from __future__ import annotations

from collections.abc import MutableMapping

import structlog
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Router
from starlette.types import Receive, Scope, Send

from adapters.rest.records import Records
from adapters.rest.request import language
from gateway import metrics
from gateway.errors import IsnadError, Rejected, Unavailable
from gateway.https.respond import respond_problem
from gateway.moments import uuid7

PREFIX, SUFFIX = "/v1/", "/records"
METHOD_NOT_ALLOWED = 405

log = structlog.get_logger()


class App:
    """Sends submissions to `Records`, if this listener takes any, and everything else through a router."""

    def __init__(self, routes: list[BaseRoute], records: Records | None) -> None:
        self._records = records
        self._router = Router(routes, redirect_slashes=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; every error becomes a problem."""
        started = False

        async def noticing(message: MutableMapping[str, object]) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._route(scope, receive, noticing)
        except IsnadError as error:
            await _refuse(scope, send, error)
        except HTTPException as error:
            await _refuse(scope, send, _translated(error))
        except Exception:  # the outermost loop: a fault of ours must not tell what it was about
            correlation = uuid7()
            log.exception("request.failed", correlation=correlation)
            if not started:  # otherwise the answer just ends, and uvicorn hangs up
                await _refuse(scope, send, Unavailable("unavailable.internal"), correlation=correlation)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        submits = scope["method"] == "POST" and path.startswith(PREFIX) and path.endswith(SUFFIX)
        if self._records is not None and submits:
            await self._records(scope, receive, send, path[len(PREFIX) : -len(SUFFIX)])
        else:
            scope["app"] = self  # so that the router raises what it does not find
            await self._router(scope, receive, send)


async def _refuse(scope: Scope, send: Send, error: IsnadError, **members: object) -> None:
    """Answer with a problem and hang up: there may be a body that nobody has read."""
    log.info("request.refused", code=error.code)
    metrics.count_error(error.code)
    await respond_problem(send, error, language(scope), close=True, **members)


def _translated(error: HTTPException) -> Rejected:
    if error.status_code == METHOD_NOT_ALLOWED:
        return Rejected("request.method", "the resource must allow the method")
    return Rejected("request.unknown", "there must be such a resource")
