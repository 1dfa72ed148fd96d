"""A core on the SDK that keeps every event it is handed, a line each as it was sealed. `CONSUMER_YAML EVENTS`."""

import signal
import sys
from pathlib import Path

from gateway.consumer.core import connect
from gateway.consumer.dispositions import Decision, Disposition

APPLIED = Disposition(Decision.APPLIED)


def main(config: Path, events: Path) -> None:
    with connect(config) as consumer, events.open("wb", buffering=0) as file:
        signal.signal(signal.SIGTERM, lambda *_: consumer.stop())
        sys.stdout.write('{"event": "core.started"}\n')
        sys.stdout.flush()
        for batch in consumer.batches():
            file.write(b"".join(one.octets + b"\n" for one in batch))
            consumer.done_all(dict.fromkeys(batch, APPLIED))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
