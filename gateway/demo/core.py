"""The simulated core of the elections authority, in a process of its own.

`python -m gateway.demo.core CONSUMER_YAML DAY`: it takes verified records through the consumer SDK, compares each with
its register as of that day, and decides, the same way whenever it is asked.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from contracts.matching import Match, match, suffices
from gateway import observe
from gateway.consumer.core import connect
from gateway.consumer.dispositions import Decision, Disposition, Reason
from gateway.demo.papers import population
from gateway.demo.tally import Delivered
from gateway.synth.people import Population

_APPLIED = Disposition(Decision.APPLIED)
_UNKNOWN = Disposition(Decision.NO_SUCH_VOTER, Reason.NID_UNKNOWN, "/person/nid")
_ANOTHER_NAME = Disposition(Decision.PENDING_REVIEW, Reason.NAME_CONFLICT, "/person/name")


def decide(event: Mapping[str, Any], register: Population) -> Disposition:
    """Return what this core decides about a record, by what its register has of the person.

    A register finds a person by national ID. This one is computed and not stored, for seventy million people, so it
    goes by the number in the reference; whether that person has this national ID is asked all the same.
    """
    data, number = event["data"], int(event["sourceref"].split("-")[1])
    person = register.person(number)
    found = match(data["person"], person.nid, " ".join(person.parts))
    if found is Match.NO_NID:
        return _UNKNOWN
    contract = event["type"].removeprefix("eg.nea.")
    return _APPLIED if suffices(found, contract, data.get("assurance")) else _ANOTHER_NAME


def main(config: Path, day: date) -> None:
    """Take and decide records until told to stop."""
    observe.configure("core", stream=sys.stderr)
    register = population(day)
    seen: set[str] = set()
    again = 0
    with connect(config) as consumer:
        signal.signal(signal.SIGTERM, lambda *_: consumer.stop())
        _say({"event": "core.started"})
        for batch in consumer.batches():
            ids = [delivery.id for delivery in batch]
            again += sum(identifier in seen for identifier in ids)
            consumer.done_all({one: decide(one.event, register) for one in batch})
            seen.update(ids)
            _say({"event": "core.told", "told": Delivered(len(seen), again)})


def _say(line: object) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), date.fromisoformat(sys.argv[2]))
