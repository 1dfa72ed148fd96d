"""Signed messages are kept as long as the agreement says; then they are gone, and the log says so."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from soap_parts import Prosecution
from support.changing import change
from support.sample_records import judgment
from support.soap import Answer, enveloped, message

from gateway.demo.site import isnad
from gateway.envelopes import DAY_MS, ENVELOPES, LET_GO_AT_ONCE, EnvelopeFile, kept, let_go
from gateway.errors import Unavailable
from gateway.records import Event

NOW_MS = 1_800_000_000_000


def digest(submissions: Sequence[str]) -> str:
    return hashlib.sha256("".join(f"{one}\n" for one in sorted(submissions)).encode()).hexdigest()


def test_a_message_is_removed_when_its_time_is_over_and_the_lane_says_so(prosecution: Prosecution) -> None:
    site, signer = prosecution.site, prosecution.signer()
    old, young = (
        Answer.of(prosecution.post(signer.sign(enveloped(message(judgment()))))).one("submission")
        for _ in range(2)
    )
    file = site.store.parent / ENVELOPES
    sealed = kept(file, old)
    assert sealed is not None
    before = prosecution.auditor.size("ppo")
    now_ms = time.time_ns() // 1_000_000
    with (
        closing(sqlite3.connect(file, timeout=30)) as db,
        db,
    ):  # as if time had passed; the agreement says 30 days
        for submission, days in ((old, 31), (young, 29)):
            age = (now_ms - days * DAY_MS, submission)
            db.execute("UPDATE envelope SET received_ms = ? WHERE submission = ?", age)

    def removals() -> list[dict]:
        entries = prosecution.auditor.entries("ppo", before)
        return [entry for entry in entries if entry["kind"] == "envelopes.removed"]

    prosecution.until(lambda: kept(file, old) is None)
    assert kept(file, young) is not None
    prosecution.until(lambda: len(removals()) == 1)
    (told,) = removals()
    assert (told["contract"], told["recipient"], told["removed"]) == ("deprivation.v1", "nea", 1)
    assert told["submissions"] == digest([old])
    asked = [*isnad("log", "envelope", old), "--config", str(site.config)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, "no signed message is kept" in done.stderr) == (1, True)
    for path in file.parent.glob(f"{ENVELOPES}*"):
        assert sealed[200:400] not in path.read_bytes()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with more old messages than go at once, and others."""
    path = tmp_path / ENVELOPES
    EnvelopeFile(path, None, None).close()
    rows = [
        (f"old-{n:04}", "ppo", "deprivation.v1", "nea", NOW_MS - 8 * DAY_MS)
        for n in range(LET_GO_AT_ONCE + 1)
    ]
    rows += [
        ("young", "ppo", "deprivation.v1", "nea", NOW_MS - 6 * DAY_MS),
        ("of another contract", "ppo", "restoration.v1", "nea", NOW_MS - 8 * DAY_MS),
        ("of another sender", "moj", "deprivation.v1", "nea", NOW_MS - 8 * DAY_MS),
    ]
    with closing(sqlite3.connect(path)) as db, db:
        db.executemany("INSERT INTO envelope VALUES (?, ?, ?, ?, ?, x'00')", rows)
    return path


def days_kept(sender: str, recipient: str, contract: str) -> int:
    return 7 if (sender, recipient, contract) == ("ppo", "nea", "deprivation.v1") else 30


def left(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as db:
        return {submission for (submission,) in db.execute("SELECT submission FROM envelope")}


def test_each_exchange_has_its_own_time_and_many_go_in_turns(file: Path) -> None:
    told: list[Event] = []
    let_go(file, days_kept, NOW_MS, told.extend)
    assert left(file) == {"young", "of another contract", "of another sender"}
    removed = [dict(event.fields)["removed"] for event in told]
    assert (removed, {event.lane for event in told}) == ([LET_GO_AT_ONCE, 1], {"ppo"})
    assert dict(told[1].fields)["submissions"] == digest([f"old-{LET_GO_AT_ONCE:04}"])
    let_go(file, days_kept, NOW_MS, told.extend)
    assert len(told) == 2


def test_nothing_goes_of_which_the_log_will_not_say_so(file: Path) -> None:
    def full(_: Sequence[Event]) -> None:
        raise Unavailable("unavailable.store")

    before = left(file)
    with pytest.raises(Unavailable):
        let_go(file, days_kept, NOW_MS, full)
    assert left(file) == before


def test_what_messages_take_is_counted_as_they_come_and_go(file: Path) -> None:
    def used() -> dict[str, int]:
        with closing(sqlite3.connect(file)) as db:
            return dict(db.execute("SELECT sender, bytes FROM used"))

    assert used() == {"ppo": LET_GO_AT_ONCE + 3, "moj": 1}
    let_go(file, days_kept, NOW_MS, lambda _: None)
    assert used() == {"ppo": 2, "moj": 1}


def test_who_has_filled_its_room_is_put_off_until_there_is_some_again(prosecution: Prosecution) -> None:
    site, signer = prosecution.site, prosecution.signer()
    path = site.config / "agencies" / "ppo.yaml"
    before = path.read_text()
    quota = yaml.safe_load(before)["quota"]
    change(site, "agencies/ppo.yaml", quota=quota | {"kept_message_bytes": 16 << 20})
    file = site.store.parent / ENVELOPES
    filler = ("filler", "ppo", "deprivation.v1", "nea", time.time_ns() // 1_000_000, bytes(16 << 20))
    with closing(sqlite3.connect(file, timeout=30)) as db, db:
        db.execute("INSERT INTO envelope VALUES (?, ?, ?, ?, ?, ?)", filler)
    since = prosecution.auditor.size("ppo")
    prosecution.until_refused(lambda: signer.sign(enveloped(message(judgment()))), "quota.kept_messages")
    assert Answer.of(prosecution.post(enveloped(message(judgment())))).all("code") == []

    def deferred() -> list[str]:
        entries = prosecution.auditor.entries("ppo", since)
        return [entry["code"] for entry in entries if entry["kind"] == "submission.deferred"]

    prosecution.until(lambda: "quota.kept_messages" in deferred())
    with closing(sqlite3.connect(file, timeout=30)) as db, db:
        db.execute("DELETE FROM envelope WHERE submission = 'filler'")
    answer = Answer.of(prosecution.post(signer.sign(enveloped(message(judgment())))))
    assert answer.all("accepted") == ["1"]
    path.write_text(before)
