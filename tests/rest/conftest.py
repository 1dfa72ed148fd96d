from __future__ import annotations

from collections.abc import Iterator

import pytest
from desk import Desk
from served import HOST, Client, client_context, server_context, serving

from adapters.rest import Config, Limits, inbound
from crypto.pki import PeerVerifier, fingerprint
from gateway.demo.pki import Authority, Issued

FAST = Limits(header_timeout_s=1.0, idle_timeout_s=1.0, min_bytes_per_s=1000, max_connections=20)


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority("Test authority")


@pytest.fixture(scope="session")
def gateway_certificate(authority: Authority) -> Issued:
    return authority.issue("gateway", hosts=[HOST], server=True)


@pytest.fixture(scope="session")
def moh_certificate(authority: Authority) -> Issued:
    return authority.issue("moh")


@pytest.fixture
def desk(authority: Authority, moh_certificate: Issued) -> Desk:
    desk = Desk(PeerVerifier([authority.pem], [authority.crl()]))
    desk.agencies[fingerprint(moh_certificate.der)] = "moh"
    return desk


@pytest.fixture
def port(desk: Desk, authority: Authority, gateway_certificate: Issued) -> Iterator[int]:
    config = Config(port=0, limits=FAST, grace_s=5)
    with serving(
        inbound(config, desk.gateway, server_context(gateway_certificate, authority.pem))
    ) as listener:
        yield listener.port


@pytest.fixture
def moh(port: int, authority: Authority, moh_certificate: Issued) -> Client:
    return Client(port, client_context(authority, moh_certificate))


@pytest.fixture
def anonymous(port: int, authority: Authority) -> Client:
    return Client(port, client_context(authority, None))
