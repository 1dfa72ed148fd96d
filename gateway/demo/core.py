"""The simulated core of the elections authority, in a process of its own: `python -m gateway.demo.core CONSUMER_YAML`.

It takes verified records through the consumer SDK and decides each one, the same way whenever it is asked.
"""

from __future__ import annotations

import hashlib
import signal
import sys
from pathlib import Path

import msgspec

from gateway import observe
from gateway.consumer.core import connect
from gateway.consumer.dispositions import Decision, Disposition, Reason
from gateway.demo.tally import Delivered

_RARE = (
    Disposition(Decision.PENDING_REVIEW, Reason.NAME_CONFLICT, "/person/name"),
    Disposition(Decision.PENDING_REVIEW, Reason.DOB_CONFLICT, "/person/birth_date"),
    Disposition(Decision.NO_SUCH_VOTER, Reason.NID_UNKNOWN, "/person/nid"),
    Disposition(Decision.REJECTED, Reason.LATE),
)
_RARE_OF = 64  # one record in so many gets each of the rare decisions


def decide(record_id: str) -> Disposition:
    """Return what this core decides about a record: mostly to apply it."""
    number = hashlib.sha256(record_id.encode()).digest()[0] % _RARE_OF
    return _RARE[number] if number < len(_RARE) else Disposition(Decision.APPLIED)


def main(config: Path) -> None:
    """Take and decide records until told to stop."""
    observe.configure("core", stream=sys.stderr)
    seen: set[str] = set()
    again = 0
    with connect(config) as consumer:
        signal.signal(signal.SIGTERM, lambda *_: consumer.stop())
        _say({"event": "core.started"})
        for batch in consumer.batches():
            ids = [delivery.id for delivery in batch]
            again += sum(identifier in seen for identifier in ids)
            consumer.done_all({delivery: decide(delivery.id) for delivery in batch})
            seen.update(ids)
            _say({"event": "core.told", "told": Delivered(len(seen), again)})


def _say(line: object) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
