import contextlib
import io
import os
import sqlite3
import threading
from contextlib import closing, contextmanager

import orjson
import pytest
from consumer_parts import Lane, consumer_on, depth, event, identifier, ledger_at, parked, publish
from hypothesis import given
from hypothesis import strategies as st

from crypto.canonical import canonical
from crypto.hpke import Suite
from crypto.note import LogPolicy
from crypto.receipt import Receipt, verify_receipt
from gateway.consumer import sidecar
from gateway.consumer.answers import Answers, AnswersState
from gateway.consumer.dispositions import Disposition
from gateway.errors import Rejected
from gateway.queue.local import LocalQueue
from gateway.records import Message

EVENTS, ANSWERS = "core.events", "core.answers"


def answer(number=None, outcome="APPLIED", **members):
    if outcome:
        members["outcome"] = outcome
    return orjson.dumps({"id": identifier(number)} | members)


def given_answers(folder):
    with ledger_at(folder / "ledger.db") as ledger:
        return {one.owed.record_id: one.disposition for one in Answers(ledger).ready(10_000)}


def state(folder):
    with ledger_at(folder / "ledger.db") as ledger:
        return Answers(ledger).state()


@contextmanager
def lines_running(consumer):
    """Run the line sidecar in a thread, as a core sees it: yields where it reads and where it answers."""
    events_out, events_in = os.pipe()
    answers_out, answers_in = os.pipe()
    trouble = []

    def run():
        answers = os.fdopen(answers_out, "rb")  # like standard input, it is not closed while it may be read
        with os.fdopen(events_in, "wb") as out:
            try:
                sidecar.to_lines(consumer, out, answers)
            except Rejected as error:
                trouble.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    with os.fdopen(events_out, "rb") as events, os.fdopen(answers_in, "wb", buffering=0) as answers:
        yield events, answers, trouble
    thread.join(10)
    assert not thread.is_alive()


def test_a_line_is_the_event_with_evidence_that_proves_it(tmp_path):
    lane = Lane()
    publish(tmp_path, lane.message())
    out = io.BytesIO()
    with consumer_on(tmp_path) as consumer:
        threading.Timer(0.5, consumer.stop).start()
        sidecar.to_flushed_lines(consumer, out)
    lines = [orjson.loads(line) for line in out.getvalue().splitlines()]
    keys = lane.keys.public_keys()
    policy = LogPolicy(lane.origin, Suite.HYBRID, keys.ed25519, keys.mldsa44)
    for number, line in enumerate(lines):
        receipt = Receipt.from_json(line.pop("evidence").encode())
        assert line == event(number)
        assert verify_receipt(receipt, policy, octets=canonical(line)).id == line["id"]
    assert len(lines) == 3


def test_a_record_is_done_when_its_answer_was_read(tmp_path):
    publish(tmp_path, Lane().message())
    with consumer_on(tmp_path) as consumer, lines_running(consumer) as (events, answers, _):
        assert [orjson.loads(events.readline())["id"] for _ in range(3)] == Lane().ids()
        answers.write(answer(1) + b"\n")
        answers.write(answer(0, "REJECTED", code="NID_UNKNOWN", field_path="/person/nid") + b"\n")
    assert given_answers(tmp_path) == {
        identifier(1): Disposition.of("APPLIED"),
        identifier(0): Disposition.of("REJECTED", "NID_UNKNOWN", "/person/nid"),
    }
    assert depth(tmp_path) == 1


def test_what_was_not_answered_comes_again_to_the_next_core(tmp_path):
    publish(tmp_path, Lane().message())
    with consumer_on(tmp_path) as consumer, lines_running(consumer) as (events, answers, _):
        events.readline()
        answers.write(answer(0) + b"\n")
    with consumer_on(tmp_path) as consumer, lines_running(consumer) as (events, answers, _):
        assert orjson.loads(events.readline())["id"] == identifier(1)
        assert orjson.loads(events.readline())["id"] == identifier(2)
        answers.write(answer(1) + b"\n" + answer(2) + b"\n")
    assert depth(tmp_path) == 0


def test_a_core_can_ask_to_have_a_record_again(tmp_path):
    publish(tmp_path, Lane().message(count=1))
    with consumer_on(tmp_path) as consumer, lines_running(consumer) as (events, answers, _):
        events.readline()
        answers.write(answer(0, None, retry_after_s=0.1) + b"\n")
        assert orjson.loads(events.readline())["id"] == identifier(0)
        answers.write(answer(0) + b"\n")
    assert depth(tmp_path) == 0


def test_a_core_may_answer_while_it_is_still_being_written_to(tmp_path):
    lane = Lane()
    publish(tmp_path, lane.message(count=256))
    slow = "/" + "a" * 190
    with consumer_on(tmp_path) as consumer, lines_running(consumer) as (events, answers, _):
        for _ in range(256):
            number = int(orjson.loads(events.readline())["sourceref"].removeprefix("death/"))
            answers.write(answer(number, "REJECTED", code="LATE", field_path=slow) + b"\n")
    assert len(given_answers(tmp_path)) == 256


@pytest.mark.parametrize("line", [b"{}", b"nonsense", answer(99), b'{"id":"x","outcome":"APPLIED"}'])
def test_a_line_that_is_no_answer_ends_it_and_loses_nothing(tmp_path, line):
    publish(tmp_path, Lane().message())
    with consumer_on(tmp_path) as consumer:
        with lines_running(consumer) as (events, answers, trouble):
            events.readline()
            answers.write(line + b"\n")
            assert events.read().count(b"\n") == 2
        assert [error.code for error in trouble] == ["answer.malformed"]
    assert depth(tmp_path) == 1


