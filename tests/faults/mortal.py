"""A site's process that is told at which point of its source to die, and is started again after it."""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

from steps import Point

from gateway.demo.running import Running
from gateway.demo.site import Site

RUNNER = Path(__file__).with_name("killed_at.py")
DEATH_S = 90.0
STARTED = {"serve": "gateway.started", "deliver": "delivery.started"}
ROLE = {"serve": "intake", "deliver": "deliver"}


@dataclass
class Mortal:
    """`isnad serve` or `isnad deliver`, as `killed_at.py` runs it."""

    site: Site
    command: str
    running: Running = field(init=False)
    _arming: int = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Start it; it works on return, and nothing was mended by hand."""
        reading, self._arming = os.pipe()
        command = [sys.executable, str(RUNNER), str(reading), self.command]
        self.running = self.site.run(
            self.command,
            command,
            self.site.admit(ROLE[self.command]),
            config=True,
            descriptors=[reading],
        )
        os.close(reading)
        self.running.wait_for(STARTED[self.command])

    def arm(self, point: Point) -> None:
        """Have it die at a point. One that was to die before and did not, or did otherwise, is replaced."""
        if self._arming < 0 or self.running.popen.poll() is not None:
            self.running.kill()
            self.start()
        os.write(self._arming, json.dumps(asdict(point)).encode() + b"\n")
        os.close(self._arming)
        self._arming = -1
        self.running.wait_for("watch.armed")

    def die(self) -> None:
        """Wait until it has died at its point."""
        assert self.running.popen.wait(DEATH_S) == -signal.SIGKILL
