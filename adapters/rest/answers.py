"""Outcomes as an agency reads them: one JSON document for small submissions, a line each for streams.

A stream's lines are `{"position": …, "outcome": …}` for each record, in the records' order; before them
`{"batch": …}` whenever another batch receipt covers the accepted ones; and last `{"summary": …}`. A
quarantined record is a batch for itself and brings its whole receipt. A stream that ends with
`{"problem": …}`, or with neither, is incomplete: what was answered stands, the rest is to be sent again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec
import orjson
from pybase64 import b64encode_as_string

from gateway.doors import Evidence
from gateway.https.problems import text_of
from gateway.records import Outcome, Outcomes, Refusal, Status
from gateway.submissions import Counts

NDJSON = b"application/x-ndjson"
JSON = b"application/json"
_TOLD_ANYWAY = frozenset({Status.QUARANTINED, Status.REFUSED})
"""What a sender has to hear of even when it asked for little."""


class Lines:
    """Encodes outcomes as lines; `minimal` leaves out what goes its way (RFC 7240 §4.2)."""

    def __init__(self, *, minimal: bool) -> None:
        self._minimal = minimal
        self._batch: object = None

    def encode(self, outcomes: Outcomes) -> bytes:
        """Return the lines of one group."""
        if self._minimal:
            outcomes = [outcome for outcome in outcomes if outcome.status in _TOLD_ANYWAY]
        return _ENCODER.encode_lines(self._lines(outcomes))

    def _lines(self, outcomes: Outcomes) -> list[_Accepted | dict[str, object]]:
        lines: list[_Accepted | dict[str, object]] = []
        for outcome in outcomes:
            if outcome.batch is None or outcome.status is Status.QUARANTINED:
                members = _members(outcome)
                if outcome.batch is not None:
                    members["receipt"] = msgspec.Raw(outcome.receipt_json())
                lines.append(members)
                continue
            if outcome.batch is not self._batch:
                self._batch = outcome.batch
                lines.append({"batch": msgspec.Raw(outcome.batch.to_json())})
            lines.append(
                _Accepted(
                    outcome.position,
                    outcome.status,
                    outcome.record_id,
                    outcome.lane,
                    outcome.index,
                    b64encode_as_string(outcome.salt, b"-_").rstrip("="),
                    outcome.entry.decode(),
                    outcome.warnings,
                )
            )
        return lines


class _Accepted(msgspec.Struct, omit_defaults=True):
    """The line of an accepted record: with its batch's receipt, all that the record's own is made of.

    Of a stream nearly every line is one, and as a dict it took six times as long.
    """

    position: int
    outcome: Status
    id: str
    lane: str
    index: int
    salt: str
    entry: str
    warnings: tuple[str, ...] = ()


_ENCODER = msgspec.json.Encoder()


def summary_line(submission: str, counts: Counts) -> bytes:
    """Return the last line of a complete stream."""
    members = {"summary": {"submission": submission} | counts.as_json()}
    return orjson.dumps(members, option=orjson.OPT_APPEND_NEWLINE)


def problem_line(problem: Mapping[str, object]) -> bytes:
    """Return the last line of a stream that ended early."""
    return orjson.dumps({"problem": problem}, option=orjson.OPT_APPEND_NEWLINE)


def document(
    submission: str, counts: Counts, outcomes: Iterable[Outcome], earlier: Mapping[str, Evidence]
) -> Iterator[bytes]:
    """Yield the JSON document of a small submission, a piece for each record.

    Every accepted or quarantined record carries its own receipt; a duplicate carries the one in `earlier`, by id.
    """
    head = orjson.dumps({"submission": submission, "counts": counts.as_json()})
    yield head[:-1] + b',"outcomes":['
    separator = b""
    for outcome in outcomes:
        members = _members(outcome)
        if outcome.batch is not None:
            members["receipt"] = orjson.Fragment(outcome.receipt_json())
        elif evidence := earlier.get(outcome.record_id):
            members["receipt"] = orjson.Fragment(evidence.to_json())
        yield separator + orjson.dumps(members)
        separator = b","
    yield b"]}"


def _members(outcome: Outcome) -> dict[str, object]:
    """Return what is said of a record beside its receipt."""
    if outcome.refusal is not None:
        return {"position": outcome.position, "outcome": "refused"} | explained(outcome.refusal)
    members: dict[str, object] = {
        "position": outcome.position,
        "outcome": outcome.status,
        "id": outcome.record_id,
        "lane": outcome.lane,
        "index": outcome.index,
    }
    if outcome.warnings:
        members["warnings"] = outcome.warnings
    return members


def explained(refusal: Refusal) -> dict[str, object]:
    """Return a refusal with its title in both languages."""
    text = text_of(refusal.code)
    return {
        "code": refusal.code,
        "field": refusal.field,
        "rule": refusal.rule,
        "title_ar": text.ar,
        "title_en": text.en,
    }
