"""Send answers back: a recipient is a participant like every other, so its answers take the way of a record.

They wait in the ledger. A thread collects them, posts them to the gateway over mTLS and forgets each one when
the gateway has receipted it. A retry sends the same references, so the gateway knows what it has already.
"""

from __future__ import annotations

import hashlib
import ssl
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
import msgspec
import orjson
import structlog

from crypto.entry import record_id
from gateway.consumer.answers import Answer, Answers
from gateway.consumer.dispositions import CONTRACT, Decision
from gateway.errors import Unavailable
from gateway.moments import LEGAL_ZONE

BATCH = 256
PAUSE_S = 0.5  # so that answers given one by one are sent together
RETRY_FIRST_S, RETRY_LONGEST_S = 1.0, 60.0
TIMEOUT_S = 30.0
RESPONSE_MAX_BYTES = 4 << 20  # 256 outcomes with their entries (4 KiB each at the most) and batch receipts
UNAVAILABLE = "unavailable.gateway"

log = structlog.get_logger()


class Answering:
    """Sends one participant's answers to one gateway.

    `url` is the gateway's, `https://host[:port]`; `context` holds the participant's client certificate and
    trusts the issuers of the gateway's.
    """

    def __init__(self, answers: Answers, participant: str, url: str, context: ssl.SSLContext) -> None:
        self._answers = answers
        self._participant = participant
        self._client = httpx.Client(
            base_url=url, verify=context, timeout=TIMEOUT_S, follow_redirects=False, trust_env=False
        )

    @contextmanager
    def running(self) -> Iterator[None]:
        """Send answers from a thread of its own until the context ends, then what is left, if it can be."""
        leaving = threading.Event()
        thread = threading.Thread(target=self._run, args=[leaving], name="answering", daemon=True)
        thread.start()
        try:
            yield
        finally:
            leaving.set()
            thread.join()
            self._client.close()

    def send(self) -> int:
        """Send up to 256 answers that wait; return how many were receipted or refused.

        Raises:
            Unavailable: the gateway cannot be reached or takes none now; they stay in the ledger.
        """
        by_agency: dict[str, list[Answer]] = defaultdict(list)
        for answer in self._answers.ready(BATCH):
            by_agency[answer.owed.agency].append(answer)
        return sum(self._send(agency, answers) for agency, answers in by_agency.items())

    def _run(self, leaving: threading.Event) -> None:
        failures = 0
        while not leaving.wait(_pause_s(failures)):
            failures = 0 if self._send_all() else failures + 1
        self._send_all()

    def _send_all(self) -> bool:
        """Send what waits; tell whether it could be sent."""
        try:
            while self.send():
                pass
        except Unavailable as error:
            log.warning("answers.delayed", code=error.code, rule=error.rule)
        except Exception:
            log.exception("answers.delayed")  # this thread must outlive whatever it is: answers are owed
        else:
            return True
        return False

    def _send(self, agency: str, answers: Sequence[Answer]) -> int:
        body = b"".join(encode(answer) for answer in answers)
        outcomes = self._post(agency, body, len(answers))
        receipted: list[Answer] = []
        refused: dict[Answer, str] = {}
        for outcome in outcomes:
            answer = answers[outcome.position - 1]
            if outcome.outcome == "refused":
                refused[answer] = outcome.code
            elif outcome.id == record_id(self._participant, CONTRACT, reference(answer), _op(answer)):
                receipted.append(answer)
            else:
                raise Unavailable(UNAVAILABLE, "the gateway answered for another record")
        self._answers.settle(receipted, refused)
        for code in sorted(set(refused.values())):
            log.error("answers.refused", agency=agency, code=code, refused=list(refused.values()).count(code))
        log.info("answers.receipted", agency=agency, records=len(receipted))
        return len(receipted) + len(refused)

    def _post(self, agency: str, body: bytes, count: int) -> Sequence[_Outcome]:
        headers = {
            "content-type": "application/x-ndjson",
            "accept": "application/x-ndjson",
            "idempotency-key": hashlib.sha256(body).hexdigest(),
        }
        try:
            with self._client.stream(
                "POST", f"/v1/{CONTRACT}/records", params={"recipient": agency}, content=body, headers=headers
            ) as response:
                octets = _limited(response)
        except httpx.HTTPError as error:
            raise Unavailable(UNAVAILABLE, type(error).__name__) from error
        if response.status_code != httpx.codes.OK:
            raise Unavailable(UNAVAILABLE, _problem(octets, response.status_code))
        try:
            lines = [_LINE.decode(line) for line in octets.splitlines()]
        except msgspec.DecodeError as error:
            raise Unavailable(UNAVAILABLE, "the gateway's answer was not understood") from error
        # A stream that ends early answers for what it holds; the rest waits for the next time.
        return [line for line in lines if line.outcome and 1 <= line.position <= count]


def reference(answer: Answer) -> str:
    """Return the answer's own source reference: the same at every retry."""
    return _reference(answer.owed.record_id, answer.number)


def _reference(record: str, number: int) -> str:
    return f"d:{record}:{number}" if number else f"d:{record}"


def _op(answer: Answer) -> str:
    """Every answer after the first one corrects the one before."""
    return "correct" if answer.number else "assert"


def encode(answer: Answer) -> bytes:
    """Return an answer as the elections authority's record of `disposition.v1`, one line."""
    owed, disposition = answer.owed, answer.disposition
    decided = datetime.fromtimestamp(answer.decided_ms // 1000, UTC)
    members: dict[str, str] = {
        "source_ref": reference(answer),
        "op": _op(answer),
        "occurred_on": decided.astimezone(LEGAL_ZONE).date().isoformat(),
        "event_source": owed.agency,
        "event_id": owed.record_id,
        "event_ref": owed.source_ref,
        "outcome": disposition.outcome.value,
    }
    if answer.number:
        members["prior_ref"] = _reference(owed.record_id, answer.number - 1)
    if disposition.outcome is Decision.APPLIED:
        members["applied_at"] = f"{decided:%Y-%m-%dT%H:%M:%SZ}"
    if disposition.code:
        members["code"] = disposition.code.value
    if disposition.field_path:
        members["field_path"] = disposition.field_path
    return orjson.dumps(members, option=orjson.OPT_APPEND_NEWLINE)


def _pause_s(failures: int) -> float:
    return min(RETRY_FIRST_S * 2.0 ** (failures - 1), RETRY_LONGEST_S) if failures else PAUSE_S


class _Outcome(msgspec.Struct, frozen=True):
    """A line of the gateway's answer, as far as it matters here; lines of other kinds have no `outcome`."""

    position: int = 0
    outcome: str = ""
    id: str = ""
    code: str = ""


class _Problem(msgspec.Struct, frozen=True):
    code: str = ""


_LINE = msgspec.json.Decoder(_Outcome)


def _limited(response: httpx.Response) -> bytes:
    octets = bytearray()
    for piece in response.iter_bytes():
        octets += piece
        if len(octets) > RESPONSE_MAX_BYTES:
            raise Unavailable(UNAVAILABLE, "the gateway's answer is too large")
    return bytes(octets)


def _problem(octets: bytes, status: int) -> str:
    try:
        return msgspec.json.decode(octets, type=_Problem).code or f"status {status}"
    except msgspec.DecodeError:
        return f"status {status}"
