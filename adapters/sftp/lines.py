"""The lines of a file's answers: one of the results and one of the receipts for each record."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass

import orjson

from gateway.doors import Evidence
from gateway.records import Outcome, Status

HEADER = b"row,reference,outcome,code,field,rule,record,index\r\n"
_QUOTED = re.compile(r'[",\r\n]')


@dataclass(frozen=True, slots=True)
class Known:
    """A record that was promised from this file before an interruption, and is answered only now.

    `review` has the codes of what an officer has to look at.
    """

    receipt: Evidence
    review: tuple[str, ...]


def result_line(outcome: Outcome) -> str:
    """Return a record's line of the results (RFC 4180)."""
    begin, why = f"{outcome.position},{_cell(outcome.reference)},{outcome.status.value}", outcome.refusal
    if why is not None:
        return f"{begin},{why.code},{_cell(why.field)},{_cell(why.rule)},,\r\n"
    return f"{begin},{' '.join(outcome.warnings)},,,{outcome.record_id},{outcome.index}\r\n"


def receipt_line(outcome: Outcome, known: Known | None) -> bytes:
    """Return a promised record's line of the receipts; `known` as above, or None."""
    members: dict[str, object] = {
        "position": outcome.position,
        "outcome": outcome.status.value,
        "id": outcome.record_id,
        "lane": outcome.lane,
        "index": outcome.index,
    }
    if outcome.batch is None:
        if known is not None:
            members["receipt"] = orjson.Fragment(known.receipt.to_json())
    elif is_alone(outcome):
        members["receipt"] = orjson.Fragment(outcome.receipt().to_json())
    else:
        members["salt"] = urlsafe_b64encode(outcome.salt).rstrip(b"=").decode()
        members["entry"] = outcome.entry.decode()
    return orjson.dumps(members, option=orjson.OPT_APPEND_NEWLINE)


def is_alone(outcome: Outcome) -> bool:
    """Return whether a record has a batch for itself: its line holds its whole receipt."""
    return outcome.status is Status.QUARANTINED


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text
