"""Files of records, and beside each the answers that its records must get, and its manifest; and files of states.

Shard i of n writes the files whose number leaves i - 1 over n, so the files of all shards are those of a run
without. A file is written record by record, or state by state.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from contracts.manifests import ManifestRules
from gateway.synth.flows import Flow, Made
from gateway.synth.states import state

STATES = "states"
"""The folder of what must be known of each person in the end."""
STATE_PERSONS = 10_000
"""So many persons a file of states is about."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several runs that write disjoint files; `number` counts from 1."""

    number: int = 1
    of: int = 1


def write(flow: Flow, folder: Path, shard: Shard, tell: Callable[[int, int], None]) -> None:
    """Write a shard's files of a flow under `folder`/agency/contract/.

    Args:
        flow: what to write.
        folder: made when it is not there; files of the same name are replaced.
        shard: which of the files.
        tell: is given the persons and the records of each file that is finished.
    """
    place = folder / flow.agency / flow.contract
    for number in range(shard.number - 1, flow.files, shard.of):
        tell(flow.persons_in(number), _write_file(flow, place, number))


def write_states(flows: Sequence[Flow], folder: Path, shard: Shard, tell: Callable[[int, int], None]) -> None:
    """Write a shard's files of states under `folder`/states/: a line for each person something was accepted about.

    Args:
        flows: everything that is sent about one population; at least one.
        folder: made when it is not there; files of the same name are replaced.
        shard: which of the files.
        tell: is given the persons and the states of each file that is finished.
    """
    place, persons = folder / STATES, flows[0].population.persons
    place.mkdir(parents=True, exist_ok=True)
    for first in range((shard.number - 1) * STATE_PERSONS, persons, shard.of * STATE_PERSONS):
        numbers, count = range(first, min(first + STATE_PERSONS, persons)), 0
        with (place / f"{first // STATE_PERSONS:06}.ndjson").open("wb") as file:
            for number in numbers:
                known = state(flows, number)
                if known is not None:
                    count += 1
                    file.write(orjson.dumps(known, option=orjson.OPT_APPEND_NEWLINE))
        tell(len(numbers), count)


def _write_file(flow: Flow, place: Path, number: int) -> int:
    """Write one file, its answers and, where the binding asks for one, its manifest; return how many records it has."""
    records, name = flow.made(number), f"{number:06}.{flow.writer.ending}"
    first = next(records, None)
    if first is None:
        return 0
    place.mkdir(parents=True, exist_ok=True)
    digest, count = hashlib.sha256(), 0
    with ExitStack() as stack:
        data = stack.enter_context((place / name).open("wb"))
        answers = stack.enter_context((place / f"{number:06}.answers.ndjson").open("wb"))

        def put(octets: bytes) -> None:
            data.write(octets)
            digest.update(octets)

        put(flow.writer.head)
        made: Made | None = first
        while made is not None:
            count += 1
            put(made.octets)
            answers.write(orjson.dumps(_answer(count, made), option=orjson.OPT_APPEND_NEWLINE))
            made = next(records, None)
        put(flow.writer.tail)
    rules = flow.voice.binding.files
    if rules is not None and rules.manifest is not None:
        _put_manifest(
            rules.manifest, flow, place / name, number=number, count=count, sha256=digest.hexdigest()
        )
    return count


def _put_manifest(
    rules: ManifestRules, flow: Flow, file: Path, *, number: int, count: int, sha256: str
) -> None:
    """Write the manifest beside a finished file, in the agency's own words."""
    facts = {
        "sha256": sha256,
        "count": count,
        "sequence": number + 1,
        "total": flow.files,
        "batch": f"{flow.agency}-{flow.span.until}",
        "size": file.stat().st_size,
        "name": file.name,
        "period_from": flow.span.begins.isoformat(),
        "period_to": flow.span.until.isoformat(),
    }
    called = rules.document.members.model_dump(exclude_none=True)
    told = {member: facts[fact] for fact, member in called.items()}
    file.with_name(rules.name_for(file.name)).write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))


def _answer(position: int, made: Made) -> dict[str, Any]:
    answer = made.answer
    return {
        "position": position,
        "ref": made.ref,
        "op": made.op,
        "outcome": answer.outcome,
        "code": answer.code,
        "remarks": answer.remarks,
        "noise": answer.noise,
    }
