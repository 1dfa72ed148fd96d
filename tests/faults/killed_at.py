"""Run `isnad` until one of its processes reaches a point in its own source that it was told of, and ends by SIGKILL.

`killed_at.py FILE ARGUMENT...` runs `isnad ARGUMENT...`. As soon as FILE is there, a `steps.Point` as JSON, every
process of it is armed. Nothing in the gateway knows of this.
"""

import dis
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

from gateway.cli import main

FILE = "ISNAD_TEST_KILLED_AT"
POLL_S = 0.02


class Watch:
    """Looks at every call, and at the lines of the one function that matters."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.reached = file.with_suffix(".reached")
        self.point: dict = {}

    def arm(self) -> None:
        while not self.file.exists():
            time.sleep(POLL_S)
        self.point = json.loads(self.file.read_text())
        self.armed(os.getpid()).touch()

    def armed(self, process: int | str) -> Path:
        return self.file.with_suffix(f".{process}")

    def tell(self) -> None:
        """Say when this process and all its children are armed."""
        self.arm()
        for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
            while b"spawn_main" in command(child) and not (
                self.armed(child).exists() or self.reached.exists()
            ):
                time.sleep(POLL_S)
        os.write(sys.stdout.fileno(), b'{"event":"watch.armed"}\n')

    def call(self, frame, _event, _arg):
        point, code = self.point, frame.f_code
        if point and code.co_name == point["function"] and code.co_filename == point["file"]:
            return self.line
        return None

    def line(self, frame, event, _arg):
        point = self.point
        if point["line"]:
            reached = event == "line" and frame.f_lineno == point["line"]
        else:
            reached = event == "return" and ends(frame)
        if reached and frame.f_locals.get(point["given"], True):
            time.sleep(point["pause_s"])
            self.reached.touch()
            os.write(sys.stdout.fileno(), b'{"event":"watch.reached","process":%d}\n' % os.getpid())
            os.kill(os.getpid(), signal.SIGKILL)
        return self.line


def ends(frame) -> bool:
    """Whether the function ends here; one that only waits is told of as returning, too."""
    opcode = frame.f_code.co_code[frame.f_lasti]
    return dis.opname[opcode] in ("RETURN_VALUE", "RETURN_CONST")


def command(process: str) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


if __name__ == "__main__":
    os.environ[FILE] = sys.argv.pop(1)
if __name__ in ("__main__", "__mp_main__"):  # a child runs this file under the second name before its work
    watch = Watch(Path(os.environ[FILE]))
    tells = watch.tell if __name__ == "__main__" else watch.arm
    if not watch.reached.exists():  # whoever comes in the place of one that died is to live
        threading.Thread(target=tells, daemon=True).start()
        threading.settrace(watch.call)
        sys.settrace(watch.call)
if __name__ == "__main__":
    main()
