"""What is said between a gateway and the process of its log: a question, and the reply to it, as MessagePack."""

from __future__ import annotations

from typing import Any

import msgspec

from crypto.merkle import Frontier
from crypto.openbao import Login
from crypto.receipt import Receipt
from gateway.log.planned import Noted
from gateway.records import Batch
from gateway.settled import Known

Row = tuple[Any, ...]
"""A `store.Row`: msgpack tells texts from octets without being told."""


class Start(msgspec.Struct, tag=True, array_like=True):
    """Say when the store is open."""


class Append(msgspec.Struct, tag=True, array_like=True):
    """Append a batch; its parts come without their records. `number` and `after` as in `ports.Log.append`."""

    batch: Batch
    number: int
    after: int


class Note(msgspec.Struct, tag=True, array_like=True):
    """Append events."""

    noted: list[Noted]


class Close(msgspec.Struct, tag=True, array_like=True):
    """Mark a submission as received to its end."""

    row: Row


class Sent(msgspec.Struct, tag=True, array_like=True):
    """Take messages out of the outbox, and keep events."""

    seqs: list[int]
    spooled: list[Row]


class Release(msgspec.Struct, tag=True, array_like=True):
    """Let the oldest held batches go."""

    before_ms: int


Question = Start | Append | Note | Close | Sent | Release


class Asked(msgspec.Struct, array_like=True):
    """What the process is asked, and the login to do it under unless it is the one lent before."""

    question: Question
    login: Login | None


class End(msgspec.Struct, array_like=True):
    """What a batch receipt says that the asker does not know."""

    frontier: Frontier
    checkpoint: str


class Sealed(msgspec.Struct, tag=True, array_like=True):
    """The batch is in the log: the ends of its receipts, those of held records in their order."""

    together: End | None
    held: list[End]


class Before(msgspec.Struct, tag=True, array_like=True):
    """Nothing of the batch was written: the log knows something of it."""

    known: Known


class TooEarly(msgspec.Struct, tag=True, array_like=True):
    """Nothing of the batch was written: the log does not have the one before."""


class Receipts(msgspec.Struct, tag=True, array_like=True):
    """A receipt for each event."""

    receipts: list[Receipt]


class Count(msgspec.Struct, tag=True, array_like=True):
    """How many there were."""

    count: int


class Done(msgspec.Struct, tag=True, array_like=True):
    """There is nothing to say."""


class Failed(msgspec.Struct, tag=True, array_like=True):
    """Nothing was done."""

    code: str
    rule: str


Reply = Sealed | Before | TooEarly | Receipts | Count | Done | Failed
ENCODER = msgspec.msgpack.Encoder()
ASKED: msgspec.msgpack.Decoder[Asked] = msgspec.msgpack.Decoder(Asked)
REPLY: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)
