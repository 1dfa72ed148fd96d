"""What is said between the gateway and the process that speaks SSH.

The gateway's questions are pickled: who answers them was started by it. What comes back is MessagePack, of which
nothing is executed, for it comes from the process that strangers talk to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from gateway.files import FileAgency
from gateway.records import Event


@dataclass(frozen=True, slots=True)
class Start:
    """Begin to listen, as who shows this host key (OpenSSH, PEM)."""

    host_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Agencies:
    """What the registry says now, and the keys (32 bytes) under which agencies' files are kept, of those known."""

    agencies: Mapping[str, FileAgency]
    keys: Mapping[str, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Counted:
    """Octets and files that agencies have more, or less, by what the gateway wrote and removed."""

    grown: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Next:
    """Answer with the next `Tidings`, once there are any."""


@dataclass(frozen=True, slots=True)
class Given:
    """What was asked for under this number: receipts (JSON), or the client's key; or why there is none."""

    number: int
    octets: Sequence[bytes] = field(default=(), repr=False)
    code: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """Let nobody in any more and break off what runs."""


Question = Start | Agencies | Counted | Next | Given | Stop


class Noting(msgspec.Struct, tag=True, array_like=True):
    """Append events to their lanes, and give their receipts."""

    number: int
    events: Sequence[Event]


class ClientKey(msgspec.Struct, tag=True, array_like=True):
    """Give the key by which agencies' servers know the gateway."""

    number: int


class Stranger(msgspec.Struct, tag=True, array_like=True):
    """Count a connection that was refused; see `doors.Refusals`."""

    code: str
    certificate: str


class Landed(msgspec.Struct, tag=True, array_like=True):
    """Files have become whole."""


class Tidings(msgspec.Struct, tag=True, array_like=True):
    """What happened since the last ones."""

    told: list[Noting | ClientKey | Stranger | Landed]


class Done(msgspec.Struct, tag=True, array_like=True):
    """It is done."""


class Failed(msgspec.Struct, tag=True, array_like=True):
    """It cannot be done now."""

    code: str
    rule: str


Reply = Done | Failed | Tidings
ENCODER = msgspec.msgpack.Encoder()
REPLY: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)
