"""A wire between a client and a server that breaks in the middle of what is sent."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from select import select

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: closing sends a reset, as when a machine or a firewall in between has gone."""


@dataclass
class Wire:
    """Passes on what a client sends, and breaks after as many octets as `cuts` says, the next one at the next cut."""

    to: int
    cuts: Sequence[int]
    broken: Callable[[], None] | None = None
    """What happens at a cut; a reset on both sides by default."""
    taken: int = field(default=0, init=False)
    """How many connections were cut."""
    _listener: socket.socket = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))

    @property
    def port(self) -> int:
        return self._listener.getsockname()[1]

    def run(self) -> None:
        """Serve until it is closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _pass(self, client: socket.socket) -> None:
        most = self.cuts[self.taken] if self.taken < len(self.cuts) else None
        with client, socket.create_connection(("127.0.0.1", self.to)) as server, suppress(OSError):
            # In one thread: closing what another one reads from would not reset it.
            while True:
                for source in select([client, server], [], [])[0]:
                    octets = source.recv(65536)
                    if not octets:
                        return
                    (server if source is client else client).sendall(octets)
                    if source is client and most is not None and (most := most - len(octets)) <= 0:
                        most = None
                        self.taken += 1
                        if self.broken is None:
                            for one in (client, server):
                                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                            return
                        self.broken()  # and what the dead have left in the wire still arrives


@contextmanager
def cutting(to: int, cuts: Sequence[int], broken: Callable[[], None] | None = None) -> Iterator[Wire]:
    """Run a wire to a port of this machine until the end of the block."""
    wire = Wire(to, cuts, broken)
    thread = threading.Thread(target=wire.run, daemon=True)
    thread.start()
    try:
        yield wire
    finally:
        wire.close()
        thread.join(10)
