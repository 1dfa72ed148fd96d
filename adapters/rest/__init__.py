"""The REST adapter: HTTPS with client certificates, JSON, NDJSON, XML and CSV in; JSON and NDJSON out.

`inbound` is the listener of the intake process, `inbox` that of the delivery process, `outbound` the way to
an agency's own endpoint, `operations` the loopback port of either process. `README.md` says what agencies
and operators need to know.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping

from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from adapters.rest.app import App
from adapters.rest.inbox import Inbox
from adapters.rest.operations import health_routes, operations_routes
from adapters.rest.outbound import Endpoint, HttpsOutbound
from adapters.rest.published import Publishing, describe
from adapters.rest.reading import Reading
from adapters.rest.records import Records
from adapters.rest.trying import tried
from gateway.doors import Gateway, Health, Mailbox, Refusals
from gateway.https.config import Config, Limits
from gateway.https.listener import Listener
from gateway.https.paths import Paths
from gateway.ports import Identities

__all__ = [
    "Config",
    "Endpoint",
    "HttpsOutbound",
    "Limits",
    "Listener",
    "describe",
    "inbound",
    "inbox",
    "operations",
    "outbound",
    "tried",
]


def inbound(
    config: Config, gateway: Gateway, tls: ssl.SSLContext, beside: Mapping[str, ASGIApp] | None = None
) -> Listener:
    """Return the listener on which agencies hand over records and read what became of them.

    `tls` asks clients for a certificate and need not demand one: a request without is refused in words. `beside`
    are applications of other adapters that answer on the same port, by the path below which they do.
    """
    routes: list[BaseRoute] = [
        *Reading(gateway).routes,
        *Publishing(gateway).routes,
        *health_routes(gateway.health, detailed=False),
    ]
    app = Paths(beside or {}, App(routes, Records(gateway, config)))
    return Listener(app, config, tls, gateway.refusals)


def outbound(endpoint: Endpoint, tls: ssl.SSLContext) -> HttpsOutbound:
    """Return the way to an agency's endpoint; `tls` shows our certificate and trusts the agency's CA."""
    return HttpsOutbound(endpoint, tls)


def inbox(
    config: Config,
    mailbox: Mailbox,
    identities: Identities,
    health: Health,
    tls: ssl.SSLContext,
    *,
    refusals: Refusals,
) -> Listener:
    """Return the listener of the delivery process, on which agencies fetch what waits for them."""
    routes: list[BaseRoute] = [
        *Inbox(mailbox, identities, config.limits).routes,
        *health_routes(health, detailed=False),
    ]
    return Listener(App(routes, None), config, tls, refusals)


def operations(config: Config, health: Health) -> Listener:
    """Return the listener for operators, in plain HTTP on a loopback address."""
    return Listener(App([*operations_routes(health)], None), config, None)
