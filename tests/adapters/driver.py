"""What the suite asks of an adapter: a driver is an agency on the other side of it, with the agency's own client.

Each promise of the gateway is written once, in the tests of this folder, and kept by every adapter. A new adapter
joins with one class that does what `Driver` says, in a module of its own, and with its name in `whole.DRIVERS`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from gateway.demo.running import Running
from gateway.demo.site import Site

WRONG_NID = "12345678901234"


@dataclass(frozen=True)
class Told:
    """What an agency was told of one record. `receipt` is JSON, and empty where the adapter gives none."""

    position: int
    outcome: str
    record_id: str = ""
    index: int = -1
    code: str = ""
    field: str = ""
    receipt: bytes = b""


@dataclass(frozen=True)
class Reply:
    """What an agency was told: of each record, or, with a `code`, why the whole was not taken.

    `retry_after_s` is when to come again, 0 when coming again is of no use.
    """

    records: tuple[Told, ...] = ()
    code: str = ""
    retry_after_s: int = 0

    @property
    def outcomes(self) -> list[str]:
        """What became of each record, in order."""
        return [one.outcome for one in self.records]

    @property
    def codes(self) -> set[str]:
        """Every code that was told."""
        return {self.code, *(one.code for one in self.records)} - {""}


class Interrupted(Exception):  # noqa: N818  it is no error of anybody
    """The gateway went away before it had answered; what was sent may be sent again as it is."""


class Server(Protocol):
    """An agency's own server, which the gateway hands records to."""

    def taken(self) -> list[dict]:
        """Return the events that it has taken, each with the receipt beside it: `{"event": …, "receipt": …}`."""

    def attempts(self) -> int:
        """Return how often the gateway has come, whatever came of it."""

    def behave(self, how: str) -> None:
        """Be `well`, be `down` (trouble that passes), or be `refusing` (a no that is meant)."""


class Driver(Protocol):
    """One agency that hands records over through one adapter, and is handed some.

    `adapter` is the adapter's name, `agency` and `contract` say who sends what. `wrong` is code and field of the
    refusal of a record whose national ID is `WRONG_NID`. `unallowed` is the code for a contract that no agreement
    covers, `expired` for one whose agreement has ended, `stranger` and `revoked` for credentials that are nobody's
    or nobody's any more, and `down` and `refusing` for a server that behaves so, when `isnad agency test` tries it.
    `whole` has bodies that no record can be read from, and the code that each must get.
    """

    adapter: ClassVar[str]
    agency: ClassVar[str]
    contract: ClassVar[str]
    wrong: ClassVar[tuple[str, str]]
    unallowed: ClassVar[str]
    expired: ClassVar[str]
    stranger: ClassVar[str]
    revoked: ClassVar[str]
    down: ClassVar[str]
    refusing: ClassVar[str]
    whole: ClassVar[Mapping[str, tuple[bytes, str]]]
    heard: list[bytes]
    """All that it was told, octet for octet."""

    def __init__(self, site: Site, folder: Path) -> None:
        """Register the agency at a site that does not run yet. `folder` is for the agency's own files."""

    def attach(self, serve: Running) -> None:
        """Know the process that takes records in: what an agency is told by the gateway's desk stands in its log."""

    def record(self, reference: str, **changes: str) -> bytes:
        """Return a good record as the agency writes it.

        `changes` are its `name`, its `nid`, or what else the adapter's tests change.
        """

    def committed(self, record: bytes) -> bytes:
        """Return the octets of a record that its receipt commits to (`docs/proof.md`)."""

    def send(self, *records: bytes) -> Reply:
        """Hand records over as one submission and return the answer; the same ones again are the same submission.

        Raises:
            Interrupted: there is no answer.
        """

    def send_whole(self, body: bytes) -> Reply:
        """Hand a body over as it is."""

    def send_unallowed(self) -> Reply:
        """Hand a record over under a contract that no agreement covers."""

    def misplace(self, text: str) -> None:
        """Put a text wherever the agency could put one by mistake: into names, addresses, headers, broken bodies."""

    def ping(self) -> bytes:
        """Do the test operation and return its receipt (JSON)."""

    def knock_as_stranger(self) -> None:
        """Come with a credential that is nobody's, and be turned away."""

    def knock_revoked(self) -> Iterator[bool]:
        """Come with a credential of the agency's, then have it revoked; yield each time whether it is let in."""

    def server(self) -> AbstractContextManager[Server]:
        """Run the agency's own server, at the place that it was registered with."""
