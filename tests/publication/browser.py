"""Chromium, headless, driven over a pipe by the DevTools protocol: what a page looks like to those who read it."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import F_DUPFD, fcntl
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless",
    "--no-sandbox",  # the tests may run as root; the pages are our own
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",  # reads from descriptor 3, writes to descriptor 4
)


class Browser:
    """One tab."""

    def __init__(self, to: int, back: int) -> None:
        self._to, self._back = to, os.fdopen(back, "rb")
        self._number = 0
        self._session = ""
        self.complaints: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def open(self, path: Path) -> None:
        """Load a page from the disk and return when it is there."""
        self._call("Page.navigate", url=path.as_uri())
        while self._event()["method"] != "Page.loadEventFired":
            pass

    def ask(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        answer = self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def width(self, pixels: int) -> None:
        """Set the width of the window."""
        self._call(
            "Emulation.setDeviceMetricsOverride", width=pixels, height=900, deviceScaleFactor=1, mobile=False
        )

    def _call(self, method: str, **parameters: object) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return answer["result"]
            self._note(answer)

    def _event(self) -> dict[str, Any]:
        event = self._read()
        self._note(event)
        return event

    def _read(self) -> dict[str, Any]:
        octets = bytearray()
        while (octet := self._back.read(1)) != b"\0":
            assert octet, "Chromium has ended"
            octets += octet
        return json.loads(octets)

    def _note(self, event: dict[str, Any]) -> None:
        """Keep what a developer would see in red, and every request that leaves the disk."""
        method, said = event.get("method", ""), event.get("params", {})
        if method in {"Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"}:
            self.complaints.append(json.dumps(said))
        if method == "Network.requestWillBeSent" and not said["request"]["url"].startswith("file:"):
            self.complaints.append(said["request"]["url"])


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """Start a browser with a new profile, and end it."""
    commands, to = os.pipe()
    back, answers = os.pipe()
    # Out of the way of 3 and 4, which the shell makes of them.
    theirs = [fcntl(end, F_DUPFD, 20) for end in (commands, answers)]
    start = f'exec chromium "$@" 3<&{theirs[0]} 4>&{theirs[1]}'
    process = subprocess.Popen(
        ["bash", "-c", start, "chromium", *FLAGS, f"--user-data-dir={profile}"],
        pass_fds=theirs,
        stderr=subprocess.DEVNULL,
    )
    for end in (commands, answers, *theirs):
        os.close(end)
    try:
        yield Browser(to, back)
    finally:
        os.close(to)  # which ends the browser
        process.wait(20)
