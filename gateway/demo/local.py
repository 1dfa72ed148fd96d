"""What a server that is started on this machine is given: ports that are free, and memory instead of files."""

from __future__ import annotations

import os
import secrets
import socket
from contextlib import suppress

_FIRST_PORT = 10_000
_FIRST_EPHEMERAL_PORT = 32_768  # Linux's own default of net.ipv4.ip_local_port_range


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 that were free just now.

    They are below those that Linux gives to connections: else one of another process may get such a port before
    the server that it is for is up.
    """
    found: set[int] = set()
    while len(found) < count:
        port = _FIRST_PORT + secrets.randbelow(_FIRST_EPHEMERAL_PORT - _FIRST_PORT)
        with socket.socket() as one, suppress(OSError):
            one.bind(("127.0.0.1", port))
            found.add(port)
    return list(found)


def in_memory(octets: bytes) -> int:
    """Return a descriptor of anonymous memory that holds these octets: for what must not be in a file."""
    descriptor = os.memfd_create("isnad")
    os.write(descriptor, octets)
    return descriptor
