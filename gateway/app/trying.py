"""`isnad agency test`: from here to an agency's servers, through the adapters that use them.

Each way is tried by the process that goes it, under its keys: what is delivered with those of the delivery process,
which the command is let in with; what is fetched by the running intake, which the command asks.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType

from crypto.errors import KeysUnavailable
from crypto.openbao.kv import SshKeys
from crypto.openbao.messages import MessageSigner
from crypto.pki import GatewayTls
from gateway.app.parts import adapters, logged_in
from gateway.app.services import Caller
from gateway.doors import Cursors
from gateway.errors import IsnadError
from gateway.files import Poll, SftpServer
from gateway.folders import poll, sftp_server
from gateway.onboarding import reach
from gateway.onboarding.fetching import fetching
from gateway.onboarding.finding import Finding
from gateway.registry import Agency
from gateway.registry.agency_file import ByEndpoint
from gateway.registry.by_sftp import SFTP, ByServer
from gateway.registry.by_soap import SOAP
from gateway.registry.snapshot import Snapshot
from gateway.settings import Settings
from gateway.signatures import OriginSignatures

OUR_KEYS = "our own keys, to try the way to the agency"


def outgoing(settings: Settings, snapshot: Snapshot, agency: Agency) -> Iterator[Finding]:
    """Yield what is found on the ways to the agency's servers.

    An agency that fetches what is for it, and brings what is from it, has none.
    """
    if isinstance(agency.file.delivery, ByEndpoint | ByServer):
        try:
            yield from _delivering(settings, snapshot, agency)
        except (IsnadError, KeysUnavailable) as error:
            yield _ours(error)
    if fetched_from(agency):
        yield from fetching(Path(settings.store.path).parent, agency.name)


def fetched_from(agency: Agency) -> bool:
    """Return whether the gateway fetches what is from this agency."""
    return agency.file.fetched is not None or bool(agency.file.files and agency.file.files.fetched)


def _delivering(settings: Settings, snapshot: Snapshot, agency: Agency) -> Iterator[Finding]:
    delivery = agency.file.delivery
    modules = adapters(snapshot)
    with logged_in(settings, settings.keys.deliver) as session:
        if isinstance(delivery, ByServer):
            key = SshKeys(session, "delivery").read("ssh-client")
            server, sftp = sftp_server(delivery.server, delivery.folder), modules[SFTP]
            yield from _at_each(server, lambda address: sftp.tried(server, address, key))
        elif isinstance(delivery, ByEndpoint) and agency.server is not None:
            names, role = settings.deliver.listen.server_names, settings.keys.deliver.role
            tls = GatewayTls(session, role, names)
            context = tls.client_context(agency.server.ca_pem)
            if not (yield from _reached(delivery.url, context)):
                return
            if agency.server.wsdl:
                signatures = OriginSignatures(lambda name: snapshot.registry.agencies[name])
                caller, soap = Caller(tls, MessageSigner(session, role, names[0]), signatures), modules[SOAP]
                with closing(caller.service(soap, agency, agency.server, delivery)) as service:
                    yield soap.tried(service)
            else:
                rest = modules["rest"]
                endpoint = rest.Endpoint(delivery.url, float(delivery.timeout_s), delivery.max_batch)
                yield rest.tried(endpoint, context, agency.name)


@dataclass(frozen=True, slots=True)
class Fetching:
    """Tries every way by which an agency is fetched from, in the process that goes it (`onboarding.fetching.Try`)."""

    in_force: Callable[[], Snapshot]
    tls: GatewayTls
    caller: Caller
    cursors: Cursors
    keys: SshKeys

    def __call__(self, agency: str) -> list[Finding]:
        """Return what is found; nothing when the registry in force does not say that it is fetched from."""
        snapshot = self.in_force()
        found = snapshot.registry.agencies.get(agency)
        return [] if found is None else list(self._ways(snapshot, found))

    def _ways(self, snapshot: Snapshot, agency: Agency) -> Iterator[Finding]:
        try:
            yield from self._service(snapshot, agency)
            yield from self._folders(snapshot, agency)
        except (IsnadError, KeysUnavailable) as error:
            yield _ours(error)

    def _service(self, snapshot: Snapshot, agency: Agency) -> Iterator[Finding]:
        fetched = agency.file.fetched
        if fetched is None or agency.fetched is None:
            return
        if not (yield from _reached(fetched.url, self.tls.client_context(agency.fetched.ca_pem))):
            return
        soap = adapters(snapshot)[SOAP]
        with closing(self.caller.service(soap, agency, agency.fetched, fetched)) as service:
            yield soap.tried(service)
            for contract in fetched.contracts:
                cursor = self.cursors.read(agency.name, contract)
                signed = _demands_signature(snapshot, agency.name, contract)
                yield soap.tried_fetching(service, contract, cursor, signed=signed)

    def _folders(self, snapshot: Snapshot, agency: Agency) -> Iterator[Finding]:
        polls = [poll(each) for each in agency.file.files.fetched] if agency.file.files else []
        if not polls:
            return
        sftp, key = adapters(snapshot)[SFTP], self.keys.read("ssh-client")
        for each in polls:
            yield from _at_each(each.server, partial(_tried_fetching, sftp, each, key))


def _tried_fetching(sftp: ModuleType, each: Poll, key: bytes, address: str) -> list[Finding]:
    found: list[Finding] = sftp.tried_fetching(each, address, key)
    return found


def _demands_signature(snapshot: Snapshot, sender: str, contract: str) -> bool:
    agreed = snapshot.registry.between(sender, contract)
    return any(agreement.file.origin_signature == "required" for agreement in agreed)


def _reached(url: str, context: ssl.SSLContext) -> Generator[Finding, None, bool]:
    """Yield each step to an HTTPS server; return whether the way there is free."""
    tried = list(reach.https(url, context))
    yield from tried
    return not any(one.wrong for one in tried)


def _at_each(server: SftpServer, tried: Callable[[str], list[Finding]]) -> Iterator[Finding]:
    """Yield what is found at each address of an SFTP server."""
    for address in server.addresses:
        host, _, port = address.rpartition(":")
        reached = list(reach.tcp(host, int(port)))
        yield from reached
        if not any(one.wrong for one in reached):
            yield from tried(address)


def _ours(error: IsnadError | KeysUnavailable) -> Finding:
    return Finding(OUR_KEYS, error.code if isinstance(error, IsnadError) else "unavailable.keys")


def operations(settings: Settings, agency: Agency) -> str:
    """Return how an agency does the test operation of each of its adapters.

    Empty for one that is fetched from: it need not come by itself, and fetching was tried.
    """
    if fetched_from(agency):
        return ""
    host, port = settings.serve.listen.server_names[0], settings.serve.listen.port
    ways = {
        "rest": f"POST https://{host}:{port}/v1/ping",
        "soap": f"ping, https://{host}:{port}/soap/v1/CONTRACT",
        "sftp": f"get /ping.json, {host}:{settings.sftp.port if settings.sftp else 0}",
    }
    return "; ".join(way for name, way in ways.items() if name in agency.file.adapter)
