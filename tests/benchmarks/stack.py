"""The same HTTP stack without a gateway: uvicorn with Starlette over mTLS, answering 202 to whatever comes."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from socket import create_connection

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.demo.local import free_ports, in_memory
from gateway.demo.pki import Authority
from gateway.demo.site import HOST

START_S = 10.0


@contextmanager
def running(authority: Authority) -> Iterator[int]:
    """Run it in a process of its own that lets in who has a certificate of the authority; yield its port."""
    issued = authority.issue(HOST, hosts=(HOST,), server=True)
    (port,) = free_ports(1)
    held = [in_memory(text) for text in (issued.chain_pem.encode(), issued.key_pem, authority.pem.encode())]
    files = [f"/proc/self/fd/{descriptor}" for descriptor in held]
    # -P: this folder must not be searched, for it has a queue.py.
    process = subprocess.Popen([sys.executable, "-P", __file__, str(port), *files], pass_fds=held)
    try:
        _wait_for(port)
        yield port
    finally:
        for descriptor in held:
            os.close(descriptor)
        process.terminate()
        process.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


async def _take(request: Request) -> Response:
    async for _ in request.stream():
        pass
    return Response(status_code=202)


def _main(port: str, chain: str, key: str, authority: str) -> None:
    uvicorn.run(
        Starlette(routes=[Route("/v1/{contract}/records", _take, methods=["POST"])]),
        port=int(port),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="error",
        ssl_certfile=chain,
        ssl_keyfile=key,
        ssl_ca_certs=authority,
        ssl_cert_reqs=ssl.CERT_REQUIRED,
    )


if __name__ == "__main__":
    _main(*sys.argv[1:])
