"""Run `isnad` until it reaches a point in its own source that it was told of, and end there by SIGKILL.

`killed_at.py DESCRIPTOR ARGUMENT...` runs `isnad ARGUMENT...`. A line on the pipe DESCRIPTOR, a `steps.Point`
as JSON, arms it. Nothing in the gateway knows of this.
"""

import dis
import json
import os
import signal
import sys
import threading
import time

from gateway.cli import main


class Watch:
    """Looks at every call, and at the lines of the one function that matters."""

    def __init__(self) -> None:
        self.point: dict = {}

    def arm(self, descriptor: int) -> None:
        with os.fdopen(descriptor) as pipe:
            line = pipe.readline()
        if line:
            self.point = json.loads(line)
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
            os.kill(os.getpid(), signal.SIGKILL)
        return self.line


def ends(frame) -> bool:
    """Whether the function ends here; one that only waits is told of as returning, too."""
    opcode = frame.f_code.co_code[frame.f_lasti]
    return dis.opname[opcode] in ("RETURN_VALUE", "RETURN_CONST")


if __name__ == "__main__":
    watch = Watch()
    threading.Thread(target=watch.arm, args=[int(sys.argv.pop(1))], daemon=True).start()
    threading.settrace(watch.call)
    sys.settrace(watch.call)
    main()
