"""The service of an agency, in a process that is not ours: node-soap, from the WSDL that the gateway publishes."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.node_programs import node
from support.participants import PATIENCE_S

from gateway.demo.pki import Authority
from gateway.demo.site import HOST

SERVER = Path(__file__).with_name("agency_service.js")
WSDL = Path(__file__).resolve().parents[2] / "adapters" / "soap" / "agency.wsdl"


@dataclass
class AgencyService:
    """The running service; `said` is what it told, oldest first."""

    port: int
    process: subprocess.Popen[str]
    said: list[dict[str, Any]] = field(default_factory=list)

    def tell(self, **changes: object) -> None:
        """Change what it does, and wait until it does."""
        before = self.count("set")
        self._write(changes)
        self.wait_for("set", before + 1)

    def count(self, event: str) -> int:
        return sum(1 for told in list(self.said) if told["event"] == event)

    def wait_for(self, event: str, many: int = 1, patience_s: float = PATIENCE_S) -> list[dict[str, Any]]:
        """Return all that it told of this kind, once it is so many."""
        deadline = time.monotonic() + patience_s
        while self.count(event) < many:
            assert time.monotonic() < deadline, self.said[-3:]
            assert self.process.poll() is None
            time.sleep(0.02)
        return [told for told in self.said if told["event"] == event]

    def _write(self, line: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(json.loads(line))


@contextmanager
def agency_service(
    authority: Authority, client_ca: str, port: int, wsdl: Path = WSDL
) -> Iterator[AgencyService]:
    """Run the service on a port; it takes clients that `client_ca` certifies."""
    issued = authority.issue("ppo server", hosts=(HOST,), server=True, client=False)
    process = subprocess.Popen(node(SERVER), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    service = AgencyService(port, process)
    threading.Thread(target=service._listen, daemon=True).start()
    try:
        service._write(
            {
                "key": issued.key_pem.decode(),
                "cert": issued.chain_pem,
                "ca": client_ca,
                "port": port,
                "wsdl": str(wsdl),
            }
        )
        service.wait_for("listening")
        yield service
    finally:
        process.kill()
        process.wait()
