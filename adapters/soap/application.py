"""The paths below `/soap/`: the WSDL at `?wsdl`, messages by POST, and where every error becomes an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, MutableMapping

import structlog
from starlette.types import Receive, Scope, Send

from adapters.soap.envelope import Version
from adapters.soap.messages import Messages
from adapters.soap.reply import headers_of, respond_fault
from adapters.soap.request import CERTIFICATE_QUERY, Call, call_of, contract_of
from adapters.soap.wsdl import service, wsdl
from gateway import metrics
from gateway.doors import Gateway
from gateway.errors import IsnadError, Rejected, Unavailable
from gateway.https.config import Config
from gateway.https.problems import language_of
from gateway.https.respond import respond, respond_problem
from gateway.moments import uuid7

_NOT_FOR_A_FAULT = frozenset({"soap.media_type", "request.unknown", "request.method"})
"""What is refused before it is known whether SOAP is spoken at all."""

log = structlog.get_logger()


class Application:
    """The ASGI application of the SOAP adapter."""

    def __init__(self, config: Config, gateway: Gateway) -> None:
        self._gateway = gateway
        self._names = config.server_names
        self._messages = Messages(config, gateway)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; every error becomes a fault, or a problem where no SOAP was spoken."""
        started = False

        async def noticing(message: MutableMapping[str, object]) -> None:
            nonlocal started
            started = True
            await send(message)

        fields: Mapping[bytes, bytes] = dict(scope["headers"])
        language = language_of(fields.get(b"accept-language", b""))
        version = Version.V11
        try:
            if scope["method"] == "GET" and scope["query_string"] == CERTIFICATE_QUERY:
                await self._show_certificate(scope, noticing)
                return
            call = await self._called(scope, fields, language)
            if call is None:
                await self._show_wsdl(scope, fields, noticing)
            else:
                version = call.kind.version
                await self._messages.take(call, scope, receive, noticing)
        except IsnadError as error:
            log.info("request.refused", code=error.code)
            metrics.count_error(error.code)
            if error.code in _NOT_FOR_A_FAULT:
                await respond_problem(send, error, language, close=True)
            else:
                await respond_fault(send, error, version, language)
        except Exception:  # the outermost loop: a fault of ours must not tell what it was about
            log.exception("request.failed", correlation=uuid7())
            if not started:  # otherwise the answer just ends, and the connection with it
                await respond_fault(send, Unavailable("unavailable.internal"), version, language)

    async def _called(self, scope: Scope, fields: Mapping[bytes, bytes], language: str) -> Call | None:
        """Return what the head of a request says; a message that is refused for its head is remembered, too."""
        try:
            return call_of(scope, fields, language)
        except Rejected as error:
            if scope["method"] == "POST" and error.code != "request.unknown":
                await self._messages.refuse(scope, contract_of(scope["path"]), error)
            raise

    async def _show_wsdl(self, scope: Scope, fields: Mapping[bytes, bytes], send: Send) -> None:
        """Answer with the WSDL of the caller's own binding."""
        agency, _ = self._gateway.identities.identify(scope["extensions"]["tls"]["client_cert_der"])
        one, records = service(self._gateway, agency, contract_of(scope["path"]))
        host = fields.get(b"host", b"").decode("latin-1")
        known = host.partition(":")[0].lower() in self._names
        octets = wsdl(one, records, f"https://{host if known else self._names[0]}")
        await respond(send, 200, headers_of("text/xml", len(octets)), octets)

    async def _show_certificate(self, scope: Scope, send: Send) -> None:
        """Answer with the certificate that messages are encrypted for, where an agreement lets the caller do so."""
        agency, _ = self._gateway.identities.identify(scope["extensions"]["tls"]["client_cert_der"])
        one, _ = service(self._gateway, agency, contract_of(scope["path"]))
        if not one.encrypted:
            raise Rejected("request.unknown", "there must be such a resource")
        octets = (await asyncio.to_thread(self._gateway.decryption.certificate)).encode()
        await respond(send, 200, headers_of("application/pem-certificate-chain", len(octets)), octets)


def application(config: Config, gateway: Gateway) -> Application:
    """Return what answers below `/soap/` on the port that agencies call."""
    return Application(config, gateway)
