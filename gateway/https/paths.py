"""Several adapters on one port: each answers below a path of its own."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send


class Paths:
    """An ASGI application that hands a request to the one whose path it begins with, else to `otherwise`.

    Paths begin and end with a slash, and none begins another.
    """

    def __init__(self, below: Mapping[str, ASGIApp], otherwise: ASGIApp) -> None:
        self._below = tuple(below.items())
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path: str = scope["path"]
        app = next((app for start, app in self._below if path.startswith(start)), self._otherwise)
        await app(scope, receive, send)
