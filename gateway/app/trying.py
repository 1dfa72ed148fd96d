"""`isnad agency test`: from here to an agency's servers, through the adapters that use them."""

from __future__ import annotations

import ssl
from collections.abc import Generator, Iterator
from types import ModuleType

from crypto.errors import KeysUnavailable
from crypto.openbao import Session
from crypto.openbao.kv import SshKeys
from crypto.openbao.messages import MessageSigner
from crypto.pki import GatewayTls
from gateway.app.parts import adapters, logged_in
from gateway.app.services import Caller
from gateway.errors import IsnadError
from gateway.folders import sftp_server
from gateway.onboarding import reach
from gateway.onboarding.finding import Finding
from gateway.registry import Agency
from gateway.registry.agency import Server
from gateway.registry.agency_file import ByEndpoint
from gateway.registry.by_sftp import SFTP, ByServer
from gateway.registry.by_sftp import Server as FileServer
from gateway.registry.by_soap import SOAP, Fetched
from gateway.registry.snapshot import Snapshot
from gateway.settings import Settings
from gateway.signatures import OriginSignatures


def outgoing(settings: Settings, snapshot: Snapshot, agency: Agency) -> Iterator[Finding]:
    """Yield what is found on the way to the agency's servers, as the delivery process would go it.

    An agency that fetches what is for it, and brings what is from it, has none.
    """
    file = agency.file
    polled = file.files.fetched if file.files else ()
    if not (isinstance(file.delivery, ByEndpoint | ByServer) or file.fetched or polled):
        return
    try:
        with logged_in(settings, settings.keys.deliver) as session:
            modules = adapters(snapshot)
            yield from _https(settings, snapshot, agency, session, modules)
            if isinstance(file.delivery, ByServer):
                key = SshKeys(session, "delivery").read("ssh-client")
                yield from _files(modules[SFTP], file.delivery.server, file.delivery.folder, key)
            for each in polled:  # the key that opens these is the intake's own
                yield from _files(modules[SFTP], each.server, each.folder, None)
    except (IsnadError, KeysUnavailable) as error:
        code = error.code if isinstance(error, IsnadError) else "unavailable.keys"
        yield Finding("our own keys, to try the way to the agency", code)


def _https(
    settings: Settings, snapshot: Snapshot, agency: Agency, session: Session, modules: dict[str, ModuleType]
) -> Iterator[Finding]:
    names, role = settings.deliver.listen.server_names, settings.keys.deliver.role
    tls = GatewayTls(session, role, names)
    signatures = OriginSignatures(lambda name: snapshot.registry.agencies[name])
    caller = Caller(tls, MessageSigner(session, role, names[0]), signatures)

    def service(server: Server, where: ByEndpoint | Fetched) -> Iterator[Finding]:
        soap = modules[SOAP]
        called = caller.service(soap, agency, server, where)
        try:
            yield soap.tried(called)
        finally:
            called.close()

    delivery, fetched = agency.file.delivery, agency.file.fetched
    if isinstance(delivery, ByEndpoint) and agency.server is not None:
        context = tls.client_context(agency.server.ca_pem)
        if (yield from _reached(delivery.url, context)):
            if agency.server.wsdl:
                yield from service(agency.server, delivery)
            else:
                rest = modules["rest"]
                endpoint = rest.Endpoint(delivery.url, float(delivery.timeout_s), delivery.max_batch)
                yield rest.tried(endpoint, context, agency.name)
    if fetched and agency.fetched is not None:
        context = tls.client_context(agency.fetched.ca_pem)
        if (yield from _reached(fetched.url, context)):
            yield from service(agency.fetched, fetched)


def _reached(url: str, context: ssl.SSLContext) -> Generator[Finding, None, bool]:
    """Yield each step to an HTTPS server; return whether the way there is free."""
    tried = list(reach.https(url, context))
    yield from tried
    return not any(one.wrong for one in tried)


def _files(sftp: ModuleType, server: FileServer, folder: str, key: bytes | None) -> Iterator[Finding]:
    """Yield each step into a folder of an SFTP server, for each of its addresses."""
    for address in server.addresses:
        host, _, port = address.rpartition(":")
        tried = list(reach.tcp(host, int(port)))
        yield from tried
        if not any(one.wrong for one in tried):
            yield from sftp.tried(sftp_server(server, folder), address, key)


def operations(settings: Settings, agency: Agency) -> str:
    """Return how an agency does the test operation of each of its adapters."""
    host, port = settings.serve.listen.server_names[0], settings.serve.listen.port
    ways = {
        "rest": f"POST https://{host}:{port}/v1/ping",
        "soap": f"ping, https://{host}:{port}/soap/v1/CONTRACT",
        "sftp": f"get /ping.json, {host}:{settings.sftp.port if settings.sftp else 0}",
    }
    return "; ".join(way for name, way in ways.items() if name in agency.file.adapter)
