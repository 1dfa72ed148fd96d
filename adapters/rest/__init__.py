"""The REST adapter: HTTPS with client certificates, JSON, NDJSON, XML and CSV in; JSON and NDJSON out.

`inbound` is the listener of the intake process. `README.md` says what agencies and operators need to know.
"""

from __future__ import annotations

import ssl

from starlette.routing import BaseRoute

from adapters.rest.app import App
from adapters.rest.config import Config, Limits
from adapters.rest.listener import Listener
from adapters.rest.operations import health_routes, operations_routes
from adapters.rest.published import Publishing
from adapters.rest.reading import Reading
from adapters.rest.records import Records
from adapters.rest.seams import Gateway, Health, Note, Published, Publisher, Replays, Request, Signatures

__all__ = [
    "Config",
    "Gateway",
    "Health",
    "Limits",
    "Listener",
    "Note",
    "Published",
    "Publisher",
    "Replays",
    "Request",
    "Signatures",
    "inbound",
    "operations",
]


def inbound(config: Config, gateway: Gateway, tls: ssl.SSLContext) -> Listener:
    """Return the listener on which agencies hand over records and read what became of them.

    `tls` asks clients for a certificate and need not demand one: a request without is refused in words.
    """
    routes: list[BaseRoute] = [
        *Reading(gateway).routes,
        *Publishing(gateway).routes,
        *health_routes(gateway.health, detailed=False),
    ]
    return Listener(App(routes, Records(gateway, config.limits)), config, tls)


def operations(config: Config, health: Health) -> Listener:
    """Return the listener for operators, in plain HTTP on a loopback address."""
    return Listener(App([*operations_routes(health)], None), config, None)
