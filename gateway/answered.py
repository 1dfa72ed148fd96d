"""Answers that agencies give in the call that asked them: from the process that asked to the one that takes records.

Who calls an agency may open and not sign, who takes records may sign and not open. Both are of one user on one
machine and share the store's folder; between them is a socket in it, so that an answer never is on a disk in clear.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import structlog

from gateway.beside import Desk, Place, ask
from gateway.errors import IsnadError, Rejected, Unavailable

ANSWER_MAX_BYTES = 17 << 20
"""More than what an agency's service may answer at most."""
ANSWERS = Place("answers.sock", ANSWER_MAX_BYTES, 60.0)
RETRY_S = 5
log = structlog.get_logger()


class Given(msgspec.Struct, frozen=True):
    """What an agency answered: the envelope as it came, and the SHA-256 (hex) of what its server showed."""

    agency: str
    contract: str
    certificate: str
    envelope: bytes

    def __repr__(self) -> str:
        return f"Given({self.agency!r}, {self.contract!r})"


class _Taken(msgspec.Struct, frozen=True):
    """What became of it: nothing said means that all of it is in the log."""

    code: str = ""
    rule: str = ""
    field: str = ""
    retry_after_s: int | None = None


Take = Callable[[Given], Awaitable[None]]
"""Returns when every record of an answer is in the log, accepted or refused; raises `Rejected` or `Unavailable`."""


def answer_desk(folder: Path, take: Take) -> Desk:
    """Return what takes answers, in the process that takes records."""

    async def reply(question: bytes) -> bytes:
        given = msgspec.msgpack.decode(question, type=Given)
        return msgspec.msgpack.encode(await _taken(take, given))

    return Desk(folder, ANSWERS, reply)


async def _taken(take: Take, given: Given) -> _Taken:
    """Have an answer taken; what it was must not be told by an error of ours."""
    try:
        await take(given)
    except Rejected as error:
        return _Taken(error.code, error.rule, error.field)
    except Unavailable as error:
        return _Taken(error.code, error.rule, "", max(1, round(error.retry_after_s)))
    except Exception:  # the outermost loop of the desk
        log.exception("answer.failed", agency=given.agency, contract=given.contract)
        return _Taken("unavailable.internal", "", "", RETRY_S)
    return _Taken()


def hand_in(folder: Path, given: Given) -> None:
    """Hand an answer to the process that takes records, and wait until it is taken. Blocks.

    Raises:
        Rejected: it is refused, and the log says so.
        Unavailable: it is not taken now; the agency is to be asked again.
    """
    try:
        taken = msgspec.msgpack.decode(ask(folder, ANSWERS, msgspec.msgpack.encode(given)), type=_Taken)
    except (OSError, msgspec.MsgspecError) as error:
        rule = "the process that takes records must take the answer"
        raise Unavailable("unavailable.internal", rule, RETRY_S) from error
    if taken.code:
        raise _error(taken)


def _error(taken: _Taken) -> IsnadError:
    if taken.retry_after_s is not None:
        return Unavailable(taken.code, taken.rule, taken.retry_after_s)
    return Rejected(taken.code, taken.rule, taken.field)