@given(st.binary(max_size=200) | st.from_regex(rb'\{"(id|outcome|code)":"?[A-Z0-9a-f-]*"?\}', fullmatch=True))
def test_whatever_comes_is_an_answer_or_refused(octets):
    with contextlib.suppress(Rejected):
        assert sidecar.parse(octets).id


@pytest.mark.parametrize(
    "members",
    [
        {"outcome": "APPLIED", "retry_after_s": 1},
        {"outcome": "REJECTED"},
        {"retry_after_s": -1},
        {"retry_after_s": 1e9},
        {"outcome": "APPLIED", "note": "x"},
    ],
)
def test_an_answer_that_contradicts_itself_is_refused(members):
    with pytest.raises(Rejected, match=r"answer\.malformed"):
        sidecar.parse(orjson.dumps({"id": identifier(0)} | members))


def test_an_answer_too_long_is_refused_before_it_is_parsed():
    with pytest.raises(Rejected, match="4096 bytes"):
        sidecar.parse(answer(0) + b" " * 5000)


def test_what_was_flushed_can_be_answered_later(tmp_path):
    publish(tmp_path, Lane().message())
    out = io.BytesIO()
    with consumer_on(tmp_path) as consumer:
        threading.Timer(0.5, consumer.stop).start()
        sidecar.to_flushed_lines(consumer, out)
    assert state(tmp_path) == AnswersState(awaited=3, ready=0, refused=0)
    with ledger_at(tmp_path / "ledger.db") as ledger:
        kept = sidecar.keep(Answers(ledger), [answer(0), answer(1), answer(0)])
        assert kept == sidecar.Kept(2, 1)
        with pytest.raises(Rejected, match=r"answer\.unknown: line 1"):
            sidecar.keep(Answers(ledger), [answer(7)])
        with pytest.raises(Rejected, match="cannot come again"):
            sidecar.keep(Answers(ledger), [answer(2, None, retry_after_s=1)])
    assert state(tmp_path) == AnswersState(awaited=1, ready=2, refused=0)


@contextmanager
def queue_running(folder, consumer):
    """Run the queue sidecar in a thread, with a core's queue in the same file kind; yields that queue."""
    with closing(LocalQueue(folder / "core.db", lease_s=1.0)) as core:
        thread = threading.Thread(
            target=sidecar.to_queue, args=[consumer, core, EVENTS, ANSWERS], daemon=True
        )
        thread.start()
        try:
            yield core
        finally:
            consumer.stop()
            thread.join(10)
            assert not thread.is_alive()


def eventually(what):
    for _ in range(400):
        if what():
            return True
        threading.Event().wait(0.02)
    return False


def test_events_go_into_the_cores_queue_and_answers_come_from_the_other(tmp_path):
    lane = Lane()
    publish(tmp_path, lane.message())
    with consumer_on(tmp_path) as consumer, queue_running(tmp_path, consumer) as core:
        taken = []
        with core.consume([EVENTS], 10) as deliveries:
            for delivery in deliveries:
                if delivery is not None:
                    taken.append(orjson.loads(delivery.message.body)["id"])
                    core.publish([Message(f"answer-{len(taken)}", ANSWERS, answer(len(taken) - 1))])
                    delivery.ack()
                if len(taken) == 3:
                    break
        assert taken == lane.ids()
        assert eventually(lambda: state(tmp_path).ready == 3)
    assert depth(tmp_path) == 0


def test_an_answer_that_comes_before_the_ledger_knows_its_record_waits_for_it(tmp_path):
    with consumer_on(tmp_path) as consumer, queue_running(tmp_path, consumer) as core:
        core.publish([Message("early", ANSWERS, answer(0))])
        threading.Event().wait(0.3)
        publish(tmp_path, Lane().message(count=1))
        assert eventually(lambda: state(tmp_path).ready == 1)


def test_an_answer_that_is_none_is_parked(tmp_path):
    with consumer_on(tmp_path) as consumer, queue_running(tmp_path, consumer) as core:
        core.publish(
            [Message("bad", ANSWERS, b"{}"), Message("again", ANSWERS, answer(0, None, retry_after_s=1))]
        )
        assert eventually(lambda: len(core.parked(ANSWERS, 5)) == 2)
        assert {one.reason for one in core.parked(ANSWERS, 5)} == {"answer.malformed"}


def everything_was_taken(path):
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT count(*) FROM message WHERE queue = ?", [ANSWERS]).fetchone() == (0,)


def test_an_answer_given_twice_counts_once(tmp_path):
    publish(tmp_path, Lane().message(count=1))
    with consumer_on(tmp_path) as consumer, queue_running(tmp_path, consumer) as core:
        core.publish([Message("first", ANSWERS, answer(0))])
        assert eventually(lambda: state(tmp_path).ready == 1)
        core.publish([Message("second", ANSWERS, answer(0, "REJECTED", code="LATE"))])
        assert eventually(lambda: everything_was_taken(tmp_path / "core.db"))
    assert given_answers(tmp_path) == {identifier(0): Disposition.of("APPLIED")}
    assert parked(tmp_path) == []
