"""Files of records, and beside each the answers that its records must get, and its manifest; and files of states.

Shard i of n writes the files whose number leaves i - 1 over n, so the files of all shards are those of a run
without. A population is gone through once, some hundred persons at a time: what is written about them is also what
must be known of them. Where only one of both is a shard's to write, the other is made and dropped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import orjson

from contracts.manifests import ManifestRules
from gateway.synth.flows import Flow, Made
from gateway.synth.people import STRETCH
from gateway.synth.states import States

STATES = "states"
"""The folder of what must be known of each person in the end."""
STATE_PERSONS = 10 * STRETCH
"""So many persons a file of states is about."""
_AT_ONCE = 100
"""So many persons are gone through together: with more, what is known of them no longer fits a processor's cache."""
_WRITTEN_BYTES = 1 << 20
"""So much of a file is gathered before it is written."""

Tell = Callable[[int, int], None]
"""Is told of progress: of how many persons, and how many records were written."""
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several runs that write disjoint files; `number` counts from 1."""

    number: int = 1
    of: int = 1

    def writes(self, file: int) -> bool:
        """Whether file number `file` of a flow, or of states, is this shard's."""
        return file % self.of == self.number - 1


def write(flows: Sequence[Flow], folder: Path, shard: Shard, tell: Tell) -> None:
    """Write a shard's files: `folder`/agency/contract/ of each flow, and `folder`/states/.

    Args:
        flows: everything that is sent about one population; at least one.
        folder: made when it is not there; files of the same name are replaced.
        shard: which of the files.
        tell: is told of each stretch of persons that is done.
    """
    persons = flows[0].population.persons
    files = [_FlowFiles(flow, folder / flow.agency / flow.contract, shard) for flow in flows]
    (folder / STATES).mkdir(parents=True, exist_ok=True)
    for number, block in enumerate(_parts(range(persons), STATE_PERSONS)):
        mine, lines = shard.writes(number), list[bytes]()
        for some in _parts(block, _AT_ONCE if mine else STATE_PERSONS):
            known = States() if mine else None
            tell(len(some), sum(each.write(some, known) for each in files))
            if known is not None:
                lines += [_encoded(state) for state in known.known()]
        if mine:
            (folder / STATES / f"{number:06}.ndjson").write_bytes(b"".join(lines))


def _parts(persons: range, size: int) -> Iterator[range]:
    for first in range(persons.start, persons.stop, size):
        yield range(first, min(first + size, persons.stop))


class _FlowFiles:
    """The files of a flow, of which a shard writes some, one after the other."""

    def __init__(self, flow: Flow, place: Path, shard: Shard) -> None:
        self._flow = flow
        self._place = place
        self._shard = shard
        self._file = _File(flow, place, 0)

    def write(self, persons: range, known: States | None) -> int:
        """Write the records about the next `persons`, as far as that is the shard's; return how many these are.

        All records are told to `known`, whoever writes them.
        """
        flow, written = self._flow, 0
        size = flow.persons_per_file
        for number in range(persons.start // size, (persons.stop - 1) // size + 1):
            mine = self._shard.writes(number)
            if not mine and known is None:
                continue
            whole = flow.persons_in(number)
            some = range(max(persons.start, whole.start), min(persons.stop, whole.stop))
            made = list(flow.told(number, some))
            if known is not None:
                for one in made:
                    known.take(flow, one)
            if mine:
                written += len(made)
                if self._file.number != number:
                    self._file = _File(flow, self._place, number)
                self._file.put(made)
                if some.stop == whole.stop:
                    self._file.end()
        return written


class _Line(msgspec.Struct):
    """What stands in the answers for one record."""

    position: int
    ref: str
    op: str
    outcome: str
    code: str
    remarks: tuple[str, ...]
    noise: tuple[str, ...]


class _File:
    """One file on its way, and the answers beside it; it is there once it has a record."""

    def __init__(self, flow: Flow, place: Path, number: int) -> None:
        self.number = number
        self._flow = flow
        self._path = place / f"{number:06}.{flow.writer.ending}"
        self._digest = hashlib.sha256()
        self._size = 0
        self._octets, self._answers = bytearray(), bytearray()
        self._count = 0
        self._last = list[Made]()

    def put(self, records: list[Made]) -> None:
        """Write records, and keep those back that are sent at the end."""
        self._last += [made for made in records if made.at_end]
        self._write([made for made in records if not made.at_end])

    def end(self) -> None:
        """Write what was kept back, what ends the file and, where the binding asks for one, its manifest."""
        self._write(self._last)
        if not self._count:
            return
        self._octets += self._flow.writer.tail
        self._flush()
        rules = self._flow.voice.binding.files
        if rules is not None and rules.manifest is not None:
            self._put_manifest(rules.manifest)

    def _write(self, records: list[Made]) -> None:
        if records and not self._count:
            self._octets += self._flow.writer.head
        for made in records:
            self._count += 1
            answer = made.answer
            self._octets += made.octets
            self._answers += _encoded(
                _Line(
                    self._count, made.ref, made.op, answer.outcome, answer.code, answer.remarks, answer.noise
                )
            )
        if len(self._octets) >= _WRITTEN_BYTES:
            self._flush()

    def _flush(self) -> None:
        self._digest.update(self._octets)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        answers = self._path.with_name(f"{self.number:06}.answers.ndjson")
        for path, octets in ((self._path, self._octets), (answers, self._answers)):
            with path.open("ab" if self._size else "wb") as file:
                file.write(octets)
        self._size += len(self._octets)
        self._octets.clear()
        self._answers.clear()

    def _put_manifest(self, rules: ManifestRules) -> None:
        """Write the manifest beside the finished file, in the agency's own words."""
        flow, name = self._flow, self._path.name
        facts = {
            "sha256": self._digest.hexdigest(),
            "count": self._count,
            "sequence": self.number + 1,
            "total": flow.files,
            "batch": f"{flow.agency}-{flow.span.until}",
            "size": self._size,
            "name": name,
            "period_from": flow.span.begins.isoformat(),
            "period_to": flow.span.until.isoformat(),
        }
        called = rules.document.members.model_dump(exclude_none=True)
        told = {member: facts[fact] for fact, member in called.items()}
        manifest = orjson.dumps(told, option=orjson.OPT_INDENT_2)
        self._path.with_name(rules.name_for(name)).write_bytes(manifest)


def _encoded(line: msgspec.Struct) -> bytes:
    return _encoder.encode(line) + b"\n"
