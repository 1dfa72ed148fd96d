"""A process of the site, and what it says."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.errors import Unavailable

START_S = 90.0
STOP_S = 40.0
LAST_WORDS_S = 0.3
"""How long after its end what a process has said may still be on its way."""


@dataclass(slots=True)
class Running:
    """A process of the site, and the lines it has written."""

    name: str
    popen: subprocess.Popen[bytes] = field(repr=False)
    lines: list[bytes] = field(default_factory=list, repr=False)

    @property
    def said(self) -> list[dict[str, Any]]:
        """What the process has said of itself, one JSON object a line."""
        return [_read(line) for line in list(self.lines)]

    def wait_for(self, event: str, timeout_s: float = START_S) -> dict[str, Any]:
        """Return the first line with this event, once it has been said.

        Raises:
            Unavailable: the process ended, or did not say it in time.
        """
        deadline = time.monotonic() + timeout_s
        ended = False
        while time.monotonic() < deadline:
            for line in self.said:
                if line.get("event") == event:
                    return line
            if ended:
                break
            ended = self.popen.poll() is not None
            time.sleep(LAST_WORDS_S if ended else 0.02)
        raise Unavailable("unavailable.internal", f"{self.name} did not say {event}: {self.said[-3:]}")

    def stop(self) -> int:
        """Tell it to stop, wait until it has, and return its exit status."""
        self.popen.terminate()
        return self.popen.wait(STOP_S)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self.popen.kill()
        self.popen.wait()


def listen(running: Running, path: Path) -> None:
    """Take down what a process says until it ends, and keep it in a file."""
    stream = running.popen.stdout
    if stream is None:
        raise ValueError("a process of the site is listened to")
    with path.open("ab", buffering=0) as kept:
        for line in stream:
            kept.write(line)
            running.lines.append(line)


def _read(line: bytes) -> dict[str, Any]:
    try:
        said: dict[str, Any] = json.loads(line)
    except ValueError:
        return {"event": "said", "text": line.decode("utf-8", "replace")}
    return said
