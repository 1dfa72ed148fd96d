"""An answer with thousands of receipts goes as its reader takes it, and is not kept for one who does not."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from adapters.soap.envelope import Kind, Version
from adapters.soap.reply import Reply
from adapters.soap.request import Call
from gateway.https.respond import PART_BYTES
from gateway.records import Outcome, Refusal, Status
from gateway.submissions import Counts

CALL = Call("deprivation.v1", Kind(Version.V11, ""), "ar")
REFUSED = [
    Outcome(position, Status.REFUSED, refusal=Refusal("record.nid.format", "nid", "14 digits"))
    for position in range(1, 3001)
]
PIECE_BYTES = 1024


async def test_it_is_sent_a_part_at_a_time() -> None:
    sent: list[MutableMapping[str, Any]] = []

    async def send(event: MutableMapping[str, Any]) -> None:
        sent.append(event)

    reply = Reply(CALL, "submit", "0", send, 1.0)
    await reply.hold(REFUSED, {})
    await reply.end(Counts(), None, complete=True)
    head, *parts = sent
    lengths = [len(part["body"]) for part in parts]
    assert len(parts) > 3
    assert max(lengths) < PART_BYTES + PIECE_BYTES
    assert int(dict(head["headers"])[b"content-length"]) == sum(lengths)
    assert [part["more_body"] for part in parts] == [True] * (len(parts) - 1) + [False]


async def test_whoever_does_not_read_it_is_not_waited_for() -> None:
    async def send(event: MutableMapping[str, Any]) -> None:
        if event["type"] == "http.response.body":
            await asyncio.Event().wait()

    reply = Reply(CALL, "submit", "0", send, 0.05)
    await reply.hold(REFUSED, {})
    with pytest.raises(TimeoutError):
        await reply.end(Counts(), None, complete=True)
