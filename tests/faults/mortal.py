"""A site's process that is told at which point of its source to die, and is started again after it."""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

from steps import Point
from support.draining import eventually

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
    _file: Path = field(init=False)
    _lives: int = 0
    _armed: bool = False

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Start it, unless only a child of it has died; it works on return, and nothing was mended by hand."""
        if self._lives and self.running.popen.poll() is None:
            return
        self._lives += 1
        self._armed = False
        self._file = self.site.folder / f"{self.command}-killed-at-{self._lives}.json"
        command = [sys.executable, str(RUNNER), str(self._file), self.command]
        self.running = self.site.run(self.command, command, self.site.admit(ROLE[self.command]), config=True)
        self.running.wait_for(STARTED[self.command])

    def arm(self, point: Point) -> None:
        """Have it die at a point. One that was to die before, and did not or in part, is replaced."""
        if self._armed or self.running.popen.poll() is not None:
            self.running.kill()
            self.start()
        self._armed = True
        written = self._file.with_suffix(".new")
        written.write_text(json.dumps(asdict(point)))
        written.rename(self._file)
        # Some points it comes to by itself, before it can say that it is armed.
        assert eventually(
            lambda: {"watch.armed", "watch.reached"} & {line.get("event") for line in self.running.said}
        )

    def die(self) -> None:
        """Wait until it, or the child that gets to the point, has died there."""
        reached = self.running.wait_for("watch.reached", DEATH_S)
        if reached["process"] == self.running.popen.pid:
            assert self.running.popen.wait(DEATH_S) == -signal.SIGKILL
