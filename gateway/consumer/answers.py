"""The answers that a recipient owes for records: kept until the gateway has receipted each."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.consumer.dispositions import INTERIM, Decision, Disposition, Reason
from gateway.consumer.ledger import LedgerFile, handle, id_octets, id_text


@dataclass(frozen=True, slots=True)
class Owed:
    """A record whose sender is owed an answer: `agency` sent it under its own `source_ref`."""

    record_id: str
    agency: str
    source_ref: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer for a record, decided at `decided_ms` (Unix ms); `number` counts those that came before it."""

    owed: Owed
    disposition: Disposition
    decided_ms: int
    number: int = 0


@dataclass(frozen=True, slots=True)
class AnswersState:
    """How many answers the core still owes, wait to be sent, and were refused by the gateway."""

    awaited: int
    ready: int
    refused: int


class Answers:
    """The answers in a ledger's file. Everything a method changes is on disk when it returns.

    Every method may raise `Unavailable` with `unavailable.ledger`; then nothing was changed.
    """

    def __init__(self, ledger: LedgerFile) -> None:
        self._ledger = ledger

    def keep(self, answers: Sequence[Answer]) -> None:
        """Mark records as handled and keep their answers, all or none.

        The first answer for a record stands, unless it was `INTERIM`; a later one changes nothing.
        """
        with self._ledger.file.transaction() as db:
            for answer in answers:
                if _owe(db, answer.owed):
                    _decide(db, answer.owed.record_id, answer.disposition, answer.decided_ms)

    def owe(self, owed: Sequence[Owed]) -> None:
        """Mark records as handled and remember that the core owes answers for them, all or none."""
        with self._ledger.file.transaction() as db:
            for one in owed:
                _owe(db, one)

    def decide(self, record_id: str, disposition: Disposition, decided_ms: int) -> bool:
        """Keep the core's answer for a record that was handed to it before; tell whether one was owed.

        After an `INTERIM` answer another one is.

        Raises:
            LookupError: no record of this id was handed over, or not yet.
            ValueError: the id is no UUID.
        """
        with self._ledger.file.transaction() as db:
            owed = _decide(db, record_id, disposition, decided_ms)
        if not owed and self._ledger.unhandled([record_id]):
            raise LookupError("no such record was handed over")
        return owed

    def ready(self, limit: int) -> Sequence[Answer]:
        """Return up to `limit` answers that wait to be sent, oldest first."""
        rows = self._ledger.file.rows(
            "SELECT record, agency, source_ref, outcome, code, field_path, decided_ms, number FROM answer"
            " WHERE outcome IS NOT NULL AND refused IS NULL ORDER BY seq LIMIT ?",
            [limit],
        )
        return [
            Answer(
                Owed(id_text(record), agency, source_ref),
                Disposition(Decision(outcome), Reason(code) if code else None, field_path),
                decided_ms,
                number,
            )
            for record, agency, source_ref, outcome, code, field_path, decided_ms, number in rows
        ]

    def settle(self, receipted: Sequence[Answer], refused: Mapping[Answer, str]) -> None:
        """Forget the answers that the gateway has receipted, and set aside those that it refused.

        `refused` maps to the code that says why.
        """
        with self._ledger.file.transaction() as db:
            db.executemany(
                "DELETE FROM answer WHERE (record, number) = (?, ?)", [_key(one) for one in receipted]
            )
            db.executemany(
                "UPDATE answer SET refused = ? WHERE (record, number) = (?, ?)",
                [(code, *_key(one)) for one, code in refused.items()],
            )

    def again(self) -> int:
        """Let the answers that the gateway refused be sent once more; return how many there are."""
        with self._ledger.file.transaction() as db:
            return db.execute("UPDATE answer SET refused = NULL WHERE refused IS NOT NULL").rowcount

    def state(self) -> AnswersState:
        """Count the answers."""
        (counts,) = self._ledger.file.rows(
            "SELECT count(*) FILTER (WHERE outcome IS NULL),"
            " count(*) FILTER (WHERE outcome IS NOT NULL AND refused IS NULL),"
            " count(*) FILTER (WHERE refused IS NOT NULL) FROM answer",
            [],
        )
        return AnswersState(*counts)


def _key(answer: Answer) -> tuple[bytes, int]:
    return id_octets(answer.owed.record_id), answer.number


def _owe(db: sqlite3.Connection, owed: Owed) -> bool:
    """Mark a record as handled; tell whether it was not before.

    If it was, its answer is on its way, or was receipted long ago.
    """
    if not handle(db, [owed.record_id]):
        return False
    db.execute(
        "INSERT INTO answer (record, number, agency, source_ref) VALUES (?, 0, ?, ?)",
        [id_octets(owed.record_id), owed.agency, owed.source_ref],
    )
    return True


def _decide(db: sqlite3.Connection, record_id: str, disposition: Disposition, decided_ms: int) -> bool:
    decided = db.execute(
        "UPDATE answer SET outcome = ?, code = ?, field_path = ?, decided_ms = ?"
        " WHERE record = ? AND outcome IS NULL",
        [
            disposition.outcome.value,
            disposition.code.value if disposition.code else "",
            disposition.field_path,
            decided_ms,
            id_octets(record_id),
        ],
    )
    if decided.rowcount and disposition.outcome in INTERIM:
        db.execute(
            "INSERT INTO answer (record, number, agency, source_ref)"
            " SELECT record, max(number) + 1, agency, source_ref FROM answer WHERE record = ?",
            [id_octets(record_id)],
        )
    return decided.rowcount == 1
