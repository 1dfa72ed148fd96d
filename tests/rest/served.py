"""A listener in a thread of its own, over real TLS, and ways to talk to it."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import uvloop

from adapters.rest import Listener
from crypto.pki import Credential, load_credential
from gateway.demo.pki import Authority, Issued

HOST = "localhost"


def credential(issued: Issued) -> Credential:
    certificate = issued.certificate
    return Credential(
        issued.chain_pem, certificate.not_valid_before_utc, certificate.not_valid_after_utc, issued.key
    )


def server_context(issued: Issued, issuers_pem: str) -> ssl.SSLContext:
    """As `crypto.pki.GatewayTls.server_context` makes them, without a key server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=issuers_pem)
    context.verify_flags |= ssl.VerifyFlags(0x200000)  # no check of time: the application does it, in words
    context.num_tickets = 0
    load_credential(context, credential(issued))
    return context


def client_context(authority: Authority, issued: Issued | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authority.pem)
    if issued is not None:
        load_credential(context, credential(issued))
    return context


@contextmanager
def serving(listener: Listener) -> Iterator[Listener]:
    """Run a listener in a thread until the end of the block."""
    loop = uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(listener.start(), loop).result(10)
        yield listener
    finally:
        asyncio.run_coroutine_threadsafe(listener.stop(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@dataclass
class Client:
    """An agency's side: `http` for whole requests, `raw` for what no decent client would send."""

    port: int
    tls: ssl.SSLContext

    @property
    def http(self) -> httpx.Client:
        return httpx.Client(
            base_url=f"https://{HOST}:{self.port}", verify=self.tls, trust_env=False, timeout=20
        )

    def raw(self) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.tls.wrap_socket(plain, server_hostname=HOST)

    def post(self, body: bytes, kind: str = "application/json", **headers: str) -> httpx.Response:
        with self.http as http:
            fields = {"content-type": kind} | {
                name.replace("_", "-"): value for name, value in headers.items()
            }
            return http.post("/v1/death.v1/records", content=body, headers=fields)


def read_answer(connection: ssl.SSLSocket) -> tuple[int, bytes]:
    """Read until the server hangs up; return the status and everything after the header fields."""
    octets = b""
    while chunk := connection.recv(65536):
        octets += chunk
    head, _, body = octets.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def lines(body: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in body.splitlines()]
